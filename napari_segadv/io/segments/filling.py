"""Filling: the pixels of a slice inside the contours that are drawn on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

XOR = "CLOSEDPLANAR_XOR"
# Contours of one plane lie closer than this, in slices.
SAME_PLANE = 0.05
# Share of a contour's pixels that lie inside another one: from here on it is a hole in it, ...
NESTED = 0.95
# ... and up to here they only touch. Between the two they cross.
TOUCHING = 0.05

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Box = tuple[slice, slice]


@dataclass(frozen=True)
class Contour:
    """A closed contour: its height in slices, its corners (n, 2) in pixels, and its type."""

    height: float
    corners: Float
    kind: str = ""


@dataclass(frozen=True)
class Part:
    """The pixels inside one contour, in a box of the slice."""

    box: Box
    inside: Bool
    count: int


def filled(contours: Sequence[Contour], shape: tuple[int, ...]) -> tuple[Bool, bool]:
    """Return the pixels of a slice inside its contours, and whether contours of a plane cross.

    Contours of several planes, drawn on thinner slices than the image has, are joined.
    """
    whole, crossing = np.zeros(shape, bool), False
    plane: list[Contour] = []
    for contour in [*sorted(contours, key=lambda each: each.height), None]:
        if plane and (contour is None or contour.height - plane[0].height > SAME_PLANE):
            inside, crosses = _of_plane(plane, shape)
            whole |= inside
            crossing |= crosses
            plane = []
        plane += [] if contour is None else [contour]
    return whole, crossing


def _of_plane(contours: Sequence[Contour], shape: tuple[int, ...]) -> tuple[Bool, bool]:
    """Return the pixels inside the contours of one plane.

    A contour inside another one is a hole in it, and one in the hole an island. The same contour
    twice counts once, and those that cross are joined. If the file asks for an exclusive or, a
    pixel counts that is inside an odd number of them.
    """
    found = np.zeros(shape, bool)
    parts = [part for each in contours if (part := _part(each.corners, shape)) is not None]
    if any(each.kind == XOR for each in contours):
        for part in parts:
            found[part.box] ^= part.inside
        return found, False
    parts.sort(key=lambda part: -part.count)
    kept: list[tuple[Part, int]] = []
    crossing = False
    for part in parts:
        shares = [_shared(part, other) for other, _ in kept]
        if any(_same(part, other) for other, _ in kept):
            continue
        around = [depth for (_, depth), share in zip(kept, shares, strict=True) if share >= NESTED]
        crossing |= any(TOUCHING < share < NESTED for share in shares)
        depth = max(around, default=-1) + 1
        kept.append((part, depth))
    # Outer ones first, then the holes in them, then the islands in these.
    for part, depth in sorted(kept, key=lambda each: each[1]):
        if depth % 2:
            found[part.box] &= ~part.inside
        else:
            found[part.box] |= part.inside
    return found, crossing


def _part(corners: Float, shape: tuple[int, ...]) -> Part | None:
    """Return the pixels inside a contour; None if there are none."""
    from skimage.draw import polygon2mask

    low = np.floor(np.clip(corners.min(axis=0), 0, shape)).astype(int)
    high = np.ceil(np.clip(corners.max(axis=0) + 1, 0, shape)).astype(int)
    if not (high > low).all():
        return None
    inside = np.asarray(polygon2mask(tuple(high - low), corners - low), bool)
    count = int(inside.sum())
    box = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
    return Part(box, inside, count) if count else None


def _shared(part: Part, other: Part) -> float:
    """Return the share of a part's pixels that are in another one, too."""
    ends = [
        (max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(part.box, other.box, strict=True)
    ]
    if any(low >= high for low, high in ends):
        return 0.0
    cut = [
        each.inside[
            tuple(
                slice(low - side.start, high - side.start)
                for (low, high), side in zip(ends, each.box, strict=True)
            )
        ]
        for each in (part, other)
    ]
    return float((cut[0] & cut[1]).sum()) / part.count


def _same(part: Part, other: Part) -> bool:
    return part.count == other.count and _shared(part, other) == 1.0
