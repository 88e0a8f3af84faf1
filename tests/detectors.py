"""A detector of bright and dark squares, simple enough to follow an attack on it."""

import numpy as np
import torch
from helpers import BYTES
from monai.apps.detection.utils.anchor_utils import AnchorGenerator

from napari_segadv.data.scan import Scan
from napari_segadv.victims.detector import Detector
from napari_segadv.victims.victim import Victim

CLASSES = ("background", "bright", "dark")
SIDE = 8


class Squares(torch.nn.Module):
    """Cells of 8 x 8 pixels: the class is that of their mean, the box is the cell."""

    size_divisible = (SIDE, SIDE)

    def forward(self, images):
        mean = torch.nn.functional.avg_pool2d(images, SIDE).mean(1, keepdim=True)
        z = torch.cat([40 * (mean - 0.7), 40 * (0.3 - mean)], dim=1)
        zero = mean.new_zeros(len(mean), 4, *mean.shape[2:])
        return {"classification": [z], "box_regression": [zero]}


def square_victim(steps=(), array_order=True, **more):
    """The detector as a victim of grey bytes."""
    scale = BYTES
    detector = Detector(Squares(), AnchorGenerator(((SIDE,),), ((1.0,),)))
    return Victim(
        detector,
        "squares",
        2,
        classes=CLASSES,
        steps=(scale, *steps),
        array_order=array_order,
        task="detection",
        **more,
    )


def squares(bright=(), dark=(), shape=(32, 48)) -> Scan:
    """A noisy grey image, with bright and dark cells at the given (row, column) of cells."""
    array = np.random.default_rng(0).integers(118, 138, shape).astype(np.uint8)
    for places, value in ((bright, 205), (dark, 50)):
        for row, col in places:
            array[row * SIDE : (row + 1) * SIDE, col * SIDE : (col + 1) * SIDE] = value
    return Scan.from_array(array)
