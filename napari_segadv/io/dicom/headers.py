"""Headers: the facts of a file that decide what it belongs to and how it is read."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from ...errors import SegadvError
from .elements import clean, first_text, groups, items, numbers, raw, text, whole
from .files import FAULTS, parse, quiet, reason
from .kinds import (
    FUNCTIONAL_GROUPS,
    LOCALIZERS,
    SIDE_BY_SIDE,
    is_ct,
    is_image,
    is_projection,
    refusal_of,
)

IDENTITY = (
    "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge",
    "PatientWeight",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "SOPClassUID",
    "FrameOfReferenceUID", "Manufacturer", "ManufacturerModelName", "StationName",
    "DeviceSerialNumber", "BodyPartExamined", "PatientPosition", "RescaleType", "Units",
)  # fmt: skip
# Numbers, which are spelt in several ways.
SPELT = ("PatientWeight", "SeriesNumber", "AcquisitionNumber", "KVP")
# Where the series has no UID, so that patients whose UIDs were blanked stay apart.
WITHOUT_UID = (
    "AcquisitionNumber", "AcquisitionDate", "SeriesDate", "SeriesTime", "ContentDate", "KVP",
    "ProtocolName", "ConvolutionKernel",
)  # fmt: skip
# What can tell slices at one position apart, with the words for it, the likeliest first.
TOLD_APART = {
    "EchoTime": "echo time", "EchoNumbers": "echo", "ImageType": "image type",
    "TemporalPositionIdentifier": "phase", "TemporalPositionIndex": "phase",
    "b-value": "b-value", "InversionTime": "inversion time", "FlipAngle": "flip angle",
    "NominalPercentageOfCardiacPhase": "cardiac phase", "TriggerTime": "trigger time",
    "FrameReferenceTime": "frame time", "StackID": "stack", "AcquisitionNumber": "acquisition",
    "DiffusionGradientOrientation": "gradient", "ContrastBolusAgent": "contrast",
    "ConvolutionKernel": "kernel", "KVP": "kV",
    "SliceThickness": "slice thickness", "SeriesTime": "series time",
    "AcquisitionTime": "acquisition time", "ContentTime": "content time", "folder": "folder",
}  # fmt: skip
SPACINGS = (
    "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ImagePlanePixelSpacing",
)  # fmt: skip
MAGNIFICATION = "EstimatedRadiographicMagnificationFactor"
# b-values of GE, Siemens and Philips, in private elements.
PRIVATE_B_VALUES = (0x00431039, 0x0019100C, 0x20011003)
TAGS: tuple[str | int, ...] = (
    *IDENTITY, *WITHOUT_UID, *(name for name in TOLD_APART if name[0].isupper()), *SPACINGS,
    *PRIVATE_B_VALUES, MAGNIFICATION, "DiffusionBValue", "ImageType", "SOPInstanceUID",
    "InstanceNumber", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "InConcatenationTotalNumber", "ViewPosition", "ImageLaterality",
    "Laterality", *FUNCTIONAL_GROUPS, *SIDE_BY_SIDE, *(each for each, _ in SIDE_BY_SIDE.values()),
)  # fmt: skip

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Plane:
    """One slice: a file, or a frame of one.

    Attributes:
        path: its file.
        frame: its number in the file, from 0; None if the file holds nothing else.
        group: equal for slices of one series of one patient whose pixels are of one kind.
        shape: rows and columns.
        position, orientation, spacing: mm as in DICOM (x, y, z; row then column); () if unknown.
        slope, intercept: from stored numbers to real units.
        lookup: whether a Modality LUT takes their place.
        told_apart: the values of TOLD_APART.
        instance: its number in the series.
        uid: of its file; "" for all frames but the first.
    """

    path: Path
    frame: int | None
    group: str
    shape: tuple[int, int]
    position: Vector
    orientation: Vector
    spacing: Vector
    slope: float
    intercept: float
    lookup: bool
    told_apart: tuple[tuple[str, str], ...]
    instance: str
    uid: str

    @property
    def placed(self) -> bool:
        """Whether the header says where the slice lies."""
        return bool(self.position and self.orientation)


@dataclass(frozen=True)
class Header:
    """What a file holds.

    Attributes:
        path: the file.
        refusal: what it is instead of an image, or what is wrong with it; "" for an image.
        uid, number, modality, description: of its series; the description without control
            characters and without the patient's name.
        view: of a projection: its direction and side.
        frames: how many there are.
        stacks: whether its planes can be part of a volume.
        localizer: whether it is one.
        shape: rows and columns; (0, 0) if it is no image.
        planes: of it; none for frames without a place.
    """

    path: Path
    refusal: str
    uid: str = ""
    number: str = ""
    modality: str = ""
    description: str = ""
    view: str = ""
    frames: int = 1
    stacks: bool = False
    localizer: bool = False
    shape: tuple[int, int] = (0, 0)
    planes: tuple[Plane, ...] = ()

    @property
    def lost(self) -> bool:
        """Whether it is a slice of which the header does not say where it lies."""
        slices = self.modality in ("CT", "MR", "PT") and self.frames == 1
        return slices and not (self.stacks or self.localizer)


def header_of(path: Path) -> Header:
    """Read a file's header.

    Raises:
        SegadvError: if it can't be read.
    """
    ds = parse(path, TAGS)
    try:
        with quiet():
            frames = whole(ds, "NumberOfFrames", 1)
            if frames > 1 or any(name in ds for name in FUNCTIONAL_GROUPS):
                # Facts of frames are in sequences, all of which are needed.
                ds = parse(path)
            return _facts(ds, path, max(frames, 1))
    except FAULTS as error:
        raise SegadvError(
            f"{path}: its DICOM header is invalid ({reason(error)}); export it again"
        ) from None


def _facts(ds: Dataset, path: Path, frames: int) -> Header:
    shape = (whole(ds, "Rows"), whole(ds, "Columns"))
    modality = clean(text(ds, "Modality"))[:16]
    refusal = refusal_of(ds, modality, shape)
    if refusal:
        meant = is_image(ds, modality, shape)
        return Header(path, refusal, modality=modality, shape=shape if meant else (0, 0))
    localizer = bool(LOCALIZERS & set(text(ds, "ImageType").upper().split("\\")))
    stacks = not is_projection(ds, modality) and not (localizer and is_ct(ds))
    shared, own = (bool(items(ds, name)) for name in FUNCTIONAL_GROUPS)
    # Facts that are shared by several frames do not say where each of them lies.
    enhanced = own or (shared and frames == 1)
    group = group_of(ds, localizer, path if frames > 1 else None)
    if frames == 1 and not enhanced:
        planes = [plane_of(ds, path, None, group, shape)]
    elif enhanced and stacks:
        planes = [plane_of(ds, path, frame, group, shape) for frame in range(frames)]
        if not all(plane.placed for plane in planes):
            planes = []
    else:
        planes = []
    if not planes and frames == 1:
        planes = [plane_of(ds, path, 0, group, shape)]
    return Header(
        path,
        "",
        text(ds, "SeriesInstanceUID"),
        clean(text(ds, "SeriesNumber"))[:12],
        modality,
        description_of(ds),
        view_of(ds),
        frames,
        stacks and bool(planes) and planes[0].placed,
        localizer,
        shape,
        tuple(planes),
    )


def group_of(ds: Dataset, localizer: bool, path: Path | None) -> str:
    """Return a digest of what slices of one image have in common; it shows nobody's name.

    An image of several frames is in one file, the path of which is given.
    """
    names = IDENTITY if raw(ds, "SeriesInstanceUID") else (*IDENTITY, *WITHOUT_UID)
    facts: list[object] = [
        (numbers(ds, name) if name in SPELT else ()) or raw(ds, name) for name in names
    ]
    facts += [raw(ds, "SamplesPerPixel"), raw(ds, "PhotometricInterpretation"), bytes([localizer])]
    facts += [os.fsencode(path or "")]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def plane_of(
    ds: Dataset, path: Path, frame: int | None, group: str, shape: tuple[int, int]
) -> Plane:
    """Return the slice that a file is, or one of its frames."""
    described = list(groups(ds, frame))

    def first(name: str, count: int) -> Vector:
        return next((found for each in described if (found := numbers(each, name, count))), ())

    orientation = first("ImageOrientationPatient", 6)
    slope, intercept = first("RescaleSlope", 1), first("RescaleIntercept", 1)
    # Frames of one file may hold HU, densities and atomic numbers.
    kind = "" if frame is None else first_text(described, "RescaleType")
    return Plane(
        path,
        frame,
        f"{group} {kind}".strip(),
        shape,
        first("ImagePositionPatient", 3),
        orientation if is_orientation(orientation) else (),
        _spacing(described),
        slope[0] if slope and slope[0] else 1.0,
        intercept[0] if intercept else 0.0,
        bool(items(ds, "ModalityLUTSequence")),
        _told_apart(described, path),
        text(ds, "InstanceNumber") if not frame else str(frame + 1),
        text(ds, "SOPInstanceUID") if not frame else "",
    )


def is_orientation(found: Sequence[float]) -> bool:
    """Return whether six numbers are two directions at right angles."""
    if len(found) != 6:
        return False
    row, column = np.array(found[:3]), np.array(found[3:])
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    return bool(np.allclose(lengths, 1, atol=1e-2) and abs(row @ column) < 1e-2)


def _spacing(described: Sequence[Dataset]) -> Vector:
    return spacing_of(described)[0]


def spacing_of(described: Sequence[Dataset]) -> tuple[Vector, str]:
    """Return the spacing between rows and between columns, and the element that it is from.

    A spacing at the detector is divided by the magnification that the header estimates.
    """
    for name in SPACINGS:
        for each in described:
            found = numbers(each, name, 2)
            if found and min(found) > 0:
                return _in_patient(found, described[-1]) if name == SPACINGS[1] else (found, name)
    return (), ""


def _in_patient(spacing: Vector, ds: Dataset) -> tuple[Vector, str]:
    magnified = numbers(ds, MAGNIFICATION, 1)
    if not magnified or magnified[0] < 1:
        return spacing, SPACINGS[1]
    return tuple(mm / magnified[0] for mm in spacing), MAGNIFICATION


def _told_apart(described: Sequence[Dataset], path: Path) -> tuple[tuple[str, str], ...]:
    found = {"folder": str(path.parent)}
    for name in TOLD_APART:
        if name[0].isupper():
            found[name] = first_text(described, name)
    if not found["EchoTime"]:
        found["EchoTime"] = first_text(described, "EffectiveEchoTime")
    found["ImageType"] += first_text(described, "FrameType")
    found["b-value"] = _b_value(described)
    directions = [
        item for d in described for item in items(d, "DiffusionGradientDirectionSequence")
    ]
    for item in directions[:1]:
        found["DiffusionGradientOrientation"] = text(item, "DiffusionGradientOrientation")
    return tuple((name, found[name]) for name in TOLD_APART)


def _b_value(described: Sequence[Dataset]) -> str:
    for each in described:
        for name in ("DiffusionBValue", *PRIVATE_B_VALUES):
            found = text(each, name).split("\\")[0]
            if found:
                return found
    return ""


def description_of(ds: Dataset) -> str:
    """Return the description of the series, without the words of the patient's name and number."""
    patient = {
        part.lower()
        for name in ("PatientName", "PatientID")
        for part in text(ds, name).replace("^", " ").replace("=", " ").split()
        if len(part) > 2
    }
    words = clean(text(ds, "SeriesDescription")).split()
    kept = [word for word in words if word.strip(",;:.()[]").lower() not in patient]
    return " ".join(kept)[:60].strip()


def view_of(ds: Dataset) -> str:
    """Return the direction and the side of a projection: "PA", "MLO L"."""
    side = text(ds, "ImageLaterality") or text(ds, "Laterality")
    return clean(f"{text(ds, 'ViewPosition')} {side if side in ('L', 'R', 'B') else ''}")[:20]
