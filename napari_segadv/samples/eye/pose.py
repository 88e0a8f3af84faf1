"""The pose of the eye that the fundus phantom draws, and how colours are laid over each other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..fields import smooth_noise

Rng = np.random.Generator
Array = npt.NDArray[np.float32]
Line = npt.NDArray[np.complex64]  # points of the plane
Mask = npt.NDArray[np.bool_]


def rgb(red: float, green: float, blue: float) -> Array:
    """Make an array of a colour, or of its optical density."""
    return np.array((red, green, blue), np.float32)


# Colours are as displayed, 0 to 1, before exposure. A retina lies between the first two.
BLOND, PIGMENTED = rgb(1.0, 0.55, 0.36), rgb(0.76, 0.27, 0.11)
# Blood lets red pass and absorbs green; melanin absorbs red too, the macula's xanthophyll blue.
VEIN, ARTERY = rgb(0.17, 0.56, 0.34), rgb(0.07, 0.44, 0.29)
MELANIN, XANTHOPHYLL = rgb(0.32, 0.2, 0.18), rgb(0.5, 1.0, 1.3)
DRUSEN = rgb(1.0, 0.85, 0.5)
SCLERA = rgb(1.0, 0.88, 0.68)  # shines through the cup and an atrophic crescent


@dataclass(frozen=True)
class Eye:
    """One eye in its own frame: origin at the disc, real axis to the fovea, imaginary axis down.

    Points are complex numbers, lengths are pixels of the photograph.
    """

    unit: float  # a pixel of a 512 x 512 photograph
    field: float  # radius of the photographed field
    disc: float  # diameter of the optic disc
    fovea: float  # distance of the fovea from the disc
    middle: complex  # the point that the camera is centred on
    axis: complex  # the direction from disc to fovea on the photograph
    z: Line  # the point that each pixel shows

    def noise(self, rng: Rng, scale: float) -> Array:
        """Return noise over the photograph; the scale is in pixels of 512."""
        return smooth_noise(rng, self.z.shape, scale * self.unit)

    def cell(self, z: complex) -> complex:
        """Return the cell of a coarse grid in which growing vessels look for each other."""
        return complex(z.real // (4 * self.unit), z.imag // (4 * self.unit))

    def to_pixel(self, z: Line) -> Line:
        """Turn points of the eye into column + i row on the photograph."""
        return (z - self.middle) * self.axis + (0.5 + 0.5j) * (len(self.z) - 1)


def blend(scene: Array, weight: Array, colour: Array) -> Array:
    """Lay a colour over the scene, as opaque as the weight."""
    return np.asarray(scene + weight[..., None] * (colour - scene), np.float32)


def absorb(scene: Array, depth: Array, density: Array | float) -> Array:
    """Let the light of the scene pass through a pigment."""
    return np.asarray(scene * np.exp(-depth[..., None] * density), np.float32)


def turned(degrees: float) -> complex:
    """Return the unit vector at this angle from the axis to the fovea, downwards positive."""
    return complex(np.exp(1j * np.radians(degrees)))


def pose_eye(rng: Rng, size: int) -> Eye:
    """Choose magnification, gaze and head tilt; the disc always lies inside the field."""
    field = size * rng.uniform(0.435, 0.49)
    disc = 2 * field * rng.uniform(0.125, 0.185)
    fovea = disc * rng.uniform(2.25, 2.75)
    # 0 is centred on the disc, 1 on the fovea; most photographs lie between.
    gaze = min(1.1 * rng.beta(2.6, 1.4), 0.78 * field / fovea)
    middle = complex(fovea * gaze, field * rng.normal(0, 0.06))
    axis = turned(rng.normal(6, 4))  # the fovea lies a little below the disc
    row, col = np.mgrid[:size, :size] - (size - 1) / 2
    z = ((col + 1j * row) / axis + middle).astype(np.complex64)
    return Eye(size / 512, field, disc, fovea, middle, axis, z)
