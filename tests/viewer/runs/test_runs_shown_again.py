"""Runs that are shown once more: their images come back below all else, and once only."""

import pytest
from clicks import click, drained, idle
from helpers import disc_image
from napari.layers import Image
from qtpy.QtCore import QTimer
from roles import titles

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple, scan_of
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE

RESULTS = [ADVERSARIAL, NOISE, CLEAN, AFTER]


def shown(qtbot, controller, run):
    controller.show_run(run)
    idle(qtbot, controller)
    assert controller.runs.current is run


@pytest.fixture(params=["opened", "plain"])
def attacked(request, window, qtbot, scan2d, band_victim):
    """A controller with two runs of one image: of our reader's, and of anybody's."""
    controller = Controller.of(window)
    controller.victims.victim = band_victim
    data, keywords = disc_image(), {"name": "xray"}
    if request.param == "opened":
        data, keywords, _ = image_tuple(scan2d, "xray")
    image = window.add_image(data, **keywords)
    for steps in (1, 2):
        controller.attack(image, "pgd", {"steps": steps, "goal": None}, None, "cpu")
        idle(qtbot, controller)
    assert len(controller.runs) == 2
    return controller


def test_an_image_that_was_removed_comes_back_as_the_lowest_layer(window, attacked, qtbot):
    first, second = attacked.runs
    window.add_labels(disc_image() // 200, name="mine")
    window.layers.remove("xray")
    shown(qtbot, attacked, first)
    image = window.layers[0]
    assert image is first.image
    assert isinstance(image, Image)
    assert not attacked.made(image)
    assert scan_of(image) is first.example.clean
    assert titles(window)[1:] == [*RESULTS, "mine"]


def test_with_all_other_layers_it_comes_back_too(window, attacked, qtbot):
    first, second = attacked.runs
    window.layers.clear()
    shown(qtbot, attacked, first)
    assert window.layers[0] is first.image
    assert titles(window)[1:] == RESULTS


@pytest.mark.parametrize("attacked", ["opened"], indirect=True)
def test_two_runs_of_one_image_bring_it_back_once(window, attacked, qtbot):
    first, second = attacked.runs
    window.layers.remove("xray")
    for run in (first, second, first):
        shown(qtbot, attacked, run)
    assert titles(window)[1:] == RESULTS
    assert first.image is second.image is window.layers[0]


def test_what_was_amiss_in_compare_is_over(window, qtbot, flat):
    _, compare = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    controller = compare.controller
    data, keywords, _ = image_tuple(flat.clean, "xray")
    run = controller.runs.add(flat, window.add_image(data, **keywords))
    shown(qtbot, controller, run)
    assert compare.status.text() == ""
    click(qtbot, compare.modes["blink"])
    window.layers.remove("xray")
    assert compare.status.text() == "blink: xray was removed"
    click(qtbot, compare.modes["swipe"])
    assert "show the run again" in compare.status.text()
    shown(qtbot, controller, run)
    assert compare.status.text() == ""
    click(qtbot, compare.modes["swipe"])
    assert compare.modes["swipe"].isChecked()
    assert compare.status.text() == ""


@pytest.fixture
def closing(make_napari_viewer, flat):
    """A window of its own with a run, to be closed."""
    viewer = make_napari_viewer(show=True)
    controller = Controller.of(viewer)
    data, keywords, _ = image_tuple(flat.clean, "xray")
    run = controller.runs.add(flat, viewer.add_image(data, **keywords))
    return viewer, controller, run


@pytest.mark.parametrize("panels", [(), ("Slices", "Compare", "Runs")], ids=["bare", "docked"])
def test_a_window_closed_at_once_after_a_run_is_shown(closing, qtbot, panels):
    viewer, controller, run = closing
    for title in panels:
        viewer.window.add_plugin_dock_widget("napari-segadv", title)
    controller.show_run(run)
    viewer.close()
    qtbot.waitUntil(lambda: not controller.jobs.busy)
    drained(qtbot)
    assert not controller.jobs.busy
    assert list(controller.layers) == []


@pytest.mark.parametrize("name", [ADVERSARIAL, AFTER])
def test_a_window_closed_between_the_layers_of_a_run(closing, qtbot, name):
    viewer, controller, run = closing

    def inserted(event):
        if controller.shown(name) is event.value:
            QTimer.singleShot(0, viewer.close)

    viewer.layers.events.inserted.connect(inserted)
    controller.show_run(run)
    qtbot.waitUntil(lambda: controller.closed and not controller.jobs.busy)
    drained(qtbot)
    assert not controller.jobs.busy
    assert list(controller.layers) == []


def test_two_runs_of_a_plain_image_bring_it_back_once(window, qtbot, band_victim):
    controller = Controller.of(window)
    controller.victims.victim = band_victim
    image = window.add_image(disc_image(), name="xray")
    for steps in (1, 2):
        controller.attack(image, "pgd", {"steps": steps, "goal": None}, None, "cpu")
        idle(qtbot, controller)
    window.layers.remove("xray")
    for run in controller.runs:
        controller.show_run(run)
        idle(qtbot, controller)
    assert titles(window)[1:] == RESULTS
