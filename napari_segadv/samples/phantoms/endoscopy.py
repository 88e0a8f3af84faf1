"""Procedural frames of a colonoscopy with boxes around artefacts, as in the EAD challenges."""

import numpy as np
import numpy.typing as npt

from ..bowel.artefacts import blur, bubbles, saturation, specularity
from ..bowel.wall import Array, Rng, View, camera, choose_view, frame, wall

NAME = "endoscopy"
TITLE = "Colonoscopy with artefacts (phantom)"
TASK = "detection"
CLASSES = ("background", "specularity", "bubbles", "saturation", "blur")
UNITS = "grey level"
SPACING = (1.0, 1.0)  # pixels: a photograph has no physical spacing

# Class, function that draws it, least and largest extent in pixels of 256, and largest number.
# From back to front: a drop on the lens is in front of everything.
KINDS = (
    (3, saturation, (44, 110), 1),
    (1, specularity, (16, 40), 4),
    (2, bubbles, (22, 64), 3),
    (4, blur, (44, 100), 1),
)
# Classes that mirror the lamp: they lie where its light meets the wall, not deep in the tube.
MIRRORED = (1, 3)
# Shortest side of a box in pixels of 256: smaller artefacts can't be recognised as such.
LEAST_SIDE = 8
# Share of an artefact's box that may lie over another's.
MOST_SHARED = 0.25


def box_of(cover: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32] | None:
    """Return the box (y0, x0, y1, x1) around the pixels that are set, at their edges, or None."""
    rows, cols = (np.flatnonzero(cover.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return np.array([rows[0], cols[0], rows[-1] + 1, cols[-1] + 1], np.float32)


def shared(box: npt.NDArray[np.float32], others: list[npt.NDArray[np.float32]]) -> float:
    """Return the largest overlap of a box with one of the others, as a share of the smaller box."""
    most = 0.0
    for other in others:
        both = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
        area = float(np.prod(np.clip(both, 0, None)))
        smaller = min(float(np.prod(b[2:] - b[:2])) for b in (box, other))
        most = max(most, area / smaller)
    return most


def plan(rng: Rng, view: View, scene: Array) -> list[tuple[int, float, complex]]:
    """Choose class, extent and middle (column + i row, in pixels) of artefacts side by side."""
    light = scene.mean(axis=-1)
    bright = float(np.median(light))
    places: list[tuple[int, float, complex]] = []
    taken: list[npt.NDArray[np.float32]] = []
    while not places:
        for label, _, (least, most), number in KINDS:
            for _ in range(int(rng.integers(0, number + 1))):
                extent = view.unit * least * (most / least) ** rng.random()
                for _ in range(8):
                    point = 0.85 * np.sqrt(rng.random()) * np.exp(1j * rng.uniform(0, 2 * np.pi))
                    middle = (point + 1 + 1j) * view.size / 2
                    half = np.array([0.5, 0.5]) * extent
                    at = np.array([middle.imag, middle.real])
                    box = np.concatenate([at - half, at + half]).astype(np.float32)
                    seen = light[int(middle.imag), int(middle.real)] >= bright
                    if (seen or label not in MIRRORED) and shared(box, taken) <= MOST_SHARED:
                        taken.append(box)
                        places.append((label, extent, complex(middle)))
                        break
    return places


def draw(
    rng: np.random.Generator, size: int = 256
) -> tuple[npt.NDArray[np.uint8], tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
    """Draw one frame (size, size, 3), boxes (M, 4) and their labels (M,), numbers of CLASSES.

    A box is (y0, x0, y1, x1) in pixels: from the first one's near edge to the last one's far edge.
    """
    view = choose_view(rng, size)
    scene, field = wall(rng, view), frame(rng, view)
    makers = {label: make for label, make, *_ in KINDS}
    boxes, labels = [], []
    for label, extent, middle in plan(rng, view, scene):
        drawn, cover = makers[label](rng, view, scene, middle, extent)
        box = box_of(cover & (field > 0.5))
        if box is not None and (box[2:] - box[:2]).min() >= LEAST_SIDE * view.unit:
            scene = drawn
            boxes.append(box)
            labels.append(label)
    image = camera(rng, view, scene, field)
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return image, (corners, np.array(labels, np.int64))
