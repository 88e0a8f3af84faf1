"""Interactive models in a real window: files of theirs, and clicks of the mouse on the image."""

import json

import numpy as np
from clicks import drained, idle, move
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from zoo import DEEPEDIT, NUCLICK, metadata, named
from zoo_itself import save_colour, save_ct, save_zoo

import napari_segadv as sa
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.places import matrix_of

NAMES = ("background", "dim", "bright")
NUCLEI = metadata(2, 5, named("Nuclei"), num_channels=1)


def deepedit(folder):
    """A bundle that may be shown clicks on two structures and the background, and a flipped CT."""
    return save_zoo(folder, DEEPEDIT, metadata(3, 4, named(*NAMES))), save_ct(folder)


def nuclick(folder):
    """A bundle that needs clicks on nuclei, and a photograph."""
    return save_zoo(folder, NUCLICK, NUCLEI), save_colour(folder)


def flat(folder):
    """A bundle in DeepEdit's form for grey pictures, which does without clicks as well."""
    kept = [
        one
        for one in (*DEEPEDIT["preprocessing_transforms"], *DEEPEDIT["deepedit_transforms"])
        if not one["_target_"].split(".")[-1].startswith(("Orientation", "ScaleIntensity"))
    ]
    scaled = {"a_min": 0, "a_max": 255, "b_min": 0.0, "b_max": 1.0, "clip": True}
    network = {"_target_": "UNet", "channels": [4, 8], "strides": [2], "spatial_dims": 2}
    config = {
        **DEEPEDIT,
        "spatial_size": [32, 40],
        "network_def": {**network, "in_channels": 4, "out_channels": 3},
        "preprocessing_transforms": [
            *kept[:2],
            {"_target_": "ScaleIntensityRanged", "keys": "@image_key", **scaled},
        ],
        "deepedit_transforms": kept[2:],
    }
    return save_zoo(folder, config, metadata(2, 4, named(*NAMES)))


def opened(window, qtbot, panel, model, place):
    """The panel with a model and an image, opened as the reader does it."""
    idle(qtbot, panel.controller)
    data, keywords, _ = image_tuple(sa.read(place))
    layer = window.add_image(data, **keywords)
    panel.victim_section.open(str(model))
    qtbot.waitUntil(lambda: panel.controller.victims.source == str(model))
    idle(qtbot, panel.controller)
    drained(qtbot)
    return layer


def canvas(window):
    return window.window._qt_viewer.canvas


def on_screen(window, world):
    """The pixel of the canvas, (x, y), where a place of the world is seen, however it is turned."""
    whole = canvas(window)
    places = [whole._map_canvas2world(at, whole.view) for at in ((0, 0), (100, 0), (0, 100))]
    shown = list(window.dims.displayed)
    here, right, down = (np.asarray(place, float)[shown] for place in places)
    steps = np.column_stack([right - here, down - here]) / 100
    return np.linalg.solve(steps, np.asarray(world, float)[shown] - here)


def go_to(window, image: Image, voxel):
    """Show the slices in which a voxel of an image lies."""
    matrix = matrix_of(image)
    world = matrix[:-1, :-1] @ np.asarray(voxel, float) + matrix[:-1, -1]
    offset = window.dims.ndim - image.ndim
    for axis in window.dims.not_displayed:
        if axis >= offset:
            window.dims.set_point(axis, world[axis - offset])
    return np.concatenate([np.zeros(offset), world])


def click_on(window, qtbot, image, voxel, button=Qt.LeftButton):
    """A real click of the mouse on a voxel, in its slice."""
    world = go_to(window, image, voxel)
    drained(qtbot)
    at = QPoint(*np.rint(on_screen(window, world)).astype(int).tolist())
    native = canvas(window).native
    assert native.rect().contains(at)
    move(qtbot, native, at)
    qtbot.mousePress(native, button, pos=at)
    qtbot.mouseRelease(native, button, pos=at)
    drained(qtbot)


def guided(folder, model, points, **more):
    """The JSON of a model with clicks."""
    path = folder / "by hand.json"
    path.write_text(json.dumps({"model": str(model), "points": points, **more}))
    return path
