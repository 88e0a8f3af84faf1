"""The classes that a model can be asked for, chosen by name."""

from collections.abc import Collection, Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..widgets.layout import set_tips
from ..widgets.plain import entry

# Rows that are seen without scrolling, and pixels of each.
SEEN, ROW = 5, 22
NUMBER = Qt.UserRole


class PromptList(QWidget):
    """A list with check marks, a field to find a name, and a button.

    Signals:
        asked: the numbers of the classes that are checked.
    """

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, str] = {}
        self._now: frozenset[int] = frozenset()
        self.filter, self.list = QLineEdit(), QListWidget()
        self.button = QPushButton("Ask for these")
        self.filter.setPlaceholderText("find a class")
        self.filter.setClearButtonEnabled(True)
        self.list.setFixedHeight(SEEN * ROW + 2 * self.list.frameWidth())
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.filter, self.list, self.button):
            layout.addWidget(widget)
        set_tips(
            {
                self.filter: "Lists only classes whose name has these letters",
                self.list: "The classes that the model can be asked for. It predicts those that "
                "it is asked for and no others",
                self.button: "Asks the model for the classes that are checked, from now on",
            }
        )
        self.filter.textChanged.connect(self._filtered)
        self.list.itemChanged.connect(lambda item: self._checked())
        self.button.clicked.connect(lambda: self.asked.emit(sorted(self.checked)))

    @property
    def checked(self) -> frozenset[int]:
        """The numbers of the classes that are checked."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return frozenset(
            int(item.data(NUMBER)) for item in items if item.checkState() == Qt.Checked
        )

    def offer(self, known: Mapping[int, str], asked: Collection[int]) -> None:
        """Offer classes, with those checked that the model is asked for; they come first.

        What the user has checked meanwhile stays.
        """
        now = frozenset(asked)
        if self._known == dict(known) and self._now == now:
            return
        self._known, self._now = dict(known), now
        self.list.blockSignals(True)
        self.list.clear()
        for number in sorted(known, key=lambda n: (n not in now, n)):
            item: Any = entry(known[number], self.list)
            item.setData(NUMBER, number)
            item.setFlags(Qt.ItemIsEnabled | Qt.ItemIsUserCheckable)
            item.setCheckState(Qt.Checked if number in now else Qt.Unchecked)
        self.list.blockSignals(False)
        self._filtered()
        self._checked()

    def _checked(self) -> None:
        """Let the button be pressed if something else is checked than the model is asked for."""
        self.button.setEnabled(bool(self.checked) and self.checked != self._now)

    def _filtered(self, text: str = "") -> None:
        letters = self.filter.text().strip().casefold()
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(letters not in self._known[int(item.data(NUMBER))].casefold())
