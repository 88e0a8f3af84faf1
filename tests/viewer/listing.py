"""Clicks on the list of the Runs panel, and what it says."""

from qtpy.QtCore import Qt

from napari_segadv.viewer.layers.names import ADVERSARIAL
from napari_segadv.viewer.runs.list import SHOWN
from napari_segadv.viewer.runs.table import RunsTable


def choose(qtbot, panel, *rows, name=1):
    """Real clicks on rows of the list."""
    for number, row in enumerate(rows):
        qtbot.mouseClick(
            panel.list.viewport(),
            Qt.LeftButton,
            Qt.ControlModifier if number else Qt.NoModifier,
            middle(panel, row, name),
        )


def middle(panel, row, column=1):
    return panel.list.visualItemRect(panel.list.item(row, column)).center()


def names(panel):
    return [panel.list.item(row, 1).text() for row in range(panel.list.rowCount())]


def marked(panel):
    """Rows that are marked as shown."""
    return [row for row in range(panel.list.rowCount()) if panel.list.item(row, 0).text() == SHOWN]


def adversarial(panel):
    return panel.controller.shown(ADVERSARIAL).data


def tables(panel):
    """The tables that a panel's own window has open: others of the process may be on their way."""
    return panel.window().findChildren(RunsTable)
