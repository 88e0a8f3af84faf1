"""The question whether code in a file may run: all of it is listed, as it would run."""

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase, QTextOption
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from ...common.screen import MESSAGE, as_code, one_line
from ...common.wording import counted
from ...errors import NeedsTrust
from .plain import Plain

# Size of the window, and the share of the screen that it takes at most.
WIDTH, HEIGHT, SHARE = 620, 480, 0.8
INTRODUCTION = (
    "Loading {name} runs code from the file. Code from a source that you do not know can do "
    "anything that you can do on this computer."
)
AGAIN = (
    "You have agreed to this path before. Its contents have changed since then, or an earlier "
    "version has hashed them in another way."
)
QUESTION = "Run it now, and whenever exactly this file is loaded?"


class TrustQuestion(QDialog):
    """Shows what loading a file would run, in a list that scrolls; "No" is the default.

    The list leaves nothing out. It shows whatever is not plain ASCII by its code, so that no
    character can hide another, turn the line around or look like a letter that it is not.
    """

    def __init__(self, parent: QWidget | None, question: NeedsTrust, again: bool = False) -> None:
        """Put the question.

        Args:
            parent: the window that it belongs to.
            question: the file, and what would run.
            again: whether the user has agreed to other contents of the same path.
        """
        super().__init__(parent)
        self.setWindowTitle("Run code from this file?")
        name = one_line(Path(question.path).name)
        self.introduction = Plain(INTRODUCTION.format(name=name), wrap=True)
        self.path = Plain(one_line(question.path, MESSAGE), wrap=True, lines=1, most=MESSAGE)
        self.sha256 = Plain(f"sha256 {question.sha256}", wrap=True)
        self.sha256.setTextInteractionFlags(Qt.TextSelectableByMouse)
        pieces = counted(len(question.runs), "piece")
        self.list = self._list_of(question)
        self.buttons = QDialogButtonBox(QDialogButtonBox.Yes | QDialogButtonBox.No)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        no = self.buttons.button(QDialogButtonBox.No)
        self.buttons.button(QDialogButtonBox.Yes).setAutoDefault(False)
        no.setDefault(True)
        column = QVBoxLayout(self)
        for widget in (self.introduction, self.path, self.sha256):
            column.addWidget(widget)
        if again:
            column.addWidget(Plain(AGAIN, wrap=True))
        column.addWidget(Plain(f"This would run ({pieces}):"))
        column.addWidget(self.list, stretch=1)
        column.addWidget(Plain(QUESTION, wrap=True))
        column.addWidget(self.buttons)
        no.setFocus()
        self._fit_screen()

    def _list_of(self, question: NeedsTrust) -> QPlainTextEdit:
        lines = [f"{number}. {as_code(run)}" for number, run in enumerate(question.runs, start=1)]
        # No piece holds an empty line, so none can look like several.
        listed = QPlainTextEdit("\n\n".join(lines))
        listed.setReadOnly(True)
        # Tab goes to the buttons.
        listed.setTabChangesFocus(True)
        listed.setFont(QFontDatabase.systemFont(QFontDatabase.FixedFont))
        listed.setWordWrapMode(QTextOption.WrapAnywhere)
        return listed

    def _fit_screen(self) -> None:
        """Keep the buttons on the screen, whatever the file is called and runs."""
        room = self.screen().availableGeometry()
        most = int(room.width() * SHARE), int(room.height() * SHARE)
        self.setMaximumSize(*most)
        self.list.setMinimumHeight(min(120, most[1] // 4))
        self.resize(min(WIDTH, most[0]), min(HEIGHT, most[1]))
