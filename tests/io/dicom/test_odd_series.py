"""Good series that details of their headers or positions kept from being read right."""

import numpy as np
import pydicom
import pytest
from dicoms import image, save, slices
from pydicom.uid import generate_uid

from napari_segadv import io
from napari_segadv.data.scan import Storage
from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom.files import holds_dicom
from napari_segadv.io.dicom_out.series import write_series

VOLUME = np.arange(6 * 12 * 10, dtype=np.uint16).reshape(6, 12, 10)
HU = VOLUME.astype(np.int16) - 1024


def edited(files, change):
    for number, file in enumerate(files):
        ds = pydicom.dcmread(file)
        change(ds, number)
        save(ds, file)


@pytest.mark.parametrize("pixel", [0.0005, 0.009, 0.1, 0.7, 5])
@pytest.mark.parametrize("ratio", [0.3, 1, 10])
def test_slices_of_any_size(tmp_path, pixel, ratio):
    step = pixel * ratio
    slices(tmp_path, VOLUME, step=step, spacing=(pixel, pixel))
    scan = io.read(tmp_path)
    np.testing.assert_array_equal(scan.array, HU)
    assert scan.grid.spacing == pytest.approx((step, pixel, pixel), rel=0.02)


@pytest.mark.parametrize("pixel", [0.009, 0.1, 0.7])
def test_a_missing_or_doubled_slice_of_any_size_is_refused(tmp_path, pixel):
    files = slices(tmp_path / "missing", VOLUME, step=pixel, spacing=(pixel, pixel))
    files[2].unlink()
    with pytest.raises(SegadvError, match="a slice is missing or doubled"):
        io.read(tmp_path / "missing")
    files = slices(tmp_path / "twice", VOLUME, step=pixel, spacing=(pixel, pixel))
    save(pydicom.dcmread(files[2]), tmp_path / "twice" / "again.dcm")
    with pytest.raises(SegadvError, match="lie at one position"):
        io.read(tmp_path / "twice")


@pytest.mark.parametrize("jitter", [0, 0.005, 0.02, 0.05])
@pytest.mark.parametrize("phases", [2, 4])
def test_phases_between_which_the_table_did_not_return_exactly(tmp_path, jitter, phases):
    same = {"SeriesInstanceUID": "1.2.3.5", "StudyInstanceUID": "1.2.3.6"}
    for phase in range(phases):
        slices(
            tmp_path, VOLUME + 10 * phase, step=3.0, origin=(0.0, 0.0, phase * jitter / phases),
            same=same, names=f"{phase}-{{}}.dcm", AcquisitionNumber=phase + 1,
        )  # fmt: skip
    for phase in range(phases):
        np.testing.assert_array_equal(io.read(f"{tmp_path}::{phase + 1}").array, HU + 10 * phase)


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.12.1"])
def test_the_class_of_a_cone_beam_ct_counts(tmp_path, sop_class):
    files = slices(tmp_path, VOLUME)

    def change(ds, _):
        ds.Modality, ds.SOPClassUID = "XA", sop_class
        ds.file_meta.MediaStorageSOPClassUID = sop_class

    edited(files, change)
    if sop_class.endswith("12.1"):
        with pytest.raises(SegadvError, match="holds 6 images"):
            io.read(tmp_path)
        return
    for place in (tmp_path, files[2]):
        scan = io.read(place)
        np.testing.assert_array_equal(scan.array, HU)
        assert scan.units == "HU"


VARIED = {
    "weight": ("PatientWeight", "80", "80.0"),
    "another spelling of the weight": ("PatientWeight", "80", "8.0E1"),
    "series number": ("SeriesNumber", "3", "03"),
    "kV": ("KVP", "120", "100"),
    "protocol": ("ProtocolName", "Abdomen", "Abdomen 2"),
    "kernel": ("ConvolutionKernel", "B30f", "B31f"),
}


@pytest.mark.parametrize(("keyword", "one", "other"), VARIED.values(), ids=VARIED)
def test_what_tells_no_images_apart_splits_no_series(tmp_path, keyword, one, other):
    files = slices(tmp_path, VOLUME)
    edited(files, lambda ds, n: setattr(ds, keyword, one if n < 3 else other))
    for place in (tmp_path, files[1]):
        np.testing.assert_array_equal(io.read(place).array, HU)


@pytest.mark.parametrize("keyword", ["KVP", "ConvolutionKernel", "PatientID", "IssuerOfPatientID"])
def test_but_at_one_position_it_does(tmp_path, keyword):
    same = {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid()}
    for n, value in enumerate(("80", "140")):
        elements = {keyword: value}
        slices(tmp_path, VOLUME + n, same=same, names=f"{n}-{{}}.dcm", **elements)
    found = [io.read(f"{tmp_path}::{n}").array for n in (1, 2)]
    np.testing.assert_array_equal(abs(found[1] - found[0]), 1)


def test_intercepts_that_vary_leave_whole_numbers(tmp_path):
    files = slices(tmp_path / "ct", VOLUME)
    edited(files, lambda ds, n: setattr(ds, "RescaleIntercept", -1000 if n % 2 else -1024))
    scan = io.read(tmp_path / "ct")
    shift = np.where(np.arange(6) % 2, -1000, -1024)[:, None, None]
    np.testing.assert_array_equal(scan.array, VOLUME.astype(int) + shift)
    assert scan.array.dtype == np.int16
    assert scan.storage == Storage("int16")
    assert not scan.notes
    write_series(scan.array + 3, scan, tmp_path / "made")
    np.testing.assert_array_equal(io.read(tmp_path / "made").array, scan.array + 3)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1000.5), (2, -1000), (0.5, 0)])
def test_others_are_floating_point(tmp_path, slope, intercept):
    files = slices(tmp_path, VOLUME)

    def change(ds, number):
        if number % 2:
            ds.RescaleSlope, ds.RescaleIntercept = slope, intercept

    edited(files, change)
    scan = io.read(tmp_path)
    assert scan.array.dtype == np.float32
    np.testing.assert_allclose(scan.array[1], VOLUME[1].astype(float) * slope + intercept)


@pytest.mark.parametrize("tilt", [0, 0.4, -20, 15])
def test_a_tilt_that_the_positions_do_not_show_is_told(tmp_path, tilt):
    slices(tmp_path, VOLUME, GantryDetectorTilt=tilt)
    scan = io.read(tmp_path)
    told = [note for note in scan.notes if "gantry tilted by" in note]
    assert bool(told) == (abs(tilt) >= 1)


@pytest.mark.parametrize("modality", ["SC", "US", "DX"])
@pytest.mark.parametrize("ratio", [[1, 1], [2, 1], None])
@pytest.mark.parametrize("spacing", [[0.2, 0.1], None])
def test_pixels_that_are_not_square_are_told(tmp_path, modality, ratio, spacing):
    facts = {"PixelAspectRatio": ratio, "PixelSpacing": spacing}
    scan = io.read(save(image(VOLUME[0], modality, **facts), tmp_path / "x.dcm"))
    told = [note for note in scan.notes if "not square (PixelAspectRatio 2 to 1)" in note]
    assert bool(told) == (ratio == [2, 1] and spacing is None)


def test_a_disc_whose_viewer_comes_first(tmp_path):
    for n in range(1200):
        (tmp_path / f"a{n:04d}.dll").write_bytes(b"MZ")
    assert not holds_dicom(tmp_path)
    for n in range(1200):
        (tmp_path / f"b{n:04d}").write_bytes(b"MZ")
    slices(tmp_path / "images", VOLUME, names="IM{:04d}")
    assert holds_dicom(tmp_path)
    np.testing.assert_array_equal(io.read(tmp_path).array, HU)
