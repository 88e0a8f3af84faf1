"""Layers changed after they were read: what is shown is what is predicted, attacked and saved."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import disc_labels
from napari.layers import Image, Labels

from napari_segadv import io
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.viewer.hooks import write_image
from napari_segadv.viewer.layers.convert import image_tuple, mask_of, scan_of

TURNS = {
    "as it was": lambda a: a,
    "flipped": lambda a: a[::-1],
    "mirrored": np.fliplr,
    "turned": np.rot90,
    "transposed": lambda a: a.T,
    "flipped copy": lambda a: a[::-1].copy(),
    "other numbers": lambda a: a + 1,
}


def layer_of(scan):
    data, keywords, _ = image_tuple(scan, "ct")
    return Image(data, **keywords)


@pytest.mark.parametrize("turn", TURNS)
def test_data_set_in_the_console_are_the_scan(turn):
    scan = Scan.from_array(np.arange(36, dtype=np.int16).reshape(6, 6), spacing=(1.0, 1.0))
    layer = layer_of(scan)
    layer.data = TURNS[turn](layer.data)
    found = scan_of(layer)
    np.testing.assert_array_equal(found.array, layer.data)
    assert (found is scan) == (turn == "as it was")
    # Numbers that are no longer those of the file are not named after it.
    assert found is scan or found.path is None


@pytest.mark.parametrize(
    ("units", "mm"), [("mm", 1), ("um", 1e-3), ("nm", 1e-6), ("cm", 10), (None, 1)]
)
def test_units_of_a_layer_are_taken_into_mm(units, mm):
    data = np.arange(64, dtype=np.uint8).reshape(8, 8)
    layer = Image(data, scale=(0.5, 0.25), translate=(2, 3), units=units)
    grid = scan_of(layer).grid
    np.testing.assert_allclose(grid.spacing, (0.5 * mm, 0.25 * mm))
    np.testing.assert_allclose(grid.origin, (2 * mm, 3 * mm))


@pytest.mark.parametrize("turned", [False, True])
def test_a_corrected_scale_is_the_spacing(tmp_path, ct, turned):
    if turned:
        direction = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
        ct = replace(ct, grid=replace(ct.grid, direction=direction))
    layer = layer_of(replace(ct, path=tmp_path / "ct.nii.gz"))
    assert scan_of(layer).grid is ct.grid
    if turned:
        layer.scale = (6.0, 1.5, 1.25)
    else:
        layer.affine = layer.affine.affine_matrix @ np.diag([2.0, 1.0, 1.0, 1.0])
    found = scan_of(layer)
    np.testing.assert_allclose(found.grid.spacing, (6.0, 1.5, 1.25))
    np.testing.assert_allclose(found.grid.direction, ct.grid.direction)
    assert found.units == "HU"
    assert found.path is None
    data, keywords, _ = layer.as_layer_data_tuple()
    write_image(str(tmp_path / "saved.nii.gz"), data, keywords)
    np.testing.assert_allclose(io.read(tmp_path / "saved.nii.gz").grid.spacing, (6.0, 1.5, 1.25))


def test_labels_of_several_resolutions_are_those_of_the_finest():
    full = disc_labels()
    image = Image(np.random.default_rng(0).integers(0, 255, full.shape).astype(np.uint8))
    labels = Labels([full, full[::2, ::2], full[::4, ::4]], multiscale=True)
    mask = mask_of(labels, image, scan_of(image).grid)
    np.testing.assert_array_equal(mask.array, full)


def test_an_image_of_several_resolutions_is_refused():
    full = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    with pytest.raises(SegadvError, match="has several resolutions; open a single one"):
        scan_of(Image([full, full[::2, ::2]], multiscale=True, name="slide"))
