"""RTSTRUCT: structures as contours, filled on the grid of the image that they were drawn on.

A pixel belongs to a structure if its centre lies inside, see `filling`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from ...common.wording import counted
from ...data.scan import Grid, Mask
from ...errors import SegadvError
from .belonging import of_contours
from .choice import Canvas, Segment, check_numbers, chosen, class_names, cleaned, listed
from .dicom_files import items, read_dicom, understood
from .filling import XOR, Contour, filled

NOUN = "structure"
CLOSED = ("CLOSED_PLANAR", XOR, "")
# Share of the distance between slices that a contour may be tilted against them.
TILT = 0.25
# In slices: contours that all lie further beside the slices than the first belong to none of them,
# and those further than the second are told.
BETWEEN, BESIDE = 0.4, 0.1
# How alike their places beside the slices are: 1 if all are equal, 0 for any.
ALIKE = 0.9
# Share of contours that may lie outside the image.
MOST_OUTSIDE = 0.01

Float = npt.NDArray[np.float64]
Planes = dict[int, list[Contour]]


def read(path: Path, which: str, grid: Grid | None) -> Mask:
    """Fill contours on the grid of an image.

    Args:
        path: the file.
        which: structures by number (ROI Number) or name, "" for all.
        grid: of the image.

    Raises:
        SegadvError: if it can't be read, there is no grid, the contours do not lie on its slices,
            or structures overlap.
    """
    dataset = read_dicom(path)
    if grid is None:
        raise SegadvError(
            f"{path}: holds contours, which need the grid of their image; give both together, or "
            "save a label map as .nii.gz with the program that drew them"
        )
    if grid.ndim != 3 or not grid.physical:
        raise SegadvError(
            f"{path}: holds contours in a volume, but the image is a single slice; use the volume "
            "that they were drawn on"
        )
    with understood(path):
        shift = _shift(dataset)
        structures = _structures(dataset, shift, path)
        contours = _contours(dataset, shift)
        wanted = chosen(structures, which, path, NOUN)
        canvas = Canvas(grid.shape, wanted, path, which)
        subject = of_contours(dataset, [structure.number - shift for structure in wanted])
        notes: list[str] = []
        planes = [
            _placed(structure, contours.get(structure.number, []), grid, path, notes)
            for structure in wanted
        ]
        notes += _beside(planes, path)
        for structure, drawn in zip(wanted, planes, strict=True):
            notes += _fill(canvas, structure, drawn, path)
    empty = canvas.empty()
    if len(empty) == len(wanted):
        # Nothing shows whether such a file belongs to the image at all.
        raise SegadvError(
            f"{path}: no pixel of the image lies in {listed(wanted)}; use the structures that were "
            "drawn on this image"
        )
    if empty:
        notes.append(f"{path}: holds no pixel of {listed(empty)}")
    where = replace(grid, subject=subject)
    return Mask(canvas.array, where, class_names(wanted), path, which, tuple(dict.fromkeys(notes)))


def _shift(dataset: Dataset) -> int:
    """Return what is added to ROI Numbers: some programs count from 0, the background here."""
    numbers = [int(item.ROINumber) for item in items(dataset, "StructureSetROISequence")]
    return 1 if 0 in numbers else 0


def _structures(dataset: Dataset, shift: int, path: Path) -> list[Segment]:
    found = [
        Segment(int(item.ROINumber) + shift, cleaned(item.get("ROIName") or ""))
        for item in items(dataset, "StructureSetROISequence")
    ]
    check_numbers(found, path, NOUN)
    return found


def _contours(dataset: Dataset, shift: int) -> dict[int, list[Dataset]]:
    """Return the contours of each structure by its class number."""
    found: dict[int, list[Dataset]] = defaultdict(list)
    for item in items(dataset, "ROIContourSequence"):
        found[int(item.ReferencedROINumber) + shift] += items(item, "ContourSequence")
    return found


def _placed(
    structure: Segment, contours: Sequence[Dataset], grid: Grid, path: Path, notes: list[str]
) -> Planes:
    """Return the closed contours of a structure by their slices; add notes of the others."""
    planes: Planes = defaultdict(list)
    closed = outside = 0
    for contour in contours:
        kind = str(contour.get("ContourGeometricType") or "").strip().upper()
        if kind not in CLOSED:
            continue
        points = _points(contour, grid, structure, path)
        if len(points) < 3:
            continue
        closed += 1
        height = float(points[:, 0].mean())
        if np.abs(points[:, 0] - height).max() > TILT:
            raise SegadvError(
                f"{path}: contours of {structure} do not lie in the slices of the image; use the "
                "image that they were drawn on"
            )
        low, high = points.min(axis=0), points.max(axis=0)
        if (high < -0.5).any() or (low > np.array(grid.shape) - 0.5).any():
            outside += 1
        else:
            # Not to the even one of two: between all of two slices lies what belongs to one.
            number = min(max(int(np.floor(round(height, 3) + 0.5)), 0), grid.shape[0] - 1)
            planes[number].append(Contour(height, points[:, 1:], kind))
    if outside > MOST_OUTSIDE * closed:
        raise SegadvError(
            f"{path}: {outside} of the {closed} contours of {structure} lie outside the image; use "
            "the image that they were drawn on"
        )
    notes += _remarks(structure, len(contours) - closed, planes, path)
    if outside:
        notes.append(
            f"{path}: {outside} of the {closed} contours of {structure} lie outside the image"
        )
    return planes


def _fill(canvas: Canvas, structure: Segment, planes: Planes, path: Path) -> list[str]:
    """Paint a structure; return what has to be told."""
    crossing = 0
    for number, drawn in planes.items():
        inside, crosses = filled(drawn, canvas.array.shape[1:])
        crossing += crosses
        canvas.paint(canvas.array[number], inside, structure)
    if not crossing:
        return []
    return [
        f"{path}: contours of {structure} cross each other on {counted(crossing, 'slice')} and are "
        "joined there"
    ]


def _points(contour: Dataset, grid: Grid, structure: Segment, path: Path) -> Float:
    """Return the corners of a contour as indices (n, 3) into the grid."""
    data: Any = contour.get("ContourData")
    values = np.array([] if data is None else data, np.float64).ravel()
    if values.size % 3 or not np.isfinite(values).all():
        raise SegadvError(
            f"{path}: a contour of {structure} has invalid corners; write the file again"
        )
    places = values.reshape(-1, 3)[:, ::-1]
    inverse = np.linalg.inv(grid.affine)
    found: Float = places @ inverse[:3, :3].T + inverse[:3, 3]
    return found


def _beside(structures: Sequence[Planes], path: Path) -> list[str]:
    """Refuse contours that all lie between the slices; tell of those that lie beside them."""
    drawn = [each for planes in structures for plane in planes.values() for each in plane]
    heights = np.array([each.height for each in drawn])
    if not len(heights):
        return []
    turns = np.exp(2j * np.pi * heights).mean()
    off = abs(float(np.angle(turns))) / (2 * np.pi)
    if abs(turns) < ALIKE or off < BESIDE:
        return []
    if off > BETWEEN:
        raise SegadvError(
            f"{path}: its contours lie half-way between the slices of the image, so they belong to "
            "none; use the image that they were drawn on"
        )
    return [
        f"{path}: its contours lie beside the slices by {off:.2g} of their distance; the nearest "
        "slice is filled"
    ]


def _remarks(structure: Segment, other: int, planes: Planes, path: Path) -> list[str]:
    notes = []
    if other:
        notes.append(f"{path}: {structure} has {other} open contours or points, which are left out")
    steps = np.diff(sorted(planes))
    if len(steps) and np.median(steps) > 1:
        notes.append(
            f"{path}: {structure} has contours on only one in {np.median(steps):.0f} slices of the "
            "image; nothing is filled in between"
        )
    if any(len({round(each.height, 1) for each in drawn}) > 1 for drawn in planes.values()):
        notes.append(
            f"{path}: {structure} was drawn on thinner slices than those of the image: several "
            "contours are joined on one slice"
        )
    return notes
