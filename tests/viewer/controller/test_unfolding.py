"""Results come layer by layer: the window goes on between them, whatever happens meanwhile."""

import os
import sys
import threading

import numpy as np
import pytest
from helpers import disc_image
from napari.components import ViewerModel
from now import TurnRunner, controlled
from roles import role, titles

from napari_segadv.viewer.controller.qt_runner import QtRunner
from napari_segadv.viewer.controller.runner import NICE
from napari_segadv.viewer.layers.convert import scan_of
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE


@pytest.fixture
def runner():
    return TurnRunner()


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(disc_image(), name="xray")
    return viewer


@pytest.fixture
def controller(viewer, runner, band_victim):
    controller = controlled(viewer, runner)
    controller.victims.victim = band_victim
    return controller


def begin(viewer, controller):
    heard = []
    controller.finished.connect(heard.append)
    controller.attack(viewer.layers["xray"], "pgd", {"steps": 1, "goal": None}, None)
    return heard


def test_one_layer_a_turn_and_the_end_is_told_once_all_are_there(viewer, controller, runner):
    heard = begin(viewer, controller)
    shown = ["xray"]
    for name in (ADVERSARIAL, NOISE, CLEAN, AFTER):
        shown.append(name)
        assert titles(viewer) == shown
        assert controller.jobs.busy == "showing the result"
        assert not controller.jobs.can_cancel
        assert not heard
        assert controller.example is None
        runner.turn()
    assert not controller.jobs.busy
    assert not runner.waiting
    assert heard == [controller.example]


def finish(runner):
    while runner.waiting:
        runner.turn()


def test_nothing_else_begins_meanwhile(viewer, controller, runner):
    begin(viewer, controller)
    predicted = []
    controller.victims.predicted.connect(lambda prediction, layer: predicted.append(layer))
    controller.victims.predict(viewer.layers["xray"])
    runner.turn()
    assert controller.jobs.busy == "showing the result"
    assert controller.jobs.waiting == ["predicting"]
    assert not predicted
    finish(runner)
    assert predicted == [viewer.layers["xray"]]
    assert not controller.jobs.busy
    assert not controller.jobs.waiting


def test_an_image_that_goes_takes_no_more_layers(viewer, controller, runner):
    heard = begin(viewer, controller)
    viewer.layers.remove(viewer.layers["xray"])
    runner.turn()
    assert titles(viewer) == [f"xray / {ADVERSARIAL}"]
    assert not controller.jobs.busy
    assert len(heard) == len(controller.runs) == 1


def test_a_failure_leaves_the_controller_idle(viewer, controller, runner):
    def pieces():
        yield
        raise ValueError("a layer that napari refuses")

    controller.jobs.unfold("showing", pieces())
    with pytest.raises(ValueError, match="refuses"):
        runner.turn()
    assert not controller.jobs.busy
    assert not runner.waiting


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness elsewhere")
def test_the_thread_that_computes_gives_way_to_the_window(qtbot):
    def niceness(poll=None):
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before, ended = niceness(), []
    QtRunner().start(niceness, print, ended.append)
    qtbot.waitUntil(lambda: bool(ended))
    assert ended[0].value == max(before, NICE)
    assert niceness() == before


def test_an_earlier_run_is_shown_in_turns_too(viewer, controller, runner):
    begin(viewer, controller)
    finish(runner)
    (run,) = controller.runs
    viewer.layers.clear()
    controller.show_run(run)
    assert titles(viewer) == ["xray", ADVERSARIAL]
    finish(runner)
    assert titles(viewer) == ["xray", ADVERSARIAL, NOISE, CLEAN, AFTER]
    assert controller.runs.current is run


def test_a_second_run_fills_the_layers_of_the_first_and_leaves_what_was_set(
    viewer, controller, runner
):
    begin(viewer, controller)
    finish(runner)
    first = list(viewer.layers)
    role(viewer, ADVERSARIAL).visible = False
    role(viewer, NOISE).visible = True
    role(viewer, NOISE).opacity = 0.3
    role(viewer, AFTER).contour = 3
    role(viewer, AFTER).data_setitem((np.array([0]), np.array([0])), 2)
    viewer.layers["xray"].contrast_limits = (10, 90)
    settings = {"steps": 2, "goal": None, "epsilon": 40.0}
    controller.attack(viewer.layers["xray"], "pgd", settings, None)
    finish(runner)
    assert list(viewer.layers) == first
    example = controller.example
    assert len(controller.runs) == 2
    adversarial, noise, after = (role(viewer, n) for n in (ADVERSARIAL, NOISE, AFTER))
    np.testing.assert_array_equal(adversarial.data, example.adversarial.array)
    assert scan_of(adversarial) is example.adversarial
    assert adversarial.visible
    assert tuple(adversarial.contrast_limits) == (10, 90)
    linf = example.measures["linf"]
    assert tuple(noise.contrast_limits) == tuple(noise.contrast_limits_range) == (-linf, linf)
    assert noise.visible
    assert noise.opacity == 0.3
    assert after.contour == 3
    after.undo()
    np.testing.assert_array_equal(after.data, example.prediction_adversarial.array)
    assert not after.editable


def test_the_clean_prediction_is_seen_after_predicting_and_hidden_by_a_run(
    viewer, controller, runner
):
    controller.victims.predict(viewer.layers["xray"])
    clean = role(viewer, CLEAN)
    assert clean.visible
    begin(viewer, controller)
    finish(runner)
    assert role(viewer, CLEAN) is clean
    assert not clean.visible
    controller.victims.predict(viewer.layers["xray"])
    assert role(viewer, CLEAN) is clean
    assert clean.visible
    begin(viewer, controller)
    finish(runner)
    assert not clean.visible
    clean.visible = True
    begin(viewer, controller)
    finish(runner)
    assert clean.visible


def test_an_image_of_another_size_gets_layers_of_its_own_and_a_moved_one_keeps_them(
    viewer, controller, runner
):
    begin(viewer, controller)
    finish(runner)
    first = list(viewer.layers)[1:]
    viewer.layers["xray"].translate = (5, 5)
    begin(viewer, controller)
    finish(runner)
    second = list(viewer.layers)[1:]
    assert first == second
    assert all(tuple(layer.translate) == (5, 5) for layer in second)
    viewer.layers["xray"].data = disc_image((40, 40))
    begin(viewer, controller)
    finish(runner)
    assert not set(second) & set(viewer.layers)
    assert {layer.data.shape for layer in viewer.layers} == {(40, 40)}
