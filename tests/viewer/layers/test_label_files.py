"""Which files napari opens as labels and which as images, where both are 8-bit numbers."""

import numpy as np
import pytest

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.viewer.hooks import in_patches

SHAPE = (4, 40, 48)
GRID = Grid(SHAPE, (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))


def noisy():
    """A hundred grey levels, no two neighbours alike by more than chance."""
    return np.random.default_rng(0).integers(0, 100, SHAPE).astype(np.uint8)


def graded():
    """A ramp of a hundred grey levels with a little noise on it."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(1, 95, SHAPE[1])[:, None] + rng.normal(0, 3, SHAPE)
    return np.clip(ramp, 0, 99).astype(np.uint8)


def organs():
    z, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    labels = np.zeros(SHAPE, np.uint8)
    labels[np.hypot(y - 15, x - 15) < 9] = 1
    labels[np.hypot(y - 25, x - 32) < 12] = 2
    return labels


def vessels():
    """Lines of one pixel in every direction, which cross."""
    labels = np.zeros(SHAPE, np.uint8)
    for n in range(5):
        labels[:, :, 4 + 9 * n] = n + 1
        labels[:, 3 + 8 * n] = n + 1
    at = np.arange(40)
    labels[:, at, at] = 6
    return labels


def walls():
    """Rings of two pixels, one on the other."""
    _, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    far = np.hypot(y - 20, x - 24)
    labels = np.zeros(SHAPE, np.uint8)
    labels[far < 16] = 3
    labels[far < 14] = 2
    labels[far < 12] = 1
    return labels


def atlas():
    """As many classes as an atlas of the brain has, each a small block."""
    blocks = np.arange(1, 121, dtype=np.uint8).reshape(10, 12)
    return np.broadcast_to(np.kron(blocks, np.ones((4, 4), np.uint8)), SHAPE).copy()


@pytest.mark.parametrize("drawn", [noisy, graded])
def test_an_8_bit_image_is_an_image_though_it_has_few_grey_levels(window, tmp_path, drawn):
    array = drawn()
    assert 60 < len(np.unique(array)) <= 100
    io.save(Scan(array, GRID, "grey level", Storage("uint8")), tmp_path / "a.nii.gz")
    (layer,) = window.open(tmp_path / "a.nii.gz", plugin="napari-segadv")
    assert layer._type_string == "image"
    np.testing.assert_array_equal(layer.data, array)


@pytest.mark.parametrize("drawn", [organs, vessels, walls, atlas])
def test_a_label_map_is_labels_however_thin_its_structures(window, tmp_path, drawn):
    array = drawn()
    io.save_mask(Mask(array, GRID), tmp_path / "a.nii.gz")
    (layer,) = window.open(tmp_path / "a.nii.gz", plugin="napari-segadv")
    assert layer._type_string == "labels"
    np.testing.assert_array_equal(layer.data, array)


@pytest.mark.parametrize("width", [1, 2])
def test_thin_layers_on_each_other_are_labels(width):
    array = np.zeros((4, 40, 48), np.uint8)
    for number in range(1, 5):
        array[:, :, 10 + width * number : 10 + width * (number + 1)] = number
    assert in_patches(array)
