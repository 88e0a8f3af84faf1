"""Procedural colour fundus photographs with optic disc, cup and vessels labelled."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..eye.ground import lesions, macula, nerve_fibres, nerve_head, retina
from ..eye.pose import ARTERY, VEIN, Array, Eye, Rng, absorb, blend, pose_eye, rgb, turned
from ..eye.vessels import paint_tree, vessel_tree
from ..fields import soft_edge

NAME = "fundus"
TITLE = "Colour fundus photograph (phantom)"
CLASSES = ("background", "disc", "cup", "vessels")
UNITS = "grey level"
SPACING = (1.0, 1.0)  # pixels: a photograph has no physical spacing

# A function that paints something into the scene.
Paint = Callable[[Rng, Eye, Array], Array]


def illuminate(rng: Rng, eye: Eye, scene: Array) -> Array:
    """Add uneven flash, vignetting and the milky glare of the lens near the rim."""
    uneven = eye.noise(rng, 85)
    aim = eye.middle + 0.15 * eye.field * complex(rng.normal(), rng.normal())
    far = np.clip(np.abs(eye.z - aim) / eye.field, 0, 1.3)
    flash = 1 + rng.uniform(0.01, 0.06) * uneven - rng.uniform(0.02, 0.3) * far ** rng.uniform(2, 4)
    scene = scene * np.asarray(flash, np.float32)[..., None]
    veil = rng.uniform(0, 0.45) * rng.random() * np.clip(0.4 - uneven, 0, 2) * far**2
    milk = 1.1 * scene[..., 0].mean() * rgb(1.0, rng.uniform(0.55, 0.72), rng.uniform(0.45, 0.62))
    return blend(scene, np.clip(veil, 0, 0.6), milk)


def aperture(rng: Rng, eye: Eye) -> Array:
    """Return the membership of the camera's field: round, often clipped, sometimes with a notch."""
    offset = (eye.z - eye.middle) * eye.axis
    edge = np.abs(offset) - eye.field
    if rng.random() < 0.3:
        edge = np.maximum(edge, np.abs(offset.imag) - eye.field * rng.uniform(0.78, 0.97))
    elif rng.random() < 0.3:
        tab = offset * turned(rng.uniform(0, 360)) - 0.99 * eye.field
        edge = np.minimum(edge, np.maximum(np.abs(tab.real), np.abs(tab.imag)) - 0.05 * eye.field)
    return soft_edge(edge.astype(np.float32), rng.uniform(0.4, 1.3) * eye.unit)


def camera(rng: Rng, eye: Eye, scene: Array, field: Array) -> npt.NDArray[np.uint8]:
    """Apply focus, sharpening, exposure, colour balance and noise, fine and blotchy like JPEG's."""
    blur, wide = rng.uniform(0.35, 0.95) * eye.unit, 2 * eye.unit
    scene = ndimage.gaussian_filter(scene, (blur, blur, 0))
    crisp = scene - ndimage.gaussian_filter(scene, (wide, wide, 0))
    scene = np.asarray(scene + rng.uniform(0, 0.6) * crisp, np.float32)
    cast = rng.uniform(0.75, 1.25) * np.exp(rng.normal(-0.02, (0.02, 0.035, 0.08)))
    scene = np.clip(scene * rgb(*cast), 0, None) ** rng.uniform(0.85, 1.2)
    noise = rng.uniform(0.002, 0.009) * rng.standard_normal(scene.shape, dtype=np.float32)
    noise += 2 * ndimage.gaussian_filter(noise, (1, 1, 0))
    seen = (scene + noise) * field[..., None] + 0.3 * noise + rng.uniform(0, 0.02)
    return np.rint(255 * np.clip(seen, 0, 1)).astype(np.uint8)


def unchanged(rng: Rng, eye: Eye, scene: Array) -> Array:
    """Paint nothing."""
    return scene


def draw(
    rng: np.random.Generator, size: int = 512
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Draw one photograph (size, size, 3) and its labels (size, size), numbered as CLASSES."""
    return photograph(rng, size, lesions)


def photograph(
    rng: Rng, size: int, behind: Paint, before: Paint = unchanged
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """As `draw`, with lesions behind the vessels and in front of them."""
    eye = pose_eye(rng, size)
    scene = behind(rng, eye, macula(rng, eye, retina(rng, eye)))
    ratio = rng.uniform(0.25, 0.8)
    pit = (1 - ratio) * eye.disc * complex(rng.uniform(-0.05, 0.15), rng.normal(0, 0.05))
    scene, disc, cup = nerve_head(rng, eye, scene, ratio, pit)
    scene = nerve_fibres(rng, eye, scene)
    # The vessels climb out of the cup on its nasal side.
    origin = pit + eye.disc * complex(-ratio * rng.uniform(0.1, 0.35), rng.normal(0, 0.03))
    widest = max(eye.disc * rng.uniform(0.075, 0.098), 5.6 * eye.unit)
    visible = np.zeros((size, size), np.bool_)
    blood = rng.uniform(0.6, 1.25)
    for density, width in ((VEIN, widest), (ARTERY, widest * rng.uniform(0.72, 0.88))):
        tree = vessel_tree(rng, eye, width, origin)
        depth, gleam, seen = paint_tree(eye, tree, widest, origin)
        gleam *= rng.uniform(0.05, 0.5 if density is ARTERY else 0.2)
        scene = absorb(scene, blood * depth * (1 - gleam), density)
        visible |= seen
    scene = before(rng, eye, scene)
    field = aperture(rng, eye)
    image = camera(rng, eye, illuminate(rng, eye, scene), field)
    labels = np.select((cup < 0, disc < 0, visible), (2, 1, 3), 0) * (field > 0.5)
    if rng.random() < 0.5:  # the other eye
        image, labels = image[:, ::-1], labels[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(labels, np.uint8)
