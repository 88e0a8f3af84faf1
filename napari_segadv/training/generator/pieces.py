"""What a generator learns from: images, slices or patches, each with a problem of its own."""

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
        problem: to get away from what the victim predicts on it.
        model: the victim on it, which counts its passes.
    """

    problem: Problem
    model: BoundVictim


def pieces(
    scans: Sequence[Scan], victim: Victim, recipe: Recipe, device: str
) -> Iterator[Piece | None]:
    """What can be learnt from each image; None for each that shows the victim no structure.

    Args:
        scans: images. Of a volume a 2-D victim gets single slices, a 3-D one patches if the
            recipe says so; they are chosen where the victim finds structures.
        victim: a segmentation network.
        recipe: gives `pieces`, `patch` and the seed.
        device: to compute on.

    Raises:
        SegadvError: where the victim does something else, or an image is too small.
    """
    if victim.task.name != "segmentation":
        raise SegadvError(
            f"{victim.name}: does {victim.task.name}; generators are trained against segmentation"
        )
    rng = np.random.default_rng(recipe.seed)
    for scan in scans:
        labels = victim.predict(scan, device).array
        for part in parts(scan, labels, victim.dims, recipe, rng):
            yield piece_of(part, victim, device)


def piece_of(scan: Scan, victim: Victim, device: str) -> Piece | None:
    """A scan as a piece; None where the victim predicts nothing on it."""
    model = victim.on(scan, device)
    smallest = min(model.image.shape[-victim.dims :])
    if smallest < SMALLEST_SIDE:
        raise SegadvError(
            f"{scan.name}: is {smallest} pixels thin; a generator needs {SMALLEST_SIDE} at least"
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
    """The scan, or slices (as volumes of one) or patches of it where there are labels."""
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
    """The box of a size about a place, moved to lie inside a shape."""
    found = []
    for middle, length, wanted in zip(place, shape, size, strict=True):
        extent = min(int(wanted), length)
        start = min(max(int(middle) - extent // 2, 0), length - extent)
        found.append(slice(start, start + extent))
    return tuple(found)


def part_of(scan: Scan, box: tuple[slice, ...]) -> Scan:
    """A box of a scan, where it lies in the patient."""
    array, grid = scan.array[box], scan.grid
    shape = array.shape[: grid.ndim]
    start = np.array([cut.indices(n)[0] for cut, n in zip(box, grid.shape, strict=True)])
    if not grid.physical:
        return replace(scan, array=array, grid=Grid.pixels(shape))
    origin = (grid.affine @ [*start, 1.0])[:-1]
    return replace(scan, array=array, grid=replace(grid, shape=shape, origin=tuple(origin)))
