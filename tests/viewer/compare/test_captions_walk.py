"""A seeded walk through what can happen to layers while images are compared; captions stay true."""

import random

import numpy as np
import pytest
from captioned import captions, film_shown, judge, marks, previewed
from clicks import click
from compare_window import canvas
from compared import again
from pictured import SHAPE, film, show_target
from qtpy.QtCore import Qt
from roles import has, role

from napari_segadv.viewer.compare.comparison import MODES
from napari_segadv.viewer.compare.contours import LOOKS
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE, PREVIEW, TARGET

STEPS = 20
MOST = 14


class Walk:
    """Random changes of the layers of a film that is compared."""

    def __init__(self, window, qtbot, compare, flat, seed):
        self.window, self.qtbot, self.compare, self.flat = window, qtbot, compare, flat
        self.random = random.Random(seed)
        self.image, _ = film_shown(window, flat)
        self.log = []

    def layer(self):
        return self.random.choice(list(self.window.layers))

    def do_insert(self):
        if len(self.window.layers) < MOST:
            mine = marks(self.window, self.random.choice(["labels", "points"]))
            self.window.layers.move(len(self.window.layers) - 1, self.place())
            mine.visible = self.random.random() < 0.5

    def do_insert_hidden(self):
        if len(self.window.layers) < MOST:
            mine = np.zeros(SHAPE, np.uint8)
            self.window.layers.insert(self.place(), _labels(mine))

    def place(self):
        return self.random.randrange(len(self.window.layers) + 1)

    def do_preview(self):
        if has(self.window, PREVIEW) or not has(self.window, CLEAN):
            self.compare.controller.hide(PREVIEW, "preview (prediction)")
        else:
            previewed(self.window, self.image, self.flat)

    def do_remove(self):
        layer = self.layer()
        if layer is not self.image and layer in self.window.layers:
            self.window.layers.remove(layer)

    def do_remove_some(self):
        """As napari's button does."""
        names = [CLEAN, AFTER, NOISE, TARGET]
        there = [role(self.window, name) for name in names if has(self.window, name)]
        chosen = self.random.sample(there, min(2, len(there)))
        self.window.layers.selection = set(chosen)
        self.window.layers.remove_selected()

    def do_move(self):
        self.window.layers.move(self.random.randrange(len(self.window.layers)), self.place())

    def do_drag(self):
        count = self.random.randrange(1, 4)
        indices = self.random.sample(range(len(self.window.layers)), count)
        self.window.layers.move_multiple(indices, self.place())

    def do_eye(self):
        layer = self.layer()
        layer.visible = not layer.visible

    do_eye_again = do_eye

    def do_look(self):
        self.compare.comparison.show(self.random.choice(LOOKS))

    def do_grid(self):
        self.window.canvas.grid.stride = self.random.randrange(1, 4)

    def do_flip(self):
        self.compare.comparison.flip()

    def do_restore(self):
        """What went comes back, as when a run is shown again."""
        if not all(has(self.window, name) for name in (ADVERSARIAL, AFTER, CLEAN, NOISE)):
            again(self.compare.controller, film(self.flat), self.image)
        if not has(self.window, TARGET):
            show_target(self.compare.controller, self.image, film(self.flat))

    def step(self):
        names = sorted(name for name in dir(self) if name.startswith("do_"))
        name = self.random.choice(names)
        self.log.append(name)
        getattr(self, name)()
        if not has(self.window, ADVERSARIAL):
            again(self.compare.controller, film(self.flat), self.image)


def _labels(array):
    from napari.layers import Labels

    return Labels(array, name="hidden", visible=False)


@pytest.mark.parametrize("seed", [2])
@pytest.mark.parametrize("mode", ["H", *MODES])
def test_captions_are_true_after_every_step(window, compare, qtbot, flat, mode, seed):
    walk = Walk(window, qtbot, compare, flat, f"{mode} {seed}")
    stays = 0
    for _ in range(STEPS):
        begin(window, compare, qtbot, mode)
        compare.timer.stop()
        walk.step()
        compare.timer.stop()
        there = judge(window, qtbot)
        assert bool(there) == (compare.comparison.name != "" or compare.comparison.held), walk.log
        stays += bool(there)
    # It does not give up at every step.
    assert stays > STEPS / 3, walk.log
    # Whatever came, napari's own is put back.
    if mode == "H":
        qtbot.keyRelease(canvas(window), Qt.Key_H)
    compare.comparison.compare("")
    assert captions(window) == []
    assert not window.canvas.grid.enabled


def begin(window, compare, qtbot, mode):
    """Begin to compare, if it was ended by the last step."""
    if mode == "H" and not compare.comparison.held:
        qtbot.keyRelease(canvas(window), Qt.Key_H)
        qtbot.keyPress(canvas(window), Qt.Key_H)
    elif mode != "H" and compare.comparison.name != mode:
        click(qtbot, compare.modes[mode])
        assert compare.comparison.name == mode, compare.status.text()
    assert captions(window)
