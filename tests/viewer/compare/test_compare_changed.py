"""Layers that the user changes while clean and adversarial image are compared, in every mode."""

import numpy as np
import pytest
from clicks import click, drained, drawn
from compare_window import canvas, press, show
from compared import again, same, state
from controls import notices
from napari.layers import Vectors
from qtpy.QtCore import Qt
from roles import role, shown_as

from napari_segadv.viewer.compare.comparison import MODES
from napari_segadv.viewer.layers.names import ADVERSARIAL


def use(window, compare, qtbot):
    """Everything that can be done while two images are compared; all of it is drawn."""
    compare.comparison.flip()
    compare.line.setValue(300)
    compare.gain.setValue(7)
    press(qtbot, window, Qt.Key_2)
    qtbot.keyPress(canvas(window), Qt.Key_H)
    drawn(qtbot, window.window._qt_viewer.canvas)
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    window.dims.set_current_step(window.dims.order[0], 3)
    drained(qtbot)
    drawn(qtbot, window.window._qt_viewer.canvas)


@pytest.mark.parametrize("mode", MODES)
def test_another_image_of_the_run_or_another_view_is_no_trouble(window, compare, qtbot, deep, mode):
    image, _ = show(window, deep)
    click(qtbot, compare.modes[mode])

    def another_type():
        image.data = deep.clean.array.astype(np.float32)

    def another_scale():
        image.scale = (1.0, 2.0, 0.5)

    def another_name():
        image.name = "mine"

    def another_view():
        window.dims.order = (1, 0, 2)

    changes = (another_type, another_scale, another_name, another_view)
    for change in changes:
        change()
        goes_on(window, compare, qtbot, mode, change)
        click(qtbot, compare.modes[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", ["other numbers", "fewer pixels"])
def test_another_image_in_its_place_ends_the_comparison(window, compare, qtbot, deep, mode, what):
    image, _ = show(window, deep)
    click(qtbot, compare.modes[mode])
    smaller = np.zeros((4, 9, 11), np.int16)
    image.data = np.full_like(deep.clean.array, 90) if what == "other numbers" else smaller
    use(window, compare, qtbot)
    assert compare.comparison.name == ""
    assert not any(button.isChecked() for button in compare.modes.values())
    assert compare.controller.runs.current is None
    assert not shown_as(window, "swipe", "difference", ADVERSARIAL)
    assert not window.canvas.grid.enabled
    assert image.visible
    assert image.opacity == 1.0


def goes_on(window, compare, qtbot, mode, change):
    """The mode goes on, and ends by its button; nothing of it stays."""
    with notices() as told:
        use(window, compare, qtbot)
        assert compare.comparison.name == mode
        assert compare.modes[mode].isChecked()
        click(qtbot, compare.modes[mode])
    assert told == []
    assert compare.status.text() == ""
    assert compare.comparison.name == ""
    assert not window.canvas.grid.enabled
    assert not compare.timer.isActive()
    assert not shown_as(window, "swipe", "difference")
    assert role(window, ADVERSARIAL).opacity == 1.0


def test_an_adversarial_image_that_is_removed_ends_the_comparison(window, compare, qtbot, deep):
    image, _ = show(window, deep)
    for mode in MODES:
        again(compare.controller, deep, image)
        removed(window, compare, qtbot, mode)


def removed(window, compare, qtbot, mode):
    click(qtbot, compare.modes[mode])
    assert compare.comparison.name == mode
    with notices() as told:
        window.layers.remove(role(window, ADVERSARIAL))
    line = f"{mode}: image / adversarial was removed"
    assert told == [("warning", line)]
    assert compare.status.text() == line
    assert not any(button.isChecked() for button in compare.modes.values())
    assert not window.canvas.grid.enabled
    use(window, compare, qtbot)
    click(qtbot, compare.modes[mode])
    assert compare.comparison.name == ""
    assert "show the run again" in compare.status.text()


def test_layers_put_in_another_order_meanwhile(window, compare, qtbot, deep):
    show(window, deep)
    for mode in MODES:
        moved(window, compare, qtbot, mode)


def moved(window, compare, qtbot, mode):
    before, layers = state(window), window.layers
    click(qtbot, compare.modes[mode])
    layers.move(layers.index("image"), len(layers))
    layers.move(layers.index(role(window, ADVERSARIAL)), 0)
    use(window, compare, qtbot)
    assert compare.comparison.name == mode
    compare.window_section.width_box.setValue(500)
    click(qtbot, compare.modes[mode])
    after = state(window)
    # Whatever is on top, all look as they did.
    for one in (before, after):
        one[0].sort(key=lambda layer: layer[0])
    same(before, after)


def test_contours_of_a_film_survive_another_view(window, compare, qtbot, flat):
    """Of a 2-D layer without vectors, napari can't draw a frame in 3-D."""
    show(window, flat)
    compare.toggle_contours()
    drained(qtbot)
    lines = [layer for layer in window.layers if isinstance(layer, Vectors)]
    assert lines
    for line in lines:
        line.metadata["test"] = len(line.data)
    window.dims.ndisplay = 3
    assert all(len(line.data) for line in lines if line.metadata["test"])
    drawn(qtbot, window.window._qt_viewer.canvas)
    window.dims.ndisplay = 2
    drained(qtbot)
    drawn(qtbot, window.window._qt_viewer.canvas)
