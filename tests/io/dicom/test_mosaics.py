"""Images in which a scanner has put several slices side by side."""

import numpy as np
import pytest
from dicoms import AXIAL, image, save, slices
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom.choice import choices

SAYS = "holds several slices side by side (a mosaic); convert its series to NIfTI with dcm2niix"
PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
VOLUME = np.arange(5 * 12 * 10, dtype=np.uint16).reshape(5, 12, 10)


def typed(ds):
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]


def derived(ds):
    ds.ImageType = ["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND", "NORM", "MOSAIC"]


def counted(ds):
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 16)


def of_unknown_kind(ds):
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "UN", b"\x10\0")


def gridded(ds):
    ds.private_block(0x0065, "Image Private Header", create=True).add_new(0x50, "DS", "16")


def one_slice(ds):
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 1)


def of_others(ds):
    ds.private_block(0x0019, "GEMS_ACQU_01", create=True).add_new(0x0A, "US", 16)


def mosaic(folder, change, count=3, syntax=ExplicitVRLittleEndian):
    for n in range(count):
        ds = image(PIXELS + n, "MR", 16, SeriesInstanceUID="1.2.3.60", InstanceNumber=n + 1)
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [-400, -400, 10], list(AXIAL)
        ds.PixelSpacing, ds.AcquisitionNumber = [3, 3], n + 1
        change(ds)
        save(ds, folder / f"m{n}.dcm", syntax)
    return folder


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("change", [typed, derived, counted, of_unknown_kind, gridded])
@pytest.mark.parametrize("count", [1, 3])
def test_it_is_refused_in_one_line(tmp_path, change, count, syntax):
    folder = mosaic(tmp_path / "fmri", change, count, syntax)
    for place in (folder, folder / "m0.dcm", f"{folder / 'm0.dcm'}::file"):
        with pytest.raises(SegadvError) as caught:
            io.read(place)
        assert str(caught.value).endswith(SAYS)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [one_slice, of_others])
def test_images_of_one_slice_are_read(tmp_path, change):
    folder = mosaic(tmp_path / "mr", change, 1)
    np.testing.assert_array_equal(io.read(folder).array, PIXELS)


def test_it_blocks_nobody_beside_it(tmp_path):
    slices(tmp_path / "t1", VOLUME, modality="MR")
    mosaic(tmp_path / "fmri", typed)
    assert choices(tmp_path) == []
    scan = io.read(tmp_path)
    np.testing.assert_array_equal(scan.array, VOLUME)
    assert [note for note in scan.notes if f"3 images of the folder that {SAYS}." in note]
