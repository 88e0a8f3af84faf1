"""Two patients in one window: right patient, right side, whatever is clicked in which order."""

import numpy as np
import pytest
from clicks import click, drained, idle
from compare_window import show
from helpers import disc_image
from roles import has, role, titles

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple, scan_of
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, TARGET
from napari_segadv.viewer.layers.task_view import UNTARGETED

SHAPES = {"one": (48, 64), "two": (40, 36)}


@pytest.fixture
def two(window, ready, qtbot):
    """Two films of other sizes, the second one chosen, with the model loaded."""
    window.layers["xray"].name = "one"
    window.add_image(disc_image(SHAPES["two"], seed=5), name="two")
    return ready


def choose(panel, name):
    panel.image.value = next(image for image in panel.image.choices if image.name == name)


def predicted(panel, image):
    return panel.controller.victims.victim.predict(scan_of(image), "cpu").array


def visible(viewer):
    return [layer.name for layer in viewer.layers if layer.visible]


def attacked(panel, qtbot, steps=1):
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = steps
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)


def test_the_image_that_was_opened_last_is_the_chosen_one(window, two, qtbot):
    assert two.image.value is window.layers["two"]
    assert visible(window) == ["two"]
    low, high = window.layers["two"].extent.world
    np.testing.assert_allclose(window.scene.camera.center[1:], (low + high) / 2, atol=1)


def test_each_has_its_own_prediction_which_goes_and_comes_with_it(window, two, qtbot):
    for name in ("two", "one"):
        choose(two, name)
        click(qtbot, two.victim_section.predict_button)
        idle(qtbot, two.controller)
        assert visible(window) == [name, f"{name} / prediction (clean)"]
        shown = role(window, CLEAN)
        np.testing.assert_array_equal(shown.data, predicted(two, window.layers[name]))
    choose(two, "two")
    assert visible(window) == ["two", "two / prediction (clean)"]


def test_a_second_image_shows_its_result(window, two, qtbot):
    choose(two, "one")
    attacked(two, qtbot)
    first = two.controller.runs.current
    choose(two, "two")
    assert two.controller.runs.current is None
    attacked(two, qtbot)
    assert role(window, ADVERSARIAL).visible
    assert role(window, ADVERSARIAL).data.shape == SHAPES["two"]
    order = titles(window)
    assert order.index("two") < order.index(ADVERSARIAL) < order.index(AFTER)
    choose(two, "one")
    assert two.controller.runs.current is first
    assert role(window, ADVERSARIAL).data.shape == SHAPES["one"]


def test_the_figures_of_another_image_name_it(window, two, qtbot):
    choose(two, "one")
    attacked(two, qtbot)
    figures = two.status.text()
    assert "after 1 step" in figures
    choose(two, "two")
    assert two.status.text() == f"one: {figures}"
    choose(two, "one")
    assert two.status.text() == figures


def test_targets_of_the_other_image_are_not_offered(window, two, qtbot):
    two.target_section.shape.value = "copy"
    click(qtbot, two.target_section.button)
    idle(qtbot, two.controller)
    wanted = role(window, TARGET)
    assert two.target.value is wanted
    choose(two, "one")
    assert wanted not in two.target.choices
    assert not has(window, TARGET)
    choose(two, "two")
    assert two.target.value is wanted
    assert window.layers.selection.active is wanted


@pytest.mark.parametrize("other", ["prediction", "image", "target"])
def test_a_renamed_layer_hides_nothing(window, two, qtbot, other):
    two.target_section.shape.value = "copy"
    click(qtbot, two.target_section.button)
    idle(qtbot, two.controller)
    renamed = {
        "prediction": role(window, CLEAN),
        "image": window.layers["two"],
        "target": role(window, TARGET),
    }[other]
    renamed.name = "mine"
    click(qtbot, two.victim_section.predict_button)
    idle(qtbot, two.controller)
    shown = role(window, CLEAN)
    assert shown.visible
    image = two.image.value
    np.testing.assert_array_equal(shown.data, predicted(two, image))
    assert window.layers.index(image) < window.layers.index(shown)
    if other == "prediction":
        assert window.layers.index(renamed) < window.layers.index(shown)
    if other == "image":
        assert {x.name for x in window.layers if x.name.startswith("mine / ")} == {
            "mine / prediction (clean)",
            "mine / target",
            "mine / erased",
        }


def test_an_image_that_is_closed_takes_nothing_along(window, two, qtbot):
    attacked(two, qtbot)
    window.layers.remove(window.layers["two"])
    assert two.image.value is window.layers["one"]
    assert visible(window) == ["one"]
    run = next(iter(two.controller.runs))
    two.controller.show_run(run)
    idle(qtbot, two.controller)
    assert two.image.value.data.shape == SHAPES["two"]
    np.testing.assert_array_equal(role(window, ADVERSARIAL).data, run.example.adversarial.array)
    assert titles(window).count("two / adversarial") <= 1


def test_results_and_renamed_results_are_not_offered_as_images(window, two, qtbot):
    attacked(two, qtbot)
    assert [image.name for image in two.image.choices] == ["one", "two"]
    role(window, ADVERSARIAL).name = "kept"
    assert [image.name for image in two.image.choices] == ["one", "two"]
    attacked(two, qtbot)
    assert window.layers.index(window.layers["kept"]) < window.layers.index(
        role(window, ADVERSARIAL)
    )


def test_the_next_image_is_opened_and_painted_while_a_run_goes_on(window, two, qtbot, held):
    choose(two, "one")
    two.target.value = UNTARGETED
    two.attack_section.form.editors["steps"].value = 2
    click(qtbot, two.run_button)
    qtbot.waitUntil(lambda: two.controller.jobs.busy == "attacking")
    three = window.add_image(disc_image((32, 32), seed=7), name="three")
    labels = window.add_labels(np.zeros((32, 32), np.uint8), name="wanted")
    labels.paint((5, 5), 1)
    assert two.image.value is three
    two.target.value = UNTARGETED
    click(qtbot, two.run_button)
    click(qtbot, two.run_button)
    assert len(two.controller.jobs.waiting) == 2
    held.set()
    qtbot.waitUntil(lambda: len(list(two.controller.runs)) == 3)
    idle(qtbot, two.controller)
    assert visible(window)[:2] == ["three", "three / adversarial"]
    assert labels.visible
    runs = list(two.controller.runs)
    assert [run.image.name for run in runs] == ["one", "three", "three"]
    choose(two, "one")
    assert two.controller.runs.current is runs[0]


def test_panels_that_are_opened_in_mid_run_show_it(window, two, qtbot, held):
    two.target.value = UNTARGETED
    two.attack_section.form.editors["steps"].value = 3
    click(qtbot, two.run_button)
    qtbot.waitUntil(lambda: two.controller.jobs.latest is not None)
    window.window.remove_dock_widget(two.parent())
    _, again = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    assert again.strip.text.text().startswith("Step 1 of 3, ")
    assert again.strip.cancel_button.isEnabled()
    held.set()
    idle(qtbot, again.controller)
    assert "after 3 steps" in again.status.text()


def test_an_image_that_is_opened_again_has_its_run(window, qtbot, flat):
    image, _ = show(window, flat)
    window.layers.remove(image)
    data, keywords, _ = image_tuple(flat.clean, "again")
    again = window.add_image(data, **keywords)
    drained(qtbot)
    run = Controller.of(window).runs.current
    assert run is not None
    assert run.image is again
    assert role(window, ADVERSARIAL).affine is not again.affine


def test_a_labels_layer_of_one_image_is_no_region_of_the_other(window, two, qtbot):
    mine = window.add_labels(np.ones(SHAPES["two"], np.uint8), name="mine")
    assert mine in two.attack_section.region.choices
    choose(two, "one")
    assert mine not in two.attack_section.region.choices
    assert not mine.visible


def test_labels_that_are_opened_belong_to_the_image_on_which_they_lie(window, two, qtbot):
    mine = window.add_labels(np.ones(SHAPES["one"], np.uint8), name="mine")
    assert two.image.value is window.layers["one"]
    assert Controller.of(window).image_of(mine) is window.layers["one"]
    assert mine.visible
