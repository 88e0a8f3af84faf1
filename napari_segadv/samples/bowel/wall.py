"""The bowel as an endoscope sees it: a lit tube with folds, vessels, and the frame around it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..fields import smooth_noise, soft_edge

Rng = np.random.Generator
Array = npt.NDArray[np.float32]
Plane = npt.NDArray[np.complex64]  # points, x + i y


def rgb(red: float, green: float, blue: float) -> Array:
    """Make an array of a colour, or of its optical density."""
    return np.array((red, green, blue), np.float32)


# Mucosa lies between these; displayed values of 0 to 1 under full light.
PALE, ROSY, RED = rgb(0.97, 0.66, 0.5), rgb(0.93, 0.5, 0.38), rgb(0.84, 0.34, 0.24)
BLOOD = rgb(0.18, 0.75, 0.6)  # absorbs green most
WHITE = rgb(1.0, 1.0, 1.0)


@dataclass(frozen=True)
class View:
    """One frame of an endoscope.

    Attributes:
        unit: a pixel of a frame of 256 x 256.
        z: the point that each pixel shows (size, size): half widths from the middle.
        lumen: where the tube goes; outside the frame if the camera faces a wall.
    """

    unit: float
    z: Plane
    lumen: complex

    @property
    def size(self) -> int:
        return len(self.z)

    def noise(self, rng: Rng, scale: float) -> Array:
        """Return noise over the frame; the scale is in pixels of 256."""
        return smooth_noise(rng, self.z.shape, scale * self.unit)


def choose_view(rng: Rng, size: int) -> View:
    """Choose where the camera points: mostly along the tube, sometimes at its wall."""
    row, col = (np.mgrid[:size, :size] - (size - 1) / 2) * 2 / size
    away = rng.uniform(0.9, 1.4) if rng.random() < 0.3 else rng.uniform(0, 0.55)
    lumen = away * np.exp(1j * rng.uniform(0, 2 * np.pi))
    return View(size / 256, (col + 1j * row).astype(np.complex64), complex(lumen))


def blend(scene: Array, weight: Array, colour: Array) -> Array:
    """Lay a colour over the scene, as opaque as the weight."""
    return np.asarray(scene + weight[..., None] * (colour - scene), np.float32)


def folds(rng: Rng, view: View) -> tuple[Array, Array]:
    """Return the folds' shading, and the wall's distance to the lumen's middle (0 in the depth)."""
    w = view.z - view.lumen
    broad = view.noise(rng, 45)
    # The bowel's bands pull its outline into a rounded triangle.
    lobes = 1 + rng.uniform(0.05, 0.16) * np.cos(3 * np.angle(w) + rng.uniform(0, 6.3))
    far = np.abs(w) / (lobes + 0.08 * broad)
    number = rng.uniform(1.3, 2.4)
    warp = 0.16 * broad + 0.05 * view.noise(rng, 14)
    depth = -number * np.log(far + 0.05) + warp + rng.uniform(0, 1)
    phase = depth % 1.0
    # Inwards from a crest, the wall behind it emerges from the shade up to the next, lit crest.
    rise = np.clip(phase / rng.uniform(0.3, 0.75), 0, 1) ** rng.uniform(0.6, 0.9)
    shade = rise * rise * (3 - 2 * rise) + 0.2 * np.exp(-(((phase - 0.9) / 0.1) ** 2))
    # Each fold goes round another part of the circumference.
    turn = np.angle(w) + 2.4 * np.floor(depth) + rng.uniform(0, 6.3)
    strength = rng.uniform(0.3, 0.65) * np.clip(0.4 + 0.7 * np.cos(turn) + 0.3 * broad, 0, 1)
    lit = ndimage.gaussian_filter(1 - strength * (1 - shade), 0.9 * view.unit)
    return np.asarray(lit, np.float32), np.asarray(far, np.float32)


def vessels(rng: Rng, view: View) -> Array:
    """Return fine branching vessels under the mucosa, as depth of blood."""
    found = np.zeros(view.z.shape, np.float32)
    for scale, width, amount in (
        (22, 0.05, 0.9),
        (12, 0.07, 0.8),
        (6.5, 0.11, 0.6),
        (4, 0.16, 0.4),
    ):
        # Rough courses, so that few of them close into rings.
        course = view.noise(rng, scale) + 0.25 * view.noise(rng, 0.35 * scale)
        seen = np.clip(0.25 + 0.9 * view.noise(rng, 1.3 * scale), 0, 1)
        found += amount * seen * np.exp(-((course / width) ** 2))
    return found


def wall(rng: Rng, view: View) -> Array:
    """Paint the mucosa under the camera's light, (size, size, 3)."""
    shade, far = folds(rng, view)
    tone = np.clip(rng.beta(2, 2) + 0.12 * view.noise(rng, 30), 0, 1)[..., None]
    scene = np.where(
        tone < 0.5, PALE + 2 * tone * (ROSY - PALE), ROSY + (2 * tone - 1) * (RED - ROSY)
    )
    mottle = 0.035 * view.noise(rng, 7) + 0.03 * view.noise(rng, 2.5) + 0.03 * view.noise(rng, 1)
    scene = scene * (1 + rng.uniform(0.5, 1.3) * mottle)[..., None]
    blood = rng.uniform(0.1, 0.75) * vessels(rng, view)
    scene = scene * np.exp(-blood[..., None] * BLOOD)
    reach = rng.uniform(0.16, 0.4)
    light = (far / (far + reach)) ** rng.uniform(1.2, 1.9) * (1 + 0.1 * view.noise(rng, 60))
    light = light * rng.uniform(0.85, 1.1) * (1 + reach)
    # Light that has met the wall many times is red.
    deep = np.clip(light * shade, 0.015, None)[..., None]
    return np.asarray(scene * deep ** rgb(0.85, 1.05, 1.1), np.float32)


def frame(rng: Rng, view: View) -> Array:
    """Return the membership of the camera's field: a square with cut corners, or nearly round."""
    x, y = np.abs(view.z.real), np.abs(view.z.imag)
    edge = np.maximum(np.maximum(x, y) - 0.98, (x + y - rng.uniform(1.4, 1.75)) / np.sqrt(2))
    if rng.random() < 0.4:
        edge = np.maximum(edge, np.abs(view.z) - rng.uniform(1.0, 1.15))
    return soft_edge(edge.astype(np.float32) * view.size / 2, 0.8 * view.unit)


def camera(rng: Rng, view: View, scene: Array, field: Array) -> npt.NDArray[np.uint8]:
    """Apply focus, sharpening, colour balance and noise."""
    blur = rng.uniform(0.3, 0.6) * view.unit
    scene = ndimage.gaussian_filter(scene, (blur, blur, 0))
    crisp = scene - ndimage.gaussian_filter(scene, (1.5 * view.unit, 1.5 * view.unit, 0))
    cast = np.exp(rng.normal(0, (0.02, 0.04, 0.06))).astype(np.float32)
    scene = np.clip((scene + rng.uniform(0, 0.7) * crisp) * cast, 0, 1)
    scene = scene ** rng.uniform(0.85, 1.1)
    noise = rng.uniform(0.004, 0.014) * rng.standard_normal(scene.shape, dtype=np.float32)
    seen = (scene + noise) * field[..., None] + rng.uniform(0, 0.02)
    return np.asarray(np.rint(255 * np.clip(seen, 0, 1)), np.uint8)
