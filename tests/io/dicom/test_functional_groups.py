"""Facts that stand in functional groups: of any class, of one frame or several, shared or its own.

Each fact is held against the same image whose header states it plainly.
"""

import itertools

import numpy as np
import pytest
from dicoms import AXIAL, CLASSES, enhanced, image, item, save
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_segadv import io
from napari_segadv.io.dicom_out.series import write_series

OTHERS = {
    "enhanced XA": ("1.2.840.10008.5.1.4.1.1.12.1.1", "XA"),
    "enhanced XRF": ("1.2.840.10008.5.1.4.1.1.12.2.1", "RF"),
    "enhanced CT": ("1.2.840.10008.5.1.4.1.1.2.1", "CT"),
    "enhanced MR": ("1.2.840.10008.5.1.4.1.1.4.1", "MR"),
    "enhanced PET": ("1.2.840.10008.5.1.4.1.1.130", "PT"),
    "photoacoustic": ("1.2.840.10008.5.1.4.1.1.6.3", "PA"),
    "parametric map": ("1.2.840.10008.5.1.4.1.1.30", "MR"),
    "ophthalmic tomography": ("1.2.840.10008.5.1.4.1.1.77.1.5.4", "OPT"),
    "multi-frame capture": ("1.2.840.10008.5.1.4.1.1.7.3", "OT"),
    "a class of some maker": ("1.3.46.670589.11.0.0.12.1", "MR"),
    "plain CT": (CLASSES["CT"], "CT"),
}
FACTS = {
    "PixelMeasuresSequence": {"PixelSpacing": [0.5, 0.25]},
    "PixelValueTransformationSequence": {
        "RescaleSlope": 2, "RescaleIntercept": -7, "RescaleType": "US",
    },
    "FrameVOILUTSequence": {"WindowCenter": 500, "WindowWidth": 200},
    "PlaneOrientationSequence": {"ImageOrientationPatient": list(AXIAL)},
    "PlanePositionSequence": {"ImagePositionPatient": [5, 6, 7]},
}  # fmt: skip
PIXELS = np.arange(600, dtype=np.uint16).reshape(24, 25)


def grouped(sop_class, modality, shared, frames, facts=FACTS):
    """An image whose facts stand in the shared groups, or in those of each frame."""
    pixels = PIXELS if frames is None else np.stack([PIXELS + n for n in range(frames)])
    ds = image(pixels, "SC")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.Modality = modality
    whole, own = Dataset(), [Dataset() for _ in range(frames or 1)]
    for name, elements in facts.items():
        for group in [whole] if shared == "shared" else own:
            setattr(group, name, item(**elements))
    if shared != "own":
        ds.SharedFunctionalGroupsSequence = Sequence([whole])
    if shared != "shared":
        ds.PerFrameFunctionalGroupsSequence = Sequence(own)
    return ds


def plain(sop_class, modality):
    ds = image(PIXELS, "SC")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.Modality = modality
    for elements in FACTS.values():
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
    return ds


def same(one, other):
    np.testing.assert_array_equal(one.array, other.array)
    assert one.units == other.units
    assert one.storage == other.storage
    assert one.grid.same_as(other.grid)
    assert one.grid.physical == other.grid.physical
    assert one.presentation == other.presentation
    assert one.notes == other.notes


@pytest.mark.parametrize(("sop_class", "modality"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("shared", ["shared", "own", "both"])
@pytest.mark.parametrize("frames", [None, 1])
def test_one_frame_of_any_class_as_if_its_header_stated_the_facts_plainly(
    tmp_path, sop_class, modality, shared, frames
):
    there = io.read(save(grouped(sop_class, modality, shared, frames), tmp_path / "a" / "g.dcm"))
    same(there, io.read(save(plain(sop_class, modality), tmp_path / "b" / "p.dcm")))


@pytest.mark.parametrize(("sop_class", "modality"), OTHERS.values(), ids=OTHERS)
def test_one_of_several_frames_too(tmp_path, sop_class, modality):
    facts = {name: each for name, each in FACTS.items() if name != "PlanePositionSequence"}
    path = save(grouped(sop_class, modality, "shared", 2, facts), tmp_path / "g.dcm")
    scan = io.read(f"{path}::2")
    np.testing.assert_array_equal(scan.array, 2 * (PIXELS.astype(int) + 1) - 7)
    assert scan.grid.spacing == (0.5, 0.25)
    assert scan.presentation.limits == (400.0, 599.0)


@pytest.mark.parametrize("intercept", [0, -1024, 2])
@pytest.mark.parametrize(
    ("kind", "units"),
    [
        ("HU", "HU"),
        ("US", "HU"),
        ("", "HU"),
        ("Z_EFF", ""),
        ("MGML", ""),
        ("ED", ""),
        ("HU_MOD", ""),
    ],
)
@pytest.mark.parametrize("where", ["plain", "shared", "own"])
def test_units_of_a_ct_wherever_they_stand(tmp_path, kind, units, intercept, where):
    facts = {"RescaleSlope": 1, "RescaleIntercept": intercept, "RescaleType": kind or None}
    if where == "plain":
        ds = image(PIXELS, "CT", **facts)
    else:
        group = {"PixelValueTransformationSequence": facts}
        ds = grouped(*OTHERS["enhanced CT"], where, None, group)
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    assert scan.units == (units or "grey level")
    values = [note for note in scan.notes if "values are" in note or "become HU" in note]
    assert values == ([] if units else [f"The values are in {kind}."])


def test_frames_in_several_units_are_several_images(tmp_path):
    volume = np.stack([PIXELS + n for n in range(6)])
    ds = enhanced(volume, sop_class=OTHERS["enhanced CT"][0], Modality="CT")
    for n, frame in enumerate(ds.PerFrameFunctionalGroupsSequence):
        frame.PixelValueTransformationSequence[0].RescaleType = "HU" if n < 3 else "Z_EFF"
    path = save(ds, tmp_path / "x.dcm")
    found = [io.read(f"{path}::{n}") for n in (1, 2)]
    assert [scan.units for scan in found] == ["HU", "grey level"]
    assert all(len(scan.array) == 3 for scan in found)


@pytest.mark.parametrize("count", [1, 4])
def test_files_of_one_frame_are_written_back_as_they_were(tmp_path, count):
    first = grouped(*OTHERS["enhanced CT"], "shared", None)
    for n in range(count):
        ds = grouped(*OTHERS["enhanced CT"], "shared", None)
        for keyword in ("SeriesInstanceUID", "StudyInstanceUID"):
            setattr(ds, keyword, first[keyword].value)
        place = ds.SharedFunctionalGroupsSequence[0].PlanePositionSequence[0]
        place.ImagePositionPatient, ds.InstanceNumber = [5, 6, 7 + 3 * n], n + 1
        save(ds, tmp_path / "ct" / f"{n}.dcm")
    clean = io.read(tmp_path / "ct")
    changed = clean.array + 2
    written = write_series(changed, clean, tmp_path / "derived")
    np.testing.assert_array_equal(io.read(tmp_path / "derived").array, changed)
    assert len(written.files) == count


@pytest.mark.parametrize("signed", itertools.product([-7, 7], ["plain", "own"]))
def test_a_lut_of_negative_values_beside_a_rescale_in_a_group(tmp_path, signed):
    from dicoms import lookup

    intercept, where = signed
    first = -7 if intercept < 0 else 7
    voi = lookup([n * n for n in range(200)], first % 65536)
    facts = {"RescaleSlope": 1, "RescaleIntercept": intercept, "RescaleType": "US"}
    if where == "plain":
        ds = image(PIXELS % 200, "MR", **facts)
        ds.VOILUTSequence = Sequence([voi])
    else:
        ds = grouped(
            *OTHERS["enhanced MR"], "own", None, {"PixelValueTransformationSequence": facts}
        )
        ds.PixelData = (PIXELS % 200).tobytes()
        ds.PerFrameFunctionalGroupsSequence[0].FrameVOILUTSequence = item(
            VOILUTSequence=Sequence([voi])
        )
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    assert scan.presentation.limits[0] == first
