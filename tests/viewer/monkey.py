"""A user who does anything in any order: two images open, all panels, layers renamed and removed.

As a script it goes on for longer than the test, and prints what it does:

    cd tests/viewer && PYTHONPATH=.. xvfb-run -a python monkey.py --actions 20000 --seed 1 FOLDER
"""

import argparse
import gc
import json
import random
from pathlib import Path

import numpy as np
from helpers import ARGUMENTS, PATIENCE, describe, disc_image, save_small_victim
from napari.layers import Image, Labels
from qtpy.QtCore import QDeadlineTimer, QEvent, QEventLoop, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_segadv.data.scan import Mask
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.keeping.guard import guard
from napari_segadv.viewer.layers.convert import scan_of
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE, TARGET
from napari_segadv.viewer.layers.places import matrix_of, same_place
from napari_segadv.viewer.layers.structure_layers import members, set_of
from napari_segadv.viewer.layers.task_view import UNTARGETED

# Of the victim whose structures overlap.
STRUCTURES = ("one", "two", "three")
PANELS = ("Adversarial attack", "Target designer", "Compare", "Slices", "Runs")
ROLES = (ADVERSARIAL, NOISE, CLEAN, AFTER, TARGET)
# The most layers and runs that are open at once: more slow the window down, and show nothing new.
MOST_LAYERS, MOST_RUNS = 24, 4
# Milliseconds after which a look is taken even if nothing has come.
WAKES = 50


def save_victim(folder: Path, overlapping: bool) -> Path:
    """Write a small victim into a folder; its structures overlap, or they don't."""
    weights = save_small_victim(folder)
    if overlapping:
        more = {"task": "overlapping", "classes": list(STRUCTURES)}
        describe(weights, network="UNet", arguments=ARGUMENTS, **more)
    return weights


def volume(seed=0):
    """A small volume of bytes, of another size than the film."""
    return np.stack([disc_image((32, 40), seed + n) for n in range(4)])


def lies(layer):
    """Say where a layer lies."""
    return f"{layer.data.shape} at {matrix_of(layer).tolist()}"


class Monkey:
    """Does one action after the other, and says after each what is wrong.

    Args:
        viewer: with a window.
        weights: file of a victim for both images.
        folder: for sessions.
        seed: of the choices.
    """

    def __init__(self, viewer, weights: Path, folder: Path, seed: int) -> None:
        self.viewer, self.weights, self.folder = viewer, weights, folder
        self.random = random.Random(seed)
        self.controller = Controller.of(viewer)
        self.docks = {}
        self.sessions = []
        self.log = []
        self.predictions = {}
        self.kinds = [name for name in dir(self) if name.startswith("do_")]
        self.open_film()
        self.open_volume()
        self.panel("Adversarial attack")

    def panel(self, name):
        """The docked panel of a name; it is opened if it is closed."""
        if name not in self.docks or self.docks[name][1].left:
            self.docks[name] = self.viewer.window.add_plugin_dock_widget("napari-segadv", name)
        return self.docks[name][1]

    @property
    def attack(self):
        return self.panel("Adversarial attack")

    def pick(self, among):
        among = list(among)
        return self.random.choice(among) if among else None

    def click(self, button):
        """A real press, if the button can be pressed."""
        if button.isEnabled() and button.isVisible():
            QTest.mouseClick(button, Qt.LeftButton)

    # What it does. Each method is an action.

    def do_choose_an_image(self):
        image = self.pick(self.attack.image.choices)
        if image is not None:
            self.attack.image.value = image

    do_choose_another_image = do_choose_an_image

    def do_predict(self):
        self.click(self.attack.victim_section.predict_button)

    def do_make_a_target(self):
        self.attack.target_section.shape.value = self.pick(("copy", "heart", "erase"))
        self.click(self.attack.target_section.button)

    def do_run(self):
        if len(list(self.controller.runs)) >= MOST_RUNS or self.controller.jobs.waiting:
            return
        panel = self.attack
        if panel.attack_section.form is not None:
            panel.attack_section.method.value = self.pick(("pgd", "fgsm"))
            editors = panel.attack_section.form.editors
            if "steps" in editors:
                editors["steps"].value = 1
        if self.random.random() < 0.4:
            panel.target.value = UNTARGETED
        panel.attack_section.preview.value = self.random.random() < 0.5
        self.click(panel.run_button)

    def do_cancel(self):
        self.click(self.attack.cancel_button)

    def do_paint(self):
        """On a layer that a mouse can paint on: one that is seen, and not past its own slices.

        Past them napari 0.9 itself fails if the layer is shown as contours and the axes are turned.
        """
        seen = [x for x in self.viewer.layers if isinstance(x, Labels) and x.visible]
        layer = self.pick(x for x in seen if x.editable and not x._slice.empty)
        if layer is not None and not self.controller.made(layer):
            layer.paint([self.random.randrange(n) for n in layer.data.shape], 1)

    def do_undo(self):
        layers = [x for x in self.viewer.layers if isinstance(x, Labels)]
        layer = self.pick(x for x in layers if x.editable)
        if layer is not None and not self.controller.made(layer):
            self.pick((layer.undo, layer.redo))()

    def do_rename(self):
        layer = self.pick(self.viewer.layers)
        if layer is not None:
            layer.name = f"mine {self.random.randrange(99)}"

    def do_move(self):
        layers = self.viewer.layers
        if len(layers) > 1:
            layers.move(self.random.randrange(len(layers)), self.random.randrange(len(layers)))

    def do_remove(self):
        layer = self.pick(self.viewer.layers)
        if layer is not None:
            self.viewer.layers.remove(layer)

    def do_tidy_up(self):
        """Too many layers: the oldest that are nobody's go."""
        while len(self.viewer.layers) > MOST_LAYERS:
            self.viewer.layers.remove(self.pick(self.viewer.layers))

    def do_open_an_image(self):
        if len(self.controller.images) < 2:
            self.pick((self.open_film, self.open_volume))()

    def open_film(self):
        self.viewer.add_image(disc_image(seed=self.random.randrange(9)), name="film")

    def open_volume(self):
        self.viewer.add_image(volume(self.random.randrange(9)), name="volume")

    def do_add_labels(self):
        image = self.controller.image
        if image is not None and len(self.viewer.layers) < MOST_LAYERS:
            shape = image.data.shape[: image.ndim]
            self.viewer.add_labels(np.zeros(shape, np.uint8), name="labels")

    def do_new_target(self):
        panel = self.panel("Target designer")
        panel.start.value = self.pick(panel.start.choices)
        self.click(panel.start_button)

    def do_compare(self):
        self.click(self.pick(self.panel("Compare").modes.values()))

    def do_contours(self):
        self.panel("Compare").toggle_contours()

    def do_open_a_panel(self):
        self.panel(self.pick(PANELS))

    def do_close_a_panel(self):
        name = self.pick(name for name in self.docks if name != "Adversarial attack")
        if name is not None:
            self.viewer.window.remove_dock_widget(self.docks.pop(name)[0])

    def do_show_a_run(self):
        run = self.pick(self.controller.runs)
        if run is not None:
            self.panel("Runs").list.choose(run)
            self.click(self.panel("Runs").show_button)

    def do_delete_a_run(self):
        run = self.pick(self.controller.runs)
        if run is not None:
            self.panel("Runs").attempt(self.controller.delete_run, run)

    def do_save_a_session(self):
        path = self.folder / f"session {len(self.sessions)}"
        if len(self.sessions) < 3 and not self.controller.jobs.busy:
            self.sessions.append(path)
            self.panel("Runs").sessions.save(path)

    def do_open_a_session(self):
        there = [path for path in self.sessions if path.exists()]
        if there and len(self.viewer.layers) < MOST_LAYERS // 2:
            self.panel("Runs").sessions.open(self.pick(there))

    def do_click_for_the_model(self):
        """A click on the chosen image, if the model takes any there; now and then outside of it."""
        section, image = self.attack.clicks_section, self.controller.image
        if image is None or not section.add_button.isVisible():
            return
        if not section.add_button.isChecked():
            self.click(section.add_button)
        layer = self.controller.clicks.layer(image)
        if layer is not None and section.structure.count():
            section.structure.value = self.random.randrange(section.structure.count())
            layer.add([self.random.uniform(-1, n) for n in image.data.shape[: image.ndim]])

    def do_take_a_click_back(self):
        self.click(self.attack.clicks_section.undo_button)

    def do_move_clicks(self):
        layer = self.controller.clicks.layer(self.controller.image)
        if layer is not None and len(layer.data):
            layer.mode = self.pick(("select", "add", "pan_zoom"))
            layer.selected_data = {self.random.randrange(len(layer.data))}
            if self.random.random() < 0.3:
                layer.remove_selected()

    def do_scroll(self):
        dims = self.viewer.dims
        for axis in dims.not_displayed:
            dims.set_current_step(axis, self.random.randrange(dims.nsteps[axis]))

    def do_turn(self):
        self.viewer.dims.order = self.random.sample(self.viewer.dims.order, self.viewer.dims.ndim)

    def do_see_in_3d(self):
        self.viewer.dims.ndisplay = self.pick((2, 2, 3))

    def do_wait(self):
        self.wait()

    do_wait_again = do_wait

    # How it goes on.

    def wait(self):
        """Let everything that runs end."""
        patience, wakes = QDeadlineTimer(1000 * PATIENCE), QTimer(interval=WAKES)
        wakes.start()
        while self.turn() or self.controller.jobs.busy:
            assert not patience.hasExpired(), f"still {self.controller.jobs.busy}"
            QApplication.processEvents(QEventLoop.WaitForMoreEvents)
        wakes.stop()

    def turn(self):
        """Let the window handle what has come, also what is to be deleted."""
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.DeferredDelete.value)

    def step(self):
        """Do one action, and let the window handle its events."""
        name = self.random.choice(self.kinds)
        self.log.append(name.removeprefix("do_"))
        getattr(self, name)()
        self.turn()

    # What must hold.

    def wrong(self):
        """Return what is wrong now, in one line; "" for nothing."""
        groups = self.controller._shown.groups
        chosen = self.controller.image
        if chosen is None and self.controller.images:
            return "images are open, but none is chosen"
        if chosen is not None and chosen not in self.viewer.layers:
            return "the chosen image is gone"
        for layer in self.viewer.layers:
            group = groups.find(layer)
            if group is not None and not group.chosen and layer.visible and chosen is not None:
                return f"{layer.name} is visible, but {chosen.name} is chosen"
        for image in self.controller.images:
            problem = self._wrong_on(image)
            if problem:
                return problem
        run = self.controller.runs.current
        if run is not None and chosen is not None and run.image is not chosen:
            return f"the run {run.name} is shown, but not its image"
        return ""

    def _wrong_on(self, image: Image) -> str:
        for role in ROLES:
            layer = self.controller.shown(role, image)
            if layer is None:
                continue
            if layer.data.shape != image.data.shape or not same_place(layer, image):
                return f"{layer.name} does not lie on {image.name}: {lies(layer)}, {lies(image)}"
        target = self.controller.shown(TARGET, image)
        parts = [] if target is None else members(target)
        if any(self.controller.image_of(layer) is not image for layer in parts):
            return f"a layer of the target of {image.name} belongs to another image"
        if len(parts) > 1 and set_of(target).structures != STRUCTURES:
            return f"the target of {image.name} lacks a structure"
        clean = self.controller.shown(CLEAN, image)
        clicks, victim = self.controller.clicks, self.controller.victims.victim
        told = clicks.stale(image) or clicks.missing(image)
        if clean is not None and victim is not None and not told:
            expected = self._predicted(image, clicks.shown(victim, image))
            if not np.array_equal(clean.data, expected.array):
                return f"{clean.name} is not what the model predicts on {image.name}"
        return ""

    def _predicted(self, image: Image, victim) -> Mask:
        scan = scan_of(image)
        key = scan.array.tobytes(), json.dumps(victim.shown)
        if key not in self.predictions:
            self.predictions[key] = victim.predict(scan, "cpu")
        return self.predictions[key]

    def go(self, actions: int, tell=lambda line: None) -> None:
        """Do so many actions; raises AssertionError at the first that leaves something wrong."""
        self.wait()
        self.attack.victim_section.open(str(self.weights))
        self.wait()
        for number in range(actions):
            self.step()
            problem = self.wrong()
            tell(f"{number} {self.log[-1]}")
            assert not problem, (
                f"after {number + 1} actions ({', '.join(self.log[-12:])}): {problem}"
            )
        self.wait()

    def leave(self):
        """Forget what is unsaved, so that the window closes without a question."""
        watching = guard(self.viewer)
        if watching is not None:
            watching.recovery.drop()


def main() -> None:
    import napari
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--overlapping", action="store_true", help="structures that overlap")
    parser.add_argument("folder", type=Path, help="an empty folder for a victim and sessions")
    given = parser.parse_args()
    torch.set_num_threads(1)
    viewer = napari.Viewer(show=True)
    weights = save_victim(given.folder, given.overlapping)
    monkey = Monkey(viewer, weights, given.folder, given.seed)
    # Half of the time would go to searching what the imports hold, see tests/conftest.py.
    gc.freeze()
    monkey.go(given.actions, print)
    monkey.leave()
    viewer.close()


if __name__ == "__main__":
    main()
