"""Layers that the user changes while an attack runs: the run is of what was there when it began."""

from itertools import chain

import numpy as np
import pytest
from clicks import click, idle, loaded
from helpers import volume_victim
from roles import role, shown_as

from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.results.provenance import hash_of
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import PREVIEW, PREVIEW_SEEN
from napari_segadv.viewer.layers.places import placed_like
from napari_segadv.viewer.layers.task_view import view_of

SHAPE = (4, 16, 20)


@pytest.fixture
def ready(window, panel, qtbot):
    """The panel with a victim that goes slice by slice."""
    loaded(qtbot, panel, volume_victim(2))
    return panel


def begin(window, panel, qtbot, steps):
    """A flipped volume, a target and a region, which are attacked."""
    window.layers.clear()
    window.dims.ndisplay = 2
    rng = np.random.default_rng(0)
    array = rng.normal(0, 30, SHAPE).astype(np.int16)
    array[:, 4:12, 4:14] += 150
    grid = Grid(SHAPE, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.diag([-1.0, 1.0, -1.0]))
    data, keywords, _ = image_tuple(Scan(array, grid, "HU", Storage("int16")), "ct")
    image = window.add_image(data, **keywords)
    wanted = window.add_labels(np.zeros(SHAPE, np.uint8), name="wanted", **placed_like(image))
    wanted.data[:, 2:14, 2:18] = 1
    where = window.add_labels(np.zeros(SHAPE, np.uint8), name="where", **placed_like(image))
    where.data[:, 3:13, 3:16] = 1
    panel.image.value, panel.target.value = image, wanted
    section = panel.attack_section
    section.region.value = where
    section.form.editors["steps"].value, section.form.editors["goal"].value = steps, None
    section.budget.epsilon.value = 20
    click(qtbot, panel.run_button)
    qtbot.waitUntil(lambda: panel.strip.text.text().startswith("Step "))
    return array, wanted.data.copy(), where.data.copy()


def other_numbers(window):
    window.layers["ct"].data = np.full(SHAPE, 7, np.int16)


def another_type(window):
    window.layers["ct"].data = window.layers["ct"].data.astype(np.float32)


def fewer_pixels(window):
    window.layers["ct"].data = np.zeros((2, 8, 9), np.int16)


def more_slices(window):
    window.layers["ct"].data = np.zeros((9, *SHAPE[1:]), np.int16)


def another_scale(window):
    window.layers["ct"].scale = (2.0, 3.0, 4.0)


def a_series(window):
    window.add_image(np.random.default_rng(0).random((2, 3, 5, 6)), name="series")


def three_dimensions(window):
    window.dims.ndisplay = 3


def no_target(window):
    window.layers.remove(next(x for x in window.layers if x.name in ("wanted", "mine")))


def a_renamed_target(window):
    window.layers["wanted"].name = "mine"


def a_painted_region(window):
    window.layers["where"].brush_size = 40
    window.layers["where"].paint((1, 8, 8), 0)
    assert not window.layers["where"].data[1].any()


def no_preview(window):
    window.layers.remove(role(window, PREVIEW))
    window.layers.remove(role(window, PREVIEW_SEEN))


def nothing(window):
    window.layers.clear()


CHANGES = {
    "the labels": (a_painted_region, no_preview, a_renamed_target, no_target),
    "the image": (other_numbers, another_type, fewer_pixels, more_slices, another_scale),
    "the view": (a_series, three_dimensions, nothing),
}
# What has to be done after them before another run: a series has no target of its own.
NO_TARGET = view_of("segmentation").missing
MISSING = {no_target: NO_TARGET, a_series: NO_TARGET, nothing: "open an image first"}


@pytest.mark.parametrize("what", CHANGES)
def test_a_run_is_of_what_was_there_when_it_began(window, ready, qtbot, held, what):
    for change in CHANGES[what]:
        finishes(window, ready, qtbot, held, change)


def finishes(window, panel, qtbot, held, change):
    held.clear()
    array, wanted, where = begin(window, panel, qtbot, steps=40)
    change(window)
    assert panel.controller.jobs.busy == "attacking"
    held.set()
    idle(qtbot, panel.controller)
    assert "largest change 20 HU" in panel.status.text()
    *_, run = panel.controller.runs
    example, record = run.example, run.example.record
    # It is shown on its image, so not while another one is chosen, or none is left, nor on
    # another image in its place.
    elsewhere = (a_series, nothing, other_numbers, fewer_pixels, more_slices)
    assert panel.controller.example is (None if change in elsewhere else example)
    np.testing.assert_array_equal(example.clean.array, array)
    np.testing.assert_array_equal(example.target.array, wanted)
    assert example.noise[where != 0].any()
    assert not example.noise[where == 0].any()
    assert record["steps"] == 40
    assert record["image"]["sha256"] == hash_of(array)
    assert record["image"]["dtype"] == "int16"
    assert record["image"]["spacing"] == [3.0, 1.5, 1.25]
    assert record["inputs"]["target"]["sha256"] == hash_of(wanted)
    assert record["inputs"]["region"]["sha256"] == hash_of(where)
    assert panel.missing.text() == MISSING.get(change, "")
    assert panel.run_button.isEnabled() == (change not in MISSING)
    assert not shown_as(window, PREVIEW, PREVIEW_SEEN)


def test_a_cancelled_run_leaves_what_the_user_has_changed(window, ready, qtbot):
    changes = [change for change in chain(*CHANGES.values()) if change is not nothing]
    for several, missing in ((changes, NO_TARGET), ([nothing], MISSING[nothing])):
        begin(window, ready, qtbot, steps=100_000)
        for change in several:
            # All in one run, and each is looked at by the preview.
            with qtbot.waitSignal(ready.controller.jobs.progressed):
                change(window)
        preview = shown_as(window, PREVIEW, PREVIEW_SEEN)
        left = [layer for layer in window.layers if layer not in preview]
        click(qtbot, ready.cancel_button)
        idle(qtbot, ready.controller)
        assert ready.status.text() == "cancelled; nothing was changed"
        assert list(window.layers) == left
        assert len(ready.controller.runs) == 0
        assert ready.run_button.text() == "Run"
        assert ready.missing.text() == missing
