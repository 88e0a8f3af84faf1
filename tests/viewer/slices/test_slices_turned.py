"""The Slices panel while the view goes across the slices, and while a run is shown once more."""

import threading

import numpy as np
import pytest
from clicks import click
from helpers import PATIENCE
from qtpy.QtCore import Qt
from slicing import crafted, key, press, show

from napari_segadv.results.by_slice import AREA
from napari_segadv.results.verdicts import Verdict
from napari_segadv.viewer.controller import visibility
from napari_segadv.viewer.slices.panel import TURNED
from napari_segadv.viewer.slices.visibility_section import LOOK, STOP


@pytest.fixture
def slices(window):
    """The panel, docked into an empty viewer."""
    return window.window.add_plugin_dock_widget("napari-segadv", "Slices")[1]


def turn(window, view):
    if view == "3-D":
        window.dims.ndisplay = 3
    else:
        window.dims.order = (1, 0, 2)


def judging(panel):
    """Everything with which something can be said of a slice."""
    return (*panel.verdicts.buttons.values(), panel.verdicts.note)


@pytest.mark.parametrize("view", ["coronal", "3-D"])
def test_nothing_is_said_of_a_slice_that_is_not_in_view(window, slices, qtbot, ct, view):
    run = show(window, slices, qtbot, crafted(ct))
    press(qtbot, slices, 8)
    assert slices.number == 8
    turn(window, view)
    assert slices.status.text() == TURNED
    assert not any(widget.isEnabled() for widget in judging(slices))
    assert not any(line.get_visible() for line in slices.plot._lines)
    key(qtbot, window, Qt.Key_1, Qt.AltModifier)
    assert run.verdicts == {}
    # Through the volume there is still no slice to speak of.
    window.dims.set_current_step(1, 3)
    key(qtbot, window, Qt.Key_2, Qt.AltModifier)
    assert run.verdicts == {}
    press(qtbot, slices, 12)
    assert window.dims.displayed == (1, 2)
    assert slices.number == 12
    assert slices.status.text().startswith("slice 12, ")
    assert all(widget.isEnabled() for widget in judging(slices))
    assert run.verdicts == {}
    key(qtbot, window, Qt.Key_1, Qt.AltModifier)
    assert run.verdicts == {12: Verdict("nothing seen")}


def test_scrolling_says_what_a_slice_is_and_judges_none(window, slices, qtbot, ct):
    run = show(window, slices, qtbot, crafted(ct))
    for number in (3, 7, 11):
        press(qtbot, slices, number)
        assert slices.status.text().startswith(f"slice {number}, {AREA} ")
    assert run.verdicts == {}
    assert slices.verdicts.table.rowCount() == 0


def test_the_worst_slice_is_named_once_however_often_it_is_asked_for(window, slices, qtbot, ct):
    show(window, slices, qtbot, crafted(ct))
    slices.by.setCurrentText(AREA)
    order = slices.figures.worst_first(AREA)
    said = set()
    for _ in range(3):
        click(qtbot, slices.worst_button)
        assert slices.number == order[0]
        said.add(slices.status.text())
    (line,) = said
    assert line.startswith(f"rank 1 of {len(order)}: slice {order[0]}, ")
    assert line.count("rank") == 1
    # From there the list goes on.
    click(qtbot, slices.next_button)
    assert slices.number == order[1]


def test_measuring_goes_on_while_its_run_is_shown_again(window, slices, qtbot, ct, monkeypatch):
    example = crafted(ct)
    run = show(window, slices, qtbot, example)
    section, go_on, begun = slices.visibility, threading.Event(), []

    def waiting(*given):
        begun.append(given)
        yield 0.0
        assert go_on.wait(PATIENCE)
        return (yield from measured(*given))

    measured = visibility.seen_steps
    monkeypatch.setattr(visibility, "seen_steps", waiting)
    click(qtbot, section.button)
    qtbot.waitUntil(lambda: bool(begun))
    slices.controller.show_run(run)
    qtbot.waitUntil(lambda: not slices.controller.jobs.busy)
    assert section.button.text() == STOP
    assert section.button.isEnabled()
    go_on.set()
    qtbot.waitUntil(lambda: section.table.rowCount() == 7)
    assert len(begun) == 1
    assert section.button.text() == LOOK
    touched = np.count_nonzero(np.abs(example.noise).max((1, 2)))
    assert touched > 1
    assert section.line.text().endswith(f" Measured over the {touched} slices that changed.")


def test_measuring_goes_on_while_another_run_is_shown(window, slices, qtbot, ct, monkeypatch):
    one = show(window, slices, qtbot, crafted(ct))
    two = slices.controller.runs.add(crafted(ct, epsilon=5.0), one.image)
    go_on, measured = threading.Event(), visibility.seen_steps

    def waiting(*given):
        yield 0.0
        assert go_on.wait(PATIENCE)
        return (yield from measured(*given))

    monkeypatch.setattr(visibility, "seen_steps", waiting)
    section = slices.visibility
    click(qtbot, section.button)
    slices.controller.show_run(two)
    qtbot.waitUntil(lambda: slices.controller.runs.current is two)
    go_on.set()
    qtbot.waitUntil(lambda: bool(slices.controller.visibility.known(one)))
    assert section.button.text() == LOOK
    assert section.table.rowCount() == 0
    # What was measured of the first is kept.
    slices.controller.show_run(one)
    qtbot.waitUntil(lambda: section.table.rowCount() == 7)
