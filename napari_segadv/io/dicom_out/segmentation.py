"""Label maps as DICOM segmentations, by highdicom: predictions and targets beside their series."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import generate_uid

from ...common.atomic_files import beside
from ...common.palette import colour
from ...common.wording import class_name
from ...data.overlapping import Overlapping
from ...data.scan import Array, Grid, Mask
from ...errors import SegadvError
from ..masks import to_grid
from ..segments import seg
from ..segments.choice import cleaned
from ..segments.dicom_files import items
from .sources import placed, read_headers, writing

# Number of the series of a segmentation, far from those of scanners.
SERIES = 9100
# Each class number up to the largest is described.
MOST_CLASSES = 1000
# Type 2: present, but perhaps empty. highdicom copies them from the source.
COPIED = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
    "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip


def write_seg(
    mask: Mask,
    files: Sequence[str | Path],
    path: str | Path,
    names: Sequence[str] = (),
    *,
    description: str = "Segmentation - not for diagnosis",
    number: int = SERIES,
    algorithm: str = "",
    label_map: bool = False,
) -> None:
    """Write a label map as a DICOM segmentation of a series.

    Overlapping structures become a segment each.

    Args:
        mask: on the grid of the series, or on a part of it.
        files: of the series that it belongs to, in any order; a radiograph is one file.
        path: the file; an existing one is replaced.
        names: of the classes, background first; without them those of the mask.
        description: of the series that the segmentation is.
        number: of that series.
        algorithm: name of the network that made it; "" if a person did.
        label_map: whether to write the newer kind with one number a pixel, which fewer viewers
            read, instead of one bit a pixel and class.

    Raises:
        SegadvError: if the mask does not fit the series, or it can't be written.
    """
    path = Path(path)
    if isinstance(mask, Overlapping):
        names, label_map = ("background", *mask.structures), False
    most = 0 if isinstance(mask, Overlapping) else int(mask.array.max(initial=0))
    most = max(most, len(names or mask.classes) - 1, 1)
    if most > MOST_CLASSES:
        raise SegadvError(
            f"{path}: the class number {most} is too large for a DICOM segmentation, which "
            "describes each number up to it; renumber the classes, or write .nii.gz"
        )
    if not files:
        raise SegadvError(f"{path}: no files of its series are known; write .nii.gz instead")
    sources = [_complete(each) for each in _alike(read_headers(files))]
    with writing(path, "write .nii.gz instead"):
        made = _segmentation(
            sources,
            _pixels(mask, sources, path),
            [_segment(n, names or mask.classes, algorithm) for n in range(1, most + 1)],
            "LABELMAP" if label_map else "BINARY",
            (description, number),
            # Without a single labelled frame, all frames are written.
            bool(mask.array.any()),
        )
        with beside(path) as half:
            new = half / "new.dcm"
            made.save_as(new, enforce_file_format=True)
            _check(mask, new, path)
            new.replace(path)


def _alike(headers: list[Dataset]) -> list[Dataset]:
    """Give files whose series is blank one series."""
    blank = generate_uid(None)
    for header in headers:
        if not header.get("SeriesInstanceUID"):
            header.SeriesInstanceUID = blank
    return headers


def _complete(header: Dataset) -> Dataset:
    """Add what highdicom asks for and some files lack."""
    for keyword in COPIED:
        if keyword not in header:
            setattr(header, keyword, "")
    if not header.get("SOPInstanceUID"):
        header.SOPInstanceUID = generate_uid(None)
    header.file_meta = getattr(header, "file_meta", None) or FileMetaDataset()
    return placed(header)


def _pixels(mask: Mask, sources: Sequence[Dataset], path: Path) -> Any:
    """Return the labels as highdicom takes them: with their place, if the series has one."""
    import highdicom as hd

    first = sources[0]
    if mask.grid.ndim == 2:
        if len(sources) > 1 or int(first.get("NumberOfFrames") or 1) > 1:
            raise SegadvError(
                f"{path}: the label map is a single slice, but its series has several; name the "
                "file of that slice"
            )
        if (first.Rows, first.Columns) != mask.grid.shape:
            raise SegadvError(
                f"{path}: the label map has {mask.grid.shape[0]} x {mask.grid.shape[1]} pixels, "
                f"but the image has {first.Rows} x {first.Columns}"
            )
        return _stacked(mask)[None] if isinstance(mask, Overlapping) else mask.array
    has_place = "ImagePositionPatient" in first or any(
        items(group, "PlanePositionSequence")
        for group in items(first, "PerFrameFunctionalGroupsSequence")[:1]
    )
    if not has_place or not mask.grid.physical:
        raise SegadvError(f"{path}: its series does not say where its slices lie; write .nii.gz")
    turn = np.eye(4)[[2, 1, 0, 3]]
    several = isinstance(mask, Overlapping)
    array = _stacked(mask) if isinstance(mask, Overlapping) else mask.array
    return hd.Volume(
        array,
        turn @ mask.grid.affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=first.FrameOfReferenceUID,
        channels={"SegmentNumber": range(1, array.shape[-1] + 1)} if several else None,
    )


def _stacked(mask: Overlapping) -> Array:
    """Return the maps of overlapping structures as highdicom takes them: (*S, K)."""
    return np.ascontiguousarray(np.moveaxis(mask.maps, 0, -1).astype(np.uint8))


def _segment(number: int, classes: Sequence[str], algorithm: str) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    name = cleaned(class_name(number, tuple(classes))).replace("\\", "/") or f"class {number}"
    made = None
    if algorithm:
        made = hd.AlgorithmIdentificationSequence(
            name=cleaned(algorithm).replace("\\", "/") or "network",
            family=codes.DCM.ArtificialIntelligence,
            version="unknown",
        )
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.Organ,
        algorithm_type="AUTOMATIC" if algorithm else "MANUAL",
        algorithm_identification=made,
        display_color=hd.color.CIELabColor.from_rgb(*(round(255 * c) for c in colour(number))),
    )


def _segmentation(
    sources: Sequence[Dataset],
    pixels: Any,
    segments: Sequence[Any],
    kind: str,
    series: tuple[str, int],
    omit_empty: bool,
) -> Dataset:
    """Make a segmentation, whose series has a description and a number."""
    import highdicom as hd

    made: Dataset = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=segments,
        series_instance_uid=generate_uid(None),
        series_number=series[1],
        sop_instance_uid=generate_uid(None),
        instance_number=1,
        manufacturer="napari-segadv",
        manufacturer_model_name="napari-segadv",
        software_versions=version("napari-segadv"),
        device_serial_number="none",
        content_label="SEGMENTATION",
        content_description=cleaned(series[0]),
        series_description=cleaned(series[0]),
        omit_empty_frames=omit_empty,
    )
    return made


def _check(mask: Mask, written: Path, path: Path) -> None:
    """Read back what was written."""
    # The series may be a copy without identifiers: places alone count here.
    grid: Grid = replace(mask.grid, subject=None)
    if isinstance(mask, Overlapping):
        # One after the other: a label map of them all could hold one class a pixel.
        there = [n for n, one in enumerate(mask.maps) if one.any()]
        expected, which = [mask.maps[n] for n in there], [str(n + 1) for n in there]
    else:
        expected, which = [mask.array], [""]
    back = [to_grid(seg.read(written, one, grid), grid).array for one in which]
    if isinstance(mask, Overlapping):
        back = [one != 0 for one in back]
    if not all(map(np.array_equal, back, expected)):
        raise SegadvError(
            f"{path}: reads back with other labels than were written; write .nii.gz instead"
        )
