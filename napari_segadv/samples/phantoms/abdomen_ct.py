"""Draws random phantoms of contrast-enhanced abdominal CT volumes with their organ labels.

A standard body is described in mm: x to the patient's left, y to the back, z to the head, with
the origin in the disc between the first two lumbar vertebrae. Every patient is this body scaled,
turned and smoothly warped, so image and labels bend together; the organs are painted into it one
after the other, a later one in front of an earlier one, and the scanner adds blur, shading and
noise at the end. The volume always shows the whole field of view, so SPACING holds for the
default shape. Shapes are given as signed distances in mm, negative inside.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..abdomen import organs, trunk
from ..abdomen.body import AXIS, EDGE, FAR, SIDES, Array, Body
from ..fields import smooth_noise, soft_edge

NAME = "abdomen-ct"
TITLE = "Abdominal CT (phantom)"
CLASSES = ("background", "liver", "spleen", "kidneys", "pancreas", "vertebral bodies")
UNITS = "HU"
SPACING = (3.0, 2.2, 2.2)  # mm, (z, y, x)

FIELD = (288.0, 352.0, 352.0)  # mm that the volume covers
AIR = -1000.0
# HU without contrast and in the portal-venous phase, and the spread between patients.
TISSUES: dict[str, tuple[float, float, float]] = {
    "liver": (52, 110, 9),
    "spleen": (46, 120, 9),
    "cortex": (33, 188, 16),
    "medulla": (29, 145, 30),
    "pancreas": (40, 98, 8),
    "muscle": (48, 58, 6),
    "gut wall": (40, 88, 10),
    "aorta": (42, 152, 16),
    "portal vein": (42, 160, 12),
    "cava": (42, 132, 16),
    "heart": (42, 138, 12),
}


def sway(rng: np.random.Generator, x: Array, y: Array, z: Array) -> Array:
    """Draw a displacement of a few mm that changes slowly in the body: a sum of long waves."""
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
    for length in (330.0, 250.0, 190.0, 150.0, 120.0, 95.0):
        kx, ky, kz = (rng.normal(size=3) * 3.6 / length).tolist()
        total += 0.013 * length * np.sin(kx * x + ky * y + kz * z + rng.uniform(0, 6.3))
    return total


def lay_out(rng: np.random.Generator, shape: tuple[int, int, int]) -> Body:
    """Make a patient of random size and shape on the table, still without anything inside."""
    scale = (rng.uniform(0.93, 1.1), rng.uniform(0.88, 1.12), rng.uniform(0.92, 1.08))
    real = [f / n for f, n in zip(FIELD, shape, strict=True)]
    step = (real[2] / scale[0], real[1] / scale[1], real[0] / scale[2])
    left = -0.5 * (FIELD[2] - real[2]) / scale[0] + rng.normal(0, 4)
    front = -0.5 * (FIELD[1] - real[1]) / scale[1] - rng.uniform(38, 52)
    origin = (left, front, rng.uniform(-150, -124))
    x, y, z = (
        (np.arange(n, dtype=np.float32) * s + o).reshape([-1 if i == axis else 1 for i in range(3)])
        for axis, n, s, o in zip((2, 1, 0), shape[::-1], step, origin, strict=True)
    )
    turn = rng.normal(0, 0.025)
    # The spine swings backwards above and below the third lumbar vertebra, and the back with it.
    curve = ((np.minimum(z, 120) + 60) / 100) ** 2 * np.clip((y + 110) / 90, 0, 1)
    contrast = 0.0 if rng.random() < 0.18 else rng.uniform(0.75, 1.1)
    return Body(
        rng=rng,
        x=x + turn * (y - AXIS) + sway(rng, x, y, z),
        y=y - turn * x - rng.uniform(3, 10) * curve + sway(rng, x, y, z),
        z=z + sway(rng, x, y, z),
        origin=origin,
        step=step,
        height=np.broadcast_to(y, shape),
        bumps=smooth_noise(rng, shape, 5),
        lumps=smooth_noise(rng, shape, 5),
        grain=smooth_noise(rng, shape, 1.6),
        clouds=smooth_noise(rng, shape, 6),
        hu=np.full(shape, AIR, np.float32),
        labels=np.zeros(shape, np.uint8),
        tissue={
            name: plain + contrast * (full - plain) + rng.normal(0, spread * (1 + contrast) / 2)
            for name, (plain, full, spread) in TISSUES.items()
        },
    )


def table(body: Body) -> None:
    """Draw the hollow, curved couch that the patient lies on, where there is air for it."""
    rng = body.rng
    rows = np.flatnonzero((body.hu > -300).any(axis=(0, 2)))
    below = body.height - float(body.height[0, rows[-1], 0]) - rng.uniform(2, 10)
    below = below + rng.uniform(0.0005, 0.002) * body.x**2
    shell = np.abs(np.abs(below - 12) - 12) - 0.8
    shell = np.where(body.hu < -700, shell, FAR).astype(np.float32)
    body.hu += soft_edge(shell, EDGE) * rng.uniform(700, 1150)


def scanner(body: Body) -> Array:
    """Return the picture with the tissue's texture and the scanner's blur, shading and noise."""
    rng, shape = body.rng, body.hu.shape
    texture = rng.uniform(1, 4) * smooth_noise(rng, shape, 2.2)
    image = body.hu + texture * (body.hu > -200)
    blur = rng.uniform(0.35, 0.6)  # voxels
    image = ndimage.gaussian_filter(image, (blur, blur + 0.1, blur + 0.1))
    grain = rng.uniform(0.45, 0.8)
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0.35, grain, grain))
    image += noise * (rng.uniform(6, 22) / float(noise.std()))
    image += rng.uniform(0, 5) * smooth_noise(rng, shape, 20)
    return np.asarray(image, np.float32)


def draw(
    rng: np.random.Generator, shape: tuple[int, int, int] = (96, 160, 160)
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """Draw one phantom.

    Returns:
        image (z, y, x) in HU and labels (z, y, x) with the numbers of CLASSES.
    """
    body = lay_out(rng, shape)
    trunk.body_wall(body)
    trunk.chest_and_diaphragm(body)
    organs.mesentery_and_small_bowel(body)
    organs.stomach_and_duodenum(body)
    organs.colon(body)
    organs.liver(body)
    organs.spleen(body)
    trunk.back_muscles(body)
    for side in SIDES:
        organs.kidney(body, side)
    organs.great_vessels(body)
    organs.pancreas(body)
    trunk.spine(body)
    trunk.ribs(body)
    trunk.pelvis(body)
    if rng.random() < 0.6:
        table(body)
    image = np.clip(np.rint(scanner(body)), -1024, 3071)
    return image.astype(np.int16), body.labels
