"""The body that the abdominal CT phantom is painted into: soft shapes, tubes and their courses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from ..fields import soft_edge

Array = npt.NDArray[np.float32]
Reals = npt.NDArray[Any]
Box = tuple[slice, slice, slice]
Tube = tuple[Box, Array, Array]  # where it lies, the distance to its surface, the way along it

LIVER, SPLEEN, KIDNEYS, PANCREAS, VERTEBRAE = 1, 2, 3, 4, 5
FAT = -106.0  # HU
EDGE = 0.9  # mm, half width of the soft border between two tissues
MARGIN = 22.0  # mm by which the warp can move the body
EVERYWHERE: Box = (slice(None), slice(None), slice(None))
SIDES = (-1, 1)  # the patient's right, the patient's left
AXIS = -42.0  # y of the axis of the trunk
FAR = 60.0  # mm, stands for "not near"
# Courses of tubes through the standard body: x, y, z and radius of some points, in mm.
COURSES = {
    "aorta": "8 -28 175 12, 6 -29 90 11.5, 5 -31 30 10.5, 5 -32 -40 9, 2 -33 -98 8.5",
    "coeliac": "4 -36 32 4.5, 2 -52 34 3.5, -12 -58 36 2.5",
    "splenic artery": "3 -54 34 3, 25 -50 32 2.8, 60 -22 40 2",
    "mesenteric artery": "4 -36 18 4.5, 4 -50 8 4, 3 -58 -25 3.5, 0 -72 -70 2",
    "right iliac artery": "0 -33 -98 7, -16 -30 -123 6, -34 -24 -158 6",
    "left iliac artery": "0 -33 -98 7, 16 -30 -123 6, 34 -24 -158 6",
    "cava": "-20 -50 175 12, -20 -34 112 12, -22 -26 60 11, -22 -30 0 10.5, -20 -28 -98 9.5",
    "right iliac vein": "-20 -28 -98 8, -25 -22 -123 7, -34 -14 -158 7",
    "left iliac vein": "-18 -26 -98 8, 4 -22 -123 7, 32 -14 -158 7",
    "oesophagus": "12 -48 170 8, 14 -48 105 8, 30 -50 78 9",
    "right hepatic vein": "-20 -30 104 5, -52 -25 95 4.5, -80 -25 75 3.5, -98 -30 45 1.5",
    "middle hepatic vein": "-20 -30 104 5, -30 -60 92 4.5, -45 -88 66 3.5, -60 -105 35 1.5",
    "left hepatic vein": "-20 -30 104 4, 0 -55 95 3.5, 18 -80 84 2.5, 30 -95 72 1.2",
    "portal, anterior": "-32 -52 28 6.5, -58 -52 38 5.5, -80 -78 46 4, -95 -90 66 1.5",
    "portal, lower": "-58 -52 38 5, -75 -35 36 4, -95 -15 22 1.5",
    "portal, upper": "-62 -55 38 4, -78 -40 62 3.2, -92 -25 84 1.5",
    "portal, left": "-32 -52 28 5.5, -12 -78 40 4.5, 8 -92 50 3.5, 22 -98 60 1.2",
    "portal trunk": "-10 -56 5 6, -22 -54 18 6.5, -32 -52 28 6",
    "splenic vein": "-10 -56 5 5.5, 10 -60 15 4, 36 -46 21 3.8, 58 -24 26 3.5, 78 -6 34 3",
    "mesenteric vein": "-10 -56 5 5.5, -9 -64 -18 5.5, -7 -72 -50 4.5, -10 -80 -85 2.5",
    "pancreas": "-30 -48 -24 10, -31 -56 -8 15, -14 -66 3 10.5, 10 -70 11 10.5, 36 -56 17 11,"
    "58 -34 22 10.5, 78 -16 30 7.5",
    "gallbladder": "-38 -60 22 3, -46 -76 8 9, -58 -98 -14 14",
    "stomach": "56 -30 96 32, 62 -40 68 36, 60 -72 38 32, 42 -92 14 26, 14 -98 2 20,"
    "-14 -92 6 15, -32 -80 10 8",
    "duodenum": "-32 -78 8 11, -48 -62 4 12, -50 -48 -18 12, -46 -42 -44 11, -24 -46 -58 11,"
    "6 -50 -56 10, 32 -58 -36 11, 42 -66 -18 12",
    "ascending colon": "-82 -38 -150 24, -92 -26 -105 26, -94 -14 -60 24, -84 -28 -28 22",
    "transverse colon": "-82 -36 -30 21, -70 -78 -24 20, -35 -106 -36 20, 5 -114 -40 19,"
    "45 -104 -18 19, 80 -66 22 19, 100 -28 42 18",
    "descending colon": "100 -26 42 17, 105 -8 8 17, 105 -6 -45 17, 97 -12 -105 17, 84 -30 -150 17",
    "right adrenal": "-36 -20 36 2.8, -32 -10 40 2.4, -26 4 40 1.8",
    "left adrenal": "24 -26 32 2.8, 30 -16 36 2.4, 38 -2 36 1.8",
}


def rise(value: npt.NDArray[np.floating], start: float, width: float) -> Array:
    """Return a smooth step from 0 to 1."""
    return np.asarray(0.5 + 0.5 * np.tanh((value - start) / width), np.float32)


def smooth_max(a: Reals, b: Reals, width: float) -> Array:
    """Intersect two shapes, with the edge rounded over about `width` mm."""
    return np.asarray(0.5 * (a + b + np.sqrt((a - b) ** 2 + width * width)), np.float32)


def radial(terms: Sequence[Reals], radii: Sequence[float | Reals]) -> Array:
    """Approximate the signed distance to an ellipsoid (or ellipse) around the origin."""
    scaled = sum(((t / r) ** 2 for t, r in zip(terms, radii, strict=True)), np.float32(1e-6))
    length = sum((t * t for t in terms), np.float32(1e-6))
    return np.asarray(np.sqrt(length) - np.sqrt(length / scaled), np.float32)


@dataclass
class Body:
    """A half-painted patient: where each voxel lies in the standard body, and what is there."""

    rng: np.random.Generator
    x: Array  # to the patient's left, in mm of the standard body
    y: Array  # to the back
    z: Array  # to the head
    origin: tuple[float, float, float]  # x, y, z of the first voxel, before the warp
    step: tuple[float, float, float]  # mm of the standard body from voxel to voxel
    height: Array  # y before the warp: gas collects where it is small
    bumps: Array  # independent smooth random fields: for surfaces,
    lumps: Array  # for the coarse texture inside organs,
    grain: Array  # for the fine texture
    clouds: Array  # and for what changes over several cm
    hu: Array
    labels: npt.NDArray[np.uint8]
    tissue: dict[str, float]  # HU of this patient's tissues
    inner: Array = field(default_factory=lambda: np.empty(0, np.float32))  # to the body wall
    cavity: Array = field(default_factory=lambda: np.empty(0, np.float32))  # and the diaphragm

    def box(self, low: Sequence[float], high: Sequence[float]) -> Box:
        """Return the voxels that may lie between two corners (x, y, z)."""
        sides = []
        frame = zip(low, high, self.origin, self.step, self.hu.shape[::-1], strict=True)
        for a, b, first, step, n in frame:
            start = min(max(int((a - MARGIN - first) / step), 0), n - 1)
            sides.append(slice(start, min(max(int((b + MARGIN - first) / step), start + 1), n)))
        return sides[2], sides[1], sides[0]

    def at(self, box: Box, centre: Sequence[float] = (0, 0, 0)) -> tuple[Array, Array, Array]:
        """Return x, y, z in a box, relative to a centre."""
        return self.x[box] - centre[0], self.y[box] - centre[1], self.z[box] - centre[2]

    def paint(
        self, box: Box, distance: Array, hu: float | Array, label: int | None = 0, halo: float = 0
    ) -> None:
        """Lay a tissue over what was there; a label of None keeps the label below.

        `halo` is the thickness (mm) of the fat that separates it from its neighbours.
        """
        if halo:
            self.paint(box, distance - halo, FAT + 6 * self.grain[box])
        view = self.hu[box]
        view += soft_edge(distance, EDGE) * (hu - view)
        if label is not None:
            self.labels[box][distance < 0] = label

    def tube(
        self, course: str | Reals, wander: float = 0, wide: float = 1, lift: float = 0
    ) -> Tube:
        """Make a tube along a course, its points moved at random by about `wander` mm."""
        if isinstance(course, str):
            course = np.array([point.split() for point in COURSES[course].split(",")], np.float64)
        knots = course[:, :3] + (0, 0, lift) + self.rng.normal(0, 1, (len(course), 3)) * wander
        way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
        radii = course[:, 3] * wide
        pieces = max(3, int(way[-1] / np.clip(0.7 * radii.max(), 4, 9)))
        places = np.linspace(0, way[-1], pieces)
        line = CubicSpline(way, knots)(places)
        # Plain floats, because numpy's own would turn the fields into double precision.
        nodes = np.column_stack([line, np.interp(places, way, radii), places]).tolist()
        reach = float(radii.max()) + 8
        box = self.box(line.min(0) - reach, line.max(0) + reach)
        distance = np.full(self.hu[box].shape, FAR, np.float32)
        along = np.zeros_like(distance)
        for a, b in pairwise(nodes):
            ends = list(zip(a[:3], b[:3], strict=True))
            part = self.box([min(e) - reach for e in ends], [max(e) + reach for e in ends])
            dx, dy, dz = self.at(part, a)
            ux, uy, uz, growth, ahead = (q - p for p, q in zip(a, b, strict=True))
            t = np.clip((dx * ux + dy * uy + dz * uz) / (ux * ux + uy * uy + uz * uz), 0, 1)
            d = np.sqrt((dx - t * ux) ** 2 + (dy - t * uy) ** 2 + (dz - t * uz) ** 2)
            d -= a[3] + t * growth
            pairs = zip(part, box, strict=True)
            seen = tuple(slice(p.start - q.start, p.stop - q.start) for p, q in pairs)
            nearer = d < distance[seen]
            along[seen] = np.where(nearer, a[4] + t * ahead, along[seen])
            distance[seen] = np.where(nearer, d, distance[seen])
        return box, distance, along

    def vessel(self, course: str | Reals, hu: float, halo: float = 0.6, lift: float = 0) -> None:
        """Paint a blood vessel outside the organs."""
        box, distance, _ = self.tube(course, 1, self.rng.uniform(0.85, 1.15), lift)
        self.paint(box, distance, hu, halo=halo)

    def gut(self, tube: Tube, content: float | Array, wall: float, gas: float | Array = 0) -> None:
        """Paint a piece of gut: wall, content and gas (a field, or the share that rises)."""
        box, distance, _ = tube
        lumen = distance + wall
        if isinstance(gas, float) and (lumen < 0).any():
            level = float(np.quantile(self.height[box][lumen < 0], gas))
            gas = soft_edge(self.height[box] - level, 0.8)
        self.paint(box, distance, self.tissue["gut wall"], halo=1)
        self.paint(box, lumen, content * (1 - gas) - 970 * gas)
