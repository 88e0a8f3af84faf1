"""Jobs beside each other and one after the other: warnings stay on, idleness is told once."""

import threading
import warnings

import pytest
from clicks import click, idle
from helpers import PATIENCE, disc_image

from napari_segadv.errors import SegadvError
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.controller.latest import Latest
from napari_segadv.viewer.layers.task_view import UNTARGETED

# What would keep every warning of the whole program from being seen.
SILENCE = ("ignore", None, Warning, None, 0)
SHOWING = "showing the result"


@pytest.fixture
def controller(window, band_victim):
    """A photograph and a victim, without a panel."""
    window.add_image(disc_image(), name="xray")
    controller = Controller.of(window)
    controller.victims.victim = band_victim
    return controller


def attack(window, controller, steps):
    settings = {"steps": steps, "goal": None}
    controller.attack(window.layers["xray"], "pgd", settings, None, "cpu")


@pytest.mark.parametrize("first", ["the attack", "the panel's"])
def test_two_jobs_at_once_leave_pythons_warnings_on(window, controller, qtbot, first):
    latest, begun, go_on, found = Latest(), threading.Event(), threading.Event(), []

    def work(poll):
        begun.set()
        assert go_on.wait(PATIENCE)
        return "counted"

    attack(window, controller, 100_000)
    with qtbot.waitSignal(controller.jobs.progressed):
        pass
    latest.ask(work, found.append)
    qtbot.waitUntil(begun.is_set)
    # Whichever ends first puts back what the other has found or set.
    ends = [controller.jobs.cancel, go_on.set]
    waits = [lambda: not controller.jobs.busy, lambda: not latest.busy]
    for number in (0, 1) if first == "the attack" else (1, 0):
        ends[number]()
        qtbot.waitUntil(waits[number])
    assert found == ["counted"]
    assert SILENCE not in warnings.filters


def test_nobody_hears_that_all_is_idle_before_the_result_is_shown(window, controller, qtbot):
    heard = []
    controller.jobs.busy_changed.connect(heard.append)
    attack(window, controller, 2)
    idle(qtbot, controller)
    assert heard == ["attacking", SHOWING, ""]


def test_nor_with_a_preview(ready, qtbot):
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 2
    heard, offered = [], []

    def listen(title):
        heard.append(title)
        offered.append((ready.run_button.text(), ready.run_button.isEnabled()))

    ready.controller.jobs.busy_changed.connect(listen)
    click(qtbot, ready.run_button)
    idle(qtbot, ready.controller)
    begun = heard.index("attacking")
    assert heard[begun:] == ["attacking", SHOWING, ""]
    # The next run can be started at any time; it waits for this one.
    assert offered[begun:] == [("Run next", True), ("Run next", True), ("Run", True)]


def test_nor_while_an_earlier_run_is_shown(window, controller, qtbot):
    attack(window, controller, 2)
    idle(qtbot, controller)
    (run,) = controller.runs
    heard = []
    controller.jobs.busy_changed.connect(heard.append)
    controller.show_run(run)
    idle(qtbot, controller)
    assert heard == [f"showing {run.name}"] * 2 + [""]


def test_nothing_is_unfolded_while_a_job_runs(controller, qtbot):
    done, go_on = [], threading.Event()

    def pieces():
        done.append("a piece")
        yield

    controller.jobs.start("waiting", lambda poll: go_on.wait(PATIENCE), lambda value: None)
    with pytest.raises(SegadvError, match="still waiting"):
        controller.jobs.unfold("showing", pieces(), lambda: done.append("the end"))
    assert controller.jobs.busy == "waiting"
    assert not done
    go_on.set()
    idle(qtbot, controller)
    controller.jobs.unfold("showing", pieces(), lambda: done.append("the end"))
    idle(qtbot, controller)
    assert done == ["a piece", "the end"]


def test_warnings_are_still_told_after_two_jobs_at_once(window, qtbot, band_victim):
    import monai  # noqa: F401 - sets a handler of its own

    window.add_image(disc_image(), name="xray")
    controller, latest = Controller.of(window), Latest()
    controller.victims.victim = band_victim
    before, begun, go_on = warnings.showwarning, threading.Event(), threading.Event()
    settings = {"steps": 100_000, "goal": None}
    controller.attack(window.layers["xray"], "pgd", settings, None, "cpu")
    with qtbot.waitSignal(controller.jobs.progressed):
        pass
    latest.ask(lambda poll: begun.set() or go_on.wait(PATIENCE), print)
    qtbot.waitUntil(begun.is_set)
    # The first to begin is the first to end.
    controller.jobs.cancel()
    qtbot.waitUntil(lambda: not controller.jobs.busy)
    go_on.set()
    qtbot.waitUntil(lambda: not latest.busy)
    assert warnings.showwarning is before
