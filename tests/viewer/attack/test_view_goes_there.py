"""After Predict and Make target the view goes to the structure, unless it is seen already."""

from dataclasses import replace

import numpy as np
import pytest
from clicks import click, idle, loaded
from helpers import disc_image, volume_victim
from legends import predicted
from turned import SAGITTAL

from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import CLEAN, TARGET
from napari_segadv.viewer.layers.slice_place import SlicePlace

DIRECTIONS = {"flipped": np.diag([-1.0, -1.0, 1.0]), "turned": SAGITTAL}
# The slices of the structure, and the one where it is largest.
FIRST, LAST, LARGEST = 4, 8, 6


def body(direction):
    """A CT with one bright structure on some of its slices."""
    rng = np.random.default_rng(0)
    array = rng.normal(0, 5, (14, 32, 40)).astype(np.int16)
    array[FIRST : LAST + 1, 8:16, 10:20] = 200
    array[LARGEST, 6:18, 8:24] = 200
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), direction)
    return Scan(array, grid, "HU", Storage("int16"))


@pytest.fixture(params=DIRECTIONS)
def volume(request, window, panel, qtbot):
    data, keywords, _ = image_tuple(body(DIRECTIONS[request.param]), "ct")
    window.add_image(data, **keywords)
    return loaded(qtbot, panel, replace(volume_victim(2), classes=("background", "fat", "organ")))


def place(window, panel):
    return SlicePlace.of(panel.image.value, window.dims)


def made(qtbot, panel, shape="erase"):
    section = panel.target_section
    section.structure.value, section.shape.value = 2, shape
    if "to" in section.form.editors:
        section.form.editors["to"].value = 1
    click(qtbot, section.button)
    idle(qtbot, panel.controller)
    qtbot.waitUntil(lambda: not panel.guide._latest.busy)
    return panel.controller.shown(TARGET)


def test_predict_goes_to_the_largest_slice(window, volume, qtbot):
    place(window, volume).show(window.dims, 0)
    predicted(qtbot, volume)
    assert (volume.controller.shown(CLEAN).data == 2).any(axis=(1, 2)).sum() == 5
    assert place(window, volume).number(window.dims) == LARGEST


def test_predict_stays_where_something_is_seen(window, volume, qtbot):
    place(window, volume).show(window.dims, FIRST)
    predicted(qtbot, volume)
    assert place(window, volume).number(window.dims) == FIRST
    # The user's own way is not changed by anything else that measures.
    place(window, volume).show(window.dims, 12)
    window.layers.remove(volume.controller.shown(CLEAN))
    assert place(window, volume).number(window.dims) == 12


@pytest.mark.parametrize("shape", ["erase", "resize", "shift"])
def test_make_target_goes_to_the_structure(window, volume, qtbot, shape):
    place(window, volume).show(window.dims, 13)
    target = made(qtbot, volume, shape)
    labels = volume.controller.shown(CLEAN) if shape == "erase" else target
    number = place(window, volume).number(window.dims)
    counts = (labels.data == 2).sum(axis=(1, 2))
    assert counts[number] == counts.max()
    assert (np.asarray(labels._slice.image.raw) == 2).sum() == counts.max()


def test_make_target_stays_where_the_structure_is_seen(window, volume, qtbot):
    place(window, volume).show(window.dims, LAST)
    made(qtbot, volume, "resize")
    assert place(window, volume).number(window.dims) == LAST


def test_across_the_slices_it_goes_along_the_plane_that_is_seen(window, volume, qtbot):
    window.dims.order = (1, 0, 2)
    rows = SlicePlace.of(volume.image.value, window.dims, 1)
    rows.show(window.dims, 30)
    predicted(qtbot, volume)
    assert window.dims.order == (1, 0, 2)
    clean = volume.controller.shown(CLEAN)
    counts = (clean.data == 2).sum(axis=(0, 2))
    assert counts[rows.number(window.dims)] == counts.max()


def test_in_3_d_nothing_turns_back(window, volume, qtbot):
    window.dims.ndisplay = 3
    predicted(qtbot, volume)
    made(qtbot, volume)
    assert window.dims.ndisplay == 3


@pytest.fixture
def film(window, panel, qtbot, band_victim):
    window.add_image(disc_image((240, 320)), name="film")
    return loaded(qtbot, panel, band_victim)


def test_a_film_stays_in_view(window, film, qtbot):
    window.reset_view()
    camera = window.scene.camera
    before = camera.center, camera.zoom
    predicted(qtbot, film)
    made(qtbot, film, "resize")
    assert (camera.center, camera.zoom) == before


def test_a_structure_beyond_the_edge_comes_into_view(window, film, qtbot):
    camera = window.scene.camera
    camera.zoom, camera.center = 30.0, (10.0, 10.0)
    made(qtbot, film, "resize")
    target = film.controller.shown(TARGET)
    places = np.argwhere(target.data == 2)
    middle = (places.min(0) + places.max(0)) / 2
    np.testing.assert_allclose(camera.center[-2:], middle, atol=1e-6)


def test_a_target_that_fails_takes_the_view_nowhere(window, volume, qtbot):
    place(window, volume).show(window.dims, 13)
    section = volume.target_section
    section.structure.value, section.shape.value = 2, "shift"
    section.form.editors["shift"].value = "0, 500, 0"
    click(qtbot, section.button)
    idle(qtbot, volume.controller)
    assert volume.controller.shown(TARGET) is None
    # Made by the designer: it is its own to show.
    _, designer = window.window.add_plugin_dock_widget("napari-segadv", "Target designer")
    designer.start.value = "empty"
    click(qtbot, designer.start_button)
    qtbot.waitUntil(lambda: volume.controller.shown(TARGET) is not None)
    idle(qtbot, volume.controller)
    assert place(window, volume).number(window.dims) == 13
