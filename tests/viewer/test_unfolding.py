"""Results come layer by layer: the window goes on between them, whatever happens meanwhile."""

import pytest
from helpers import disc_image
from napari.components import ViewerModel
from now import TurnRunner

from napari_segadv.errors import SegadvError
from napari_segadv.viewer.controller import Controller
from napari_segadv.viewer.layers import ADVERSARIAL, AFTER, CLEAN, NOISE


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
    controller = Controller(viewer, runner)
    controller.victim = band_victim
    return controller


def begin(viewer, controller):
    heard = []
    controller.finished.connect(heard.append)
    controller.attack(viewer.layers["xray"], "pgd", {"steps": 1, "goal": None}, None)
    return heard


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_one_layer_a_turn_and_the_end_is_told_once_all_are_there(viewer, controller, runner):
    heard = begin(viewer, controller)
    shown = ["xray"]
    for name in (ADVERSARIAL, NOISE, CLEAN, AFTER):
        shown.append(name)
        assert names(viewer) == shown
        assert controller.busy == "showing the result"
        assert not controller.can_cancel
        assert not heard
        assert controller.example is None
        runner.turn()
    assert not controller.busy
    assert not runner.waiting
    assert heard == [controller.example]


def test_nothing_else_begins_meanwhile(viewer, controller, runner):
    begin(viewer, controller)
    with pytest.raises(SegadvError, match="still showing the result"):
        controller.predict(viewer.layers["xray"])
    while runner.waiting:
        runner.turn()
    controller.predict(viewer.layers["xray"])


def test_an_image_that_goes_takes_no_more_layers(viewer, controller, runner):
    heard = begin(viewer, controller)
    viewer.layers.remove(viewer.layers["xray"])
    runner.turn()
    assert names(viewer) == [ADVERSARIAL]
    assert not controller.busy
    assert len(heard) == len(controller.runs) == 1


def test_a_failure_leaves_the_controller_idle(viewer, controller, runner):
    def pieces():
        yield
        raise ValueError("a layer that napari refuses")

    controller.unfold("showing", pieces())
    with pytest.raises(ValueError, match="refuses"):
        runner.turn()
    assert not controller.busy
    assert not runner.waiting


def test_an_earlier_run_is_shown_in_turns_too(viewer, controller, runner):
    begin(viewer, controller)
    while runner.waiting:
        runner.turn()
    (run,) = controller.runs
    viewer.layers.clear()
    controller.show_run(run)
    assert names(viewer) == ["image", ADVERSARIAL]
    while runner.waiting:
        runner.turn()
    assert names(viewer) == ["image", ADVERSARIAL, NOISE, CLEAN, AFTER]
    assert controller.runs.current is run
