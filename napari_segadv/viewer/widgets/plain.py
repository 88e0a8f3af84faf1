"""Text on the screen as it is: labels, tooltips and table cells that take nothing for HTML.

Qt guesses whether the text of a label or a tooltip is HTML, and then loads the images that it
names: a name in a file could stop the window, or look like a message. So panels use what is here
in place of QLabel, setToolTip, QTableWidgetItem and QListWidgetItem.
"""

import re
from html import escape
from textwrap import fill
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QResizeEvent
from qtpy.QtWidgets import QLabel, QListWidgetItem, QTableWidgetItem, QToolTip, QWidget

from ...common.screen import LINES, PAGE, breakable, one_line, runs_left, some_lines

# Letters in a line of a tooltip.
TIP_WIDTH = 70
# Keeps the line breaks: napari makes spaces of those of a plain tooltip.
TIP = '<div style="white-space: pre">{}</div>'
# The beginning of a tag that `Rich` does not know.
FOREIGN = re.compile(r"<(?!/?(?:b|i|s|u|p|br|span|table|tr|td)[ />])")
# Before a text that begins from right to left: figures after it would change places.
LEFT_TO_RIGHT = "\u200e"


class Plain(QLabel):
    """A label that shows its text as it is; what is too long for it is whole in its tooltip."""

    def __init__(
        self, text: str = "", *, wrap: bool = False, lines: int = LINES, most: int = PAGE
    ) -> None:
        """Show a text.

        Args:
            text: the text.
            wrap: break lines that are wider than the label.
            lines: as many are shown at most. Where it is one, line breaks become spaces.
            most: characters that are shown at most.
        """
        super().__init__()
        self._lines, self._most = lines, most
        self._tip, self._shown, self._whole = "", "", ""
        self.setTextFormat(Qt.PlainText)
        self.setWordWrap(wrap)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        shown = self._shown = in_lines(text, self._lines, self._most)
        left_out = len(text) > self._most or 1 < self._lines <= text.count("\n")
        self._whole = text if left_out else ""
        broken = breakable(shown)
        super().setText(LEFT_TO_RIGHT + broken if runs_left(shown) else broken)
        self._show_tip()
        if self.isVisible():
            self._keep_lines()

    def text(self) -> str:
        """Return what is shown, without what only lays it out."""
        return self._shown

    def setToolTip(self, text: str) -> None:  # noqa: N802 - Qt's name
        self._tip = text
        self._show_tip()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._keep_lines()

    def _keep_lines(self) -> None:
        """Ask for the height that the lines need at this width.

        Qt asks for it at the width that a label has before a scroll bar appears beside it.
        """
        if self.wordWrap():
            # An empty text has a height of -1.
            self.setMinimumHeight(max(0, self.heightForWidth(self.width())))

    def _show_tip(self) -> None:
        tip = "\n\n".join(filter(None, (self._whole, self._tip)))
        super().setToolTip(tip_text(tip))


class Rich(QLabel):
    """A label of our own markup, for colours: names in it are escaped by `common.screen.markup`.

    Tags that it does not know become text, so that nothing is loaded should one not be escaped.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.RichText)
        self.setWordWrap(True)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        super().setText(FOREIGN.sub("&lt;", text))


def tip(shown: QWidget | QTableWidgetItem | QListWidgetItem | QAction, text: str) -> None:
    """Give a widget, an item or a menu's entry a tooltip, in lines that fit the screen."""
    shown.setToolTip(text if isinstance(shown, Plain) else tip_text(text))


def point_out(place: Any, text: str, widget: QWidget) -> None:
    """Show a tooltip at a place of the screen; an empty one hides it."""
    QToolTip.showText(place, tip_text(text), widget)


def tip_text(text: str) -> str:
    """Return the text of a tooltip in the form that Qt takes for what it is."""
    lines = [fill(line, TIP_WIDTH) for line in some_lines(text).split("\n")]
    return TIP.format(escape("\n".join(lines))) if text else ""


def cell(text: str, about: str | None = None, lines: int = 1) -> QTableWidgetItem:
    """Return an item of a table: a text in few lines, whole in its tooltip if it has no other."""
    item = QTableWidgetItem(in_lines(text, lines))
    tip(item, text if about is None else about)
    return item


def entry(text: str, listed: Any) -> QListWidgetItem:
    """Add an item to a list: a text in one line, whole in its tooltip."""
    item = QListWidgetItem(one_line(text), listed)
    tip(item, text)
    return item


def in_lines(text: str, lines: int, most: int | None = None) -> str:
    """Return a text in at most so many lines."""
    limits = {} if most is None else {"most": most}
    return one_line(text, **limits) if lines == 1 else some_lines(text, lines, **limits)
