"""Draws random phantoms of posterior-anterior chest radiographs with their organ labels.

The picture is computed as a projection: how much water-equivalent tissue (in mm) a ray meets in
the body, less the air of the lungs, plus bone; then exposure with scatter and quantum noise, and
the characteristic curve of a film. Shapes are given in body units: x in half widths of the
thorax (the patient's left is positive, and on the right of the picture), y in lung heights (0 at
the apex of the lung, 1 at the top of the right half of the diaphragm).
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..chest.anatomy import (
    draw_airways,
    draw_body,
    draw_centre,
    draw_clavicles,
    draw_pleura,
    draw_ribs,
    draw_shoulders,
    draw_soft_parts,
    draw_spine,
    draw_vessels,
)
from ..chest.canvas import SIDES, Array, Bytes, Chest, blur, bulk, fill, opacity, paint
from ..fields import smooth_noise

NAME = "chest-xray"
TITLE = "Chest X-ray, PA (phantom)"
CLASSES = ("background", "heart", "right lung", "left lung", "right clavicle", "left clavicle")
UNITS = "grey level"
SPACING = (0.7, 0.7)  # mm, (y, x)
MU = 0.018  # attenuation of water per mm at the voltage of a chest film
GLYPHS = {-1: (30, 17, 17, 30, 20, 18, 17), 1: (16, 16, 16, 16, 16, 16, 31)}  # R, L as 7 x 5 bits


def project(chest: Chest, body: Array, pleura: Array, organs: list[Array]) -> Array:
    """Return the tissue along each ray, in mm of water, without bones: the body less lung air."""
    uniform, solid = chest.rng.uniform, chest.blank
    soft, steep = uniform(0.25, 0.5), uniform(0.6, 1.3)
    shares = ((soft + 0.1, 12), (soft, 22), (0.5, 18))  # vessels, heart, abdomen
    for cover, (edge, reach) in zip(organs, shares, strict=True):
        solid = np.maximum(solid, opacity(chest, cover, edge, steep * reach))
    down = np.linspace(0, 1.8, chest.size, dtype=np.float32)[:, None]
    tissue = bulk(chest, body, 50) * (0.68 + 0.32 * np.minimum(down, 1))
    tissue *= uniform(170, 230) + 50 * chest.fat
    marks = draw_vessels(chest) * np.float32(uniform(0.6, 1.8))
    for sigma, amount in ((1.5, 2.5), (5, 3.0), (14, 4.0), (30, 6.0)):  # interstitium, infiltrates
        grain = smooth_noise(chest.rng, tissue.shape, sigma * chest.mm)
        marks += np.float32(amount * uniform(0.1, 1.0)) * grain
    # A fifth at once at the edge: there the lung meets the inner side of the ribs
    lung = (0.2 * blur(pleura, chest.soft * chest.mm) + 0.8 * bulk(chest, pleura, 50)) * (1 - solid)
    return np.asarray(tissue - lung * (np.float32(uniform(0.48, 0.6)) * tissue - marks))


def expose(chest: Chest, tissue: Array) -> Array:
    """Turn water-equivalent thickness into the log of the exposure, with scatter and noise."""
    uniform, primary = chest.rng.uniform, np.exp(-MU * tissue)
    wide = ndimage.zoom(blur(primary[::8, ::8], 30 * chest.mm / 8), 8, order=1)
    exposure = primary + np.float32(uniform(0.05, 0.6)) * wide[: chest.size, : chest.size]
    exposure = blur(exposure, uniform(0.3, 1.0) * chest.mm)
    grain = smooth_noise(chest.rng, exposure.shape, uniform(0.4, 0.9))
    grain *= np.float32(uniform(0.0, 0.02)) * np.sqrt(np.median(exposure) / exposure)
    light = np.log(exposure) + np.clip(grain, -1, 1)
    if uniform() < 0.4:  # digital systems lift local contrast
        light += np.float32(uniform(0.1, 0.6)) * (light - blur(light, 14 * chest.mm))
    bias = smooth_noise(chest.rng, exposure.shape, 150 * chest.mm)
    return np.asarray(light + np.float32(uniform(0, 0.08)) * bias)


def develop(chest: Chest, light: Array, lungs: npt.NDArray[np.bool_], heart: Array) -> Array:
    """Apply the characteristic curve: a sigmoid from exposure to brightness (0 to 1)."""
    uniform = chest.rng.uniform
    black, white = uniform(0, 0.22), uniform(0.9, 1.04)
    dark = uniform(black + 0.1, 0.73)  # the lungs, then the heart
    bright = uniform(dark + 0.55 * (white - dark), white - 0.015)
    a, b = (np.log((grey - black) / (white - grey)) for grey in (dark, bright))
    at_lung, at_heart = (float(np.median(light[part])) for part in (lungs, heart > 0.5))
    power = a + (b - a) * (light - at_lung) / (at_heart - at_lung)
    return np.asarray(black + (white - black) / (1 + np.exp(-np.clip(power, -30, 30))))


def mount(chest: Chest, picture: Array, labels: Bytes) -> None:
    """Add what surrounds the exposed field: collimation, a side marker, blanked name plates."""
    uniform, size, hidden = chest.rng.uniform, chest.size, chest.blank.copy()
    if uniform() < 0.45:
        a, b, c, d = np.where(uniform(size=4) < 0.5, uniform(0, 0.05, 4), -0.1)
        skew = chest.rng.normal(0, 0.006)
        corners = [(a, b + skew), (a + skew, 1 - d), (1 - c, 1 - d - skew), (1 - c - skew, b)]
        hidden += 1
        paint(hidden, np.array(corners) * size, -1.0)
        picture += hidden * (chest.rng.choice([0.0, 0.1, 0.95, 1.0]) - picture)
    if uniform() < 0.5:
        side, scale = int(chest.rng.choice(SIDES)), max(1, int(uniform(2, 5) * size / 512))
        bits = (np.array(GLYPHS[side])[:, None] >> np.arange(4, -1, -1)) & 1
        glyph = np.kron(bits, np.ones((scale, scale), int)) > 0
        row, col = int(uniform(0.02, 0.15) * size), int((0.5 + side * uniform(0.38, 0.44)) * size)
        picture[row : row + 7 * scale, col : col + 5 * scale][glyph] = uniform(0.9, 1.0)
    for _ in range(int(chest.rng.integers(0, 3))):
        high, wide = (uniform([0.02, 0.05], [0.08, 0.25]) * size).astype(int)
        row, col = int(chest.rng.choice([0, size - high])), int(uniform(0, size - wide))
        plate = np.s_[row : row + high, col : col + wide]
        picture[plate], hidden[plate] = 0, 1
    labels[hidden > 0.5] = 0


def draw(rng: np.random.Generator, size: int = 512) -> tuple[Bytes, Bytes]:
    """Draw one radiograph and its labels (numbers of CLASSES), both (size, size) uint8."""
    chest = Chest(rng, size)
    body, arm = draw_body(chest)
    right, left = (draw_pleura(chest, side) for side in SIDES)
    vessels, heart = draw_centre(chest)
    x = np.linspace(-1.15, 1.15, 60)
    abdomen = fill(chest, chest.trace([*x, 1.6, -1.6], [*chest.dome(x), 3, 3]))
    tissue = project(chest, body, np.minimum(right + left, 1), [vessels, heart, abdomen])
    bone = chest.blank.copy()
    draw_ribs(chest, bone)
    draw_spine(chest, bone)
    draw_shoulders(chest, bone, arm)
    clavicles = draw_clavicles(chest, bone)
    tissue += blur(bone, 0.6 * chest.mm) * body
    tissue += draw_soft_parts(chest) - draw_airways(chest)

    labels = np.zeros((size, size), np.uint8)
    aerated = np.maximum(vessels, abdomen) < 0.5
    for number, cover in ((2, right), (3, left)):
        labels[(cover > 0.5) & aerated] = number
    labels[heart > 0.5] = 1
    lungs = labels > 1
    for number, cover in enumerate(clavicles, start=4):
        labels[cover > 0.5] = number
    picture = develop(chest, expose(chest, np.maximum(tissue, 0)), lungs, heart)
    mount(chest, picture, labels)
    return np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8), labels
