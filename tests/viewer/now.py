"""Runners without threads, for controllers without a window."""

import weakref

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.controller.runner import guarded


class NowRunner:
    """Does each job at once."""

    def start(self, work, progressed, ended):
        job = guarded(work, lambda: None)
        while True:
            try:
                progressed(next(job))
            except StopIteration as stop:
                ended(stop.value)
                return

    def cancel(self):
        pass

    def soon(self, call):
        call()


class TurnRunner(NowRunner):
    """Does each job at once, and what is for soon when it is told to."""

    def __init__(self):
        self.waiting = []

    def soon(self, call):
        self.waiting.append(call)

    def turn(self):
        """One turn of the event loop."""
        self.waiting.pop(0)()


def controlled(viewer, runner):
    """The one controller of a viewer, with a runner of the test's own."""
    controller = Controller(viewer, runner)
    Controller._known[id(viewer)] = controller
    weakref.finalize(viewer, Controller._known.pop, id(viewer), None)
    return controller
