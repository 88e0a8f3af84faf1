"""Procedural colour fundus photographs in five grades, by the load of diabetic lesions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..eye.ground import spots
from ..eye.lesions import cotton_wool, exudates, haemorrhages, microaneurysms, preretinal
from ..eye.pose import DRUSEN, Array, Eye, Rng, blend
from .fundus import photograph

NAME = "fundus-grade"
TITLE = "Colour fundus photograph, graded (phantom)"
TASK = "classification"
CLASSES = ("none", "mild", "moderate", "severe", "proliferative")
UNITS = "grey level"
SPACING = (1.0, 1.0)  # pixels: a photograph has no physical spacing

Range = tuple[int, int]
Lesions = Callable[[Rng, Eye, Array, int], Array]
# Share of eyes with drusen, which are no sign of diabetes.
DRUSEN_SHARE = 0.2


@dataclass(frozen=True)
class Load:
    """Least and most lesions of each kind."""

    microaneurysms: Range = (0, 0)
    haemorrhages: Range = (0, 0)
    exudates: Range = (0, 0)
    cotton_wool: Range = (0, 0)
    preretinal: Range = (0, 0)


# The kinds follow the international clinical scale; the numbers are ours, with gaps between grades.
# On the scale a mild eye has microaneurysms alone, which a small network does not see at its
# resolution: here it has a few haemorrhages as well.
LOADS = (
    Load(),
    Load((6, 12), (2, 4)),
    Load((14, 22), (7, 12), (8, 25)),
    Load((26, 40), (16, 28), (15, 50), (3, 6)),
    Load((26, 50), (20, 40), (15, 50), (3, 8), (1, 2)),
)


def draw(
    rng: np.random.Generator, size: int = 512, load: Load | None = None
) -> tuple[npt.NDArray[np.uint8], int]:
    """Draw one photograph (size, size, 3) and its grade, a number of CLASSES, each equally likely.

    With a `load` the eye has those lesions instead of its grade's. Lesions use a separate random
    generator, so everything else in the eye is the same whatever the load.
    """
    grade = int(rng.integers(len(LOADS)))
    has = LOADS[grade] if load is None else load
    own = np.random.default_rng(rng.integers(2**63))

    def some(paint: Lesions, scene: Array, eye: Eye, number: Range) -> Array:
        return paint(own, eye, scene, int(own.integers(number[0], number[1] + 1)))

    def behind(rng: Rng, eye: Eye, scene: Array) -> Array:
        if rng.random() < DRUSEN_SHARE:
            drusen = spots(rng, eye, int(rng.integers(3, 25)), rng.uniform(0.8, 2.0), 0.5)
            scene = blend(scene, rng.uniform(0.1, 0.3) * drusen, DRUSEN)
        scene = some(cotton_wool, scene, eye, has.cotton_wool)
        scene = some(exudates, scene, eye, has.exudates)
        scene = some(haemorrhages, scene, eye, has.haemorrhages)
        return some(microaneurysms, scene, eye, has.microaneurysms)

    def before(rng: Rng, eye: Eye, scene: Array) -> Array:
        return some(preretinal, scene, eye, has.preretinal)

    image, _ = photograph(rng, size, behind, before)
    return image, grade
