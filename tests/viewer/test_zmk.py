import time, pytest
from monkey import Monkey
def test_mk(window, qtbot, weights_file, tmp_path):
    t=[time.time()]
    m=Monkey(window, weights_file, tmp_path, 0)
    def tell(line):
        now=time.time(); print(f"{now-t[0]:6.2f} {line} layers {len(window.layers)} busy={m.controller.jobs.busy} waiting={m.controller.jobs.waiting}", flush=True); t[0]=now
    with qtbot.capture_exceptions() as raised:
        m.go(150, tell)
    print(raised)
    assert not raised
