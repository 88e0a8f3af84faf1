"""The canvas that the chest X-ray phantom is painted on: outlines, coverage, thickness."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]  # rows of (row, column) in pixels, or numbers in body units
FIELD = 358.0  # mm of body that the picture covers: 512 pixels of 0.7 mm
SIDES = (-1, 1)  # the patient's right, the patient's left


class Chest:
    """One patient before the detector, with the measures that several organs share."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.rng, self.size, self.mm = rng, size, size / FIELD  # mm: pixels per mm
        self.width = rng.uniform(116, 154)  # half width of the thorax, mm
        self.height = self.width * rng.uniform(1.35, 1.85)  # of the right lung, mm
        self.top = rng.uniform(0.1, 0.75) * (FIELD - 1.15 * self.height)  # y of the apices, mm
        self.midline = FIELD / 2 + rng.normal(0, 10)
        self.tilt, self.skew = rng.normal(0, 0.03, 2)  # skew: one half of the thorax is wider
        self.turn = rng.normal(0, 0.035)  # how far a rotated patient's front leaves the midline
        self.shoulder = rng.uniform(-0.04, 0.1)  # how low the shoulders hang
        self.fat = rng.uniform(0, 1)  # 0 slim, 1 obese
        self.barrel = rng.uniform(-0.2, 1.2)  # 0 bell-shaped thorax, 1 wide upper thorax
        self.low = rng.uniform(-0.01, 0.12)  # by how much the left diaphragm lies lower
        # How far the diaphragm falls to the side and to the middle
        self.fall = rng.uniform(0.06, 0.23), rng.uniform(0, 0.08)
        self.soft = rng.uniform(0.5, 1.7)  # blur of the moving organs' edges, mm
        self.bend = np.array([rng.normal(0, 2, 2), *rng.uniform(0, 6.3, (2, 2))])
        self.blank: Array = np.zeros((size, size), np.float32)

    def trace(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Points:
        """Turn body units into (row, column): tilted, shifted and a little bent."""
        across, down = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        across = (across + self.skew * np.abs(across)) * self.width
        down = (down - 0.5) * self.height
        row = down * np.cos(self.tilt) + across * np.sin(self.tilt) + self.height / 2 + self.top
        col = across * np.cos(self.tilt) - down * np.sin(self.tilt) + self.midline
        wave = np.sin(row[:, None] / 60 + self.bend[1]) * np.sin(col[:, None] / 60 + self.bend[2])
        return np.asarray((np.column_stack([row, col]) + self.bend[0] * wave) * self.mm)

    def wall(self, y: Points) -> Points:
        """Return the half width of the pleural space at height y."""
        heights = [0, 0.02, 0.07, 0.18, 0.3, 0.6, 0.92, 1.15, 1.6]
        bell = np.array([0.3, 0.42, 0.53, 0.72, 0.81, 0.89, 0.955, 1.0, 1.0])
        wide = np.array([0.36, 0.54, 0.69, 0.84, 0.905, 0.96, 0.98, 1.0, 1.0])
        return np.asarray(np.interp(y, heights, bell + self.barrel * (wide - bell)))

    def dome(self, x: npt.ArrayLike) -> Points:
        """Return the height of the diaphragm at x."""
        place = np.asarray(x, np.float64)
        lateral = np.clip((np.abs(place) - 0.45) / 0.55, 0, None) ** 2.4
        medial = np.clip((0.5 - np.abs(place)) / 0.35, 0, 1.2) ** 2
        step = self.low / (1 + np.exp(-40 * place))
        return np.asarray(1 + step + self.fall[0] * lateral + self.fall[1] * medial)


def spline(points: Points, closed: bool = True) -> Points:
    """Return a Catmull-Rom curve through the points."""
    q = np.pad(points, ((1, 2 if closed else 1), (0, 0)), mode="wrap" if closed else "edge")
    a, b, c, d = q[:-3], q[1:-2], q[2:-1], q[3:]
    t = np.linspace(0, 1, 10)[:, None, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(curve.swapaxes(0, 1).reshape(-1, 2))


def ribbon(path: Points, radius: npt.ArrayLike) -> Points:
    """Return the outline of a band of that radius (one, or one per point) around a path."""
    ahead = ndimage.convolve1d(path, [1, 0, -1], axis=0, mode="nearest")
    ahead *= np.reshape(radius, (-1, 1)) / np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
    aside = ahead[:, ::-1] * [1, -1]
    return np.concatenate([path + aside, (path - aside)[::-1]])


def paint(layer: Array, outline: Points, amount: float = 1.0) -> None:
    """Add the amount inside an outline (pixels), with antialiased edges.

    Every edge leaves its sign where it crosses a row; the running sum along the row then counts
    how often the outline winds about a pixel. Much faster than skimage's polygon here.
    """
    (r0, c0), (r1, c1) = outline.T, np.roll(outline, -1, axis=0).T
    first = np.clip(np.ceil(np.minimum(r0, r1)), 0, len(layer)).astype(int)
    count = np.clip(np.ceil(np.maximum(r0, r1)), 0, len(layer)).astype(int) - first
    if not count.any():
        return
    edge = np.repeat(np.arange(len(r0)), count)
    row = np.arange(len(edge)) + np.repeat(first + count - np.cumsum(count), count)
    cross = c0[edge] + (row - r0[edge]) * (c1 - c0)[edge] / (r1 - r0)[edge]
    cross = np.clip(cross + 0.5, 0, len(layer))
    top, left = row.min(), int(cross.min())
    shape = np.ptp(row) + 1, int(cross.max()) - left + 2
    at = (row - top) * shape[1] + cross.astype(int) - left
    sign, share = np.sign(r1 - r0)[edge], cross % 1
    marks = np.bincount(at, sign * (1 - share), shape[0] * shape[1])
    marks += np.bincount(at + 1, sign * share, shape[0] * shape[1])
    inside = np.minimum(np.abs(np.cumsum(marks.reshape(shape), axis=1)), 1)
    part = layer[top : top + shape[0], left : left + shape[1]]
    part += (amount * inside[:, : part.shape[1]]).astype(np.float32)


def fill(chest: Chest, outline: Points) -> Array:
    """Return the coverage (0 to 1) of the pixels by what an outline (pixels) encloses."""
    layer = chest.blank.copy()
    paint(layer, outline)
    return layer


def blur(picture: Array, sigma: float) -> Array:
    return np.asarray(ndimage.gaussian_filter(picture, sigma, mode="nearest", truncate=3.0))


def depth(chest: Chest, cover: Array) -> Array:
    """Return how far inside a shape a pixel lies, in mm (coarsely: it feeds smooth profiles)."""
    coarse = np.pad(cover[::2, ::2] > 0.5, 40, mode="edge")  # shapes go on beyond the picture
    inside = ndimage.distance_transform_edt(coarse)[40:-40, 40:-40].astype(np.float32)
    inside = blur(inside, 1.0).repeat(2, axis=0).repeat(2, axis=1)[: chest.size, : chest.size]
    return blur(inside, 1.0) * np.float32(2 / chest.mm)


def bulk(chest: Chest, cover: Array, reach: float) -> Array:
    """Return the thickness (0 to 1) of a body with a round edge: an ellipse's up to `reach` mm."""
    x = 1 - np.clip(depth(chest, cover) / np.float32(reach), 0, 1)
    return np.asarray(np.sqrt(1 - x * x) * blur(cover, chest.soft * chest.mm))


def opacity(chest: Chest, cover: Array, edge: float, reach: float) -> Array:
    """Return the share of lung air that an organ displaces: a step at its edge, rising inwards."""
    rest = (1 - edge) * np.exp(-depth(chest, cover) / np.float32(reach))
    return np.asarray(blur(cover, chest.soft * chest.mm) * (1 - rest))
