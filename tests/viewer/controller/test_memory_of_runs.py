"""Deleted runs leave nothing behind: after each there is as much of everything as before it."""

import collections
import gc
import weakref

import numpy as np
import pytest
from clicks import click, drained, idle, loaded
from helpers import disc_image
from listing import choose
from napari._vispy.layers.base import VispyBaseLayer
from napari.layers import Layer
from panels import PANELS
from qtpy.QtWidgets import QWidget
from roles import titles
from vispy.scene.node import Node

from napari_segadv.results.example import Example
from napari_segadv.viewer.attack.preview import Preview
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.controller.runs import Run
from napari_segadv.viewer.layers.task_view import UNTARGETED

# Runs that fill the caches, and runs after them.
FIRST, MORE = 3, 12
KINDS = (Layer, VispyBaseLayer, Node, Example, Run, Preview)


def there(window):
    """How many there are of each kind of what a run makes, in Python, in Qt and on the GPU."""
    gc.collect()
    found = collections.Counter()
    for one in gc.get_objects():
        # Not isinstance, which asks a proxy for the class of what it stands for.
        found.update(kind.__name__ for kind in KINDS if issubclass(type(one), kind))
    found["widgets"] = len(window.window._qt_window.findChildren(QWidget))
    canvas = window.window._qt_viewer.canvas._scene_canvas
    found["on the GPU"] = len(canvas.context.shared.parser._objects)
    return found


def run_and_delete(window, docked, qtbot):
    """A run by a click, and its deletion by a click; what it was made of, as weak references."""
    attack, runs = docked["Adversarial attack"], docked["Runs"]
    click(qtbot, attack.run_button)
    idle(qtbot, attack.controller)
    qtbot.waitUntil(lambda: docked["Slices"].figures is not None)
    (run,) = attack.controller.runs
    example = run.example
    arrays = [example.noise, example.adversarial.array, example.prediction_adversarial.array]
    arrays += [layer.data for layer in window.layers if layer is not run.image]
    layers = [layer for layer in window.layers if layer is not run.image]
    assert len(layers) == 4
    made = [weakref.ref(one) for one in (run, example, *arrays, *layers)]
    # Saved, so that nobody is asked.
    run.saved = True
    del run, example, arrays, layers
    choose(qtbot, runs, 0)
    click(qtbot, runs.delete_button)
    idle(qtbot, attack.controller)
    drained(qtbot)
    return made


@pytest.fixture
def docked(window, qtbot, band_victim):
    """Every panel beside an image, with a small victim, to be attacked without a target."""
    window.add_image(disc_image(), name="xray")
    found = {}
    for title in PANELS:
        found[title] = window.window.add_plugin_dock_widget("napari-segadv", title)[1]
        idle(qtbot, Controller.of(window))
    attack = found["Adversarial attack"]
    loaded(qtbot, attack, band_victim)
    attack.target.value = UNTARGETED
    attack.attack_section.form.editors["steps"].value = 2
    return found


def test_runs_that_are_deleted_leave_nothing_behind(window, docked, qtbot):
    for _ in range(FIRST):
        run_and_delete(window, docked, qtbot)
    before = there(window)
    for _ in range(MORE):
        made = run_and_delete(window, docked, qtbot)
        gc.collect()
        assert [one() for one in made] == [None] * len(made)
    after = there(window)
    # Fewer, where another test's window is let go of meanwhile.
    assert {kind: count for kind, count in after.items() if count > before[kind]} == {}
    assert titles(window) == ["xray"]
    np.testing.assert_array_equal(window.layers[0].data, disc_image())
