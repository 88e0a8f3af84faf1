"""The legend itself: what it lists, how large it is, and what its clicks and keys ask for."""

import pytest
from legends import press_eye, press_name, press_twice
from qtpy.QtCore import Qt
from qtpy.QtGui import QTextDocument

from napari_segadv.viewer.controller.structures import NONE, Row
from napari_segadv.viewer.widgets.legend import MANY, NAMES, ROW, SEEN, Legend

FOREIGN = '<img src="/etc/passwd"> & <b>liver</b>'


def rows(count, absent=(), hidden=()):
    found = []
    for n in range(1, count + 1):
        size = NONE if n in absent else f"{n} ml"
        colour = (0.9, 0.2, 0.1)
        found.append(Row(n, f"structure {n}", colour, size, n not in absent, n in hidden))
    return found


@pytest.fixture
def legend(qtbot):
    made = Legend()
    qtbot.addWidget(made)
    made.resize(300, 400)
    made.show_rows(rows(4, absent=[3]))
    made.show()
    qtbot.waitExposed(made)
    return made


def heard(legend):
    found = []
    for name in ("jumped", "toggled", "alone"):
        getattr(legend, name).connect(lambda n, name=name: found.append((name, n)))
    return found


def test_what_a_click_asks_for(legend, qtbot):
    found = heard(legend)
    press_name(qtbot, legend, "structure 2")
    assert found == [("jumped", 2)]
    press_eye(qtbot, legend, "structure 4")
    assert found[1:] == [("toggled", 4)]
    found.clear()
    press_twice(qtbot, legend, "structure 1")
    assert found[:2] == [("jumped", 1), ("alone", 1)]
    assert ("toggled", 1) not in found


def test_what_was_not_predicted_is_grey_and_dead(legend, qtbot):
    found, item = heard(legend), legend.table.item(2, NAMES)
    assert item.flags() == Qt.NoItemFlags
    assert legend.table.item(2, 0).icon().isNull()
    assert legend.table.item(2, 2).text() == NONE
    assert "was not predicted" in item.toolTip()
    press_name(qtbot, legend, "structure 3")
    press_eye(qtbot, legend, "structure 3")
    press_twice(qtbot, legend, "structure 3")
    assert found == []


def test_keys_do_what_clicks_do(legend, qtbot):
    found = heard(legend)
    assert legend.table.focusPolicy() == Qt.TabFocus
    legend.table.setFocus()
    legend.table.setCurrentCell(0, NAMES)
    qtbot.keyClick(legend.table, Qt.Key_Down)
    qtbot.keyClick(legend.table, Qt.Key_Return)
    qtbot.keyClick(legend.table, Qt.Key_Space)
    assert found == [("jumped", 2), ("toggled", 2)]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 117])
def test_it_stays_small(legend, count):
    legend.show_rows(rows(count))
    assert legend.table.isVisible() == bool(count)
    assert legend.filter.isVisible() == (count >= MANY)
    if count:
        frame = 2 * legend.table.frameWidth()
        assert legend.table.height() == min(count, SEEN) * ROW + frame
        assert legend.table.verticalScrollBar().maximum() == max(0, count - SEEN) * ROW


def test_names_are_found_by_their_letters(legend, qtbot):
    legend.show_rows(rows(117))
    qtbot.keyClicks(legend.filter, "TURE 11")
    seen = [n for n in range(117) if not legend.table.isRowHidden(n)]
    assert [legend.rows[n].label for n in seen] == [11, 110, 111, 112, 113, 114, 115, 116, 117]
    found = heard(legend)
    press_name(qtbot, legend, "structure 113")
    assert found == [("jumped", 113)]
    qtbot.keyClicks(legend.filter, "999")
    assert all(legend.table.isRowHidden(n) for n in range(117))
    assert legend.table.isVisible()
    # A filter that is no longer seen hides nothing.
    legend.show_rows(rows(3))
    assert not any(legend.table.isRowHidden(n) for n in range(3))


def test_the_place_in_a_long_list_is_kept(legend, qtbot):
    legend.show_rows(rows(60))
    press_name(qtbot, legend, "structure 40")
    place = legend.table.verticalScrollBar().value()
    assert place
    legend.show_rows(rows(60, hidden=[40]))
    assert legend.table.verticalScrollBar().value() == place
    assert legend.table.currentRow() == 39


def test_all_are_shown_again_by_a_button_that_is_there_only_then(legend, qtbot):
    assert not legend.show_all.isVisible()
    legend.show_rows(rows(4, hidden=[2]))
    assert legend.show_all.isVisible()
    with qtbot.waitSignal(legend.all_shown):
        qtbot.mouseClick(legend.show_all, Qt.LeftButton)


def test_names_from_files_are_plain_text(legend):
    legend.show_rows([Row(1, FOREIGN, (0.1, 0.2, 0.3), "2 ml", True, False)])
    item = legend.table.item(0, NAMES)
    assert item.text() == FOREIGN
    document = QTextDocument()
    document.setHtml(item.toolTip())
    assert FOREIGN in document.toPlainText()
    assert "<img" not in item.toolTip()


def test_colours_and_eyes(legend):
    legend.show_rows(rows(2, hidden=[2]))
    eyes = [legend.table.item(n, 0).icon().pixmap(16, 16).toImage() for n in (0, 1)]
    assert eyes[0] != eyes[1]
    square = legend.table.item(0, NAMES).icon().pixmap(14, 14).toImage().pixelColor(7, 7)
    assert square.getRgbF()[:3] == pytest.approx((0.9, 0.2, 0.1), abs=0.01)
