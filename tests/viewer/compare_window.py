"""What tests of the Compare panel do in a real window: show an example, press keys, drag."""

import numpy as np
from clicks import drag as drag_over
from compared import again
from qtpy.QtCore import QPoint, Qt

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import ADVERSARIAL


def show(window, example):
    """A run in a window: its image and the adversarial one."""
    controller = Controller.of(window)
    data, keywords, _ = image_tuple(example.clean, "image")
    image = window.add_image(data, **keywords)
    again(controller, example, image)
    return image, controller.shown(ADVERSARIAL)


def canvas(window):
    return window.window._qt_viewer.canvas.native


def press(qtbot, window, key, modifier=Qt.NoModifier):
    qtbot.keyClick(canvas(window), key, modifier)


def drag(qtbot, window, start, end, button=Qt.LeftButton):
    """A real drag over the canvas, in pixels of it."""
    a, b = QPoint(*map(round, start)), QPoint(*map(round, end))
    drag_over(qtbot, canvas(window), a, b, button)
    qtbot.mouseRelease(canvas(window), button, pos=b)


def on_canvas(window, world):
    """The pixel of the canvas, (x, y), where a place of the world is seen."""
    camera, native = window.scene.camera, canvas(window)
    y, x = (np.asarray(world)[-2:] - np.asarray(camera.center)[-2:]) * camera.zoom
    return native.width() / 2 + x, native.height() / 2 + y
