"""DICOM segmentations: binary, fractional, and label maps, of any compression that pydicom reads.

Frames are read one by one by pydicom rather than by highdicom, which refuses objects that lack
entries the standard asks for, as many programs write them; on those that it reads, both agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from ...data.scan import Array, Grid, Mask
from ...errors import SegadvError
from ..dicom.geometry import closest
from .belonging import of_segmentation
from .choice import Canvas, Segment, check_numbers, chosen, class_names, cleaned, listed
from .dicom_files import floats, items, meta_of, read_dicom, understood
from .stack import OFF, Plane, axes_of, stacked

NOUN = "segment"
NATIVE = ("", ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
# Of a fractional segmentation, the share from which on a pixel belongs to the structure.
HALF = 0.5
MOST_FRAMES = 1 << 20
MOST_SIDE = 1 << 16


@dataclass(frozen=True)
class Frame:
    """A frame: its number in the file, its segment (None in a label map), and its place."""

    index: int
    segment: int | None
    plane: Plane | None


@dataclass(frozen=True)
class Seg:
    """A DICOM segmentation as its header describes it."""

    path: Path
    dataset: Dataset
    kind: str
    shape: tuple[int, int]
    segments: tuple[Segment, ...]
    frames: tuple[Frame, ...]


def read(path: Path, which: str, grid: Grid | None) -> Mask:
    """Read segments as a mask on the grid of the frames.

    Args:
        path: the file.
        which: segments by number or label, "" for all.
        grid: of the image; it tells how far slices lie apart where frames are missing.

    Raises:
        SegadvError: if it can't be read, segments overlap, or the frames fill no volume.
    """
    dataset = read_dicom(path)
    with understood(path):
        seg = _described(dataset, path)
        labels = chosen(seg.segments, which, path, NOUN)
        wanted = {segment.number for segment in labels}
        found, slices = _place(seg, grid)
        canvas = Canvas(found.shape, labels, path, which)
        for frame, number in zip(seg.frames, slices, strict=True):
            if frame.segment is not None and frame.segment not in wanted:
                continue
            part = canvas.array if found.ndim == 2 else canvas.array[number]
            _paint(canvas, part, _pixels(seg, frame.index), seg, frame)
        placed = any(frame.plane is not None for frame in seg.frames)
        found = replace(found, subject=of_segmentation(dataset, placed))
    return Mask(
        canvas.array, found, class_names(labels), path, which, _notes(seg, canvas, labels, path)
    )


def _notes(seg: Seg, canvas: Canvas, labels: Sequence[Segment], path: Path) -> tuple[str, ...]:
    notes = []
    if seg.kind == "FRACTIONAL":
        notes.append(f"{path}: is fractional: pixels with at least one half count as the structure")
    empty = canvas.empty()
    if empty and len(empty) < len(labels):
        notes.append(f"{path}: holds no pixel of {listed(empty)}")
    return tuple(notes)


def _described(dataset: Dataset, path: Path) -> Seg:
    """Read what the header says."""
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    count = int(dataset.get("NumberOfFrames") or 1)
    if not (0 < rows < MOST_SIDE and 0 < columns < MOST_SIDE and 0 < count <= MOST_FRAMES):
        raise SegadvError(
            f"{path}: has no frames ({count} of {rows} x {columns} pixels); write the file again"
        )
    if dataset.get("TotalPixelMatrixColumns") and items(dataset, "TotalPixelMatrixOriginSequence"):
        raise SegadvError(f"{path}: is a segmentation of a slide; export it as a picture")
    kind = str(dataset.get("SegmentationType") or "BINARY").strip().upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise SegadvError(f"{path}: is a {cleaned(kind)} segmentation; save it as BINARY")
    if "PixelData" not in dataset:
        raise SegadvError(f"{path}: has no pixels; check that the file is complete")
    bits = count * rows * columns * int(dataset.get("BitsAllocated") or 1)
    if _native(dataset) and len(dataset.PixelData) * 8 < bits:
        raise SegadvError(
            f"{path}: has {len(dataset.PixelData)} bytes of pixels, but its {count} frames need "
            f"{-(-bits // 8)}; check that the file is complete"
        )
    segments = _segments(dataset, kind, path)
    frames = _frames(dataset, count, kind, segments, path)
    return Seg(path, dataset, kind, (rows, columns), segments, frames)


def _segments(dataset: Dataset, kind: str, path: Path) -> tuple[Segment, ...]:
    described = items(dataset, "SegmentSequence")
    found = [
        Segment(int(item.SegmentNumber), cleaned(item.get("SegmentLabel") or ""))
        for item in described
    ]
    if kind == "LABELMAP":
        # The background may be described as well.
        found = [segment for segment in found if segment.number]
    if not found and kind != "LABELMAP":
        found = [Segment(1, "")]
    check_numbers(found, path, NOUN)
    return tuple(found)


def _frames(
    dataset: Dataset, count: int, kind: str, segments: Sequence[Segment], path: Path
) -> tuple[Frame, ...]:
    each = items(dataset, "PerFrameFunctionalGroupsSequence")
    if each and len(each) != count:
        raise SegadvError(
            f"{path}: has {count} frames but describes {len(each)}; write the file again"
        )
    shared = items(dataset, "SharedFunctionalGroupsSequence")[:1]
    known = {segment.number for segment in segments}
    frames = []
    for index in range(count):
        groups = [*each[index : index + 1], *shared]
        number = None if kind == "LABELMAP" else _number(groups, segments, path)
        if number is not None and number not in known:
            raise SegadvError(
                f"{path}: has a frame of segment {number}, which it does not describe; write the "
                "file again"
            )
        frames.append(Frame(index, number, _plane(groups)))
    return tuple(frames)


def _number(groups: Sequence[Dataset], segments: Sequence[Segment], path: Path) -> int:
    """Return the segment of a frame; if no frame names one, there must be only one."""
    for group in groups:
        for item in items(group, "SegmentIdentificationSequence"):
            return int(item.ReferencedSegmentNumber)
    if len(segments) > 1:
        raise SegadvError(
            f"{path}: does not say which of its {len(segments)} segments a frame belongs to; write "
            "the file again"
        )
    return segments[0].number


def _plane(groups: Sequence[Dataset]) -> Plane | None:
    """Return where a frame lies; None if the file does not say."""

    def first(sequence: str, keyword: str, count: int) -> tuple[float, ...] | None:
        found = (
            floats(item, keyword, count) for group in groups for item in items(group, sequence)
        )
        return next((values for values in found if values is not None), None)

    position = first("PlanePositionSequence", "ImagePositionPatient", 3)
    orientation = first("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    spacing = first("PixelMeasuresSequence", "PixelSpacing", 2)
    if position is None or orientation is None or spacing is None:
        return None
    return Plane(position, orientation, spacing)


def _place(seg: Seg, grid: Grid | None) -> tuple[Grid, tuple[int, ...]]:
    """Return the grid of all frames, and the slice that each of them is."""
    planes = [frame.plane for frame in seg.frames if frame.plane is not None]
    numbers = [frame.segment for frame in seg.frames]
    if not planes and len(set(numbers)) == len(numbers):
        return Grid.pixels(seg.shape), (0,) * len(numbers)
    if len(planes) < len(seg.frames):
        raise SegadvError(
            f"{seg.path}: does not say where its frames lie; save it as .nii.gz or .seg.nrrd with "
            "the program that made it"
        )
    stack = stacked(planes, seg.shape, _steps(seg, planes, grid), seg.path)
    pairs = list(zip(numbers, stack.slices, strict=True))
    if len(set(pairs)) < len(pairs):
        raise SegadvError(
            f"{seg.path}: has two frames of a segment at one place; save one point in time"
        )
    return stack.grid, stack.slices


def _steps(seg: Seg, planes: Sequence[Plane], grid: Grid | None) -> list[float]:
    """Return distances between slices, the likeliest first.

    Frames without pixels are often omitted, so neighbouring frames need not be neighbouring slices.
    """
    between, thickness = (_measure(seg, key) for key in ("SpacingBetweenSlices", "SliceThickness"))
    normal = axes_of(planes[0].orientation, seg.path)[2]
    places = np.array([plane.position for plane in planes]) @ normal
    apart = np.diff(np.sort(places))
    least = apart[apart > closest(places, planes[0].spacing)].min(initial=np.inf)
    steps = [between] if between else []
    if thickness and (least == np.inf or abs(thickness - least) < 0.01 * least):
        steps.append(thickness)
    if grid is not None and grid.ndim == 3:
        across = float(normal[::-1] @ grid.direction[:, 0])
        first = float(normal[::-1] @ np.array(grid.origin))
        numbers = (places - first) / grid.spacing[0]
        if abs(across) > 1 - 1e-3 and np.abs(numbers - np.rint(numbers)).max() < OFF:
            # The frames lie on slices of the image.
            steps.insert(1 if between else 0, grid.spacing[0])
    return steps


def _measure(seg: Seg, keyword: str) -> float:
    """Return a distance in mm that the frames have; 0 if the file does not say."""
    shared = items(seg.dataset, "SharedFunctionalGroupsSequence")[:1]
    each = items(seg.dataset, "PerFrameFunctionalGroupsSequence")[:1]
    for group in (*shared, *each):
        for item in items(group, "PixelMeasuresSequence"):
            found = floats(item, keyword, 1)
            if found is not None:
                return abs(found[0])
    return 0.0


def _native(dataset: Dataset) -> bool:
    """Return whether the pixels are not compressed."""
    return meta_of(dataset).get("TransferSyntaxUID", "") in NATIVE


def _pixels(seg: Seg, index: int) -> Array:
    """Return the stored numbers of a frame."""
    rows, columns = seg.shape
    if int(seg.dataset.BitsAllocated) == 1 and _native(seg.dataset):
        # Frames follow each other bit by bit: most do not begin at a byte.
        data, size = seg.dataset.PixelData, rows * columns
        start, end = index * size, (index + 1) * size
        packed = np.frombuffer(data[start // 8 : -(-end // 8)], np.uint8)
        bits: Array = np.unpackbits(packed, bitorder="little")[start % 8 :][:size]
        return bits.reshape(rows, columns)
    frame: Array = pixel_array(seg.dataset, index=index, raw=True)
    if frame.shape != (rows, columns) or frame.dtype.kind != "u":
        raise SegadvError(f"{seg.path}: has pixels that are no class numbers; write the file again")
    return frame


def _paint(canvas: Canvas, part: Array, stored: Array, seg: Seg, frame: Frame) -> None:
    if frame.segment is not None:
        canvas.paint(part, _inside(stored, seg), canvas.segments[frame.segment])
        return
    known = {segment.number for segment in seg.segments}
    for number in np.flatnonzero(np.bincount(stored.ravel())):
        if int(number) in canvas.segments:
            canvas.paint(part, stored == number, canvas.segments[int(number)])
        elif number and int(number) not in known:
            raise SegadvError(
                f"{seg.path}: has pixels of segment {number}, which it does not describe; write "
                "the file again"
            )


def _inside(stored: Array, seg: Seg) -> npt.NDArray[np.bool_]:
    """Return which pixels belong to the structure of a frame."""
    if seg.kind == "BINARY":
        return np.not_equal(stored, 0)
    most: Any = seg.dataset.get("MaximumFractionalValue") or 255
    return np.greater_equal(stored, HALF * int(most))
