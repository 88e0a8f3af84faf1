"""Examples whose parts are told apart by colour, and what is seen of them on a screenshot."""

from dataclasses import replace

import numpy as np
from clicks import drained
from compare_window import on_canvas
from helpers import mask_on

from napari_segadv.data.boxes import Boxes
from napari_segadv.data.grade import Grade
from napari_segadv.data.scan import Scan
from napari_segadv.victims.tasks import task_of
from napari_segadv.viewer.layers.convert import mask_tuple
from napari_segadv.viewer.layers.names import TARGET

SHAPE = (400, 512)
CLASSES = ("background", "liver", "spleen")
# Rows and columns of what is predicted on the clean image (class 1, red), of what is predicted on
# the adversarial one (class 2, blue) and of the target. All lie across the middle.
CLEAN_BLOCK = (slice(60, 160), slice(180, 332))
AFTER_BLOCK = (slice(240, 340), slice(180, 332))
TARGET_BLOCK = (slice(228, 352), slice(168, 344))
# Grey levels of both images.
DARK, PALE = 60, 110


def block(where, label):
    labels = np.zeros(SHAPE, np.uint8)
    labels[where] = label
    return labels


def film(flat):
    """A film with one structure on each image, in other places."""
    dark, array = (np.full(SHAPE, grey, np.uint8) for grey in (DARK, PALE))
    # Not all of one grey: a layer's limits are those of its data.
    dark[0, :2] = array[0, :2] = 0, 255
    scan = Scan.from_array(dark)
    return replace(
        flat,
        clean=scan,
        adversarial=replace(scan, array=array),
        noise=array.astype(np.float32) - scan.array,
        prediction_clean=mask_on(scan, block(CLEAN_BLOCK, 1), CLASSES),
        prediction_adversarial=mask_on(scan, block(AFTER_BLOCK, 2), CLASSES),
        target=mask_on(scan, block(TARGET_BLOCK, 2), CLASSES),
    )


def body(deep):
    """A volume with one structure, predicted in slices 2 to 4 of 6 on the clean image alone."""
    labels = np.zeros(deep.clean.grid.shape, np.uint8)
    labels[2:5, 5:15, 6:18] = 1
    none = np.zeros_like(labels)
    clean, after, target = (mask_on(deep.clean, a, CLASSES) for a in (labels, none, none))
    return replace(deep, prediction_clean=clean, prediction_adversarial=after, target=target)


def boxed(flat):
    """The same with boxes in place of label maps."""
    example = film(flat)

    def box(where, label):
        rows, columns = where
        corners = [[rows.start, columns.start, rows.stop, columns.stop]]
        return Boxes.of(corners, [label], example.clean.grid, CLASSES)

    return replace(
        example,
        task=task_of("detection"),
        prediction_clean=box(CLEAN_BLOCK, 1),
        prediction_adversarial=box(AFTER_BLOCK, 2),
        target=None,
    )


def graded(flat):
    """The same with a class of the whole image."""
    names = ("none", "mild", "severe")
    return replace(
        film(flat),
        task=task_of("classification"),
        prediction_clean=Grade(0, names, (0.98, 0.01, 0.01)),
        prediction_adversarial=Grade(1, names, (0.01, 0.98, 0.01)),
        target=None,
    )


def show_target(controller, image, example):
    """The target's layer, visible, as the attack panel makes it."""
    return controller.show_beside(image, TARGET, mask_tuple(example.target, TARGET))


def seen(window, qtbot):
    """The canvas in colours, once it is drawn."""
    drained(qtbot)
    return window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)


def colours(picture):
    """Which pixels have which of the colours."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    return {
        "clean line": (green > 180) & (red < 110) & (blue < 140),
        "adversarial line": (red > 200) & (blue > 200) & (green < 110),
        "target line": (red > 220) & (green > 150) & (blue < 90),
        "clean fill": (red > green + 30) & (abs(green - blue) < 15) & (red < 200),
        "adversarial fill": (blue > red + 30) & (blue > green + 10) & (green > red + 10),
    }


def found(picture, least=40):
    """The colours of which there are some pixels."""
    return {name for name, there in colours(picture).items() if there.sum() > least}


def places(picture, name):
    """Rows and columns of a colour."""
    return np.nonzero(colours(picture)[name])


def grey_at(picture, window, place):
    """The grey of a place of the world; None if it is in colour."""
    x, y = on_canvas(window, place)
    red, green, blue = picture[round(y), round(x)]
    return int(red) if max(red, green, blue) - min(red, green, blue) < 8 else None
