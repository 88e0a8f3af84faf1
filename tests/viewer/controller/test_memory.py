"""What is over is let go of: deleted runs, previews of cancelled runs, controllers of windows."""

import gc
import weakref

import pytest
from clicks import click, drained, idle
from helpers import disc_image
from panels import PANELS
from roles import has, titles

from napari_segadv.viewer.attack.preview import Preview
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import PREVIEW, PREVIEW_SEEN
from napari_segadv.viewer.layers.task_view import UNTARGETED


@pytest.fixture
def untargeted(ready):
    """A photograph and a small victim, to be attacked without a target in two steps."""
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 2
    return ready


def alive(kind):
    """How many objects of a class there are."""
    gc.collect()
    return sum(type(one) is kind for one in gc.get_objects())


def ran(qtbot, panel):
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    return weakref.ref(panel.controller.example)


def let_go(qtbot, examples):
    """Waits until nothing holds them any more; a copy of unsaved work may just be written."""

    def gone():
        gc.collect()
        return [example() for example in examples] == [None] * len(examples)

    drained(qtbot)
    qtbot.waitUntil(gone)


def test_runs_that_were_deleted_hold_no_memory(window, untargeted, qtbot):
    controller, examples = untargeted.controller, []
    for _ in range(3):
        examples.append(ran(qtbot, untargeted))
        assert examples[-1]() is not None
        controller.delete_run(controller.runs.current)
    assert titles(window) == ["xray"]
    let_go(qtbot, examples)


def test_deleted_runs_hold_no_memory_while_a_later_one_is_shown(window, untargeted, qtbot):
    controller = untargeted.controller
    examples = [ran(qtbot, untargeted) for _ in range(3)]
    first, second, third = controller.runs
    controller.delete_run(first)
    controller.delete_run(second)
    del first, second
    let_go(qtbot, examples[:2])
    assert examples[2]() is third.example


def test_a_cancelled_run_leaves_no_preview(window, untargeted, qtbot):
    section = untargeted.attack_section
    section.form.editors["steps"].value = 100_000
    section.form.editors["goal"].value = None
    click(qtbot, untargeted.run_button)
    qtbot.waitUntil(lambda: untargeted.controller.jobs.busy == "attacking")
    assert has(window, PREVIEW)
    assert has(window, PREVIEW_SEEN)
    assert alive(Preview) == 1
    click(qtbot, untargeted.cancel_button)
    idle(qtbot, untargeted.controller)
    drained(qtbot)
    assert titles(window) == ["xray"]
    assert alive(Preview) == 0


def test_a_run_that_has_ended_leaves_no_preview(untargeted, qtbot):
    ran(qtbot, untargeted)
    drained(qtbot)
    assert alive(Preview) == 0


@pytest.mark.parametrize(
    "titles", [(), PANELS[:1], PANELS[1:]], ids=["no panel", "the attack's", "all others"]
)
def test_a_closed_window_leaves_no_controller(make_napari_viewer, qtbot, band_victim, titles):
    viewer = make_napari_viewer(show=True)
    controller = Controller.of(viewer)
    for title in titles:
        viewer.window.add_plugin_dock_widget("napari-segadv", title)
    idle(qtbot, controller)
    controller.victims.victim = band_victim
    image = viewer.add_image(disc_image(), name="xray")
    controller.attack(image, "pgd", {"steps": 1, "goal": None}, None, "cpu")
    idle(qtbot, controller)
    assert len(controller.runs) == 1
    viewer.close()
    gone = weakref.ref(controller)
    del viewer, controller, image

    def collected():
        """What a thread of a panel still computes, such as the slices' figures, holds it."""
        drained(qtbot)
        gc.collect()
        return gone() is None

    qtbot.waitUntil(collected)
