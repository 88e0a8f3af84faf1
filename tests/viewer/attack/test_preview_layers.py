"""Where the preview's layers come, and that none begins where the image or its window goes."""

import numpy as np
import pytest
from clicks import click, drained, idle
from qtpy.QtCore import QTimer
from roles import has, role, titles
from superqt.utils import WorkerBase

from napari_segadv import crafting
from napari_segadv.viewer.layers.names import CLEAN, ERASED, PREVIEW, PREVIEW_SEEN, TARGET
from napari_segadv.viewer.layers.task_view import UNTARGETED


@pytest.fixture
def long(ready):
    """A photograph and a small victim, to be attacked until cancelled."""
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 100_000
    ready.attack_section.form.editors["goal"].value = None
    return ready


def attacking(qtbot, panel):
    click(qtbot, panel.run_button)
    qtbot.waitUntil(lambda: panel.controller.jobs.busy == "attacking")


def test_the_preview_lies_right_above_its_image_below_all_that_is_painted(window, long, qtbot):
    window.add_labels(np.zeros((48, 64), int), name="below")
    mine = window.add_labels(np.zeros((48, 64), np.uint8), name="wanted")
    mine.data[10:30, 10:30] = 1
    window.add_labels(np.zeros((48, 64), int), name="above")
    long.target.value = mine
    attacking(qtbot, long)
    assert titles(window) == ["xray", PREVIEW, PREVIEW_SEEN, "below", "wanted", "above"]
    click(qtbot, long.cancel_button)
    idle(qtbot, long.controller)
    assert titles(window) == ["xray", "below", "wanted", "above"]


def test_what_is_painted_on_the_target_is_seen_over_the_preview(window, long, qtbot):
    long.target_section.shape.value = "copy"
    click(qtbot, long.target_section.button)
    idle(qtbot, long.controller)
    target = role(window, TARGET)
    target.contour, target.opacity = 0, 1.0
    # The hatch of what is erased, here of nothing, lies between them.
    qtbot.waitUntil(lambda: has(window, ERASED))
    attacking(qtbot, long)
    assert titles(window) == ["xray", PREVIEW, CLEAN, PREVIEW_SEEN, ERASED, TARGET]
    for label in (1, 2):
        target.data_setitem(tuple(np.mgrid[:48, :64].reshape(2, -1)), label)
        picture = window.screenshot(canvas_only=True, flash=False)
        middle = picture[picture.shape[0] // 2, picture.shape[1] // 2, :3]
        np.testing.assert_allclose(middle, 255 * target.get_color(label)[:3], atol=3)
    click(qtbot, long.cancel_button)
    idle(qtbot, long.controller)


def test_a_target_below_the_image_does_not_hide_the_preview(window, long, qtbot):
    mine = window.add_labels(np.ones((48, 64), np.uint8), name="wanted")
    window.layers.move(window.layers.index(mine), 0)
    long.target.value = mine
    attacking(qtbot, long)
    assert titles(window) == ["wanted", "xray", PREVIEW, PREVIEW_SEEN]
    click(qtbot, long.cancel_button)
    idle(qtbot, long.controller)


@pytest.fixture
def begun(monkeypatch):
    """The attacks that have begun."""
    calls, craft = [], crafting.craft_steps

    def counted(*given, **more):
        calls.append(given)
        yield from craft(*given, **more)

    monkeypatch.setattr(crafting, "craft_steps", counted)
    return calls


def when_prepared(window, qtbot, panel, moment, act):
    """Presses Run, and does something while its preview is copied or shown."""
    if moment == "copied":
        click(qtbot, panel.run_button)
        assert panel.controller.jobs.busy == "preparing the preview"
        act()
    else:
        done = []

        def inserted(event):
            if panel.controller.shown(PREVIEW) is event.value and not done:
                done.append(QTimer.singleShot(0, act))

        window.layers.events.inserted.connect(inserted)
        click(qtbot, panel.run_button)
        qtbot.waitUntil(lambda: bool(done))


@pytest.mark.parametrize("moment", ["copied", "shown"])
def test_an_image_removed_while_its_preview_is_prepared_is_not_attacked(
    window, long, qtbot, begun, moment
):
    when_prepared(window, qtbot, long, moment, lambda: window.layers.remove("xray"))
    idle(qtbot, long.controller)
    drained(qtbot)
    assert begun == []
    assert not long.controller.jobs.busy
    assert titles(window) == []
    assert long.run_button.text() == "Run"
    assert long.missing.text() == "open an image first"


@pytest.mark.parametrize("moment", ["copied", "shown"])
def test_a_window_closed_while_a_preview_is_prepared_starts_no_attack(
    window, long, qtbot, begun, moment
):
    controller = long.controller
    when_prepared(window, qtbot, long, moment, window.close)
    qtbot.waitUntil(lambda: controller.closed and not controller.jobs.busy)
    drained(qtbot)
    assert begun == []
    assert not controller.jobs.busy
    assert not any(worker.is_running for worker in WorkerBase._worker_set)
