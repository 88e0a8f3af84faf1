"""Panels in a small window: as wide as they were made, and sharing one place as tabs."""

from clicks import drained
from qtpy.QtWidgets import QDockWidget, QLabel, QWidget

from napari_segadv.viewer.widgets.layout import PANEL_WIDTH, group, stack


def docked(window, title, text="short"):
    panel = QWidget()
    stack(panel, [group("Group", [QLabel(text)])], [QLabel("status")])
    return window.window.add_dock_widget(panel, name=title, area="right"), panel


def test_a_wide_row_does_not_make_the_panel_wider(window, qtbot):
    _, panel = docked(window, "Wide", "a row that is very much longer than panels are wide " * 2)
    qtbot.waitUntil(panel.isVisible)
    qtbot.waitUntil(lambda: panel.width() <= PANEL_WIDTH + 20)


def test_panels_share_their_place_as_tabs(window, qtbot):
    first, one = docked(window, "One")
    second, two = docked(window, "Two")
    main = window.window._qt_window
    qtbot.waitUntil(lambda: main.tabifiedDockWidgets(second) == [first])
    qtbot.waitUntil(lambda: two.height() > 0.7 * main.height())
    third, three = docked(window, "Three")
    qtbot.waitUntil(lambda: len(main.tabifiedDockWidgets(third)) == 2)
    own = [d for d in main.findChildren(QDockWidget) if d in main.tabifiedDockWidgets(third)]
    assert set(own) == {first, second}


def test_a_panel_that_floats_is_left_where_it_is(window, qtbot):
    first, _ = docked(window, "One")
    first.setFloating(True)
    second, two = docked(window, "Two")
    qtbot.waitUntil(two.isVisible)
    # Panels are made tabs in the turn in which they are first seen.
    drained(qtbot)
    assert window.window._qt_window.tabifiedDockWidgets(second) == []
