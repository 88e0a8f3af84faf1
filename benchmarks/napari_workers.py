"""napari keeps every worker until its window closes. For napari's developers; prints figures.

`napari.qt.threading.create_worker` registers each worker with the window's TaskStatusManager, with
the worker's `quit` as what cancels it. The manager never lets an item go (napari 0.9.2,
napari/utils/task_status.py), so the worker, its signals, and all that its function holds stay as
long as the window: a worker that has made a volume keeps it. To drop `_cancel_callback` in
`TaskStatusItem.update` once the status is COMPLETED, FAILED or CANCELLED would be enough.

Run: python benchmarks/napari_workers.py, or without a screen
xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/napari_workers.py
"""

import gc
import weakref

import napari
import numpy as np
import psutil
from napari.qt.threading import create_worker
from qtpy.QtCore import QEventLoop, QTimer

WORKERS, SHAPE = 100, (512, 512)


def rest(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def main() -> None:
    viewer = napari.Viewer()
    rest(200)
    before = psutil.Process().memory_info().rss
    workers: list[weakref.ref[object]] = []
    for _ in range(WORKERS):
        volume = np.ones(SHAPE)
        worker = create_worker(volume.sum)
        workers.append(weakref.ref(worker))
        finished = QEventLoop()
        worker.finished.connect(finished.quit)
        worker.start()
        finished.exec()
        del volume, worker, finished
    rest(200)
    gc.collect()
    kept = sum(worker() is not None for worker in workers)
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    held = np.ones(SHAPE).nbytes / 2**20
    print(f"napari {napari.__version__}: {kept} of {WORKERS} finished workers are alive")
    print(f"{grown:.0f} MB more; the function of each had held {held:.0f} MB")
    viewer.close()


if __name__ == "__main__":
    main()
