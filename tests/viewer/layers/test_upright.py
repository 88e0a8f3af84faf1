"""Patients stand upright and look to the left, however their volume is stored and seen."""

import numpy as np
import pytest
from clicks import drained
from helpers import disc_image

from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.upright import keep_upright

# Which axis of the array is looked along.
AXIAL, CORONAL, SAGITTAL = (0, 1, 2), (1, 0, 2), (2, 0, 1)
# Of the array's axes by turns, the patient's axis (to the head, to the back, to the left) that
# each goes along, and whether forwards.
STORED = {
    "ordinary": ((0, 1), (1, 1), (2, 1)),
    "feet last": ((0, -1), (1, 1), (2, 1)),
    "flipped": ((0, -1), (1, -1), (2, -1)),
    "sagittal": ((2, 1), (0, 1), (1, 1)),
    "sagittal, feet last": ((2, 1), (0, -1), (1, 1)),
    "sagittal, to the front": ((2, -1), (0, -1), (1, -1)),
    "coronal": ((1, 1), (0, 1), (2, 1)),
    "coronal, to the right": ((1, -1), (0, -1), (2, -1)),
}
# Ways to look at each that a reading room has.
VIEWS = [
    *((how, view) for how in list(STORED)[:3] for view in (AXIAL, CORONAL, SAGITTAL)),
    *((how, AXIAL) for how in list(STORED)[3:]),
]


def volume(how):
    """A dark patient, bright where head, back and left meet."""
    patient = np.full((24, 30, 36), -900, np.int16)
    patient[16:, 20:, 24:] = 900
    axes, ways = zip(*STORED[how], strict=True)
    array = patient.transpose(axes)
    for axis, way in enumerate(ways):
        if way < 0:
            array = np.flip(array, axis)
    direction = np.zeros((3, 3))
    for column, (row, way) in enumerate(STORED[how]):
        direction[row, column] = way
    grid = Grid(array.shape, (1.0, 1.0, 1.0), (5.0, -7.0, 11.0), direction)
    return Scan(np.ascontiguousarray(array), grid, "HU", Storage("int16"))


def show(window, scan):
    Controller.of(window)
    data, keywords, _ = image_tuple(scan, "patient")
    return window.add_image(data, **{**keywords, "contrast_limits": (-1000, 1000)})


def look(window, layer, order):
    """Looks along an axis, at the bright end of it."""
    window.dims.order = order
    along = order[0]
    places = np.argwhere(np.asarray(layer.data) > 0)
    middle = layer.data_to_world(places.mean(axis=0))
    window.dims.set_point(along, middle[along])
    window.fit_to_view()


def bright(window, qtbot):
    """Where on the screen the bright part lies, from the middle: rows down, columns right."""
    drained(qtbot)
    picture = window.screenshot(canvas_only=True, flash=False)[..., 0]
    assert picture.max() > 200
    found = np.argwhere(picture > 200).mean(axis=0)
    return found - np.array(picture.shape) / 2


@pytest.mark.parametrize(("how", "order"), VIEWS)
def test_head_back_and_left_are_where_a_reading_room_has_them(window, qtbot, how, order):
    layer = show(window, volume(how))
    look(window, layer, order)
    down, right = bright(window, qtbot)
    patient = [STORED[how][axis][0] for axis in order[1:]]
    # The head is above, the back below; left and back are on the right.
    assert (down < -20) if patient[0] == 0 else (down > 20)
    assert right > 20


@pytest.mark.parametrize("how", ["ordinary", "feet last", "flipped"])
def test_the_cameras_axes_by_plane(window, how):
    # Flips are shown by the layer's affine: the axes of the world are the patient's.
    show(window, volume(how))
    camera = window.scene.camera
    for order, expected in (
        (AXIAL, ("down", "right")),
        (CORONAL, ("up", "right")),
        (SAGITTAL, ("up", "right")),
        (AXIAL, ("down", "right")),
    ):
        window.dims.order = order
        assert camera.orientation2d == expected
    window.dims.order = CORONAL
    window.dims.ndisplay = 3
    window.dims.ndisplay = 2
    assert camera.orientation2d == ("up", "right")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("sagittal", ("up", "right")),
        ("sagittal, feet last", ("down", "right")),
        ("sagittal, to the front", ("down", "left")),
        ("coronal", ("up", "right")),
        ("coronal, to the right", ("down", "left")),
    ],
)
def test_a_volume_that_is_shown_as_it_is_stored(window, how, expected):
    show(window, volume(how))
    assert window.scene.camera.orientation2d == expected


@pytest.mark.parametrize("kind", ["photograph", "slice in mm", "stack without geometry"])
def test_what_is_no_volume_of_a_patient_is_left_as_it_is(window, kind):
    Controller.of(window)
    window.scene.camera.orientation2d = ("up", "left")
    if kind == "photograph":
        window.add_image(disc_image())
    elif kind == "slice in mm":
        data, keywords, _ = image_tuple(Scan.from_array(disc_image(), (0.5, 0.5)))
        window.add_image(data, **keywords)
    else:
        data, keywords, _ = image_tuple(Scan.from_array(np.stack([disc_image()] * 3)))
        window.add_image(data, **keywords)
        window.dims.order = CORONAL
    assert window.scene.camera.orientation2d == ("up", "left")


def test_beside_a_photograph_the_volume_counts(window):
    Controller.of(window)
    window.add_image(disc_image(), name="below")
    layer = show(window, volume("ordinary"))
    window.dims.order = CORONAL
    assert window.scene.camera.orientation2d == ("up", "right")
    window.layers.remove(layer)
    show(window, volume("sagittal, to the front"))
    window.dims.order = AXIAL
    assert window.scene.camera.orientation2d == ("down", "left")


def test_the_image_that_is_chosen_says_how_the_view_is_turned(window):
    """Of a film and two volumes it is the chosen one; the lowest volume counts if none is."""
    chosen = []
    turned = keep_upright(window, lambda: chosen[-1] if chosen else None)
    film = window.add_image(disc_image(), name="film")
    volumes = []
    for how in ("ordinary", "sagittal, to the front"):
        data, keywords, _ = image_tuple(volume(how), how)
        volumes.append(window.add_image(data, **keywords))
    camera = window.scene.camera
    for image, expected in (
        (volumes[1], ("down", "left")),
        (film, ("down", "right")),
        (volumes[0], ("down", "right")),
        (volumes[1], ("down", "left")),
    ):
        chosen.append(image)
        turned()
        assert camera.orientation2d == expected
        # What is opened meanwhile changes nothing.
        window.layers.remove(window.add_image(disc_image(), name="another"))
        assert camera.orientation2d == expected
