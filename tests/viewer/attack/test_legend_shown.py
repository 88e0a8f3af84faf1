"""The legend in the attack panel: what was predicted, before and after, and what is hidden."""

from dataclasses import replace

import numpy as np
import pytest
from clicks import click, idle, loaded
from helpers import disc_image, volume_victim
from legends import listed, measured, predicted, press_eye, press_name, press_twice
from napari.utils.colormaps import DirectLabelColormap

from napari_segadv.common.palette import colour
from napari_segadv.victims.victim import Victim
from napari_segadv.viewer.controller.structures import NONE
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import AFTER, CLEAN
from napari_segadv.viewer.layers.slice_place import SlicePlace

NAMES = ("background", "dim", "bright")


@pytest.fixture
def ready(window, panel, qtbot, band_victim):
    window.add_image(disc_image(), name="xray")
    return loaded(qtbot, panel, band_victim)


def attacked(qtbot, panel, shape="erase"):
    """A run that erases the bright disc, as far as it comes in a few steps."""
    panel.target_section.structure.value = 2
    panel.target_section.shape.value = shape
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    panel.attack_section.form.editors["steps"].value = 3
    panel.attack_section.budget.epsilon.value = 60
    click(qtbot, panel.run_button)
    measured(qtbot, panel)


def pixels(layer, label):
    return int((layer.data == label).sum())


def opacities(layer):
    """The opacity at which each pixel is drawn."""
    return layer.colormap.map(layer.data)[..., 3]


def test_names_before_and_sizes_after_a_prediction(window, ready, qtbot):
    legend = ready.victim_section.legend
    assert listed(ready) == [("dim", ""), ("bright", "")]
    predicted(qtbot, ready)
    clean = ready.controller.shown(CLEAN)
    sizes = [f"{pixels(clean, n):,} pixels" for n in (1, 2)]
    assert listed(ready) == [("dim", sizes[0]), ("bright", sizes[1])]
    assert [row.colour for row in legend.rows] == [pytest.approx(colour(n)) for n in (1, 2)]
    assert legend.isVisible()
    assert not ready.victim_section.about.isVisible()


def test_before_and_after_a_run(window, ready, qtbot):
    predicted(qtbot, ready)
    attacked(qtbot, ready)
    before, after = (ready.controller.shown(role) for role in (CLEAN, AFTER))
    expected = [f"{pixels(before, n):,} → {pixels(after, n):,} pixels" for n in (1, 2)]
    assert [size for _, size in listed(ready)] == expected
    assert pixels(after, 2) < pixels(before, 2)
    # Of a prediction by another victim, what came out of the run is not the after.
    other = Victim(ready.controller.victims.victim.network, name="other", dims=2, classes=NAMES)
    loaded(qtbot, ready, other)
    predicted(qtbot, ready)
    assert "→" not in "".join(size for _, size in listed(ready))


def test_what_was_not_predicted_comes_last_with_a_dash(window, ready, qtbot):
    # Without the darker disc.
    image = disc_image()
    window.layers["xray"].data = np.where((image > 90) & (image < 160), 60, image)
    predicted(qtbot, ready)
    clean = ready.controller.shown(CLEAN)
    clean.data[clean.data == 1] = 0
    clean.data = clean.data.copy()
    window.add_labels(np.zeros((48, 64), np.uint8))
    measured(qtbot, ready)
    assert listed(ready) == [("bright", f"{pixels(clean, 2):,} pixels"), ("dim", NONE)]


def test_an_eye_hides_a_structure_in_both_predictions(window, ready, qtbot):
    legend, controller = ready.victim_section.legend, ready.controller
    predicted(qtbot, ready)
    attacked(qtbot, ready)
    layers = [controller.shown(role) for role in (CLEAN, AFTER)]
    data = [layer.data.copy() for layer in layers]
    press_eye(qtbot, legend, "dim")
    assert [row.hidden for row in legend.rows] == [True, False]
    for layer, labels in zip(layers, data, strict=True):
        np.testing.assert_array_equal(opacities(layer) > 0, labels == 2)
        np.testing.assert_array_equal(layer.data, labels)
    target = controller.shown("target")
    np.testing.assert_array_equal(opacities(target) > 0, target.data > 0)
    press_eye(qtbot, legend, "dim")
    for layer, labels in zip(layers, data, strict=True):
        np.testing.assert_array_equal(opacities(layer) > 0, labels > 0)


def test_one_alone_and_all_again(window, ready, qtbot):
    legend = ready.victim_section.legend
    predicted(qtbot, ready)
    clean = ready.controller.shown(CLEAN)
    press_twice(qtbot, legend, "bright")
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data == 2)
    press_twice(qtbot, legend, "bright")
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data > 0)
    press_twice(qtbot, legend, "dim")
    press_twice(qtbot, legend, "bright")
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data == 2)
    click(qtbot, legend.show_all)
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data > 0)
    assert not legend.show_all.isVisible()


def test_hidden_through_new_predictions_and_other_colours(window, ready, qtbot):
    legend, controller = ready.victim_section.legend, ready.controller
    predicted(qtbot, ready)
    press_eye(qtbot, legend, "dim")
    clean = controller.shown(CLEAN)
    # The image is another one now, and its prediction a new layer.
    window.layers["xray"].data = np.roll(disc_image(), 3, axis=1)
    assert controller.shown(CLEAN) is None
    predicted(qtbot, ready)
    clean = controller.shown(CLEAN)
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data == 2)
    # Another layer.
    window.layers.remove(clean)
    predicted(qtbot, ready)
    clean = controller.shown(CLEAN)
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data == 2)
    own = {None: "transparent", 0: "transparent", 1: (1.0, 1.0, 0.0, 1), 2: (0.0, 1.0, 1.0, 1)}
    clean.colormap = DirectLabelColormap(color_dict=own)
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data == 2)
    assert [row.colour for row in legend.rows] == [(1.0, 1.0, 0.0), (0.0, 1.0, 1.0)]
    press_eye(qtbot, legend, "dim")
    np.testing.assert_allclose(clean.get_color(1), own[1])
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data > 0)


def test_other_classes_are_all_shown(window, ready, qtbot, band_victim):
    predicted(qtbot, ready)
    press_eye(qtbot, ready.victim_section.legend, "dim")
    loaded(qtbot, ready, replace(band_victim, classes=("background", "one", "two")))
    predicted(qtbot, ready)
    assert [(row.name, row.hidden) for row in ready.victim_section.legend.rows] == [
        ("one", False),
        ("two", False),
    ]
    clean = ready.controller.shown(CLEAN)
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data > 0)


def test_colours_of_compare_leave_nothing_behind(window, ready, qtbot):
    """An eye is pressed while Compare has lent the layers colours of its own, as it does in 3-D."""
    predicted(qtbot, ready)
    attacked(qtbot, ready)
    _, compare = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    clean, legend = ready.controller.shown(CLEAN), ready.victim_section.legend
    window.dims.ndisplay = 3
    compare.toggle_contours()
    assert np.allclose(clean.get_color(1)[:3], clean.get_color(2)[:3])
    ready.structures.toggle(1)
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data == 2)
    compare.toggle_contours()
    np.testing.assert_array_equal(opacities(clean) > 0, clean.data == 2)
    np.testing.assert_allclose(clean.get_color(2)[:3], colour(2), atol=1e-6)
    ready.structures.toggle(1)
    np.testing.assert_allclose(clean.get_color(1), (*colour(1), 1), atol=1e-6)
    assert not any(row.hidden for row in legend.rows)


@pytest.fixture
def volume(window, panel, ct, qtbot):
    """A flipped CT, and a victim that goes slice by slice."""
    data, keywords, _ = image_tuple(ct, "ct")
    window.add_image(data, **keywords)
    return loaded(qtbot, panel, replace(volume_victim(2), classes=("background", "fat", "organ")))


def test_a_click_on_a_name_goes_to_the_largest_slice(window, volume, qtbot):
    predicted(qtbot, volume)
    clean = volume.controller.shown(CLEAN)
    place = SlicePlace.of(clean, window.dims)
    place.show(window.dims, 0)
    press_name(qtbot, volume.victim_section.legend, "organ")
    counts = (clean.data == 2).sum(axis=(1, 2))
    number = place.number(window.dims)
    assert counts[number] == counts.max()
    places = np.argwhere(clean.data[number] == 2)
    middle = clean.data_to_world((number, *(places.min(0) + places.max(0)) / 2))
    np.testing.assert_allclose(window.scene.camera.center[-2:], middle[1:], atol=1e-6)
    assert all(size.endswith(" ml") for _, size in listed(volume))


def test_it_is_gone_with_the_prediction_and_follows_the_run_that_is_shown(window, ready, qtbot):
    predicted(qtbot, ready)
    attacked(qtbot, ready)
    window.layers.remove(ready.controller.shown(AFTER))
    assert "→" not in "".join(size for _, size in listed(ready)) or ready.structures._latest.busy
    measured(qtbot, ready)
    assert "→" not in "".join(size for _, size in listed(ready))
    window.layers.remove(ready.controller.shown(CLEAN))
    assert listed(ready) == [("dim", ""), ("bright", "")]
