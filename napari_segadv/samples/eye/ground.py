"""Retina, macula, lesions and optic disc of the fundus phantom."""

import numpy as np
from scipy import ndimage

from ..fields import smooth_noise, soft_edge
from .pose import (
    BLOND,
    DRUSEN,
    MELANIN,
    PIGMENTED,
    SCLERA,
    VEIN,
    XANTHOPHYLL,
    Array,
    Eye,
    Line,
    Rng,
    absorb,
    blend,
    rgb,
    turned,
)

Head = tuple[Array, Array, Array]  # picture, distance to disc, distance to cup


def streaks(rng: Rng, flow: Line, width: float, warp: Array | float = 0.0) -> Array:
    """Return noise `width` pixels wide, stretched along the real axis of a flow map."""
    texture = smooth_noise(rng, (len(flow), len(flow)), 0.5 * width)
    row, col = 0.5 * flow.imag + warp, 0.18 * flow.real + warp
    lines: Array = ndimage.map_coordinates(texture, (row, col), np.float32, order=1, mode="reflect")
    return lines


def retina(rng: Rng, eye: Eye) -> Array:
    """Paint pigment, mottling, and choroidal vessels that run towards the vortex veins."""
    u, z = eye.unit, eye.z
    broad, mottle = eye.noise(rng, 55), eye.noise(rng, 10)
    melanin = rng.beta(1.3, 1.3) + rng.uniform(0.03, 0.2) * broad
    scene = BLOND + melanin[..., None] * (PIGMENTED - BLOND)
    # Both halves use different parts of one texture, which vanishes at their border.
    pole = 1.6 * eye.field * turned(rng.uniform(15, 80))
    half = z.real - eye.middle.real + 1j * np.abs(z.imag)
    flow = np.log(1 - half / pole) * abs(pole) + 900j * u * (z.imag > 0)
    lines = streaks(rng, flow.astype(np.complex64), 8 * u, 2 * u * mottle + 14 * u * broad)
    hidden = np.clip(np.abs(z - eye.fovea) / eye.disc - 0.5, 0, 1)  # by the pigment of the macula
    lines *= hidden * np.clip(np.abs(z.imag) / (40 * u), 0, 1)
    vessels = 0.1 * rng.random() ** 1.5 * (0.7 - np.abs(lines))
    tone = vessels + rng.uniform(0.008, 0.02) * (mottle + eye.noise(rng, 3))
    tone += 0.009 * eye.noise(rng, 1.1)
    scene *= 1 + tone[..., None] * rgb(0.6, 1.0, 1.0)
    clumps = 0.55 * rng.random() ** 2 * np.clip(0.3 + 0.8 * broad, 0, 1) * np.clip(lines, 0, 2)
    scene = absorb(scene, clumps, MELANIN)
    # A pale, rosy sheen of the inner retina, most often towards the periphery.
    sheen = rng.uniform(0, 0.3) * rng.random() * np.clip(-broad - 0.2, 0, 2) * hidden
    return blend(scene, sheen, rgb(1.0, 0.66, 0.54))


def macula(rng: Rng, eye: Eye, scene: Array) -> Array:
    """Paint the yellow-brown macula, its darker centre and, in a young eye, the foveal reflex."""
    far = np.abs(eye.z - eye.fovea) / eye.disc * (1 + 0.13 * eye.noise(rng, 14))
    shade = rng.uniform(0.1, 0.34) * np.exp(-((far / rng.uniform(0.6, 1.0)) ** 2))
    shade += rng.uniform(0.05, 0.3) * np.exp(-((far / rng.uniform(0.2, 0.35)) ** 1.4))
    scene = absorb(scene, shade, XANTHOPHYLL)
    if rng.random() < 0.4:
        ring = rng.choice((0.0, 0.1, 0.4)) * rng.uniform(0.8, 1.2)
        shine = np.exp(-(((far - ring) / (0.035 + 0.1 * ring)) ** 2)) / (1 + 5 * ring)
        scene += 0.12 * rng.random() * shine[..., None] * rgb(1.0, 0.9, 0.8)
    return scene


def spots(rng: Rng, eye: Eye, number: int, width: float, spread: float) -> Array:
    """Return small round lesions scattered around the fovea, as a membership of 0 to 1."""
    seeds = np.zeros(eye.z.shape, np.float32)
    place = eye.fovea + spread * eye.disc * (rng.normal(size=(number, 2)) @ (1, 1j))
    pixel = eye.to_pixel(place[np.abs(place - eye.middle) < eye.field])
    size = rng.uniform(0.8, 2.5, pixel.size) * 2 * np.pi * (width * eye.unit) ** 2
    seeds[pixel.imag.astype(int), pixel.real.astype(int)] = size
    return soft_edge(0.7 - ndimage.gaussian_filter(seeds, width * eye.unit), 0.4)


def lesions(rng: Rng, eye: Eye, scene: Array) -> Array:
    """Sometimes paint drusen around the macula, sometimes a few haemorrhages."""
    if rng.random() < 0.25:
        drusen = spots(rng, eye, int(rng.integers(3, 40)), rng.uniform(0.8, 2.2), 0.5)
        scene = blend(scene, rng.uniform(0.1, 0.35) * drusen, DRUSEN)
    if rng.random() < 0.2:
        bleeds = spots(rng, eye, int(rng.integers(1, 7)), rng.uniform(1.2, 3.0), 1.5)
        scene = absorb(scene, rng.uniform(0.5, 1.0) * bleeds, VEIN)
    return scene


def wavy_edge(rng: Rng, z: Line, radius: float, rough: float) -> Array:
    """Return the signed distance (negative inside) to a slightly upright, irregular oval at 0."""
    angle = np.angle(z)
    edge: Array = 1 - rng.uniform(0.0, 0.07) * np.cos(2 * angle + rng.normal(0, 0.3))
    for waves in (2, 3, 4, 5):
        edge += rough / waves * rng.normal() * np.cos(waves * angle + rng.uniform(0, 6.3))
    return np.asarray(np.abs(z) - radius * edge, np.float32)


def crescent(rng: Rng, eye: Eye, scene: Array, patches: Array) -> Array:
    """Paint peripapillary atrophy: bare sclera beside the disc, with pigment along its border."""
    shift = 0.5 * eye.disc * rng.uniform(0.1, 0.4) * turned(rng.normal(0, 35))
    edge = wavy_edge(rng, eye.z - shift, 0.5 * eye.disc * rng.uniform(0.98, 1.15), 0.05)
    edge += 2 * eye.unit * patches
    bare = soft_edge(edge, 2.5 * eye.unit) * rng.uniform(0.15, 0.5)
    seam = np.exp(-((edge / (2.5 * eye.unit)) ** 2)) * np.clip(patches, 0, 2) * 2 * rng.random()
    return absorb(blend(scene, bare, SCLERA), seam, MELANIN)


def nerve_head(rng: Rng, eye: Eye, scene: Array, ratio: float, pit: complex) -> Head:
    """Paint rim and cup of the disc; return also the signed distances to disc and cup."""
    u, z, radius = eye.unit, eye.z, eye.disc / 2
    patches = eye.noise(rng, 4)
    if rng.random() < 0.45:
        scene = crescent(rng, eye, scene, patches)
    disc = wavy_edge(rng, z, radius, 0.03)
    cup = np.maximum(wavy_edge(rng, z - pit, ratio * radius, 0.06), disc + 0.05 * eye.disc)
    scene = absorb(scene, np.exp(-np.abs(disc) / (6 * u)), 0.15 * rng.random())
    # Nerve fibres blur the margin above and below; the temporal rim is thinner and paler.
    haze = rng.uniform(0.8, 1.6) * u * (1 + 1.2 * np.abs(z.imag) / (np.abs(z) + 1))
    rim = rng.uniform(0.48, 0.8) + rng.uniform(0.0, 0.15) * z.real / radius + 0.03 * patches
    rim *= soft_edge(disc / haze, 1.0)
    rosy = SCLERA ** rgb(1.0, *rng.uniform((1.9, 1.3), (3.0, 1.9)))
    scene = blend(scene, rim, rosy)
    pale = rng.uniform(0.55, 0.95) + 0.06 * patches
    pale = pale * soft_edge(cup, rng.uniform(1.0, 2.6) * u)
    return blend(scene, pale, 1.04 * SCLERA), disc, cup


def nerve_fibres(rng: Rng, eye: Eye, scene: Array) -> Array:
    """Paint bright striations of the nerve fibre layer that leave the disc above and below."""
    z, reach = eye.z, np.abs(eye.z) / eye.disc
    lines = 1 + 0.6 * streaks(rng, np.log(z + 1e-3) * 1.5 * eye.disc, 2 * eye.unit)
    arch = np.abs(z.imag) / (np.abs(z) + 1) * np.exp(-reach / 0.9) * np.clip(2 * reach, 0, 1)
    sheen = rng.uniform(0, 0.14) * arch * lines
    return absorb(scene, sheen, -rgb(0.5, 0.65, 0.55))
