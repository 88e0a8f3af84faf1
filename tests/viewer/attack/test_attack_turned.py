"""The attack panel while the view goes across the slices of a volume: no slice is in view."""

import numpy as np
import pytest
from clicks import click, idle, loaded
from helpers import volume_victim
from napari.layers import Image
from roles import role

from napari_segadv.viewer.attack.slice_range import ALL, IN_VIEW, SOME
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, PREVIEW, PREVIEW_SEEN
from napari_segadv.viewer.layers.task_view import UNTARGETED

AXIAL, CORONAL = (0, 1, 2), (1, 0, 2)
REFUSED = "no slice is in view; go back to the slices, or choose a range"


@pytest.fixture
def volume(window, panel, qtbot, ct):
    """A flipped CT with a victim that goes slice by slice."""
    data, keywords, _ = image_tuple(ct, "ct")
    loaded(qtbot, panel, volume_victim(2))
    panel.image.value = window.add_image(data, **keywords)
    panel.target.value = UNTARGETED
    section = panel.attack_section
    section.form.editors["steps"].value = 2
    section.budget.epsilon.value = 40
    return panel


def turn(window, view):
    if view == "3-D":
        window.dims.ndisplay = 3
    else:
        window.dims.order = CORONAL


def turn_back(window):
    window.dims.ndisplay = 2
    window.dims.order = AXIAL


@pytest.mark.parametrize("view", ["coronal", "3-D"])
def test_the_slice_in_view_is_refused_where_none_is(window, volume, qtbot, view):
    slices, controller = volume.attack_section.slices, volume.controller
    slices.which.value = IN_VIEW
    turn(window, view)
    layers = list(window.layers)
    click(qtbot, volume.run_button)
    assert volume.status.text() == REFUSED
    assert not controller.jobs.busy
    assert list(window.layers) == layers
    assert len(controller.runs) == 0
    # Of slices that are named it does not matter what is seen.
    slices.which.value = SOME
    slices.first.value, slices.last.value = 8, 9
    click(qtbot, volume.run_button)
    idle(qtbot, controller)
    assert controller.example.record["slices"] == [8, 9]
    turn_back(window)
    slices.which.value = IN_VIEW
    window.dims.set_point(0, volume.image.value.data_to_world((7, 0, 0))[0])
    click(qtbot, volume.run_button)
    idle(qtbot, controller)
    example = controller.example
    assert example.record["slices"] == [7, 7]
    assert set(np.flatnonzero(np.abs(example.noise).max((1, 2)))) == {7}


@pytest.mark.parametrize("view", ["coronal", "3-D"])
def test_the_whole_volume_is_attacked_however_it_is_seen(window, volume, qtbot, view):
    volume.attack_section.slices.which.value = ALL
    turn(window, view)
    click(qtbot, volume.run_button)
    idle(qtbot, volume.controller)
    assert np.abs(volume.controller.example.noise).max((1, 2)).all()


def seen(window):
    """Whether each of the preview's layers is seen."""
    return [role(window, name).visible for name in (PREVIEW, PREVIEW_SEEN)]


@pytest.mark.parametrize(
    ("first", "view"), [("slices", "coronal"), ("slices", "3-D"), ("turned", "coronal")]
)
def test_the_preview_of_a_volume_is_seen_in_slices_alone(window, volume, qtbot, view, first):
    section = volume.attack_section
    section.form.editors["steps"].value = 100_000
    section.form.editors["goal"].value = None
    if first == "turned":
        turn(window, view)
    click(qtbot, volume.run_button)
    qtbot.waitUntil(lambda: volume.controller.jobs.busy == "attacking")
    if first == "slices":
        clean, preview = volume.image.value.data, role(window, PREVIEW)
        qtbot.waitUntil(lambda: (preview.data != clean).any())
        assert seen(window) == [True, True]
        turn(window, view)
    qtbot.waitUntil(lambda: seen(window) == [False, False])
    turn_back(window)
    qtbot.waitUntil(lambda: seen(window) == [True, True])
    click(qtbot, volume.cancel_button)
    idle(qtbot, volume.controller)
    assert [type(layer) for layer in window.layers] == [Image]
    assert window.layers["ct"].visible


def test_a_result_is_seen_though_its_preview_was_hidden(window, volume, qtbot, held):
    section = volume.attack_section
    section.form.editors["steps"].value = 60
    section.form.editors["goal"].value = None
    turn(window, "coronal")
    click(qtbot, volume.run_button)
    qtbot.waitUntil(lambda: volume.controller.jobs.busy == "attacking")
    qtbot.waitUntil(lambda: seen(window) == [False, False])
    held.set()
    idle(qtbot, volume.controller)
    for name in (ADVERSARIAL, AFTER):
        assert role(window, name).visible
