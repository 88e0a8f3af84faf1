"""What spoils an endoscope's frames: highlights, bubbles, overexposure, drops on the lens."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..fields import smooth_noise, soft_edge
from .wall import WHITE, Array, Rng, View, blend, rgb

Cover = npt.NDArray[np.bool_]
Drawn = tuple[Array, Cover]  # the scene with the artefact, and the pixels that belong to it

GLEAM = rgb(0.97, 1.0, 1.0)
MILK = rgb(0.95, 0.88, 0.8)


def patch(rng: Rng, view: View, middle: complex, radius: float, rough: float) -> Array:
    """Return the signed distance in pixels (negative inside) to an irregular oval.

    Args:
        rng: source of randomness.
        view: the frame.
        middle: middle of the oval, column + i row in pixels.
        radius: mean radius in pixels.
        rough: how irregular, as a share of the radius.
    """
    offset = (pixels(view) - middle) * np.exp(1j * rng.uniform(0, 2 * np.pi))
    squeeze = np.exp(rng.normal(0, 0.22))
    oval = np.hypot(offset.real * squeeze, offset.imag / squeeze) - radius
    wave = smooth_noise(rng, view.z.shape, max(0.6 * radius, 1.5))
    return np.asarray(oval + rough * radius * wave, np.float32)


def pixels(view: View) -> npt.NDArray[np.complex64]:
    """Return column + i row of each pixel."""
    row, col = np.mgrid[: view.size, : view.size]
    return np.asarray(col + 1j * row, np.complex64)


def specularity(rng: Rng, view: View, scene: Array, middle: complex, extent: float) -> Drawn:
    """Paint a wet spot that mirrors the lamp: a few sharp white flecks with a faint halo."""
    cover = np.zeros(view.z.shape, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        shift = 0.2 * extent * complex(rng.normal(), rng.normal())
        fleck = patch(rng, view, middle + shift, rng.uniform(0.16, 0.3) * extent, 0.28)
        cover = np.maximum(cover, soft_edge(fleck, 0.7 * view.unit))
    halo = ndimage.gaussian_filter(cover, 0.18 * extent)
    scene = blend(scene, np.clip(0.5 * halo, 0, 1), GLEAM)
    return blend(scene, rng.uniform(0.9, 1.0) * cover, GLEAM), cover > 0.5


def bubbles(rng: Rng, view: View, scene: Array, middle: complex, extent: float) -> Drawn:
    """Paint foam: one bubble, or a heap of smaller ones with bright rims and a highlight each."""
    number = int(rng.choice((1, 2, 4, 7, 11)))
    biggest = 0.5 * extent / number**0.42
    lamp = np.exp(1j * rng.uniform(0, 2 * np.pi))
    cover = np.zeros(view.z.shape, np.bool_)
    for _ in range(number):
        radius = biggest * rng.uniform(0.55, 1.0) if number > 1 else biggest
        spread = 0.5 * extent - radius
        centre = middle + spread * np.sqrt(rng.random()) * np.exp(1j * rng.uniform(0, 6.3))
        scene = bubble(rng, view, scene, centre, radius, lamp)
        cover |= np.abs(pixels(view) - centre) < radius
    return scene, cover


def bubble(
    rng: Rng, view: View, scene: Array, centre: complex, radius: float, lamp: complex
) -> Array:
    """Paint a single bubble of a radius in pixels, its highlight on the lamp's side."""
    offset = pixels(view) - centre
    far = np.abs(offset)
    inside = soft_edge((far - radius).astype(np.float32), 0.6 * view.unit)
    width = max(0.1 * radius, 0.8 * view.unit)
    aslant = (offset * np.conj(lamp)).real / np.maximum(far, 1e-3)  # 1 towards the lamp
    rim = np.exp(-(((far - radius + width) / width) ** 2)) * (0.45 + 0.4 * np.abs(aslant))
    shadow = np.exp(-(((far - radius - width) / width) ** 2))
    scene = scene * (1 - 0.3 * shadow)[..., None]
    film = rng.uniform(0.05, 0.2) * inside * np.clip(far / radius, 0, 1)
    scene = blend(scene, np.clip(film + rng.uniform(0.5, 0.8) * rim * inside, 0, 1), MILK)
    spot = np.abs(offset - 0.55 * radius * lamp) - 0.16 * radius
    echo = np.abs(offset + 0.5 * radius * lamp) - 0.09 * radius
    scene = blend(scene, soft_edge(spot.astype(np.float32), 0.6 * view.unit), WHITE)
    return blend(scene, 0.6 * soft_edge(echo.astype(np.float32), 0.7 * view.unit), WHITE)


def saturation(rng: Rng, view: View, scene: Array, middle: complex, extent: float) -> Drawn:
    """Paint overexposure where the wall comes close to the lamp: white, with a soft edge."""
    edge = patch(rng, view, middle, 0.5 * extent, 0.2)
    soft = rng.uniform(0.1, 0.2) * extent
    light = soft_edge(edge, soft)
    scene = scene * (1 + 2.2 * light)[..., None] + (1.5 * light**1.5)[..., None]
    return np.asarray(np.minimum(scene, 1.3), np.float32), edge < 0.35 * soft


def blur(rng: Rng, view: View, scene: Array, middle: complex, extent: float) -> Drawn:
    """Paint a drop on the lens: nothing behind it is sharp, and its rim bends the light."""
    edge = patch(rng, view, middle, 0.5 * extent, 0.13)
    cover = soft_edge(edge, 1.6 * view.unit)
    sigma = rng.uniform(3.5, 6.5) * view.unit
    smeared = ndimage.gaussian_filter(scene, (sigma, sigma, 0))
    smeared = blend(smeared, np.full_like(cover, rng.uniform(0.06, 0.22)), MILK)
    scene = blend(scene, cover, smeared)
    width = 2.2 * view.unit
    side = (pixels(view) - middle) * np.exp(1j * rng.uniform(0, 6.3))
    lit = np.clip(side.real / (0.5 * extent), -1, 1)
    rim = rng.uniform(0.15, 0.4) * np.exp(-((edge / width) ** 2))
    return np.asarray(scene * (1 + rim * lit)[..., None], np.float32), edge < 0
