"""What a generator learns from: images, slices or patches, each with its own problem."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...attacks import Problem
from ...attacks.fields.critic import SMALLEST_SIDE
from ...attacks.fields.recipe import Recipe
from ...data.scan import Array, Grid, Scan
from ...errors import SegadvError
from ...victims import BoundVictim, Victim


@dataclass(frozen=True)
class Piece:
    """One image, slice or patch.

    Attributes:
        problem: to move away from what the victim predicts on it.
        model: the victim on it, which counts its passes.
    """

    problem: Problem
    model: BoundVictim


def pieces(
    scans: Sequence[Scan], victim: Victim, recipe: Recipe, device: str
) -> Iterator[Piece | None]:
    """Yield the pieces of each image; None for a piece on which the victim finds no structure.

    Args:
        scans: images. A volume is cut into single slices for a 2-D victim, and into patches for a
            3-D one if the recipe says so, where the victim finds structures.
        victim: a segmentation network.
        recipe: gives `pieces`, `patch` and the seed.
        device: where to compute.

    Raises:
        SegadvError: if the victim does not segment, or an image is too small.
    """
    if victim.task.name != "segmentation":
        raise SegadvError(
            f"{victim.name}: its task is {victim.task.name}; use a model that segments"
        )
    victim.require_gradient()
    rng = np.random.default_rng(recipe.seed)
    for scan in scans:
        labels = victim.predict(scan, device).array
        for part in parts(scan, labels, victim.dims, recipe, rng):
            yield piece_of(part, victim, device)


def piece_of(scan: Scan, victim: Victim, device: str) -> Piece | None:
    """Make a piece of a scan; None if the victim finds no structure on it."""
    model = victim.on(scan, device)
    smallest = min(model.image.shape[-victim.dims :])
    if smallest < SMALLEST_SIDE:
        raise SegadvError(
            f"{scan.name}: has a side of {smallest} pixels but a generator needs at least "
            f"{SMALLEST_SIDE}; use a larger image"
        )
    predicted = model.predict().array
    if not predicted.any():
        return None
    labels = torch.from_numpy(predicted.astype(np.int64))[None].to(device)
    low, high = scan.bounds
    width = model.window[1] - model.window[0]
    problem = Problem(
        model, model.image, labels, labels, targeted=False, low=low, high=high, window=width
    )
    return Piece(problem, model)


def parts(
    scan: Scan, labels: Array, dims: int, recipe: Recipe, rng: np.random.Generator
) -> Iterator[Scan]:
    """Yield the scan, or slices (as volumes of one slice) or patches of it that hold labels."""
    if scan.grid.ndim == 2 or (dims == 3 and not recipe.patch):
        yield scan
    elif dims == 2:
        held = np.flatnonzero(labels.any(axis=(1, 2)))
        count = min(recipe.pieces, len(held))
        for z in held[np.linspace(0, len(held) - 1, count).round().astype(int)]:
            yield part_of(scan, (slice(z, z + 1), slice(None), slice(None)))
    else:
        places = np.argwhere(labels)
        for place in rng.permutation(places)[: recipe.pieces]:
            yield part_of(scan, around(place, scan.grid.shape, recipe.patch))


def around(place: Array, shape: Sequence[int], size: Sequence[float]) -> tuple[slice, ...]:
    """Return a box of this size around a place, moved to lie inside a shape."""
    found = []
    for middle, length, side in zip(place, shape, size, strict=True):
        extent = min(int(side), length)
        start = min(max(int(middle) - extent // 2, 0), length - extent)
        found.append(slice(start, start + extent))
    return tuple(found)


def part_of(scan: Scan, box: tuple[slice, ...]) -> Scan:
    """Cut a box out of a scan; it keeps its place in the patient."""
    array, grid = scan.array[box], scan.grid
    shape = array.shape[: grid.ndim]
    start = np.array([cut.indices(n)[0] for cut, n in zip(box, grid.shape, strict=True)])
    if not grid.physical:
        return replace(scan, array=array, grid=Grid.pixels(shape))
    origin = (grid.affine @ [*start, 1.0])[:-1]
    return replace(scan, array=array, grid=replace(grid, shape=shape, origin=tuple(origin)))
