"""While a job is running, Python collects no garbage in the thread that computes."""

import gc
import threading

from napari_segadv.viewer.controller.controller import Controller


class Knot:
    """Garbage that only a collection can find."""

    def __init__(self):
        self.itself = self


def test_garbage_is_collected_on_the_main_thread_alone(window, qtbot):
    jobs, where, made = Controller.of(window).jobs, set(), []

    def note(phase, info):
        where.add(threading.get_ident())

    def work(poll):
        # Far more than what makes Python collect by itself.
        made.append(len([Knot() for _ in range(20_000)]))
        made.append(gc.isenabled())
        return

    assert gc.isenabled()
    gc.callbacks.append(note)
    try:
        jobs.start("making garbage", work, lambda found: None)
        qtbot.waitUntil(lambda: not jobs.busy)
    finally:
        gc.callbacks.remove(note)
    assert made == [20_000, False]
    assert where <= {threading.get_ident()}
    assert gc.isenabled()


def test_it_is_collected_while_a_long_job_runs(window, qtbot):
    jobs, ready, collected = Controller.of(window).jobs, threading.Event(), []

    def note(phase, info):
        collected.append(info["generation"])

    def work(poll):
        ready.wait()
        return

    gc.callbacks.append(note)
    try:
        jobs.start("waiting", work, lambda found: None)
        qtbot.waitUntil(lambda: 1 in collected)
    finally:
        gc.callbacks.remove(note)
        ready.set()
        qtbot.waitUntil(lambda: not jobs.busy)
    assert gc.isenabled()
