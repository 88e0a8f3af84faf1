"""Identifiers: removed at all levels by the basic profile, and those that stay are named."""

import dicom_sources as made
import numpy as np
import pydicom
import pytest

from napari_segadv import io
from napari_segadv.io.dicom_out.series import write_series

IDENTIFYING = {
    "PatientName": "Muster^Erika",
    "PatientID": "HOSP-4711",
    "PatientBirthDate": "19561224",
    "PatientAddress": "Mainstreet 5",
    "OtherPatientIDs": "X-99",
    "ReferringPhysicianName": "Quack^Donald",
    "InstitutionName": "St Elsewhere",
    "StationName": "CT-ROOM-3",
    "StudyDescription": "Erika before surgery",
    "AccessionNumber": "ACC-31337",
    "StudyDate": "20210203",
    "AcquisitionDate": "20210203",
    "DeviceSerialNumber": "SN-5150",
    "ImageComments": "called Erika",
    "ProtocolName": "Erika special",
}


@pytest.fixture
def scan(tmp_path):
    files = made.ct(tmp_path / "ct", made.stored_volume(), **IDENTIFYING)
    # GDCM does not read files with comments on overlays.
    found = io.read(files[0])
    for file in files:
        ds = pydicom.dcmread(file)
        block = ds.private_block(0x0009, "MAKER 1.0", create=True)
        block.add_new(0x01, "LO", "Erika Muster")
        inner = made.item(PatientID="HOSP-4711", ReferencedSOPInstanceUID="2.25.424242")
        inner.RequestingPhysician = "Quack^Donald"
        ds.ReferencedImageSequence = [inner]
        for element, vr, value in (
            *((0x10, "US", 21), (0x11, "US", 27), (0x40, "CS", "G"), (0x50, "SS", [1, 1])),
            *((0x100, "US", 1), (0x102, "US", 0)),
        ):
            ds.add_new((0x6000, element), vr, value)
        ds.add_new((0x6000, 0x3000), "OW", b"\0" * 72)
        ds.add_new((0x6000, 0x4000), "LT", "Erika")
        ds.save_as(file)
    return found


def test_nothing_that_identifies_is_left_in_the_bytes(tmp_path, scan):
    written = write_series(scan.array, scan, tmp_path / "out", deidentify=True)
    sources = [pydicom.dcmread(file) for file in scan.meta["files"]]
    secrets = ["Erika", "Muster", "HOSP", "Quack", "Elsewhere", "ACC-", "SN-5", "Mainstreet"]
    secrets += ["19561224", "20210203", "ROOM", "X-99", "2.25.424242", "MAKER"]
    secrets += [source[name].value for source in sources for name in ("SOPInstanceUID",)]
    secrets += [sources[0].StudyInstanceUID + "\0", sources[0].SeriesInstanceUID + "\0"]
    for file in written.files:
        data = file.read_bytes().decode("latin-1")
        assert [secret for secret in secrets if secret in data] == []
    datasets = [pydicom.dcmread(file) for file in written.files]
    assert {ds.PatientIdentityRemoved for ds in datasets} == {"YES"}
    assert datasets[0].DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert len({ds.StudyInstanceUID for ds in datasets}) == 1
    assert len({ds.FrameOfReferenceUID for ds in datasets}) == 1
    assert written.notes == ("Identifiers were removed by the basic profile of the standard.",)


def test_pixels_and_places_are_kept(tmp_path, scan):
    write_series(scan.array, scan, tmp_path / "out", deidentify=True)
    back = io.read(tmp_path / "out")
    np.testing.assert_array_equal(back.array, scan.array)
    assert back.grid.same_as(scan.grid)
    ds = pydicom.dcmread(next((tmp_path / "out").iterdir()))
    assert ds.SeriesDescription == "ADVERSARIAL - not for diagnosis"
    assert ds.ImageType[:2] == ["DERIVED", "SECONDARY"]


def test_what_is_kept_is_told(tmp_path, scan):
    written = write_series(scan.array, scan, tmp_path / "out")
    assert written.notes == (
        "The series carries the patient's identifiers: PatientName, PatientID, PatientBirthDate, "
        "OtherPatientIDs, AccessionNumber, private elements.",
    )
    ds = pydicom.dcmread(written.files[0])
    assert ds[0x0009, 0x1001].value == "Erika Muster"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"BurnedInAnnotation": "YES"}, "Burned In Annotation is YES"),
        ({"Modality": "US"}, "perhaps text in the pixels"),
        ({"BodyPartExamined": "HEAD"}, "the face"),
        ({"RecognizableVisualFeatures": "YES"}, "the face"),
        ({"FilterType": "MUSTER"}, "FilterType, which has a word of the patient"),
    ],
)
def test_what_may_remain_is_named(tmp_path, entries, message):
    named = {"PatientName": "Muster^Erika", **entries}
    files = made.ct(tmp_path / "ct", made.stored_volume(), **named)
    scan = io.read(files[0])
    written = write_series(scan.array, scan, tmp_path / "out", deidentify=True)
    assert "these may remain" in written.notes[0]
    assert message in written.notes[0]
