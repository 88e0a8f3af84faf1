"""The whole path in a real window with real clicks: victim, target, run, cancel, close."""

import time
from dataclasses import replace

import numpy as np
from clicks import click, close_dock, idle
from helpers import ARGUMENTS, disc_image, save_torchscript
from modal import answered
from napari.layers import Labels
from qtpy.QtCore import QThreadPool, QTimer
from qtpy.QtWidgets import QDialogButtonBox
from roles import has, titles

from napari_segadv import crafting
from napari_segadv.attacks.texture import choices
from napari_segadv.viewer.attack import panel as attack_panel
from napari_segadv.viewer.layers.names import (
    ADVERSARIAL,
    AFTER,
    CLEAN,
    ERASED,
    NOISE,
    TARGET,
)
from napari_segadv.viewer.layers.task_view import UNTARGETED
from napari_segadv.viewer.widgets.trust_question import TrustQuestion


def layers(viewer):
    return dict(zip(titles(viewer), viewer.layers, strict=True))


def test_from_image_to_adversarial_image(window, ready, qtbot):
    panel = ready
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    clean = layers(window)[CLEAN]
    structures = np.bincount(clean.data.ravel(), minlength=3)[1:]
    panel.target_section.structure.value = int(structures.argmax()) + 1
    panel.target_section.shape.value = "resize"
    panel.target_section.form.editors["size"].value = 0.9
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    target = layers(window)[TARGET]
    assert panel.target.value is target
    assert target.contour == 2
    assert (target.data != clean.data).any()
    panel.attack_section.budget.epsilon.value = 25
    assert "9.8 %" in panel.attack_section.budget.share.text()
    panel.attack_section.form.editors["steps"].value = 5
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    # What a smaller structure leaves is hatched soon after.
    qtbot.waitUntil(lambda: has(window, ERASED))
    found = layers(window)
    assert set(found) == {"xray", ADVERSARIAL, NOISE, CLEAN, AFTER, TARGET, ERASED}
    noise = found[ADVERSARIAL].data.astype(int) - found["xray"].data
    assert 0 < np.abs(noise).max() <= 25
    np.testing.assert_array_equal(found[NOISE].data, noise)
    assert tuple(found[ADVERSARIAL].contrast_limits) == tuple(found["xray"].contrast_limits)
    victim = panel.controller.victims.victim
    assert "largest change" in panel.status.text()
    assert panel.controller.example.record["steps"] == 5
    predicted = victim.predict(panel.controller.example.adversarial).array
    np.testing.assert_array_equal(found[AFTER].data, predicted)
    assert window.layers[-1] is target


def test_a_second_run_replaces_the_first(window, ready, qtbot):
    panel = ready
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 2
    for epsilon in (10, 20):
        panel.attack_section.budget.epsilon.value = epsilon
        click(qtbot, panel.run_button)
        idle(qtbot, panel.controller)
        assert panel.target.value == UNTARGETED
        assert panel.controller.example.record["budget"]["epsilon"] == epsilon
    names = titles(window)
    assert len(names) == len(set(names)) == 5
    assert layers(window)[NOISE].contrast_limits[1] > 5


def test_a_note_is_told_once(window, ready, qtbot, examples, monkeypatch):
    told = []
    monkeypatch.setattr(attack_panel, "tell", told.append)
    for example, notes in zip(
        examples, (("of the model",), ("of the model", "of a run")), strict=False
    ):
        ready.controller.finished.emit(replace(example, notes=notes))
    assert told == ["of the model", "of a run"]


def test_a_target_painted_by_hand(window, ready, qtbot):
    panel = ready
    panel.target_section.shape.value = "copy"
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    target = layers(window)[TARGET]
    target.brush_size = 7
    target.paint((20, 30), 2)
    assert (target.data != layers(window)[CLEAN].data).any()
    panel.attack_section.form.editors["steps"].value = 3
    painted = target.data.copy()
    click(qtbot, panel.run_button)
    # Painting goes on while it runs; the run has its own copy.
    target.paint((5, 5), 1)
    idle(qtbot, panel.controller)
    np.testing.assert_array_equal(panel.controller.example.target.array, painted)


def test_labels_of_the_users_own_as_target(window, ready, qtbot):
    panel = ready
    mine = window.add_labels(np.zeros((48, 64), int), name="mine")
    mine.data[10:20, 10:20] = 1
    panel.target.value = mine
    panel.attack_section.form.editors["steps"].value = 1
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    np.testing.assert_array_equal(panel.controller.example.target.array, mine.data)


def long_run(panel, qtbot):
    """Starts a run that would take minutes."""
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 50_000
    panel.attack_section.form.editors["goal"].value = None
    panel.attack_section.budget.epsilon.value = 1
    panel.attack_section.preview.value = False
    click(qtbot, panel.run_button)
    qtbot.waitUntil(lambda: panel.strip.text.text().startswith("Step "))


def test_cancel_takes_effect_within_a_step(window, ready, qtbot, monkeypatch):
    panel, made, craft = ready, [], crafting.craft_steps

    def counted(*given, **more):
        run = craft(*given, **more)
        while True:
            made.append(next(run))
            yield made[-1]

    monkeypatch.setattr(crafting, "craft_steps", counted)
    long_run(panel, qtbot)
    assert panel.progress.maximum() == 50_000
    # The next run may be started; it waits.
    assert panel.run_button.text() == "Run next"
    assert panel.run_button.isEnabled()
    before = titles(window)
    click(qtbot, panel.cancel_button)
    so_far = len(made)
    idle(qtbot, panel.controller)
    # No more than the one that was being made.
    assert 0 < len(made) <= so_far + 1
    assert "cancelled" in panel.status.text()
    assert titles(window) == before
    assert panel.run_button.text() == "Run"
    assert panel.run_button.isEnabled()


def test_closing_the_viewer_in_mid_run_leaves_no_thread(window, ready, qtbot):
    panel = ready
    long_run(panel, qtbot)
    assert QThreadPool.globalInstance().activeThreadCount() > 0
    window.close()
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)


def test_the_window_stays_responsive(window, ready, qtbot):
    """A timer ticks on while the attack computes; the benchmark gives the figures."""
    panel = ready
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    long_run(panel, qtbot)
    timer.start(20)
    qtbot.waitUntil(lambda: len(ticks) > 40)
    timer.stop()
    # A window that is frozen while it attacks would tick once the attack is over.
    assert panel.controller.jobs.busy == "attacking"
    # Most come in time, however long a busy machine lets single ones wait.
    assert np.median(np.diff(ticks)) < 0.5
    click(qtbot, panel.cancel_button)
    idle(qtbot, panel.controller)


def test_layers_removed_and_renamed_in_mid_run(window, ready, qtbot):
    panel = ready
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 30
    panel.attack_section.form.editors["goal"].value = None
    click(qtbot, panel.run_button)
    layers(window)["xray"].name = "renamed"
    window.layers.remove(layers(window)[CLEAN])
    idle(qtbot, panel.controller)
    assert ADVERSARIAL in layers(window)
    click(qtbot, panel.run_button)
    window.layers.clear()
    idle(qtbot, panel.controller)
    # The first run is still the shown one; the second had nothing to attack.
    assert list(window.layers) == []
    (run,) = panel.controller.runs
    assert panel.controller.runs.current is run


def test_everything_that_can_be_missing_is_one_line(window, ready, qtbot):
    panel = ready
    panel.target_section.structure.value = 1
    window.layers.clear()
    assert not panel.run_button.isEnabled()
    assert panel.missing.text() == "open an image first"
    window.add_image(np.random.rand(4, 5, 6, 7), name="series")
    click(qtbot, panel.victim_section.predict_button)
    assert "not a 2-D or 3-D image" in panel.status.text()
    window.layers.clear()
    window.add_image(np.dstack([disc_image()] * 3), rgb=True, name="colour")
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    assert "needs a grey-scale image; colour is in colour" in panel.status.text()


def test_the_trust_question(window, panel, qtbot, tmp_path):
    from monai.networks.nets import UNet

    from napari_segadv.common.hashing import sha256_of

    path = save_torchscript(UNet(**ARGUMENTS).eval(), tmp_path)
    said = []

    def refuse(dialog):
        said.append((dialog.path.text(), dialog.sha256.text(), dialog.list.toPlainText()))
        dialog.buttons.button(QDialogButtonBox.No).click()

    with answered(qtbot, TrustQuestion, refuse):
        panel.victim_section.open(str(path))
    qtbot.waitUntil(lambda: "not loaded" in panel.status.text())
    assert said == [(str(path), f"sha256 {sha256_of(path)}", "1. a TorchScript program")]
    assert panel.controller.victims.source != str(path)
    agree = lambda dialog: dialog.buttons.button(QDialogButtonBox.Yes).click()
    with answered(qtbot, TrustQuestion, agree):
        panel.victim_section.open(str(path))
    qtbot.waitUntil(lambda: panel.controller.victims.source == str(path))
    # The answer is remembered: no question the next time.
    panel.controller.victims.load_victim("demo:nothing")
    idle(qtbot, panel.controller)
    panel.victim_section.open(str(path))
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == str(path)


def test_the_dock_closed_and_opened_again(window, ready, qtbot):
    panel = ready
    long_run(panel, qtbot)
    close_dock(qtbot, panel)
    assert panel.controller.jobs.busy
    _, again = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    assert again.controller is panel.controller
    click(qtbot, again.cancel_button)
    idle(qtbot, again.controller)


def test_a_2d_victim_on_a_volume(window, ready, qtbot, ct):
    from napari_segadv.viewer.layers.convert import image_tuple

    panel = ready
    data, keywords, _ = image_tuple(ct, "ct")
    image = window.add_image(data, **keywords)
    panel.image.value = image
    panel.victim_section.present.value = "none"
    assert "HU" in panel.attack_section.budget.share.text()
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 2
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    for name in (ADVERSARIAL, NOISE, AFTER):
        shown = layers(window)[name]
        np.testing.assert_allclose(shown.data_to_world((3, 4, 5)), image.data_to_world((3, 4, 5)))
    assert isinstance(layers(window)[AFTER], Labels)


def test_every_control_has_a_tooltip_and_forms_follow_the_method(ready, qtbot):
    panel = ready
    for editor in (
        panel.image,
        panel.target,
        panel.attack_section.method,
        panel.attack_section.device,
        panel.attack_section.seed,
    ):
        assert editor.native.toolTip()
    for button in (panel.run_button, panel.cancel_button, panel.target_section.button):
        assert button.toolTip()
    assert "steps" in panel.attack_section.form.editors
    panel.attack_section.method.value = "fgsm"
    shared = {"diversity", "translation", "scales", "texture", "grain"}
    assert set(panel.attack_section.form.editors) == {"loss", *shared}
    assert panel.attack_section.form.editors["texture"].choices == choices()
    panel.attack_section.method.value = "pgd"
    for editor in panel.attack_section.form.editors.values():
        assert getattr(editor, "native", editor).toolTip()
    panel.target_section.shape.value = "swap"
    assert "to" in panel.target_section.form.editors
