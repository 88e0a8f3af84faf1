"""The Slices panel in a real window: plot, worst slices, verdicts, windows, with real clicks."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from clicks import click, close_dock
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from slicing import crafted, key, press, seen, show

import napari_segadv as sa
from napari_segadv.data.scan import Grid
from napari_segadv.results.by_slice import AREA, IOU
from napari_segadv.results.verdicts import Verdict
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import ADVERSARIAL

FLIPPED = np.diag([-1.0, 1.0, -1.0])


@pytest.fixture
def crafting():
    return crafted


@pytest.fixture
def panel(window, qtbot):
    """The panel, docked into an empty viewer."""
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", "Slices")
    assert widget.controller is Controller.of(window)
    return widget


@pytest.mark.parametrize(
    "grid",
    [
        Grid((20, 36, 40), (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.eye(3)),
        Grid((20, 36, 40), (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), FLIPPED),
        Grid.pixels((20, 36, 40)),
    ],
    ids=["anisotropic", "flipped", "pixels"],
)
def test_a_click_shows_the_slice_and_the_line_follows(window, panel, qtbot, ct, crafting, grid):
    example = crafting(replace(ct, grid=grid))
    run = show(window, panel, qtbot, example)
    for number in (3, 17, 0, 19):
        press(qtbot, panel, number)
        assert panel.number == panel.plot.number == number
        shown = seen(panel.controller.shown(ADVERSARIAL))
        np.testing.assert_array_equal(shown, example.adversarial.array[number])
    # At the last slice, whichever end of the slider that is, the slider goes five steps back.
    step = window.dims.current_step[0]
    window.dims.set_current_step(0, abs(step - 5))
    assert panel.number == 14
    assert panel.plot._lines[0].get_xdata()[0] == 14
    assert run.image.data.shape[0] == len(panel.figures)


def test_other_orders_and_3d(window, panel, qtbot, ct, crafting):
    example = crafting(ct)
    show(window, panel, qtbot, example)
    window.dims.order = (2, 0, 1)
    press(qtbot, panel, 8)
    assert window.dims.displayed == (1, 2)
    shown = seen(panel.controller.shown(ADVERSARIAL))
    np.testing.assert_array_equal(shown, example.adversarial.array[8])
    window.dims.ndisplay = 3
    press(qtbot, panel, 12)
    assert window.dims.ndisplay == 2
    assert panel.number == 12


def test_beside_layers_of_more_dimensions(window, panel, qtbot, ct, crafting):
    example = crafting(ct)
    window.add_image(np.random.default_rng(0).random((3, 20, 36, 40)), name="series")
    show(window, panel, qtbot, example)
    press(qtbot, panel, 7)
    shown = seen(panel.controller.shown(ADVERSARIAL)).squeeze()
    np.testing.assert_array_equal(shown, example.adversarial.array[7])


def test_the_worst_slices_on_buttons_and_keys(window, panel, qtbot, ct, crafting):
    show(window, panel, qtbot, crafting(ct))
    panel.by.setCurrentText(AREA)
    order = panel.figures.worst_first(AREA)
    assert len(order) > 2
    click(qtbot, panel.worst_button)
    assert panel.number == order[0]
    click(qtbot, panel.previous_button)
    assert "this is the worst slice" in panel.status.text()
    key(qtbot, window, Qt.Key_N)
    assert panel.number == order[1]
    assert panel.status.text().startswith(f"rank 2 of {len(order)}: slice {order[1]}")
    click(qtbot, panel.next_button)
    assert panel.number == order[2]
    key(qtbot, window, Qt.Key_N, Qt.ShiftModifier)
    assert panel.number == order[1]
    click(qtbot, panel.previous_button)
    assert panel.number == order[0]
    panel.go_to(order[-1])
    click(qtbot, panel.next_button)
    assert panel.number == order[-1]
    panel.by.setCurrentText(IOU)
    click(qtbot, panel.worst_button)
    assert panel.figures.values[IOU][panel.number] == panel.figures.values[IOU].min()
    untouched = next(n for n in range(20) if n not in order)
    panel.by.setCurrentText(AREA)
    panel.go_to(untouched)
    key(qtbot, window, Qt.Key_N)
    assert panel.number == order[0]


def test_verdicts_are_kept_with_the_run(window, panel, qtbot, ct, crafting, tmp_path, monkeypatch):
    run = show(window, panel, qtbot, crafting(ct))
    section = panel.verdicts
    press(qtbot, panel, 8)
    click(qtbot, section.buttons["obvious"])
    qtbot.keyClicks(section.note, "a ring, left")
    qtbot.keyClick(section.note, Qt.Key_Return)
    press(qtbot, panel, 2)
    assert not section.buttons["obvious"].isChecked()
    assert section.note.text() == ""
    key(qtbot, window, Qt.Key_2, Qt.AltModifier)
    press(qtbot, panel, 4)
    key(qtbot, window, Qt.Key_1, Qt.AltModifier)
    press(qtbot, panel, 5)
    key(qtbot, window, Qt.Key_3, Qt.AltModifier)
    key(qtbot, window, Qt.Key_0, Qt.AltModifier)
    # Typed, and gone elsewhere without Enter.
    qtbot.keyClicks(section.note, "look again")
    press(qtbot, panel, 6)
    assert run.verdicts == {
        8: Verdict("obvious", "a ring, left"),
        2: Verdict("suspicious"),
        4: Verdict("nothing seen"),
        5: Verdict("", "look again"),
    }
    assert [section.table.item(row, 0).text() for row in range(4)] == ["2", "4", "5", "8"]
    assert panel.plot._marks["obvious"].get_offsets().tolist() == [[8, 0]]
    row = section.table.visualItemRect(section.table.item(3, 0)).center()
    qtbot.mouseClick(section.table.viewport(), Qt.LeftButton, pos=row)
    assert panel.number == 8
    assert section.buttons["obvious"].isChecked()
    assert section.note.text() == "a ring, left"
    path = tmp_path / "verdicts.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    click(qtbot, section.save_button)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["slice"] for row in rows] == ["2", "4", "5", "8"]
    assert rows[3]["note"] == "a ring, left"
    assert float(rows[3]["changed area (mm²)"]) == pytest.approx(panel.figures.values[AREA][8])
    click(qtbot, section.buttons["obvious"])
    assert run.verdicts[8] == Verdict("", "a ring, left")


def test_a_file_that_cannot_be_written_is_one_line(window, panel, qtbot, ct, crafting, tmp_path):
    run = show(window, panel, qtbot, crafting(ct))
    panel.controller.runs.judge(run, 3, Verdict("obvious"))
    panel.verdicts.save(tmp_path / "nowhere" / "verdicts.csv")
    assert "name another file" in panel.status.text()


def test_two_runs_have_verdicts_and_figures_of_their_own(window, panel, qtbot, ct, crafting):
    one = show(window, panel, qtbot, crafting(ct))
    first = panel.figures
    panel.go_to(6)
    click(qtbot, panel.verdicts.buttons["suspicious"])
    two = panel.controller.runs.add(crafting(ct, epsilon=5.0), one.image)
    panel.controller.show_run(two)
    qtbot.waitUntil(lambda: panel.figures is not None and panel.figures is not first)
    assert panel.verdicts.table.rowCount() == 0
    assert not panel.verdicts.buttons["suspicious"].isChecked()
    panel.controller.show_run(one)
    qtbot.waitUntil(lambda: panel.controller.runs.current is one)
    assert panel.figures is first
    assert panel.verdicts.table.rowCount() == 1
    panel.controller.runs.remove(one)
    assert "no run is shown" in panel.figures_text.text()
    assert not panel.plot.isVisible()
    key(qtbot, window, Qt.Key_N)
    key(qtbot, window, Qt.Key_1, Qt.AltModifier)
    assert two.verdicts == {}


def test_a_2d_image_has_its_figures_as_text(window, panel, qtbot, scan2d, band_victim):
    example = sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=30.0, steps=2))
    run = show(window, panel, qtbot, example)
    assert not panel.plot.isVisible()
    assert not panel.finding.isVisible()
    assert "changed area" in panel.figures_text.text()
    assert "pixels" in panel.figures_text.text()
    click(qtbot, panel.verdicts.buttons["nothing seen"])
    assert run.verdicts == {0: Verdict("nothing seen")}
    click(qtbot, panel.visibility.button)
    qtbot.waitUntil(lambda: panel.visibility.table.rowCount() == 1)
    assert "This image has no presets" in panel.visibility.line.text()


def test_windows_are_measured_and_applied(window, panel, qtbot, ct, crafting):
    run = show(window, panel, qtbot, crafting(ct))
    section = panel.visibility
    click(qtbot, section.button)
    assert section.button.text() == "Stop"
    qtbot.waitUntil(lambda: section.table.rowCount() == 7)
    rows = [[section.table.item(y, x).text() for x in range(4)] for y in range(7)]
    assert [row[0] for row in rows][:2] == ["lung", "mediastinum"]
    worst = min(rows, key=lambda row: float(row[1]))
    assert worst[0] in section.line.text()
    assert worst[1] in section.line.text()
    assert "HU" in section.table.horizontalHeaderItem(3).text()
    # Nothing of the table is out of sight.
    assert section.table.verticalScrollBar().maximum() == 0
    assert section.table.horizontalScrollBar().maximum() == 0
    rect = section.table.visualItemRect(section.table.item(0, 1)).center()
    qtbot.mouseClick(section.table.viewport(), Qt.LeftButton, pos=rect)
    for layer in (run.image, panel.controller.shown(ADVERSARIAL)):
        assert tuple(layer.contrast_limits) == (-1350, 150)
    window.layers.remove(run.image)
    qtbot.mouseClick(section.table.viewport(), Qt.LeftButton, pos=rect)


def test_measuring_can_be_stopped(window, panel, qtbot, ct, crafting, monkeypatch):
    show(window, panel, qtbot, crafting(ct))
    section = panel.visibility
    click(qtbot, section.button)
    click(qtbot, section.button)
    assert panel.controller.visibility.measuring is None
    assert section.table.rowCount() == 0
    assert section.button.text() == "Measure in every window"


def test_layers_removed_renamed_and_changed(window, panel, qtbot, ct, crafting):
    run = show(window, panel, qtbot, crafting(ct))
    run.image.name = "mine"
    panel.controller.shown(ADVERSARIAL).name = "kept"
    press(qtbot, panel, 3)
    assert panel.number == 3
    run.image.translate = (100, 0, 0)
    press(qtbot, panel, 5)
    np.testing.assert_array_equal(seen(run.image).squeeze(), ct.array[5])
    run.image.data = np.zeros((4, 5, 6))
    # It is another image now: its results were taken away.
    assert panel.controller.runs.current is None
    panel.controller.show_run(run)
    qtbot.waitUntil(lambda: not panel.controller.jobs.busy)
    press(qtbot, panel, 6)
    assert panel.number == 6
    window.layers.clear()
    press(qtbot, panel, 9)
    assert "show the run again" in panel.status.text()
    panel.controller.show_run(run)
    qtbot.waitUntil(lambda: not panel.controller.jobs.busy)
    press(qtbot, panel, 9)
    assert panel.number == 9


def test_the_plot_follows_the_theme(window, panel, qtbot, ct, crafting):
    show(window, panel, qtbot, crafting(ct))
    for name in ("light", "dark"):
        window.theme = name
        ground = get_theme(name).background.as_rgb_tuple()[:3]
        qtbot.waitUntil(lambda: panel.plot._still is not None)
        pixel = panel.plot.grab().toImage().pixelColor(2, 2)
        assert (pixel.red(), pixel.green(), pixel.blue()) == tuple(ground)


def test_a_closed_dock_leaves_nothing_behind(window, panel, qtbot, ct, crafting):
    run = show(window, panel, qtbot, crafting(ct))
    close_dock(qtbot, panel)
    window.dims.set_point(0, 5)
    window.theme = "light"
    panel.controller.runs.judge(run, 1, Verdict("obvious"))
    window.layers.clear()
    _, again = window.window.add_plugin_dock_widget("napari-segadv", "Slices")
    qtbot.waitUntil(lambda: again.figures is not None)
    assert again.verdicts.table.rowCount() == 1


def test_every_control_has_a_tooltip(panel):
    section = panel.verdicts
    for widget in (
        panel.plot,
        panel.by,
        panel.worst_button,
        panel.previous_button,
        panel.next_button,
        section.note,
        section.table,
        section.save_button,
        *section.buttons.values(),
        panel.visibility.button,
        panel.visibility.table,
    ):
        assert widget.toolTip()
