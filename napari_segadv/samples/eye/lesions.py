"""Lesions of diabetic retinopathy, painted one by one, as many as asked for."""

from collections.abc import Callable, Sequence

import numpy as np

from ..fields import soft_edge
from .ground import wavy_edge
from .pose import VEIN, Array, Eye, Line, Rng, absorb, blend, rgb, turned

EXUDATE, COTTON = rgb(1.0, 0.95, 0.62), rgb(1.0, 0.92, 0.8)

# Signed distance to a lesion's edge (negative inside) at points around its middle.
Edge = Callable[[Line], Array]


def places(
    rng: Rng, eye: Eye, number: int, middle: complex = 0j, reach: float = 0.0
) -> list[complex]:
    """Choose points of the photographed retina outside the disc.

    Args:
        rng: source of randomness.
        eye: the eye.
        number: number of points.
        middle, reach: the centre of the points and their standard deviation around it; without a
            reach they spread evenly over the field.
    """
    found: list[complex] = []
    while len(found) < number:
        if reach:
            point = middle + reach * complex(rng.normal(), rng.normal())
        else:
            radius = eye.field * float(np.sqrt(rng.random()))
            point = eye.middle + radius * turned(rng.uniform(0, 360))
        if abs(point - eye.middle) < 0.85 * eye.field and abs(point) > 0.75 * eye.disc:
            found.append(point)
    return found


def cover(eye: Eye, middles: Sequence[complex], reaches: Sequence[float], edges: Sequence[Edge],
          softness: float) -> Array:  # fmt: skip
    """Return the membership (0 to 1) of lesions, each computed within its reach only."""
    out = np.zeros(eye.z.shape, np.float32)
    for middle, reach, edge in zip(middles, reaches, edges, strict=True):
        at = complex(eye.to_pixel(np.array(middle)))
        half = int(np.ceil(reach + 3 * softness)) + 1
        rows = slice(max(0, int(at.imag) - half), int(at.imag) + half + 1)
        cols = slice(max(0, int(at.real) - half), int(at.real) + half + 1)
        shown = soft_edge(edge(eye.z[rows, cols] - middle), softness)
        np.maximum(out[rows, cols], shown, out=out[rows, cols])
    return out


def blobs(
    rng: Rng,
    eye: Eye,
    middles: Sequence[complex],
    radii: tuple[float, float],
    rough: float,
    soft: float,
) -> Array:
    """Return the cover of irregular round lesions, with radii in pixels of 512."""
    size = [eye.unit * rng.uniform(*radii) for _ in middles]
    edges = [_round(rng, radius, rough) for radius in size]
    return cover(eye, middles, [1.5 * radius for radius in size], edges, soft * eye.unit)


def _round(rng: Rng, radius: float, rough: float) -> Edge:
    return lambda z: wavy_edge(rng, z, radius, rough)


def flames(rng: Rng, eye: Eye, middles: Sequence[complex]) -> Array:
    """Return the cover of haemorrhages that stretch along the nerve fibres, away from the disc."""
    lengths = [eye.unit * rng.uniform(9, 18) for _ in middles]
    edges = []
    for middle, length in zip(middles, lengths, strict=True):
        along = middle / abs(middle) * turned(rng.normal(0, 12))
        edges.append(_streak(rng, along, length, rng.uniform(0.2, 0.32)))
    return cover(eye, middles, lengths, edges, 1.2 * eye.unit)


def _streak(rng: Rng, along: complex, length: float, slim: float) -> Edge:
    def edge(z: Line) -> Array:
        turned_z = z / along
        squeezed = turned_z.real * slim + 1j * turned_z.imag
        return wavy_edge(rng, squeezed.astype(np.complex64), slim * length, 0.2)

    return edge


def microaneurysms(rng: Rng, eye: Eye, scene: Array, number: int) -> Array:
    """Paint small, round, dark red dots."""
    dots = blobs(rng, eye, places(rng, eye, number), (2.4, 3.4), 0.03, 0.7)
    return absorb(scene, rng.uniform(0.7, 1.1) * dots, VEIN)


def haemorrhages(rng: Rng, eye: Eye, scene: Array, number: int) -> Array:
    """Paint blots, and flames along the nerve fibres."""
    middles = places(rng, eye, number)
    split = round(number * rng.uniform(0.5, 0.8))
    shown = blobs(rng, eye, middles[:split], (4.5, 9.5), 0.12, 1.2)
    shown = np.maximum(shown, flames(rng, eye, middles[split:]))
    return absorb(scene, rng.uniform(0.8, 1.3) * shown, VEIN)


def exudates(rng: Rng, eye: Eye, scene: Array, number: int) -> Array:
    """Paint hard exudates: small, yellow, sharp, in groups around the macula."""
    groups = int(rng.integers(1, 4))
    centres = places(rng, eye, groups, eye.fovea, 0.7 * eye.disc)
    middles = [
        place
        for n in range(groups)
        for place in places(
            rng,
            eye,
            number // groups + (n < number % groups),
            centres[n],
            rng.uniform(0.2, 0.45) * eye.disc,
        )
    ]
    shown = blobs(rng, eye, middles, (1.6, 4.2), 0.15, 0.8)
    return blend(scene, rng.uniform(0.5, 0.8) * shown, EXUDATE)


def cotton_wool(rng: Rng, eye: Eye, scene: Array, number: int) -> Array:
    """Paint cotton wool spots: pale, fluffy patches of swollen nerve fibres."""
    middles = places(rng, eye, number, 0.5 * eye.fovea, 1.3 * eye.disc)
    shown = blobs(rng, eye, middles, (8.0, 14.0), 0.15, 4.5)
    return blend(scene, rng.uniform(0.45, 0.7) * shown, COTTON)


def preretinal(rng: Rng, eye: Eye, scene: Array, number: int) -> Array:
    """Paint preretinal haemorrhages: boat-shaped, level on top, hiding what lies behind."""
    middles = places(rng, eye, number, eye.fovea, 1.2 * eye.disc)
    sizes = [eye.disc * rng.uniform(0.4, 0.75) for _ in middles]
    edges = [_boat(rng, radius) for radius in sizes]
    shown = cover(eye, middles, [1.3 * radius for radius in sizes], edges, 1.5 * eye.unit)
    return absorb(scene, rng.uniform(1.1, 1.7) * shown, VEIN)


def _boat(rng: Rng, radius: float) -> Edge:
    def edge(z: Line) -> Array:
        wide = 0.7 * z.real + 1j * z.imag
        hull = wavy_edge(rng, wide.astype(np.complex64), radius, 0.05)
        return np.maximum(hull, np.asarray(-z.imag, np.float32))

    return edge
