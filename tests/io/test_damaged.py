"""Damaged or unusable files: each is refused in one line, before anything is computed."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.io import images

GRID = Grid((6, 20, 24), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))


def volume(dtype="int16") -> Scan:
    array = np.random.default_rng(0).integers(0, 200, GRID.shape).astype(dtype)
    return Scan(array, GRID, "grey level", Storage(dtype))


def refused(path, says):
    with pytest.raises(SegadvError, match=says) as caught:
        io.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("missing", [1, 500])
def test_a_nifti_that_lacks_its_end(tmp_path, dtype, missing, capfd):
    path = tmp_path / "v.nii"
    io.save(volume(dtype), path)
    path.write_bytes(path.read_bytes()[:-missing])
    refused(path, "complete")
    packed = tmp_path / "v.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    refused(packed, "complete")
    io.save(volume(dtype), packed)
    packed.write_bytes(packed.read_bytes()[:-500])
    refused(packed, "complete")
    assert capfd.readouterr() == ("", "")


def test_a_tiff_that_lacks_its_last_slice(tmp_path, capfd):
    path = tmp_path / "v.tif"
    sitk.WriteImage(sitk.GetImageFromArray(volume("uint8").array), str(path))
    whole = path.read_bytes()
    io.read(path)
    # Cut off the end, as an interrupted copy does.
    path.write_bytes(whole[: len(whole) - 300])
    refused(path, "slice|complete")
    assert capfd.readouterr() == ("", "")


def test_native_libraries_say_nothing(tmp_path, capfd):
    path = tmp_path / "v.mha"
    io.save(volume(), path)
    path.write_bytes(path.read_bytes()[:400])
    refused(path, "complete")
    assert capfd.readouterr() == ("", "")


def test_axes_that_are_not_at_right_angles(tmp_path):
    path = tmp_path / "tilted.nrrd"
    io.save(volume(), path)
    header = path.read_bytes()
    assert b"(0.0,0.0,2.0)" in header
    path.write_bytes(header.replace(b"(0.0,0.0,2.0)", b"(0.0,1.0,2.0)"))
    refused(path, "right angles")


def test_values_beyond_float32(tmp_path):
    scan = volume("float64")
    io.save(Scan(scan.array * 1e300, GRID, "grey level", scan.storage), tmp_path / "v.nii")
    refused(tmp_path / "v.nii", "float32")


def test_a_volume_does_not_fit_a_png(tmp_path):
    with pytest.raises(SegadvError, match="one slice"):
        io.save_mask(Mask(np.ones(GRID.shape, np.uint8), GRID), tmp_path / "m.png")
    assert list(tmp_path.iterdir()) == []


def test_a_mask_with_nan(tmp_path):
    array = np.ones(GRID.shape, np.float32)
    array[0, 0, 0] = np.nan
    io.save(Scan(array, GRID, "grey level", Storage("float32")), tmp_path / "m.nii.gz")
    with pytest.raises(SegadvError, match="NaN"):
        io.read_mask(tmp_path / "m.nii.gz")


def test_saving_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "v.nii.gz"
    io.save(volume(), path)
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    find = images.format_of
    monkeypatch.setattr(images, "format_of", lambda p: replace(find(p), write=full))
    with pytest.raises(SegadvError, match="No space left"):
        io.save(volume("uint8"), path)
    assert [p.name for p in tmp_path.iterdir()] == ["v.nii.gz"]
    assert path.read_bytes() == before


def test_a_fine_slope_is_kept_exactly(tmp_path):
    slope = float(np.float32(1 / 65.535))
    stored = np.arange(2880, dtype=np.int16).reshape(GRID.shape)
    scan = Scan((stored * slope).astype(np.float32), GRID, "HU", Storage("int16", slope, -3.0))
    io.save(scan, tmp_path / "a.nii.gz")
    first = io.read(tmp_path / "a.nii.gz")
    assert first.storage.slope == slope
    io.save(first, tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(io.read(tmp_path / "b.nii.gz").array, first.array)


@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
def test_a_header_names_its_pixels(tmp_path, ending):
    path = tmp_path / f"v{ending}"
    io.save(volume(), path)
    files = io.read(path).meta["files"]
    assert len(files) == 2
    assert files[0] == str(path)
