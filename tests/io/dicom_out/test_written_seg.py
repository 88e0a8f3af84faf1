"""Label maps written as DICOM segmentations, and read again by highdicom and SimpleITK."""

import dicom_sources as made
import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom_out.segmentation import write_seg
from napari_segadv.io.dicom_out.series import write_series

CLASSES = ("background", "Leber (groß)", "Spleen", "Left kidney", "absent")


@pytest.fixture(params=[made.AXIAL, made.OBLIQUE], ids=["axial", "oblique"])
def files(tmp_path, request):
    return made.ct(tmp_path / "ct", made.stored_volume(), request.param)


@pytest.mark.parametrize("label_map", [False, True])
@pytest.mark.parametrize("order", [1, -1])
def test_it_comes_back_on_its_series(tmp_path, files, label_map, order):
    scan = io.read(files[0])
    mask = Mask(made.labels(), scan.grid, CLASSES)
    path = tmp_path / "seg.dcm"
    write_seg(mask, files[::order], path, label_map=label_map, algorithm="A network")
    back = io.read_mask(path, scan.grid)
    np.testing.assert_array_equal(back.array, mask.array)
    assert back.classes == CLASSES
    ds = hd.seg.segread(path)
    source = pydicom.dcmread(files[0])
    for keyword in ("PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert ds[keyword].value == source[keyword].value
    assert ds.SegmentationType == ("LABELMAP" if label_map else "BINARY")
    assert ds.get_segment_description(1).algorithm_type.value == "AUTOMATIC"
    assert "not for diagnosis" in ds.SeriesDescription
    # As SimpleITK places it: the planes of the image that hold a class.
    volume = ds.get_volume(combine_segments=True)
    image = sitk.ReadImage([str(file) for file in files])
    index = np.argwhere(volume.array)
    places = (volume.affine @ np.column_stack([index, np.ones(len(index))]).T)[:3].T
    numbers = [image.TransformPhysicalPointToIndex(place) for place in places.tolist()]
    found = np.zeros(scan.array.shape, np.uint8)
    found[tuple(np.array(numbers)[:, ::-1].T)] = volume.array[tuple(index.T)]
    np.testing.assert_array_equal(found, mask.array)


def test_it_refers_to_the_slices_of_a_derived_series(tmp_path, files):
    scan = io.read(files[0])
    written = write_series(scan.array, scan, tmp_path / "out", deidentify=True)
    write_seg(Mask(made.labels(), scan.grid, CLASSES), written.files, tmp_path / "seg.dcm")
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    (series,) = ds.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == written.series
    known = {pydicom.dcmread(file).SOPInstanceUID for file in written.files}
    assert {one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence} <= known
    assert "Doe" not in (tmp_path / "seg.dcm").read_bytes().decode("latin-1")
    on_derived = io.read_mask(tmp_path / "seg.dcm", io.read(tmp_path / "out").grid)
    np.testing.assert_array_equal(on_derived.array, made.labels())


def test_an_empty_mask(tmp_path, files):
    scan = io.read(files[0])
    mask = Mask(np.zeros(scan.array.shape, np.uint8), scan.grid)
    write_seg(mask, files, tmp_path / "seg.dcm", names=CLASSES)
    back = io.read_mask(tmp_path / "seg.dcm", scan.grid)
    assert not back.array.any()
    assert back.classes == CLASSES


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_radiograph(tmp_path, photometric):
    image = made.xray(tmp_path / "dx" / "dx.dcm", made.stored_volume()[0], 12, photometric)
    scan = io.read(image)
    mask = Mask(made.labels()[2], scan.grid, CLASSES)
    write_seg(mask, [image], tmp_path / "seg.dcm")
    np.testing.assert_array_equal(io.read_mask(tmp_path / "seg.dcm", scan.grid).array, mask.array)
    pixels = hd.seg.segread(tmp_path / "seg.dcm").pixel_array
    np.testing.assert_array_equal(pixels[0], mask.array == 1)


def test_a_slice_of_a_series(tmp_path):
    (file,) = made.ct(tmp_path / "ct", made.stored_volume()[:1])
    scan = io.read(file)
    write_seg(Mask(made.labels()[2], scan.grid), [file], tmp_path / "seg.dcm")
    back = io.read_mask(tmp_path / "seg.dcm", scan.grid)
    np.testing.assert_array_equal(back.array, made.labels()[2])


def test_files_with_blank_entries(tmp_path, files):
    for file in files:
        ds = pydicom.dcmread(file)
        ds.SOPInstanceUID = ds.StudyInstanceUID = ds.SeriesInstanceUID = ""
        ds.FrameOfReferenceUID = ds.SOPClassUID = ""
        for keyword in ("PatientName", "StudyID", "PatientSex", "ReferringPhysicianName"):
            del ds[keyword]
        ds.save_as(file)
    scan = io.read(files[0].parent)
    write_seg(Mask(made.labels(), scan.grid), files, tmp_path / "seg.dcm")
    back = io.read_mask(tmp_path / "seg.dcm", scan.grid)
    np.testing.assert_array_equal(back.array, made.labels())


def test_what_is_refused(tmp_path, files):
    scan = io.read(files[0])
    large = np.zeros(scan.array.shape, np.uint16)
    large[0, 0, 0] = 5000
    with pytest.raises(SegadvError, match="class number 5000 is too large"):
        write_seg(Mask(large, scan.grid), files, tmp_path / "seg.dcm")
    with pytest.raises(SegadvError, match="no files of its series are known"):
        write_seg(Mask(made.labels(), scan.grid), [], tmp_path / "seg.dcm")
    flat = Mask(made.labels()[0], Grid.pixels((21, 27)))
    with pytest.raises(SegadvError, match="single slice, but its series has several"):
        write_seg(flat, files, tmp_path / "seg.dcm")
    with pytest.raises(SegadvError, match="5 x 5 pixels, but the image has 21 x 27"):
        write_seg(Mask(np.zeros((5, 5), np.uint8), Grid.pixels((5, 5))), files[:1], tmp_path / "s")
    with pytest.raises(SegadvError, match="does not say where its slices lie"):
        write_seg(Mask(made.labels(), Grid.pixels((6, 21, 27))), files, tmp_path / "seg.dcm")
    with pytest.raises(SegadvError, match="can't be written"):
        write_seg(Mask(made.labels(), scan.grid), files, tmp_path / "missing" / "seg.dcm")
    assert not (tmp_path / "seg.dcm").exists()
