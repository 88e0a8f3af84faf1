"""Belonging: whose structures a file holds, and on which images they were drawn."""

from collections.abc import Iterable

from pydicom.dataset import Dataset

from ...data.subject import NONE, Names, Subject
from ..dicom.belonging import digest, uids
from .dicom_files import items


def subject_of(
    dataset: Dataset, frames: Iterable[str], series: Iterable[str], images: Iterable[str]
) -> Subject:
    """Return whose structures a data set holds.

    Args:
        dataset: it.
        frames: UIDs of the frames of reference of its coordinates.
        series, images: UIDs of those that it names.
    """
    return Subject(
        digest(_text(dataset, "PatientID")),
        digest(_text(dataset, "IssuerOfPatientID")),
        uids(frames),
        drawn_series=uids(series),
        drawn_on=uids(images),
    )


def of_segmentation(dataset: Dataset, placed: bool) -> Subject:
    """Return whose structures a DICOM segmentation holds.

    Args:
        dataset: it.
        placed: whether its frames lie in the patient.
    """
    others = items(dataset, "StudiesContainingOtherReferencedInstancesSequence")
    series = [item for each in (dataset, *others) for item in _below(each, "ReferencedSeries")]
    images = [item for each in series for item in _below(each, "ReferencedInstance")]
    frames = [
        group
        for name in ("Shared", "PerFrame")
        for group in items(dataset, f"{name}FunctionalGroupsSequence")
    ]
    derived = [item for each in frames for item in _below(each, "DerivationImage")]
    images += [item for each in (dataset, *derived) for item in _below(each, "SourceImage")]
    return subject_of(
        dataset,
        [_text(dataset, "FrameOfReferenceUID")] if placed else NONE,
        _all(series, "SeriesInstanceUID"),
        _all(images, "ReferencedSOPInstanceUID"),
    )


def of_contours(dataset: Dataset, numbers: Iterable[int]) -> Subject:
    """Return whose structures an RTSTRUCT holds.

    Args:
        dataset: it.
        numbers: ROI Numbers of the structures that are read.
    """
    wanted = set(numbers)
    structures = [
        item for item in items(dataset, "StructureSetROISequence") if int(item.ROINumber) in wanted
    ]
    drawn = [
        contour
        for item in items(dataset, "ROIContourSequence")
        if int(item.ReferencedROINumber) in wanted
        for contour in items(item, "ContourSequence")
    ]
    named = _all(structures, "ReferencedFrameOfReferenceUID")
    frames = items(dataset, "ReferencedFrameOfReferenceSequence")
    if named:
        frames = [item for item in frames if _text(item, "FrameOfReferenceUID") in named]
    series = [
        item
        for frame in frames
        for study in _below(frame, "RTReferencedStudy")
        for item in _below(study, "RTReferencedSeries")
    ]
    images = [item for each in (*series, *drawn) for item in _below(each, "ContourImage")]
    return subject_of(
        dataset,
        named or _all(frames, "FrameOfReferenceUID") or [_text(dataset, "FrameOfReferenceUID")],
        _all(series, "SeriesInstanceUID"),
        _all(images, "ReferencedSOPInstanceUID"),
    )


def _below(dataset: Dataset, name: str) -> list[Dataset]:
    return items(dataset, f"{name}Sequence")


def _all(found: Iterable[Dataset], keyword: str) -> Names:
    return uids(_text(item, keyword) for item in found)


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip("\0 ")
