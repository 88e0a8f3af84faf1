"""Asks before a window with unsaved or unfinished work is closed."""

from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject, QThreadPool

from ..controller.controller import Controller
from ..notices import complain, tell, warn
from ..runs.sessions import Sessions
from ..widgets.dialogs import Question, pick_new_folder
from .offer import Offer
from .recovery import Recovery
from .unsaved import Unsaved

# Milliseconds that threads have to end when a window closes.
LAST_WORDS = 3_000
# What becomes of a job that runs.
MORE = (
    "Save session … waits until it is finished, then saves and closes. Close without saving stops "
    "it."
)


class Guard(QObject):
    """Watches the window of one viewer.

    Attributes:
        unsaved: what would be lost.
        recovery: the copy that is kept meanwhile.
    """

    def __init__(self, viewer: ViewerModel, window: Any) -> None:
        super().__init__(window)
        self._controller = controller = Controller.of(viewer)
        self.unsaved = Unsaved(controller)
        self._sessions = Sessions(controller)
        self.recovery = Recovery(controller, self.unsaved)
        self._closing = False
        # The answer "Save session …" after which the window is to close, until there is another.
        self._answer: object = None
        self._sessions.said.connect(tell)
        self._sessions.warned.connect(warn)
        self._sessions.failed.connect(complain)
        self.recovery.failed.connect(complain)
        controller.session_saved.connect(self.unsaved.saved)
        window.installEventFilter(self)

    def offer(self) -> Question | None:
        """Offer what an earlier start has left behind, if nobody has been asked yet."""
        return Offer.once(self.parent(), self._sessions, self.recovery)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Ask if a user closes the window; a program that closes its viewer is not asked."""
        if event.type() != QEvent.Close:
            return False
        window: Any = watched
        # `viewer.close()` takes the canvas away first.
        by_user = not self._closing and window._qt_viewer.isVisible()
        if by_user and not self._leave():
            event.ignore()
            return True
        if event.spontaneous():
            # napari may ask, too. While it does not close, what runs goes on and is watched.
            window.closeEvent(event)
            if event.isAccepted():
                self.close()
            return True
        self.close()
        return False

    def close(self) -> None:
        """Watch no more, stop what runs, and delete the copy."""
        jobs = self._controller.jobs
        jobs.cancel_waiting()
        if jobs.busy:
            jobs.cancel()
        if self._controller.visibility.measuring is not None:
            self._controller.visibility.stop()
        self.recovery.stop()
        self._sessions.drop()
        # A thread that outlives the window would end the process.
        QThreadPool.globalInstance().waitForDone(LAST_WORDS)
        # Only now does nobody write it any more.
        self.recovery.drop()
        self.parent().removeEventFilter(self)
        self.setParent(None)

    def _leave(self) -> bool:
        """Return whether the window may close: nothing is lost, or the user agrees."""
        # Whoever closes the window again has thought again.
        self._answer = None
        lost, unfinished = self.unsaved.sentence(), self._controller.jobs.unfinished
        if not lost and not unfinished:
            return True
        text = [f"Not saved: {lost}."] if lost else []
        text += [f"Not finished: {unfinished}."] if unfinished else []
        more = MORE if unfinished else ""
        box = Question(Question.Warning, self.parent(), "Unsaved work", " ".join(text), more)
        save = box.addButton("Save session …", Question.AcceptRole)
        discard = box.addButton("Close without saving", Question.DestructiveRole)
        box.setDefaultButton(save)
        box.addButton(Question.Cancel)
        box.exec()
        if box.clickedButton() is save:
            self._save_and_close()
        return box.clickedButton() is discard

    def _save_and_close(self) -> None:
        path = pick_new_folder(self.parent(), "Save the session in a new folder", "session")
        if not path:
            return
        answer = self._answer = object()

        def saved() -> None:
            # This save alone closes the window, and only while nothing else was answered.
            if answer is self._answer:
                self._answer = None
                self._close_if_all_is_saved()

        self._sessions.save(Path(path), saved)

    def _close_if_all_is_saved(self) -> None:
        if not self.unsaved.sentence() and not self._controller.jobs.unfinished:
            self._closing = True
            self.parent().close()


def guard(viewer: ViewerModel) -> Guard | None:
    """Watch a viewer's window from now on; None for a viewer without one."""
    window = getattr(getattr(viewer, "window", None), "_qt_window", None)
    if window is None:
        return None
    found: Guard | None = window.findChild(Guard)
    if found is None:
        found = Guard(viewer, window)
        found.offer()
    return found
