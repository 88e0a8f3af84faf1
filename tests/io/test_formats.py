"""Files to Scans and back: pixels, geometry and storage type."""

import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError

TURN = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])


def volume(dtype="int16", direction=TURN) -> Scan:
    array = (np.arange(4 * 5 * 6).reshape(4, 5, 6) * 3 % 101).astype(dtype)
    grid = Grid(array.shape, (3.0, 2.0, 1.5), (-7.0, 8.0, 9.0), direction)
    return Scan(array, grid, "grey level", Storage(dtype))


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_a_volume_comes_back_as_it_was(tmp_path, ending, dtype):
    scan = volume(dtype)
    io.save(scan, tmp_path / f"v{ending}")
    back = io.read(tmp_path / f"v{ending}")
    np.testing.assert_array_equal(back.array, scan.array)
    assert back.storage.dtype == dtype
    assert back.grid.same_as(scan.grid)
    np.testing.assert_allclose(back.grid.affine, scan.grid.affine, atol=1e-5)


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("colour", [False, True])
def test_a_photograph_comes_back_as_it_was(tmp_path, ending, dtype, colour):
    shape = (5, 6, 3) if colour else (5, 6)
    array = (np.arange(np.prod(shape)).reshape(shape) % 200).astype(dtype)
    scan = Scan.from_array(array, colour=colour)
    io.save(scan, tmp_path / f"p{ending}")
    back = io.read(tmp_path / f"p{ending}")
    np.testing.assert_array_equal(back.array, array)
    assert (back.colour, back.units, back.grid.physical) == (colour, "grey level", False)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_scaled_nifti_keeps_its_integers_and_its_scaling(tmp_path, ending):
    path, again = tmp_path / f"s{ending}", tmp_path / f"t{ending}"
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    scan = Scan(
        (stored * 0.5 - 1024).astype(np.float32),
        Grid((2, 3, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3)),
        "HU",
        Storage("int16", 0.5, -1024.0),
    )
    io.save(scan, path)
    back = io.read(path)
    assert back.storage == Storage("int16", 0.5, -1024.0)
    np.testing.assert_array_equal(back.array, scan.array)
    io.save(back, again)
    header = (
        __import__("gzip").decompress(again.read_bytes())
        if ending.endswith("gz")
        else again.read_bytes()
    )
    assert struct.unpack_from("<h", header, 70)[0] == 4  # DT_INT16
    assert struct.unpack_from("<ff", header, 112) == (0.5, -1024.0)
    np.testing.assert_array_equal(np.frombuffer(header[352:], np.int16), stored.ravel())


def test_units_come_from_the_values(tmp_path):
    io.save(volume("int16"), tmp_path / "mr.nii.gz")
    assert io.read(tmp_path / "mr.nii.gz").units == "grey level"
    ct = volume("int16")
    array = ct.array.copy()
    array[0] = -1000
    io.save(Scan(array, ct.grid, "HU", ct.storage), tmp_path / "ct.nii.gz")
    assert io.read(tmp_path / "ct.nii.gz").units == "HU"


def test_an_alpha_channel_is_left_out(tmp_path):
    rgba = np.zeros((5, 6, 4), np.uint8)
    rgba[2:, :, 0] = 200
    sitk.WriteImage(sitk.GetImageFromArray(rgba, isVector=True), str(tmp_path / "a.png"))
    scan = io.read(tmp_path / "a.png")
    assert scan.colour
    np.testing.assert_array_equal(scan.array, rgba[..., :3])


def test_the_pixel_density_of_a_photograph_is_no_geometry(tmp_path):
    image = sitk.GetImageFromArray(np.arange(30, dtype=np.uint8).reshape(5, 6))
    image.SetSpacing((0.35, 0.35))
    sitk.WriteImage(image, str(tmp_path / "d.png"))
    assert io.read(tmp_path / "d.png").grid.same_as(Grid.pixels((5, 6)))


def test_real_images_read_as_what_they_are(shared):
    ct = io.read(shared / "ct" / "thorax_abdomen_ct.nii.gz")
    assert (ct.units, ct.storage.dtype, ct.grid.shape) == ("HU", "int32", (112, 101, 122))
    xray = io.read(shared / "chest_xray" / "1.jpg")
    assert (xray.units, xray.storage.dtype, xray.colour) == ("grey level", "uint8", False)
    assert io.output_format(xray)[0] == ".png"
    assert "JPEG" in io.output_format(xray)[1]
    fundus = io.read(shared / "fundus" / "11.png")
    assert fundus.colour
    lungs = io.read_mask(shared / "chest_xray" / "1_lungs.png", xray.grid)
    assert set(np.unique(lungs.array)) == {0, 255}


def test_a_mask_goes_by_its_geometry_not_by_its_shape(tmp_path):
    scan = volume(direction=np.eye(3))
    labels = np.zeros(scan.grid.shape, np.uint8)
    labels[1, 2, 4] = 3
    flipped = Grid(
        scan.grid.shape,
        scan.grid.spacing,
        (-7.0, 8.0, 9.0 + 5 * 1.5),
        np.diag([1.0, 1.0, -1.0]),
    )
    io.save_mask(Mask(np.ascontiguousarray(labels[:, :, ::-1]), flipped), tmp_path / "m.nii.gz")
    mask = io.read_mask(tmp_path / "m.nii.gz", scan.grid)
    np.testing.assert_array_equal(mask.array, labels)


def test_a_coarse_mask_is_brought_onto_the_image(tmp_path):
    scan = volume(direction=np.eye(3))
    coarse = Grid((2, 5, 6), (6.0, 2.0, 1.5), (-5.5, 8.0, 9.0), np.eye(3))
    labels = np.zeros((2, 5, 6), np.uint8)
    labels[1, 1:3, 1:4] = 2
    io.save_mask(Mask(labels, coarse), tmp_path / "m.nii.gz")
    mask = io.read_mask(tmp_path / "m.nii.gz", scan.grid)
    np.testing.assert_array_equal(mask.array, np.repeat(labels, 2, axis=0))


BAD_FILES = {
    "text.nii.gz": (b"hello", "can't be read as an image"),
    "text.png": (b"hello", "can't be read as an image"),
    "notes.txt": (b"hello", "not an image that can be read"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_image(tmp_path, name):
    content, expected = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SegadvError, match=expected) as error:
        io.read(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_empty_things(tmp_path):
    with pytest.raises(SegadvError, match="no such file"):
        io.read(tmp_path / "nowhere.nii")
    with pytest.raises(SegadvError, match="no DICOM series in this folder"):
        io.read(tmp_path)


def test_nan_constant_and_4d_images(tmp_path):
    array = np.ones((4, 5, 6), np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "flat.nii.gz"))
    array[1, 2, 3] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "nan.nii.gz"))
    series = sitk.JoinSeries([sitk.GetImageFromArray(np.random.rand(4, 5, 6))] * 3)
    sitk.WriteImage(series, str(tmp_path / "time.nii.gz"))
    for name, expected in (
        ("flat", "every pixel is 1"),
        ("nan", "1 of 120 values are NaN"),
        ("time", "has 4 dimensions"),
    ):
        with pytest.raises(SegadvError, match=expected):
            io.read(tmp_path / f"{name}.nii.gz")


def test_masks_that_are_none(tmp_path):
    scan = volume(direction=np.eye(3))
    io.save(volume("float32"), tmp_path / "fine.nii.gz")
    io.read_mask(tmp_path / "fine.nii.gz")
    half = Scan(np.full((4, 5, 6), 0.5, np.float32), scan.grid, "x", Storage("float32"))
    io.save(half, tmp_path / "half.nii.gz")
    with pytest.raises(SegadvError, match="fractions"):
        io.read_mask(tmp_path / "half.nii.gz")
    away = Grid((4, 5, 6), (3.0, 2.0, 1.5), (500.0, 8.0, 9.0), np.eye(3))
    io.save_mask(Mask(np.ones((4, 5, 6), np.uint8), away), tmp_path / "other.nii.gz")
    with pytest.raises(SegadvError, match="100 % of its labelled voxels lie outside"):
        io.read_mask(tmp_path / "other.nii.gz", scan.grid)
    io.save_mask(Mask(np.ones((7, 8), np.uint8), Grid.pixels((7, 8))), tmp_path / "small.png")
    with pytest.raises(SegadvError, match="7 x 8 pixels but the image has 4 x 5 x 6"):
        io.read_mask(tmp_path / "small.png", scan.grid)


def test_writing_somewhere_impossible_is_one_line(tmp_path):
    with pytest.raises(SegadvError, match="can't be written"):
        io.save(volume(), tmp_path / "no" / "such" / "folder" / "v.nii.gz")
    with pytest.raises(SegadvError, match="can't be written; use .png"):
        io.save(Scan.from_array(np.eye(5, dtype=np.uint8)), Path(tmp_path / "x.jpg"))
