"""A series derived from a scan: written, and read again by pydicom, SimpleITK and highdicom."""

import warnings
from dataclasses import replace
from pathlib import Path

import dicom_sources as made
import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from highdicom._standard_utils import (
    get_iod_module_map,
    get_module_attribute_map,
    get_sop_class_iod_map,
)
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from napari_segadv import io
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom_out.series import write_series
from napari_segadv.io.dicom_out.sources import why_not
from napari_segadv.io.quantise import quantise


def noisy(scan, epsilon=7.0, seed=1):
    """The scan with noise, quantised inside the budget."""
    noise = np.random.default_rng(seed).uniform(-epsilon, epsilon, scan.array.shape)
    return quantise(scan, scan.array + noise, "linf", epsilon)


@pytest.fixture(params=[made.AXIAL, made.OBLIQUE], ids=["axial", "oblique"])
def files(tmp_path, request):
    return made.ct(tmp_path / "ct", made.stored_volume(), request.param)


@pytest.mark.parametrize("deidentify", [False, True])
def test_stored_values_and_geometry_are_equal_for_every_reader(tmp_path, files, deidentify):
    scan = io.read(files[0])
    adversarial = noisy(scan)
    written = write_series(adversarial, scan, tmp_path / "out", deidentify=deidentify)
    back = io.read(tmp_path / "out")
    np.testing.assert_array_equal(back.array, adversarial)
    assert back.grid.same_as(scan.grid)
    assert (back.units, back.storage, back.presentation) == (
        scan.units,
        scan.storage,
        scan.presentation,
    )
    datasets = [pydicom.dcmread(file) for file in written.files]
    stored = np.stack([ds.pixel_array for ds in datasets])
    np.testing.assert_array_equal(stored, adversarial + 1024)
    image = sitk.ReadImage([str(file) for file in written.files])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), adversarial)
    clean = sitk.ReadImage([str(file) for file in files])
    assert image.GetOrigin() == clean.GetOrigin()
    assert image.GetDirection() == clean.GetDirection()
    assert image.GetSpacing() == clean.GetSpacing()
    volumes = [
        hd.get_volume_from_series([hd.imread(file) for file in each])
        for each in (written.files, files)
    ]
    np.testing.assert_allclose(volumes[0].affine, volumes[1].affine)
    np.testing.assert_array_equal(
        volumes[0].array - volumes[1].array,
        (adversarial - scan.array) if volumes[0].affine[2, 0] > 0 else
        (adversarial - scan.array)[::-1],
    )  # fmt: skip


def test_the_header_says_what_it_is(tmp_path, files):
    scan = io.read(files[0])
    written = write_series(noisy(scan), scan, tmp_path / "out")
    sources = [pydicom.dcmread(file) for file in files]
    for ds, source in zip(map(pydicom.dcmread, written.files), sources, strict=True):
        assert ds.ImageType == ["DERIVED", "SECONDARY", "AXIAL"]
        assert ds.SeriesDescription == "ADVERSARIAL - not for diagnosis"
        assert "Not for diagnosis" in ds.DerivationDescription
        assert ds.SeriesInstanceUID == written.series != source.SeriesInstanceUID
        assert ds.SOPInstanceUID != source.SOPInstanceUID
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
        assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        (reference,) = ds.SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
        for kept in (
            *("StudyInstanceUID", "FrameOfReferenceUID", "PatientName", "PatientID"),
            *("ImagePositionPatient", "WindowCenter", "WindowWidth", "BitsStored", "KVP"),
            *("RescaleSlope", "RescaleIntercept", "InstanceNumber", "SOPClassUID"),
        ):
            assert ds[kept].value == source[kept].value, kept
    assert len({pydicom.dcmread(file).SOPInstanceUID for file in written.files}) == 6
    assert "PatientName, PatientID" in written.notes[0]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_radiographs_of_all_depths(tmp_path, bits, signed, photometric):
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    rng = np.random.default_rng(bits)
    stored = rng.integers(low, high, (40, 50), endpoint=True)
    stored.flat[:2] = low, high
    kind = f"{'i' if signed else 'u'}{1 if bits == 8 else 2}"
    path = made.xray(
        tmp_path / "dx.dcm", stored.astype(kind), bits, photometric,
        SmallestImagePixelValue=0, LargestImagePixelValue=1,
        RescaleSlope="1", RescaleIntercept="0", WindowCenter="7", WindowWidth="9",
    )  # fmt: skip
    scan = scan_of(path, stored)
    adversarial = np.clip(stored + rng.integers(-3, 3, stored.shape, endpoint=True), low, high)
    written = write_series(adversarial, scan, tmp_path / "out")
    ds = pydicom.dcmread(written.files[0])
    np.testing.assert_array_equal(ds.pixel_array, adversarial)
    facts = (ds.BitsStored, ds.HighBit, ds.PixelRepresentation, ds.PhotometricInterpretation)
    assert facts == (bits, bits - 1, int(signed), photometric)
    ends = (ds.SmallestImagePixelValue, ds.LargestImagePixelValue)
    assert ends == (adversarial.min(), adversarial.max())
    assert (ds.WindowCenter, ds.WindowWidth) == (7, 9)


def scan_of(path, array, **meta):
    """A scan as a DICOM reader makes it, for files whose values are those stored."""
    scan = Scan.from_array(np.asarray(array), spacing=(1.0,) * np.asarray(array).ndim)
    meta = {"format": "DICOM series", "files": (str(path),), **meta}
    return replace(scan, path=path, meta=meta)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_sources_are_written_uncompressed(tmp_path, syntax):
    stored = made.stored_volume((3, 40, 44))
    files = made.ct(tmp_path / "ct", stored)
    for file in files:
        ds = pydicom.dcmread(file)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(file)
    scan = io.read(files[0])
    adversarial = noisy(scan)
    written = write_series(adversarial, scan, tmp_path / "out")
    for ds, plane in zip(map(pydicom.dcmread, written.files), adversarial, strict=True):
        assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        np.testing.assert_array_equal(ds.pixel_array, plane + 1024)


def test_the_budget_holds_and_padding_stays(tmp_path):
    stored = made.stored_volume()
    stored[:, :3] = 0
    stored[:, 3] = 1
    files = made.ct(tmp_path / "ct", stored, PixelPaddingValue=0)
    scan = io.read(files[0])
    wanted = scan.array.astype(np.float32) - 1.0
    wanted[:, 5:8] -= 0.4
    # 1, the row beside the padding, would become padding.
    written = write_series(wanted, scan, tmp_path / "out")
    back = np.stack([pydicom.dcmread(file).pixel_array for file in written.files]).astype(int)
    difference = back - stored
    assert (difference[:, :4] == 0).all()
    assert (difference[:, 4:] == -1).all()
    notes = " ".join(written.notes)
    assert f"{6 * 3 * 27} pixels were rounded towards the clean image" in notes
    assert f"{6 * 4 * 27} pixels at the padding value" in notes


def test_values_beyond_the_stored_bits_are_cut_off_and_told(tmp_path):
    files = made.ct(tmp_path / "ct", made.stored_volume())
    scan = io.read(files[0])
    wanted = scan.array.astype(np.int32)
    wanted[0, 0, 0], wanted[0, 0, 1] = 9000, -3000
    written = write_series(wanted, scan, tmp_path / "out")
    stored = pydicom.dcmread(written.files[0]).pixel_array
    assert stored[0, :2].tolist() == [4095, 0]
    assert "2 pixels were cut off" in written.notes[0]


def test_slices_with_slopes_of_their_own(tmp_path):
    """As in PET: the noise is no whole step in any slice, and must not grow."""
    stored = made.stored_volume()
    files = made.ct(tmp_path / "pet", stored)
    slopes = 0.1 + 0.037 * np.arange(6)
    for file, slope in zip(files, slopes, strict=True):
        ds = pydicom.dcmread(file)
        ds.RescaleSlope, ds.RescaleIntercept = f"{slope:.6f}", "0"
        ds.save_as(file)
    clean = (stored * slopes[:, None, None]).astype(np.float32)
    scan = replace(
        Scan.from_array(clean, (3.0, 0.8, 0.7)),
        meta={"format": "DICOM series", "files": tuple(map(str, files))},
    )
    noise = np.random.default_rng(0).uniform(-2, 2, clean.shape).astype(np.float32)
    written = write_series(clean + noise, scan, tmp_path / "out")
    for ds, before, n, slope in zip(
        map(pydicom.dcmread, written.files), stored, noise, slopes, strict=True
    ):
        change = (ds.pixel_array.astype(float) - before) * slope
        assert (np.abs(change) <= np.abs(n) + 1e-3).all()
        assert (np.abs(change - n) <= slope + 1e-3).all()
        assert (change * n >= 0).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colour(tmp_path, dtype):
    most = np.iinfo(dtype).max
    rgb = np.random.default_rng(0).integers(0, most, (30, 40, 3), endpoint=True).astype(dtype)
    path = made.xray(tmp_path / "sc.dcm", rgb, rgb.itemsize * 8, "RGB", Modality="SC")
    scan = Scan.from_array(rgb, colour=True)
    scan = replace(scan, path=path, meta={"format": "DICOM series", "files": (str(path),)})
    written = write_series(rgb[::-1], scan, tmp_path / "out")
    ds = pydicom.dcmread(written.files[0])
    np.testing.assert_array_equal(ds.pixel_array, rgb[::-1])
    assert (ds.PhotometricInterpretation, ds.PlanarConfiguration) == ("RGB", 0)
    wide = replace(scan, array=rgb.astype(np.uint32))
    assert "colours of the type uint32" in why_not(wide)
    with pytest.raises(SegadvError, match="colours of the type uint32; save it as NIfTI"):
        write_series(wide.array, wide, tmp_path / "wide")


def test_pixels_of_a_kind_that_is_not_written(tmp_path, files):
    scan = io.read(files[0])
    ds = pydicom.dcmread(files[0])
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 32, 32, 31
    ds.save_as(files[0])
    assert why_not(scan) == "its pixels have 32 of 32 bits (MONOCHROME2)"
    files[0].write_bytes(Path(get_testdata_file("MR_small_bigendian.dcm")).read_bytes())
    assert "big-endian" in why_not(scan)


def enhanced(path, stored):
    """An enhanced multi-frame image, by a minimum of its groups."""
    ds = made.with_pixels(made.base(pydicom.uid.EnhancedCTImageStorage, "CT"), stored[0], 12)
    ds.NumberOfFrames = len(stored)
    ds.PixelData = stored.tobytes()
    ds.SharedFunctionalGroupsSequence = [
        made.item(
            PixelMeasuresSequence=[made.item(PixelSpacing=[0.8, 0.7], SliceThickness=3.0)],
            PlaneOrientationSequence=[made.item(ImageOrientationPatient=list(made.AXIAL))],
        )
    ]
    ds.PerFrameFunctionalGroupsSequence = [
        made.item(
            PlanePositionSequence=[made.item(ImagePositionPatient=[-20.0, -30.0, 40 + 3.0 * k])],
            PixelValueTransformationSequence=[
                made.item(RescaleSlope="1", RescaleIntercept=str(-k), RescaleType="HU")
            ],
            CTImageFrameTypeSequence=[made.item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME"])],
        )
        for k in range(len(stored))
    ]
    ds.save_as(path, enforce_file_format=True)
    return path


def test_frames_of_one_file_in_the_order_of_the_image(tmp_path):
    stored = made.stored_volume()
    path = enhanced(tmp_path / "multi.dcm", stored)
    order = [5, 3, 1]
    clean = np.stack([stored[k].astype(np.int32) - k for k in order])
    scan = scan_of(path, clean, frames=tuple(order))
    written = write_series(clean + 2, scan, tmp_path / "out")
    (file,) = written.files
    ds = pydicom.dcmread(file)
    np.testing.assert_array_equal(ds.pixel_array, stored[order] + 2)
    groups = ds.PerFrameFunctionalGroupsSequence
    heights = [g.PlanePositionSequence[0].ImagePositionPatient[2] for g in groups]
    assert heights == [55.0, 49.0, 43.0]
    kinds = [g.CTImageFrameTypeSequence[0].FrameType for g in groups]
    assert kinds == [["DERIVED", "SECONDARY", "VOLUME"]] * 3


def lacking(ds):
    """What the standard asks for in such an object, by highdicom's copy of its tables."""
    kind = get_sop_class_iod_map()[ds.SOPClassUID]
    modules = [m["key"] for m in get_iod_module_map()[kind] if m["usage"] == "M"]
    required = [
        (entry["keyword"], entry["type"])
        for module in modules
        for entry in get_module_attribute_map()[module]
        if not entry["path"] and entry["type"] in ("1", "2")
    ]
    return {
        keyword
        for keyword, kind in required
        if keyword not in ds or (kind == "1" and ds[keyword].is_empty)
    }


@pytest.mark.parametrize("deidentify", [False, True])
@pytest.mark.parametrize("name", ["made", "CT_small.dcm", "MR_small.dcm"])
def test_nothing_that_the_standard_asks_for_gets_lost(tmp_path, files, name, deidentify):
    if name == "made":
        source = files[0]
    else:
        source = tmp_path / "alone" / name
        source.parent.mkdir()
        source.write_bytes(Path(get_testdata_file(name)).read_bytes())
    scan = io.read(source)
    written = write_series(scan.array, scan, tmp_path / "out", deidentify=deidentify)
    before, after = pydicom.dcmread(source), pydicom.dcmread(written.files[0])
    assert lacking(after) <= lacking(before)
    assert "ImageType" not in lacking(after)
    # What it has is valid: nothing warns when it is written and read once more.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pydicom.dcmread(written.files[0])
        for element in again.iterall():
            assert element.value is not element


def test_a_scan_that_is_not_that_of_its_files_is_refused(tmp_path, files):
    scan = io.read(files[0])
    turned = replace(scan, meta={**scan.meta, "files": tuple(map(str, files[::-1]))})
    with pytest.raises(SegadvError, match="holds other pixels than the image has there"):
        write_series(noisy(scan), turned, tmp_path / "a")
    other = replace(scan, array=scan.array + 0.5)
    with pytest.raises(SegadvError, match="its stored numbers are not those of the image"):
        write_series(other.array, other, tmp_path / "b")


def test_what_can_not_be_written_as_dicom(tmp_path, files):
    scan = io.read(files[0])
    assert why_not(scan) == ""
    for change, reason in (
        ({"format": "NIfTI"}, "was not read from DICOM files"),
        ({"straightened": 12.0}, "was resampled"),
        ({"modality_lut": True}, "lookup table"),
        ({"files": tuple(map(str, files[:4]))}, "6 slices are spread over 4 files"),
        ({"files": (*map(str, files[:5]), str(tmp_path / "gone.dcm"))}, "is no longer there"),
    ):
        other = replace(scan, meta={**scan.meta, **change})
        with pytest.raises(SegadvError, match=reason):
            write_series(scan.array, other, tmp_path / "out")
    with pytest.raises(SegadvError, match="is no image of"):
        write_series(scan.array[1:], scan, tmp_path / "out")
    write_series(scan.array, scan, tmp_path / "out")
    with pytest.raises(SegadvError, match="exists already; name another folder"):
        write_series(scan.array, scan, tmp_path / "out")


def test_a_full_disk_leaves_nothing_behind(tmp_path, files, monkeypatch):
    scan, save, calls = io.read(files[0]), pydicom.Dataset.save_as, []

    def full(self, *args, **more):
        calls.append(1)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        return save(self, *args, **more)

    monkeypatch.setattr(pydicom.Dataset, "save_as", full)
    with pytest.raises(SegadvError, match="out: can't be written .No space left on device"):
        write_series(scan.array, scan, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_can_not_be_moved_takes_the_others_back(tmp_path, files, monkeypatch):
    scan, replace_file, out = io.read(files[0]), Path.replace, tmp_path / "out"

    def full(self, target):
        if Path(target) == out / "0004.dcm":
            raise OSError(28, "No space left on device")
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SegadvError, match="out: can't be written .No space left on device"):
        write_series(scan.array, scan, out)
    assert list(out.iterdir()) == []


def test_full_memory_is_told(tmp_path, files, monkeypatch):
    scan = io.read(files[0])
    monkeypatch.setattr(pydicom.Dataset, "save_as", lambda *_, **__: bytes(1 << 62))
    with pytest.raises(SegadvError, match="out: needs more memory than there is"):
        write_series(scan.array, scan, tmp_path / "out")


def test_blank_uids_get_new_ones(tmp_path, files):
    for file in files:
        ds = pydicom.dcmread(file)
        ds.SOPClassUID = ds.SOPInstanceUID = ds.StudyInstanceUID = ds.SeriesInstanceUID = ""
        ds.save_as(file)
    scan = io.read(files[0].parent)
    written = write_series(noisy(scan), scan, tmp_path / "out")
    datasets = [pydicom.dcmread(file) for file in written.files]
    assert {ds.SOPClassUID.name for ds in datasets} == {"CT Image Storage"}
    assert len({ds.StudyInstanceUID for ds in datasets} - {""}) == 1
    assert len({ds.SOPInstanceUID for ds in datasets}) == 6
    assert all("SourceImageSequence" not in ds for ds in datasets)


def test_overlays_in_unused_bits_are_left_out(tmp_path):
    stored = made.stored_volume()[0]
    path = made.xray(tmp_path / "dx.dcm", stored | 0x8000)
    ds = pydicom.dcmread(path)
    for element, vr, value in (
        *((0x10, "US", 21), (0x11, "US", 27), (0x40, "CS", "G"), (0x50, "SS", [1, 1])),
        *((0x100, "US", 16), (0x102, "US", 15)),
    ):
        ds.add_new((0x6000, element), vr, value)
    ds.save_as(path)
    written = write_series(stored + 1, scan_of(path, stored), tmp_path / "out")
    back = pydicom.dcmread(written.files[0])
    assert not back.group_dataset(0x6000)
    np.testing.assert_array_equal(
        np.frombuffer(back.PixelData, np.uint16)[:567], stored.ravel() + 1
    )
    assert "overlays" in written.notes[0]


def test_an_intercept_without_a_slope_counts(tmp_path):
    files = made.ct(tmp_path / "ct", made.stored_volume())
    for file in files:
        ds = pydicom.dcmread(file)
        del ds.RescaleSlope
        ds.save_as(file)
    scan = io.read(files[0])
    assert scan.array.min() < -900
    written = write_series(scan.array + 1, scan, tmp_path / "out")
    back = np.stack([pydicom.dcmread(file).pixel_array for file in written.files])
    np.testing.assert_array_equal(back, scan.array + 1025)


def signed_jpeg(path, stored):
    """Write a radiograph of 12 bits with a sign in lossless JPEG, which pydicom can't decode."""
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.SetFileName(str(path))
    writer.Execute(sitk.GetImageFromArray(stored.view(np.uint16) & np.uint16(0x0FFF)))
    ds = pydicom.dcmread(path)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 1
    ds.save_as(path)
    return path


def test_pixels_that_only_itk_decodes_are_compared_too(tmp_path):
    stored = (made.stored_volume()[0].astype(np.int16) - 500) // 2
    path = signed_jpeg(tmp_path / "dx.dcm", stored)
    scan = io.read(path)
    np.testing.assert_array_equal(scan.array, stored)
    written = write_series(scan.array + 1, scan, tmp_path / "out")
    np.testing.assert_array_equal(pydicom.dcmread(written.files[0]).pixel_array, stored + 1)
    signed_jpeg(path, stored[::-1].copy())
    with pytest.raises(SegadvError, match="holds other pixels than the image has there"):
        write_series(scan.array + 1, scan, tmp_path / "other")
