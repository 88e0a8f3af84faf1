"""A result stays what the model has said: it is painted on once it is a copy, or the user's own."""

import numpy as np
import pytest
from clicks import click, drained, idle, loaded
from compare_window import canvas, drag, on_canvas, press
from helpers import disc_image
from napari.layers._layer_actions import _duplicate_layer
from overlaps import nested
from qtpy.QtCore import Qt
from roles import role

from napari_segadv.viewer.controller.results import HELP, PAINTED
from napari_segadv.viewer.keeping.guard import guard
from napari_segadv.viewer.layers.names import AFTER, CLEAN, PREVIEW_SEEN, TARGET
from napari_segadv.viewer.layers.task_view import UNTARGETED


def predict(qtbot, panel):
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)


def stroke(window, qtbot, layer):
    """Presses napari's key for the brush and drags over the image."""
    window.layers.selection.active = layer
    window.reset_view()
    canvas(window).setFocus()
    press(qtbot, window, Qt.Key_2)
    layer.selected_label, layer.brush_size = 1, 6
    drag(qtbot, window, on_canvas(window, (4, 4)), on_canvas(window, (4, 40)))


def attacked(qtbot, panel):
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 1
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)


def test_a_stroke_over_a_prediction_changes_nothing_and_the_line_says_what_to_do(
    window, ready, qtbot
):
    mine = window.add_labels(np.zeros((48, 64), np.uint8), name="mine")
    predict(qtbot, ready)
    assert window.layers.selection.active is mine
    assert ready.status.text() == PAINTED
    clean = role(window, CLEAN)
    before = clean.data.copy()
    stroke(window, qtbot, clean)
    np.testing.assert_array_equal(clean.data, before)
    assert window.help == HELP
    stroke(window, qtbot, mine)
    assert mine.data.any()
    assert window.help != HELP


def test_nor_does_one_over_the_predictions_of_a_run(window, ready, qtbot):
    attacked(qtbot, ready)
    for name in (CLEAN, AFTER):
        layer = role(window, name)
        layer.visible = True
        before = layer.data.copy()
        stroke(window, qtbot, layer)
        np.testing.assert_array_equal(layer.data, before)
    # The next run fills the same layers, in which nobody paints either.
    attacked(qtbot, ready)
    assert not role(window, AFTER).editable


@pytest.mark.parametrize("how", ["duplicated", "renamed"])
def test_what_is_painted_on_a_copy_or_on_a_renamed_result_stays(window, ready, qtbot, how):
    predict(qtbot, ready)
    clean = role(window, CLEAN)
    if how == "duplicated":
        window.layers.selection.active = clean
        _duplicate_layer(window.layers)
        own = window.layers.selection.active
        assert own is not clean
    else:
        own, clean.name = clean, "mine"
    stroke(window, qtbot, own)
    painted = own.data.copy()
    assert not np.array_equal(painted, ready.controller.victims._known[0].prediction.array)
    assert own.name in guard(window).unsaved.sentence()
    predict(qtbot, ready)
    attacked(qtbot, ready)
    np.testing.assert_array_equal(own.data, painted)
    assert own in ready.target.choices
    assert role(window, CLEAN) is not own
    window.layers.selection.active = own
    own.undo()
    assert not np.array_equal(own.data, painted)


def test_a_preview_that_is_renamed_is_written_into_no_more(window, ready, qtbot, held):
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 3
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: ready.controller.jobs.busy == "attacking")
    seen = role(window, PREVIEW_SEEN)
    # The first step's prediction, after which the attack rests.
    qtbot.waitUntil(lambda: seen.data.any())
    before = seen.data.copy()
    stroke(window, qtbot, seen)
    np.testing.assert_array_equal(seen.data, before)
    seen.name = "mine"
    stroke(window, qtbot, seen)
    painted = seen.data.copy()
    assert not np.array_equal(painted, before)
    held.set()
    idle(qtbot, ready.controller)
    np.testing.assert_array_equal(seen.data, painted)
    assert role(window, AFTER) is not seen


def test_predictions_of_overlapping_structures_stay_too_and_their_targets_are_painted(
    window, panel, qtbot
):
    window.add_image(disc_image(), name="xray")
    loaded(qtbot, panel, nested())
    predict(qtbot, panel)
    clean = role(window, CLEAN)
    before = clean.data.copy()
    stroke(window, qtbot, clean)
    np.testing.assert_array_equal(clean.data, before)
    panel.target_section.shape.value = "copy"
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    drained(qtbot)
    target = role(window, TARGET)
    own = target.data.copy()
    stroke(window, qtbot, target)
    assert not np.array_equal(target.data, own)
