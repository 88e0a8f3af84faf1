"""Offers what a crash has left behind, once in each start of napari."""

from typing import Any, ClassVar

from qtpy.QtCore import Qt

from ..runs.sessions import Sessions
from ..widgets.dialogs import Question
from .recovery import Left, Recovery, left_behind


class Offer:
    """The question whether to open a copy; the window goes on meanwhile."""

    asked: ClassVar[bool] = False

    @classmethod
    def once(cls, window: Any, sessions: Sessions, recovery: Recovery) -> Question | None:
        """Ask if there is a copy and nobody has been asked yet; return the question."""
        found = [] if cls.asked else left_behind()
        cls.asked = True
        return ask(window, sessions, recovery, found) if found else None


def ask(window: Any, sessions: Sessions, recovery: Recovery, found: list[Left]) -> Question:
    """Show the question whether to open the newest of some copies."""
    newest = found[0]
    older = f" Older ones: {len(found) - 1}." if len(found) > 1 else ""
    text = f"napari ended without saving. A copy was kept on {newest.when}.{older}"
    box = Question(Question.Question, window, "Unsaved work was found", text)
    box.setAttribute(Qt.WA_DeleteOnClose)
    opened = box.addButton("Open the copy", Question.AcceptRole)
    deleted = box.addButton("Delete it", Question.DestructiveRole)
    box.addButton("Later", Question.RejectRole)
    box.setDefaultButton(opened)

    def ended(well: bool) -> None:
        sessions.said.disconnect(shown)
        sessions.failed.disconnect(not_shown)
        if well:
            recovery.opened(newest)

    def shown(message: str) -> None:
        ended(True)

    def not_shown(message: str) -> None:
        ended(False)

    def answered(button: Any) -> None:
        if button is opened:
            sessions.said.connect(shown)
            sessions.failed.connect(not_shown)
            sessions.open(newest.session)
        elif button is deleted:
            for left in found:
                left.delete()

    box.buttonClicked.connect(answered)
    box.setModal(False)
    box.show()
    return box
