"""An image that is moved, replaced or closed by the user keeps no results that are not its own."""

import numpy as np
import pytest
from clicks import click, drained, idle
from helpers import disc_image
from reopened import docked, opened, saved
from roles import has, role

from napari_segadv.data.scan import Scan
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, ERASED, NOISE, TARGET
from napari_segadv.viewer.layers.places import same_place
from napari_segadv.viewer.layers.task_view import UNTARGETED

RESULTS = (ADVERSARIAL, NOISE, CLEAN, AFTER)


@pytest.fixture
def warnings(ready):
    """The lines that warn the user."""
    found = []
    ready.controller.warned.connect(found.append)
    return found


@pytest.fixture
def film(window, ready):
    """What napari's reader makes of a film: the layer is known by its content."""
    data, keywords, _ = image_tuple(Scan.from_array(disc_image(seed=2)), "film")
    return data, keywords


def targeted(panel, qtbot):
    """A target on the chosen image."""
    panel.target_section.shape.value = "erase"
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    return panel.controller.shown(TARGET)


def attacked(panel, qtbot, target=UNTARGETED):
    panel.target.value = target
    panel.attack_section.form.editors["steps"].value = 2
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    return list(panel.controller.runs)[-1]


@pytest.mark.parametrize("how", ["affine", "translate", "scale"])
def test_what_lies_on_an_image_moves_with_it(window, ready, qtbot, how):
    image = window.layers["xray"]
    target = targeted(ready, qtbot)
    run = attacked(ready, qtbot, target)
    mine = window.add_labels(np.ones(image.data.shape, np.uint8), name="mine")
    elsewhere = window.add_labels(np.ones((5, 5), np.uint8), name="elsewhere", translate=(3, 3))
    if how == "affine":
        # What napari's Transform mode sets.
        matrix = np.eye(3)
        matrix[:2, 2] = 6, 10
        image.affine = matrix
    else:
        setattr(image, how, (2.0, 3.0))
    drained(qtbot)
    for name in (*RESULTS, TARGET):
        assert same_place(role(window, name), image), name
    assert same_place(mine, image)
    np.testing.assert_array_equal(elsewhere.translate, (3, 3))
    assert ready.controller.runs.current is run
    # It can be attacked where it lies now.
    again = attacked(ready, qtbot)
    assert again.image is image
    assert same_place(role(window, ADVERSARIAL), image)


def test_what_was_moved_and_closed_lies_right_once_the_image_is_opened_again(
    window, ready, qtbot, film
):
    data, keywords = film
    image = window.add_image(data, **keywords)
    run = attacked(ready, qtbot)
    image.translate = (7, 7)
    # Back where it was, it is the image that the run knows.
    window.layers.remove(image)
    again = window.add_image(data, **keywords)
    drained(qtbot)
    for name in RESULTS if has(window, ADVERSARIAL) else ():
        assert same_place(role(window, name), again)
    ready.controller.show_run(run)
    idle(qtbot, ready.controller)
    assert same_place(role(window, ADVERSARIAL), run.image)


def test_results_leave_an_image_whose_pixels_are_others(window, ready, qtbot, warnings):
    image = window.layers["xray"]
    target = targeted(ready, qtbot)
    painted = target.data.copy()
    run = attacked(ready, qtbot, target)
    image.data = np.ascontiguousarray(image.data[:, ::-1])
    drained(qtbot)
    assert not any(has(window, name) for name in RESULTS)
    assert ready.controller.runs.current is None
    assert [line.split(";")[0] for line in warnings] == [
        "xray: its pixels have changed, so its results were taken away"
    ]
    # What the user has painted stays.
    np.testing.assert_array_equal(target.data, painted)
    ready.controller.show_run(run)
    idle(qtbot, ready.controller)
    shown = ready.controller.image
    assert shown is run.image is not image
    np.testing.assert_array_equal(shown.data, run.example.clean.array)
    assert same_place(role(window, ADVERSARIAL), shown)
    assert image in window.layers
    assert not image.visible


def test_the_same_pixels_again_change_nothing(window, ready, qtbot, warnings, film):
    data, keywords = film
    image = window.add_image(data, **keywords)
    run = attacked(ready, qtbot)
    image.data = data.copy()
    assert ready.controller.runs.current is run
    assert all(has(window, name) for name in RESULTS)
    assert warnings == []


def test_a_result_is_not_shown_on_pixels_that_were_replaced_meanwhile(
    window, ready, qtbot, held, warnings
):
    image = window.layers["xray"]
    before = image.data.copy()
    ready.target.value = UNTARGETED
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: ready.controller.jobs.latest is not None)
    image.data = np.ascontiguousarray(image.data[::-1])
    held.set()
    qtbot.waitUntil(lambda: len(ready.controller.runs) == 1)
    idle(qtbot, ready.controller)
    (run,) = ready.controller.runs
    assert not any(has(window, name) for name in RESULTS)
    assert ready.controller.runs.current is None
    assert "its pixels have changed since the attack began" in warnings[-1]
    ready.controller.show_run(run)
    idle(qtbot, ready.controller)
    assert run.image is not image
    np.testing.assert_array_equal(run.image.data, before)


def test_a_prediction_is_not_shown_on_pixels_that_were_replaced_meanwhile(window, ready, qtbot):
    image = window.layers["xray"]
    ready.controller.victims.predict(image, "cpu")
    image.data = np.ascontiguousarray(image.data[::-1])
    idle(qtbot, ready.controller)
    assert not has(window, CLEAN)


def test_an_image_that_is_closed_in_mid_run_leaves_its_target_for_it(
    window, ready, qtbot, held, film
):
    data, keywords = film
    image = window.add_image(data, **keywords)
    target = targeted(ready, qtbot)
    ready.target.value = target
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: ready.controller.jobs.latest is not None)
    window.layers.remove(image)
    held.set()
    qtbot.waitUntil(lambda: len(ready.controller.runs) == 1)
    idle(qtbot, ready.controller)
    groups = ready.controller._shown.groups
    assert all(g.image is None or g.image in window.layers for g in groups._groups)
    (run,) = ready.controller.runs
    ready.controller.show_run(run)
    idle(qtbot, ready.controller)
    assert ready.controller.shown(TARGET) is target
    assert target.visible
    assert target in ready.target.choices


def test_a_deleted_run_does_not_come_back_with_its_image(window, ready, qtbot, film):
    data, keywords = film
    image = window.add_image(data, **keywords)
    run = attacked(ready, qtbot)
    left = role(window, ADVERSARIAL)
    window.layers.remove(image)
    # As after the layer's memory was freed.
    run._image = None
    ready.controller.delete_run(run)
    assert left not in window.layers
    window.add_image(data, **keywords)
    drained(qtbot)
    assert ready.controller.runs.current is None
    assert not has(window, ADVERSARIAL)


def test_a_session_opened_beside_its_own_target_leaves_it_alone(window, ready, qtbot, folder, film):
    data, keywords = film
    window.layers.remove(window.layers["xray"])
    image = window.add_image(data, **keywords)
    target = targeted(ready, qtbot)
    wanted = target.data.copy()
    attacked(ready, qtbot, target)
    runs = docked(window)
    saved(qtbot, runs, folder)
    target.paint((20, 20), 2)
    painted = target.data.copy()
    window.layers.remove(image)
    opened(qtbot, runs)
    assert "session opened: 1 run, 1 image" in runs.status.text()
    assert len(ready.controller.runs) == 2
    np.testing.assert_array_equal(target.data, painted)
    assert target in window.layers
    now = ready.controller.shown(TARGET)
    assert now is not target
    np.testing.assert_array_equal(now.data, wanted)


@pytest.mark.parametrize("panels", [["Target designer"], ["Target designer", "Compare"]])
def test_a_target_is_hatched_on_its_own_image_alone(window, ready, qtbot, panels):
    one = window.layers["xray"]
    docks = [window.window.add_plugin_dock_widget("napari-segadv", n)[1] for n in panels]
    two = window.add_image(disc_image(seed=5), name="two")
    for image in (two, one):
        ready.controller.choose(image)
        click(qtbot, ready.victim_section.predict_button)
        idle(qtbot, ready.controller)
    ready.target_section.shape.value = "erase"
    click(qtbot, ready.target_section.button)
    # Before the target is ready.
    ready.controller.choose(two)
    idle(qtbot, ready.controller)
    drained(qtbot)
    for _ in range(2):
        assert ready.controller.image is two
        assert not has(window, ERASED)
        assert docks[0].designer.target is None
        assert "IoU" not in docks[0].distance.text()
        ready.controller.choose(one)
        drained(qtbot)
        assert role(window, ERASED).data.target is role(window, TARGET)
        assert docks[0].designer.target is role(window, TARGET)
        ready.controller.choose(two)
        drained(qtbot)
