"""What counts as unsaved: painting that a target took over, boxes, and what no file can hold."""

import numpy as np
import pytest
from clicks import click, idle, loaded
from closing import closes, press
from compare_window import drag, on_canvas
from helpers import disc_image, disc_labels
from modal import answered
from napari.layers._layer_actions import _duplicate_layer
from overlaps import nested
from reopened import docked, saved
from roles import role

from napari_segadv.viewer.keeping.guard import guard
from napari_segadv.viewer.layers.names import TARGET
from napari_segadv.viewer.widgets.dialogs import Question


def stroke(window, qtbot, layer, row=4):
    """A stroke of the brush over the image."""
    window.layers.selection.active = layer
    window.reset_view()
    layer.mode, layer.brush_size = "paint", 6
    drag(qtbot, window, on_canvas(window, (row, 4)), on_canvas(window, (row, 40)))
    layer.mode = "pan_zoom"


def make_target(qtbot, panel, shape="copy", start="the prediction"):
    panel.target_section.start.value = start
    panel.target_section.shape.value = shape
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    return panel.controller.shown(TARGET)


@pytest.fixture(params=["exclusive", "overlapping"])
def panel_of(request, window, panel, qtbot, band_victim):
    """The panel with a victim whose structures may overlap or not."""
    window.add_image(disc_image(), name="xray")
    return loaded(qtbot, panel, band_victim if request.param == "exclusive" else nested())


def test_a_target_that_is_based_on_painting_is_painting(window, panel_of, qtbot):
    unsaved = guard(window).unsaved
    target = make_target(qtbot, panel_of)
    assert unsaved.sentence() == ""
    stroke(window, qtbot, target)
    asked = "what you painted on xray / target"
    assert unsaved.sentence() == asked
    make_target(qtbot, panel_of, "erase", target)
    assert unsaved.sentence() == asked
    with answered(qtbot, Question, press(qtbot, "Cancel")):
        assert not closes(window)
    # From the prediction again, nothing of it is left; undo brings the painting back.
    target = make_target(qtbot, panel_of)
    assert unsaved.sentence() == ""
    target.undo()
    assert unsaved.sentence() == asked


def test_so_is_a_new_target_that_is_based_on_labels_that_were_painted(window, ready, qtbot):
    unsaved = guard(window).unsaved
    mine = window.add_labels(disc_labels(), name="mine")
    make_target(qtbot, ready, "erase", mine)
    assert unsaved.sentence() == ""
    window.layers.remove(role(window, TARGET))
    stroke(window, qtbot, mine)
    make_target(qtbot, ready, "erase", mine)
    window.layers.remove(mine)
    assert unsaved.sentence() == "what you painted on xray / target"


def test_a_duplicate_of_painting_is_painting(window, ready, qtbot):
    mine = window.add_labels(np.zeros((48, 64), np.uint8), name="mine")
    stroke(window, qtbot, mine)
    _duplicate_layer(window.layers)
    window.layers.remove(mine)
    assert guard(window).unsaved.painted() == ["mine copy"]


def test_boxes_that_were_drawn_for_a_detector_are_not_lost(window, ready, qtbot, folder):
    unsaved = guard(window).unsaved
    corners = np.array([[5, 5], [5, 20], [20, 20], [20, 5]])
    boxes = window.add_shapes([corners], features={"class": ["polyp"]}, name="boxes")
    # As other layers that come with something.
    assert unsaved.sentence() == ""
    window.layers.selection.active = boxes
    window.reset_view()
    boxes.mode = "add_rectangle"
    drag(qtbot, window, on_canvas(window, (25, 25)), on_canvas(window, (40, 50)))
    assert len(boxes.data) == 2
    assert unsaved.sentence() == "the boxes of boxes"
    with answered(qtbot, Question, press(qtbot, "Cancel")):
        assert not closes(window)
    saved(qtbot, docked(window), folder)
    assert unsaved.sentence() == ""
    boxes.selected_data = {1}
    boxes.remove_selected()
    assert unsaved.sentence() == "the boxes of boxes"


def test_what_a_session_leaves_out_is_still_asked_about(window, ready, qtbot, folder):
    fine = window.add_labels(np.zeros((48, 64), np.int32), name="fine")
    large = window.add_labels(np.zeros((48, 64), np.int32), name="large")
    large.selected_label = 70_000
    stroke(window, qtbot, fine)
    stroke(window, qtbot, large, row=20)
    assert guard(window).unsaved.painted() == ["fine", "large"]
    with answered(qtbot, Question, press(qtbot, "Save session")):
        assert not closes(window)
    idle(qtbot, ready.controller)
    assert (folder / "session.json").is_file()
    assert window.window._qt_window.isVisible()
    assert guard(window).unsaved.sentence() == "what you painted on large"
    with answered(qtbot, Question, press(qtbot, "Close without saving")):
        assert closes(window)
