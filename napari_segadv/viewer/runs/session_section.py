"""The part of the Runs panel that saves and opens sessions, and opens saved results."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...errors import SegadvError
from ..widgets.dialogs import pick_new_folder, pick_saved
from ..widgets.layout import in_rows, set_tips
from .sessions import Sessions


class SessionSection(QWidget):
    """Buttons that ask for a folder. `refused` carries one line for the user."""

    refused = Signal(str)

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self._sessions = sessions
        self.save_button, self.open_button = (
            QPushButton("Save session …"),
            QPushButton("Open session …"),
        )
        self.result_button = QPushButton("Open result …")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(in_rows([(self.save_button, self.open_button), (self.result_button,)]))
        self.save_button.clicked.connect(self._ask_new)
        self.open_button.clicked.connect(self._ask_session)
        self.result_button.clicked.connect(self._ask_result)
        set_tips(
            {
                self.save_button: "Writes images, painted labels, runs and verdicts into a new "
                "folder; of the model only where it came from, not its weights",
                self.open_button: "Opens a saved session beside the present layers",
                self.result_button: "Opens a result that was saved here or by segadv attack, "
                "as another run",
            }
        )

    def set_enabled(self, enabled: bool) -> None:
        for button in (self.save_button, self.open_button, self.result_button):
            button.setEnabled(enabled)

    def _ask_new(self) -> None:
        path = pick_new_folder(self, "Save the session in a new folder", "session")
        self._go(path, self._sessions.save)

    def _ask_session(self) -> None:
        path = pick_saved(self, "Open the folder of a session")
        self._go(path, self._sessions.open)

    def _ask_result(self) -> None:
        path = pick_saved(self, "Open the folder of a saved result")
        self._go(path, self._sessions.open_result)

    def _go(self, path: str, action: Callable[[Path], None]) -> None:
        """Pass the folder to an action, unless the user has cancelled."""
        if not path:
            return
        try:
            action(Path(path))
        except SegadvError as error:
            self.refused.emit(str(error))
