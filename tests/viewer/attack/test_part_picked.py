"""A part of a structure is picked by a click in the image: "this kidney"."""

import numpy as np
import pytest
from clicks import click, close_dock, drag, idle, loaded
from compare_window import canvas, on_canvas
from legends import predicted, press_eye
from qtpy.QtCore import QPoint, Qt

from napari_segadv.viewer.attack.target_section import NO_LABELS
from napari_segadv.viewer.layers.names import CLEAN, TARGET
from napari_segadv.viewer.layers.picking import FLAT_ONLY, NOTHING
from napari_segadv.viewer.widgets.part_picker import CLICK

# Three bright discs: two as large as a kidney, and a speck.
DISCS = (((24, 14), 9), ((22, 48), 8), ((8, 32), 1.5))


def image():
    y, x = np.mgrid[:48, :64]
    found = np.full((48, 64), 60, np.uint8)
    for (row, column), radius in DISCS:
        found[np.hypot(y - row, x - column) <= radius] = 200
    found[36:44, 24:40] = 130
    return found


@pytest.fixture
def ready(window, panel, qtbot, band_victim):
    window.add_image(image(), name="xray")
    loaded(qtbot, panel, band_victim)
    predicted(qtbot, panel)
    window.reset_view()
    return panel


def press(qtbot, window, place):
    """A real click on a pixel of the image."""
    qtbot.mouseClick(
        canvas(window), Qt.LeftButton, pos=QPoint(*map(round, on_canvas(window, place)))
    )


def picked(qtbot, window, panel, place):
    part = panel.target_section.part
    click(qtbot, part.button)
    assert part.text.text() == CLICK
    press(qtbot, window, place)
    qtbot.waitUntil(lambda: part.chosen is not None and not part._latest.busy)
    assert not part.button.isChecked()
    return part


def made(qtbot, panel, shape="erase"):
    panel.target_section.shape.value = shape
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    return panel.controller.shown(TARGET).data


def test_a_click_picks_class_and_part(window, ready, qtbot):
    section = ready.target_section
    section.structure.value = 1
    part = picked(qtbot, window, ready, DISCS[1][0])
    clean = ready.controller.shown(CLEAN)
    size = int((clean.data[:, 36:] == 2).sum())
    assert section.structure.value == 2
    assert part.text.text() == f"bright, the one on the right of the image ({size} pixels)"
    assert part.text.textFormat() == Qt.PlainText
    target = made(qtbot, ready)
    expected = np.where((clean.data == 2) & (np.arange(64) >= 36), 0, clean.data)
    np.testing.assert_array_equal(target, expected)
    # The same from Python, and on the command line, by the pixel that was hit.
    settings = section.settings()[1]
    assert settings["component"] == part.chosen.part.point
    np.testing.assert_allclose(settings["component"], DISCS[1][0], atol=1)


def test_whole_class_takes_it_back(window, ready, qtbot):
    part = picked(qtbot, window, ready, DISCS[0][0])
    click(qtbot, part.whole_button)
    assert part.settings() == {}
    assert not part.text.isVisible()
    assert not part.whole_button.isEnabled()
    target = made(qtbot, ready)
    assert not (target == 2).any()


@pytest.mark.parametrize("how", ["escape over the canvas", "escape in the panel", "press"])
def test_it_is_ended_without_a_pick(window, ready, qtbot, how):
    part = ready.target_section.part
    click(qtbot, part.button)
    if how == "press":
        click(qtbot, part.button)
    else:
        widget = canvas(window) if "canvas" in how else part.button
        widget.setFocus()
        qtbot.keyClick(widget, Qt.Key_Escape)
    qtbot.waitUntil(lambda: not part.button.isChecked())
    press(qtbot, window, DISCS[0][0])
    assert part.chosen is None
    assert not part.text.isVisible()
    assert window.cursor.style == "standard"


def test_a_click_beside_everything_says_so_and_goes_on(window, ready, qtbot):
    part = ready.target_section.part
    click(qtbot, part.button)
    press(qtbot, window, (2, 2))
    assert part.text.text() == NOTHING
    assert part.button.isChecked()
    press(qtbot, window, DISCS[2][0])
    qtbot.waitUntil(lambda: part.chosen is not None)
    assert part.text.text().startswith("bright, a small part")


def test_a_structure_that_is_hidden_is_not_picked(window, ready, qtbot):
    press_eye(qtbot, ready.victim_section.legend, "bright")
    part = ready.target_section.part
    click(qtbot, part.button)
    press(qtbot, window, DISCS[0][0])
    assert part.text.text() == NOTHING


def test_a_drag_moves_the_view_and_picks_nothing(window, ready, qtbot):
    part, native = ready.target_section.part, canvas(window)
    click(qtbot, part.button)
    before = window.scene.camera.center
    start = QPoint(*map(round, on_canvas(window, DISCS[0][0])))
    end = start + QPoint(60, 30)
    drag(qtbot, native, start, end)
    qtbot.mouseRelease(native, Qt.LeftButton, pos=end)
    assert window.scene.camera.center != before
    assert part.chosen is None
    assert part.button.isChecked()


def test_the_brush_rests_meanwhile(window, ready, qtbot):
    mine = window.add_labels(np.zeros((48, 64), np.uint8), name="mine")
    mine.mode = "paint"
    picked(qtbot, window, ready, DISCS[0][0])
    assert not mine.data.any()
    assert str(mine.mode) == "paint"
    # A prediction that is hidden is seen while it is picked from.
    clean = ready.controller.shown(CLEAN)
    clean.visible = False
    click(qtbot, ready.target_section.part.button)
    assert clean.visible
    click(qtbot, ready.target_section.part.button)
    assert not clean.visible


def test_from_labels_of_ones_own(window, ready, qtbot):
    labels = np.zeros((48, 64), np.uint8)
    labels[4:12, 4:12] = labels[30:40, 40:60] = 2
    mine = window.add_labels(labels, name="mine")
    ready.target_section.start.value = mine
    part = picked(qtbot, window, ready, (35, 50))
    assert "(200 pixels)" in part.text.text()
    left = np.where(np.arange(48)[:, None] < 20, labels, 0)
    np.testing.assert_array_equal(made(qtbot, ready), left)


def test_what_makes_the_pick_void(window, ready, qtbot):
    section = ready.target_section
    part = picked(qtbot, window, ready, DISCS[0][0])
    section.structure.value = 1
    assert part.chosen is None
    picked(qtbot, window, ready, DISCS[0][0])
    section.structure.value = 2
    assert part.chosen is not None
    section.start.value = window.add_labels(np.ones((48, 64), np.uint8), name="mine")
    assert part.chosen is None
    section.start.value = "the prediction"
    picked(qtbot, window, ready, DISCS[0][0])
    # Another patient.
    ready.image.value = window.add_image(np.flip(image(), 1).copy(), name="other")
    assert part.chosen is None


def test_a_new_prediction_is_looked_at_again(window, ready, qtbot):
    part = picked(qtbot, window, ready, DISCS[0][0])
    before = part.text.text()
    smaller = image()
    smaller[:20] = 60
    window.layers["xray"].data = smaller
    predicted(qtbot, ready)
    qtbot.waitUntil(lambda: not part._latest.busy)
    assert part.text.text() != before
    assert part.chosen.part.pixels < 200
    window.layers["xray"].data = np.where(np.arange(64) < 32, 60, image()).astype(np.uint8)
    predicted(qtbot, ready)
    qtbot.waitUntil(lambda: part.chosen is None)


def test_what_is_said_without_a_prediction_and_in_3_d(window, ready, qtbot):
    part, chosen = ready.target_section.part, ready.image.value
    window.add_image(np.zeros((4, 48, 64), np.uint8) + image())
    ready.controller.choose(chosen)
    window.dims.ndisplay = 3
    click(qtbot, part.button)
    press(qtbot, window, (24, 14))
    assert part.text.text() == FLAT_ONLY
    click(qtbot, part.button)
    window.dims.ndisplay = 2
    window.layers.remove(ready.controller.shown(CLEAN))
    click(qtbot, part.button)
    assert part.text.text() == NO_LABELS
    assert not part.button.isChecked()


def test_the_view_goes_to_the_part_not_to_the_largest(window, ready, qtbot):
    picked(qtbot, window, ready, DISCS[1][0])
    window.scene.camera.zoom, window.scene.camera.center = 60.0, (24.0, 14.0)
    made(qtbot, ready)
    np.testing.assert_allclose(window.scene.camera.center[-2:], DISCS[1][0], atol=0.6)


def test_closing_the_panel_ends_it(window, ready, qtbot):
    before = list(window.mouse_drag_callbacks)
    click(qtbot, ready.target_section.part.button)
    assert len(window.mouse_drag_callbacks) == len(before) + 1
    close_dock(qtbot, ready)
    # Nor is the right button ours any more, since it was the last panel.
    assert set(window.mouse_drag_callbacks) < set(before)
    assert window.cursor.style == "standard"


def test_a_run_records_the_part_unless_the_target_was_painted(window, ready, qtbot):
    part = picked(qtbot, window, ready, DISCS[0][0])
    made(qtbot, ready)
    target = ready.controller.shown(TARGET)
    ready.attack_section.form.editors["steps"].value = 1
    for painted in (False, True):
        if painted:
            target.data_setitem((np.array([1]), np.array([1])), 1)
        click(qtbot, ready.run_button)
        idle(qtbot, ready.controller)
        given = ready.controller.example.record["inputs"]["target"]
        if painted:
            assert "made" not in given
        else:
            (step,) = given["made"]
            assert step["component"] == list(part.chosen.part.point)
            assert (step["shape"], step["label"], step["to"]) == ("erase", 2, 0)
