"""The swipe line as napari gets it: dashed, bright and dark, from all sides and in colour."""

from dataclasses import replace

import numpy as np
import pytest
from clicks import click, drained
from compare_window import show
from compared import colour_example
from roles import role

from napari_segadv.data.scan import Storage
from napari_segadv.viewer.compare.halves import DASH, LINE_COLOUR

ORDERS = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}


def line_in(picture, *sources):
    """The columns of a picture that come from none of its sources, in one."""
    own = np.logical_and.reduce([picture != source for source in sources])
    at = np.flatnonzero(own.reshape(*own.shape[:2], -1).any(axis=(0, 2)))
    # As many as are needed to be seen, side by side and alike.
    assert len(at) >= 1
    assert at[-1] - at[0] + 1 == len(at)
    for column in at:
        np.testing.assert_array_equal(picture[:, column], picture[:, at[0]])
    return picture[:, at[0]]


def check_dashes(line, bright, dark):
    """Rows of a line by turns."""
    rows = (np.arange(len(line)) // DASH) % 2 == 0
    assert rows.any()
    assert not rows.all()
    np.testing.assert_array_equal(line[rows], np.broadcast_to(bright, line[rows].shape))
    np.testing.assert_array_equal(line[~rows], np.broadcast_to(dark, line[~rows].shape))


@pytest.mark.parametrize("view", ORDERS)
def test_the_line_is_dashed_from_all_sides(window, compare, qtbot, deep, view):
    image, adversarial = show(window, deep)
    # Unlike any pixel of the images.
    image.contrast_limits = (-900, 1900)
    click(qtbot, compare.modes["swipe"])
    window.dims.order = ORDERS[view]
    window.dims.set_current_step(ORDERS[view][0], 3)
    drained(qtbot)
    sources = [layer._slice.image.view for layer in (image, adversarial)]
    for value in (200, 500, 800):
        compare.line.setValue(value)
        picture = role(window, "swipe")._slice.image.view
        check_dashes(line_in(picture, *sources), 1900, -900)


def test_the_line_is_dashed_in_a_picture_of_two_dimensions(window, compare, qtbot, flat):
    image, adversarial = show(window, flat)
    click(qtbot, compare.modes["swipe"])
    sources = [layer._slice.image.view for layer in (image, adversarial)]
    # Wider where the image is small on the screen.
    for zoom in (window.scene.camera.zoom, 0.3):
        window.scene.camera.zoom = zoom
        picture = role(window, "swipe")._slice.image.view
        check_dashes(line_in(picture, *sources), 255, 0)


def in_floats(example):
    """A colour example from 0 to 1."""

    def scaled(scan):
        return replace(scan, array=np.float32(scan.array / 255), storage=Storage("float32"))

    pair = (scaled(scan) for scan in (example.clean, example.adversarial))
    return replace(example, **dict(zip(("clean", "adversarial"), pair, strict=True)))


@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_and_in_colour(window, compare, qtbot, flat, kind):
    example, most = colour_example(flat), 255
    if kind == "floats":
        example, most = in_floats(example), 1
    image, adversarial = show(window, example)
    click(qtbot, compare.modes["swipe"])
    swipe = role(window, "swipe")
    assert swipe.rgb
    views = [layer._slice.image.view[..., :3] for layer in (swipe, image, adversarial)]
    assert views[0].dtype == example.clean.array.dtype
    check_dashes(line_in(*views), np.array(LINE_COLOUR, np.float32) * most / 255, (0, 0, 0))
