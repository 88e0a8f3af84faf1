"""Masks of DICOM files whose headers name another patient, image or place than the image's."""

import json

import dicom_sources as made
import numpy as np
import pydicom
import pytest

from napari_segadv import io
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom_out.segmentation import write_seg
from napari_segadv.io.dicom_out.series import write_series
from napari_segadv.io.structures import read_structures
from napari_segadv.results.session.plain_data import scan_data

SHAPE = (6, 21, 27)
SQUARE = [(2.5, 3.5), (2.5, 10.5), (8.5, 10.5), (8.5, 3.5)]
PATIENT, FRAME, DRAWN = "another patient", "another frame of reference", "drawn on another image"
OTHER_SERIES = "drawn on another series, in the same frame of reference"

# What the mask's image states otherwise than the image, and what must become of it: a refusal, or a
# note. "" is a blank entry.
CASES = {
    "the image itself": ({}, None, None),
    "another patient": ({"PatientID": "P2"}, PATIENT, None),
    "another patient, same spelling but for spaces": ({"PatientID": " p1 "}, None, None),
    "another patient and place": ({"PatientID": "P2", "FrameOfReferenceUID": "2.25.9"}, PATIENT, 0),
    "patient unknown": ({"PatientID": ""}, None, None),
    "another frame": (
        {"FrameOfReferenceUID": "2.25.9", "SeriesInstanceUID": "2.25.8"}, FRAME, None,
    ),
    "another series": ({"SeriesInstanceUID": "2.25.8"}, None, OTHER_SERIES),
    "another study": (
        {"SeriesInstanceUID": "2.25.8", "StudyInstanceUID": "2.25.7"}, None, OTHER_SERIES,
    ),
    "another series, patient unknown": (
        {"PatientID": "", "SeriesInstanceUID": "2.25.8"}, None, OTHER_SERIES,
    ),
}  # fmt: skip


def volume():
    return made.stored_volume()


def seg_of(folder, **facts):
    """A segmentation by highdicom, drawn on a series on the same grid."""
    files = made.ct(folder / "other", volume() + 7, **facts)
    return made.seg(folder / "seg.dcm", files, made.labels())


def contours_of(folder, **facts):
    """The same as contours."""
    files = made.ct(folder / "other", volume() + 7, **facts)
    corners = np.array([(x * 0.7 - 20, y * 0.8 - 30, 43.0) for y, x in SQUARE])
    path = made.rtstruct(folder / "rs.dcm", {1: ("Liver", [corners])})
    ds, first = pydicom.dcmread(path), pydicom.dcmread(files[1])
    series = made.item(SeriesInstanceUID=first.SeriesInstanceUID)
    series.ContourImageSequence = [made.item(ReferencedSOPInstanceUID=first.SOPInstanceUID)]
    frame = made.item(FrameOfReferenceUID=first.FrameOfReferenceUID)
    frame.RTReferencedStudySequence = [made.item(RTReferencedSeriesSequence=[series])]
    ds.ReferencedFrameOfReferenceSequence = [frame]
    ds.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
    ds.PatientID = first.PatientID
    del ds.FrameOfReferenceUID
    ds.save_as(path)
    return path


@pytest.fixture
def scan(tmp_path):
    return io.read(made.ct(tmp_path / "ct", volume())[0])


@pytest.mark.parametrize("kind", [seg_of, contours_of])
@pytest.mark.parametrize(("facts", "refused", "note"), CASES.values(), ids=CASES)
def test_a_mask_of_another_image_on_the_same_grid(tmp_path, scan, kind, facts, refused, note):
    path = kind(tmp_path, **facts)
    if refused is None:
        mask = io.read_mask(path, scan.grid)
        assert mask.array.any()
        assert [note in told for told in mask.notes] == ([True] if note else [])
        return
    for read in (lambda: io.read_mask(path, scan.grid), lambda: io.mask_for(path, scan, "target")):
        with pytest.raises(SegadvError, match=refused) as caught:
            read()
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    anyway = io.read_mask(f"{path}::anyway", scan.grid)
    assert anyway.array.any()
    assert anyway.which == "anyway"
    assert [refused in told for told in anyway.notes] == [True]
    assert io.read_mask(f"{path}::liver+anyway", scan.grid).array.any()


@pytest.mark.parametrize("stated", ["image", "mask", "neither"])
def test_without_a_frame_of_reference_the_images_that_it_names_count(tmp_path, stated):
    blank = {"FrameOfReferenceUID": ""}
    scan = io.read(made.ct(tmp_path / "ct", volume(), **({} if stated == "image" else blank))[0])
    own = made.seg(tmp_path / "own.dcm", scan.meta["files"], made.labels())
    other = seg_of(tmp_path, SeriesInstanceUID="2.25.8")
    for path in (own, other):
        ds = pydicom.dcmread(path)
        ds.FrameOfReferenceUID = "2.25.13" if stated == "mask" else ""
        ds.save_as(path)
    assert not io.read_mask(own, scan.grid).notes
    with pytest.raises(SegadvError, match=DRAWN):
        io.read_mask(other, scan.grid)


def test_its_own_image_counts_more_than_a_frame_of_reference_that_a_program_made_up(tmp_path, scan):
    path = made.seg(tmp_path / "seg.dcm", scan.meta["files"], made.labels())
    ds = pydicom.dcmread(path)
    ds.FrameOfReferenceUID = "2.25.9"
    ds.save_as(path)
    assert "but another frame of reference" in io.read_mask(path, scan.grid).notes[0]


def test_numbers_of_two_hospitals(tmp_path):
    files = made.ct(tmp_path / "ct", volume(), IssuerOfPatientID="north")
    scan = io.read(files[0])
    path = made.bare_seg(tmp_path / "s.dcm", made.labels() == 1, IssuerOfPatientID="south")
    with pytest.raises(SegadvError, match=PATIENT):
        io.read_mask(path, scan.grid)
    unsaid = made.bare_seg(tmp_path / "u.dcm", made.labels() == 1)
    assert io.read_mask(unsaid, scan.grid).array.any()


def test_structures_of_several_frames_of_reference(tmp_path, scan):
    """Each structure names its own; that of another scan is not read as if it were of this one."""
    corners = np.array([(x * 0.7 - 20, y * 0.8 - 30, 43.0) for y, x in SQUARE])
    path = made.rtstruct(tmp_path / "rs.dcm", {1: ("CT", [corners]), 2: ("MR", [corners + 1e-3])})
    ds = pydicom.dcmread(path)
    for item, uid in zip(ds.StructureSetROISequence, ("2.25.13", "2.25.99"), strict=True):
        item.ReferencedFrameOfReferenceUID = uid
    ds.save_as(path)
    assert io.read_mask(f"{path}::CT", scan.grid).array.any()
    with pytest.raises(SegadvError, match=FRAME):
        io.read_mask(f"{path}::MR", scan.grid)


def test_x_rays_of_one_series_are_images_of_their_own(tmp_path):
    one, other = (
        made.xray(tmp_path / name / "dx.dcm", volume()[0] + n, InstanceNumber=n + 1)
        for n, name in enumerate(("a", "b"))
    )
    path = made.seg(tmp_path / "seg.dcm", [one], made.labels()[1])
    assert io.read_mask(path, io.read(one).grid).array.any()
    with pytest.raises(SegadvError, match=DRAWN):
        io.read_mask(path, io.read(other).grid)


@pytest.mark.parametrize("flat", [False, True], ids=["volume", "x-ray"])
def test_masks_of_the_source_fit_our_derived_series_and_the_other_way_round(tmp_path, flat):
    if flat:
        clean = io.read(made.xray(tmp_path / "dx" / "dx.dcm", volume()[0]))
    else:
        clean = io.read(made.ct(tmp_path / "ct", volume())[0])
    labels = made.labels()[1] if flat else made.labels()
    written = write_series(clean.array, clean, tmp_path / "derived")
    derived = io.read(written.files[0])
    path = made.seg(tmp_path / "seg.dcm", clean.meta["files"], labels)
    mask = io.read_mask(path, derived.grid)
    assert not any("drawn on" in note for note in mask.notes)
    np.testing.assert_array_equal(mask.array, labels)
    write_seg(mask, written.files, tmp_path / "target.dcm")
    back = io.read_mask(tmp_path / "target.dcm", clean.grid) if not flat else None
    if back is not None:
        np.testing.assert_array_equal(back.array, labels)


def test_without_identifiers_it_is_another_patient_s_until_you_say_so(tmp_path, scan):
    written = write_series(scan.array, scan, tmp_path / "derived", deidentify=True)
    derived = io.read(written.files[0])
    path = made.seg(tmp_path / "seg.dcm", scan.meta["files"], made.labels())
    with pytest.raises(SegadvError, match=f"{PATIENT}|{FRAME}|{DRAWN}"):
        io.read_mask(path, derived.grid)
    mask = io.read_mask(f"{path}::anyway", derived.grid)
    np.testing.assert_array_equal(mask.array, made.labels())
    write_seg(Mask(made.labels(), derived.grid), written.files, tmp_path / "own.dcm")
    assert io.read_mask(tmp_path / "own.dcm", derived.grid).array.any()


def test_a_mask_in_memory_keeps_its_patient(tmp_path, scan):
    other = io.read(made.ct(tmp_path / "other", volume(), PatientID="P2")[0])
    mask = Mask(made.labels(), other.grid)
    with pytest.raises(SegadvError, match=r"the mask: is of another patient.*give its array"):
        io.mask_for(mask, scan, "target")
    assert io.mask_for(mask.array, scan, "target").array.any()


def test_overlapping_structures_are_looked_at_too(tmp_path, scan):
    path = seg_of(tmp_path, PatientID="P2")
    with pytest.raises(SegadvError, match=PATIENT):
        read_structures(path, ["Liver", "Spleen"], scan.grid)
    assert read_structures(f"{path}::anyway", ["Liver", "Spleen"], scan.grid).array.any()


def test_channels_are_of_one_patient(tmp_path, scan):
    other = io.read(made.ct(tmp_path / "other", volume(), PatientID="P2")[0])
    with pytest.raises(SegadvError, match="is of another patient than"):
        Scan.of_parts([scan, other])


def test_no_patient_data_are_kept_where_files_are_written_from(scan):
    subject = scan.grid.subject
    assert subject.patient
    text = json.dumps(scan_data(scan)) + repr(scan.grid) + repr(dict(scan.meta))
    for secret in (subject.patient, "P1", *subject.frames, *subject.images):
        assert secret not in text.replace(str(scan.path), "").replace(str(scan.meta["files"]), "")
