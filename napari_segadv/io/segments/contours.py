"""RTSTRUCT: structures as contours, filled on the grid of the image that they were drawn on.

A pixel belongs to a structure if its centre lies inside: inside an odd number of contours of one
plane, as holes and keyholes ask for.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from ...data.scan import Grid, Mask
from ...errors import SegadvError
from .belonging import of_contours
from .choice import Canvas, Segment, check_numbers, chosen, class_names, cleaned, listed
from .dicom_files import items, read_dicom, understood

NOUN = "structure"
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "")
# Share of the distance between slices that a contour may be tilted against them.
TILT = 0.25
# Contours of one plane lie closer than this, in slices.
SAME_PLANE = 0.05
# Share of contours that may lie outside the image.
MOST_OUTSIDE = 0.01

Float = npt.NDArray[np.float64]


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
        notes = []
        for structure in wanted:
            notes += _fill(canvas, structure, contours.get(structure.number, []), grid, path)
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


def _fill(
    canvas: Canvas, structure: Segment, contours: Sequence[Dataset], grid: Grid, path: Path
) -> list[str]:
    """Paint a structure; return what has to be told."""
    planes: dict[int, list[tuple[float, Float]]] = defaultdict(list)
    closed = outside = 0
    for contour in contours:
        if str(contour.get("ContourGeometricType") or "").strip().upper() not in CLOSED:
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
            number = min(max(int(np.rint(height)), 0), grid.shape[0] - 1)
            planes[number].append((height, points[:, 1:]))
    if outside > MOST_OUTSIDE * closed:
        raise SegadvError(
            f"{path}: {outside} of the {closed} contours of {structure} lie outside the image; use "
            "the image that they were drawn on"
        )
    for number, drawn in planes.items():
        canvas.paint(canvas.array[number], _inside(drawn, grid.shape[1:]), structure)
    notes = _remarks(structure, len(contours) - closed, planes, path)
    if outside:
        notes.append(
            f"{path}: {outside} of the {closed} contours of {structure} lie outside the image"
        )
    return notes


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


def _inside(
    contours: Sequence[tuple[float, Float]], shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """Return the pixels of a slice inside its contours.

    Contours of one plane cut holes into each other. Those of several planes, drawn on thinner
    slices than the image has, are joined.
    """
    from skimage.draw import polygon2mask

    whole = np.zeros(shape, bool)
    plane, level = np.zeros(shape, bool), -np.inf
    for height, corners in sorted(contours, key=lambda each: each[0]):
        if height - level > SAME_PLANE:
            whole |= plane
            plane, level = np.zeros(shape, bool), height
        low = np.floor(np.clip(corners.min(axis=0), 0, shape)).astype(int)
        high = np.ceil(np.clip(corners.max(axis=0) + 1, 0, shape)).astype(int)
        if (high > low).all():
            box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            plane[box] ^= polygon2mask(tuple(high - low), corners - low)
    return whole | plane


def _remarks(
    structure: Segment, other: int, planes: dict[int, list[tuple[float, Float]]], path: Path
) -> list[str]:
    notes = []
    if other:
        notes.append(f"{path}: {structure} has {other} open contours or points, which are left out")
    steps = np.diff(sorted(planes))
    if len(steps) and np.median(steps) > 1:
        notes.append(
            f"{path}: {structure} has contours on only one in {np.median(steps):.0f} slices of the "
            "image; nothing is filled in between"
        )
    if any(len({round(height, 1) for height, _ in drawn}) > 1 for drawn in planes.values()):
        notes.append(
            f"{path}: {structure} was drawn on thinner slices than those of the image: several "
            "contours are joined on one slice"
        )
    return notes
