"""DICOM series by folder or file, their geometry, units and choice."""

import numpy as np
import pydicom
import pytest
from helpers import write_series

from napari_segadv import io
from napari_segadv.errors import SegadvError


@pytest.fixture
def stored() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2000, (6, 12, 10)).astype(np.uint16)


@pytest.mark.parametrize("by", ["folder", "file"])
def test_a_series_by_its_folder_or_any_file(tmp_path, stored, by):
    files = write_series(tmp_path / "s", stored)
    scan = io.read(tmp_path / "s" if by == "folder" else files[3])
    np.testing.assert_array_equal(scan.array, stored.astype(int) - 1024)
    assert scan.units == "HU"
    np.testing.assert_allclose(scan.grid.spacing, (2.5, 0.8, 0.7))
    np.testing.assert_allclose(scan.grid.origin, (5.0, 20.0, -10.0))
    assert float(scan.meta["window_width"]) == 400
    assert len(scan.meta["files"]) == 6
    assert io.output_format(scan)[0] == ".nii.gz"


def test_files_without_a_suffix(tmp_path, stored):
    files = write_series(tmp_path / "s", stored, names="IM{:04d}")
    assert io.read(files[0]).array.shape == stored.shape
    assert io.read(tmp_path / "s").array.shape == stored.shape


def test_several_series_in_a_folder_are_a_clear_choice(tmp_path, stored):
    write_series(tmp_path / "s", stored, description="thin")
    files = write_series(tmp_path / "s", stored[:3] + 1, description="thick", names="t{:03d}.dcm")
    with pytest.raises(SegadvError, match="holds 2 images") as error:
        io.read(tmp_path / "s")
    assert "1 = CT, series 1, thin, 6 slices of 12 x 10, axial" in str(error.value)
    assert "2 = CT, series 1, thick, 3 slices of 12 x 10, axial" in str(error.value)
    assert "\n" not in str(error.value)
    np.testing.assert_array_equal(io.read(files[1]).array, stored[:3].astype(int) + 1 - 1024)


def test_a_missing_slice_is_refused(tmp_path, stored):
    write_series(tmp_path / "s", stored, skip=(3,))
    with pytest.raises(SegadvError, match="a slice is missing or doubled"):
        io.read(tmp_path / "s")


def test_a_single_radiograph_is_two_dimensional(tmp_path, stored):
    (file,) = write_series(tmp_path / "s", stored[:1], modality="CR")
    scan = io.read(file)
    assert scan.array.shape == (12, 10)
    assert scan.units == "grey level"
    np.testing.assert_allclose(scan.grid.spacing, (0.8, 0.7))


def test_a_truncated_file(tmp_path, stored):
    (file,) = write_series(tmp_path / "s", stored[:1])
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(SegadvError, match="it holds no image; check that the file is complete"):
        io.read(file)


def test_the_written_series_is_valid_dicom(tmp_path, stored):
    (file,) = write_series(tmp_path / "s", stored[:1])
    assert pydicom.dcmread(file).pixel_array.shape == (12, 10)
