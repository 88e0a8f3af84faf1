"""What tests of the Slices panel do with it."""

import numpy as np
from helpers import volume_victim
from qtpy.QtCore import QPoint, Qt

import napari_segadv as sa
from napari_segadv.viewer.layers.convert import image_tuple


def crafted(scan, epsilon=40.0):
    """Slices 6 to 9 shall lose their structure."""
    victim = volume_victim(2)
    clean = victim.predict(scan)
    labels = clean.array.copy()
    labels[6:10] = 0
    attack = sa.attacks.PGD(epsilon=epsilon, steps=3)
    return sa.craft(scan, victim, attack, target=clean.with_array(labels))


def show(window, panel, qtbot, example):
    """Shows an example as the history does, and waits for its figures."""
    data, keywords, kind = image_tuple(example.clean, "ct")
    image = window.add_image(data, **keywords)
    run = panel.controller.runs.add(example, image)
    panel.controller.show_run(run)
    qtbot.waitUntil(lambda: panel.figures is not None and not panel.controller.jobs.busy)
    drawn = lambda: panel.plot._still is not None or not panel.plot.isVisible()
    qtbot.waitUntil(drawn)
    return run


def press(qtbot, panel, number):
    """A real click on a slice in the plot."""
    at = QPoint(round(panel.plot.x_pixel(number)), panel.plot.height() // 2)
    qtbot.mouseClick(panel.plot, Qt.LeftButton, pos=at)


def key(qtbot, window, name, modifier=Qt.NoModifier):
    canvas = window.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, name, modifier)


def seen(layer):
    """What the viewer shows of a layer now."""
    return np.asarray(layer._slice.image.raw if hasattr(layer._slice, "image") else layer.data)
