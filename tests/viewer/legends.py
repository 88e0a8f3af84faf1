"""Real clicks on the legend of a prediction, and a victim whose prediction is known."""

from clicks import click, idle
from qtpy.QtCore import Qt

from napari_segadv.viewer.widgets.legend import EYES, NAMES


def measured(qtbot, panel):
    """Waits until the structures of what is shown are measured."""
    idle(qtbot, panel.controller)
    rows = panel.structures
    qtbot.waitUntil(lambda: rows.sizes is not None and not rows._latest.busy)


def predicted(qtbot, panel):
    click(qtbot, panel.victim_section.predict_button)
    measured(qtbot, panel)


def listed(panel):
    """What the legend shows: names and sizes, from top to bottom."""
    table = panel.victim_section.legend.table
    rows = [n for n in range(table.rowCount()) if not table.isRowHidden(n)]
    return [(table.item(n, 1).text(), table.item(n, 2).text()) for n in rows]


def place(legend, name, column):
    """Where a cell is seen, once it is."""
    table = legend.table
    number = next(n for n, row in enumerate(legend.rows) if row.name == name)
    table.scrollToItem(table.item(number, NAMES))
    return table.viewport(), table.visualItemRect(table.item(number, column)).center()


def press_name(qtbot, legend, name):
    viewport, at = place(legend, name, NAMES)
    qtbot.mouseClick(viewport, Qt.LeftButton, pos=at)


def press_eye(qtbot, legend, name):
    viewport, at = place(legend, name, EYES)
    qtbot.mouseClick(viewport, Qt.LeftButton, pos=at)


def press_twice(qtbot, legend, name):
    """A double click, as Qt has it from a mouse: a click, and then a second one."""
    viewport, at = place(legend, name, NAMES)
    qtbot.mouseClick(viewport, Qt.LeftButton, pos=at)
    qtbot.mouseDClick(viewport, Qt.LeftButton, pos=at)
