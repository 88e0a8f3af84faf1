"""All panels in one dock: tabs that are made when they are opened, and one line on what runs."""

import weakref

import npe2
import pytest
from clicks import click, close_dock, drained, idle, steady
from compare_window import press, show
from helpers import disc_image
from listeners import heard
from listing import choose
from panels import PANELS
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.task_view import UNTARGETED
from napari_segadv.viewer.widgets.docking import dock_of, open_panel
from napari_segadv.viewer.widgets.progress import CANCELLED, IDLE
from napari_segadv.viewer.workbench.panel import TABS, TITLE

TITLES = [title for _, title, _ in TABS]


def docked(window, qtbot, title=TITLE):
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", title)
    qtbot.waitUntil(widget.isVisible)
    idle(qtbot, Controller.of(window))
    steady(qtbot, window)
    return widget


@pytest.fixture
def bench(window, qtbot):
    return docked(window, qtbot)


def docks(window):
    """Titles of the docks of this plugin."""
    found = window.window._qt_window.findChildren(QDockWidget)
    titles = [one.windowTitle().removesuffix(" (napari-segadv)") for one in found]
    return [title for title in titles if title in (*PANELS, TITLE)]


def go(qtbot, bench, short):
    """A click on a tab; returns its panel."""
    bar = bench.tabs.tabBar()
    number = [tab[0] for tab in TABS].index(short)
    qtbot.mouseClick(bar, Qt.LeftButton, pos=bar.tabRect(number).center())
    drained(qtbot)
    return bench.tabs.currentWidget().layout().itemAt(0).widget()


def test_every_panel_has_its_tab_in_the_order_of_work(bench, qtbot):
    bar = bench.tabs.tabBar()
    titles = [bar.tabText(n) for n in range(bar.count())]
    assert titles == ["Attack", "Target", "Compare", "Slices", "Runs", "Reading test", "Help"]
    manifest = npe2.PluginManager.instance().get_manifest("napari-segadv")
    docks = [widget.display_name for widget in manifest.contributions.widgets]
    assert sorted(docks) == sorted((*TITLES, TITLE))
    for short, _, kind in TABS:
        panel = go(qtbot, bench, short)
        assert type(panel) is kind
        assert panel.isVisible()


def test_a_panel_is_made_when_its_tab_is_first_opened_and_then_stays(bench, qtbot):
    def made():
        return [bench.tabs.widget(n).layout().count() for n in range(len(TABS))]

    assert made() == [1, 0, 0, 0, 0, 0, 0]
    runs = go(qtbot, bench, "Runs")
    assert [bench.tabs.widget(n).layout().count() for n in range(len(TABS))] == [
        1,
        0,
        0,
        0,
        1,
        0,
        0,
    ]
    go(qtbot, bench, "Attack")
    assert go(qtbot, bench, "Runs") is runs
    assert not runs.left


def test_comparing_a_run_goes_to_its_tab(window, bench, qtbot, flat):
    show(window, flat)
    runs = go(qtbot, bench, "Runs")
    choose(qtbot, runs, 0)
    click(qtbot, runs.compare_button)
    assert bench.tabs.tabText(bench.tabs.currentIndex()) == "Compare"
    assert docks(window) == [TITLE]
    compare = bench.open("Compare")
    assert compare.isVisible()
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert compare.modes["side by side"].isChecked()


def test_without_the_workbench_a_panel_gets_a_dock(window, qtbot):
    panel = open_panel(window, "Compare")
    qtbot.waitUntil(panel.isVisible)
    drained(qtbot)
    assert docks(window) == ["Compare"]


@pytest.mark.parametrize("title", TITLES)
def test_a_panel_that_was_docked_alone_moves_into_its_tab(window, qtbot, title):
    panel = docked(window, qtbot, title)
    bench = docked(window, qtbot)
    assert docks(window) == [TITLE]
    assert bench.open(title) is panel
    qtbot.waitUntil(panel.isVisible)
    assert not getattr(panel, "left", False)


def test_so_does_one_that_is_docked_later(window, bench, qtbot, flat):
    show(window, flat)
    panel = window.window.add_plugin_dock_widget("napari-segadv", "Compare")[1]
    qtbot.waitUntil(lambda: bench.tabs.currentWidget().isAncestorOf(panel))
    drained(qtbot)
    assert docks(window) == [TITLE]
    assert not panel.left
    # A second one is closed; the first keeps its keys.
    second = window.window.add_plugin_dock_widget("napari-segadv", "Compare")[1]
    qtbot.waitUntil(lambda: second.left)
    drained(qtbot)
    assert docks(window) == [TITLE]
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert panel.modes["side by side"].isChecked()


def test_closed_it_leaves_nothing_behind(window, qtbot, flat):
    controller = Controller.of(window)
    controller.victims.prepare()
    idle(qtbot, controller)
    show(window, flat)
    idle(qtbot, controller)
    # With its first panel a window gets what stays with it: the guard of unsaved work, the hatch.
    close_dock(qtbot, docked(window, qtbot))
    idle(qtbot, controller)
    drained(qtbot)
    before = heard(window)
    bench = docked(window, qtbot)
    panels = [weakref.ref(go(qtbot, bench, short)) for short, _, _ in TABS]
    assert heard(window) != before
    known = weakref.ref(bench)
    close_dock(qtbot, bench)
    del bench
    idle(qtbot, controller)
    drained(qtbot)
    assert heard(window) == before
    assert known() is None
    assert [panel() for panel in panels] == [None] * len(TABS)
    # As often as one likes.
    close_dock(qtbot, docked(window, qtbot))
    idle(qtbot, controller)
    drained(qtbot)
    assert heard(window) == before


@pytest.fixture
def attacking(window, bench, qtbot, weights_file, held):
    """The workbench in mid-run: one step has been made."""
    window.add_image(disc_image(), name="xray")
    attack = bench.open("Adversarial attack")
    attack.victim_section.open(str(weights_file))
    idle(qtbot, bench.controller)
    attack.target.value = UNTARGETED
    attack.attack_section.form.editors["steps"].value = 7
    attack.attack_section.form.editors["goal"].value = None
    click(qtbot, attack.run_button)
    qtbot.waitUntil(lambda: bench.strip.text.text().startswith("Step 1 of 7, "))
    return attack


def test_what_runs_is_in_view_in_every_tab(attacking, bench, qtbot, held):
    for short, _, _ in TABS:
        go(qtbot, bench, short)
        assert bench.strip.isVisible()
        assert bench.strip.text.text().startswith("Step 1 of 7, ")
        assert (bench.strip.bar.value(), bench.strip.bar.maximum()) == (1, 7)
        assert bench.strip.cancel_button.isEnabled()
    # The panel's own line on it is not shown a second time.
    go(qtbot, bench, "Attack")
    assert not attacking.strip.isVisible()
    held.set()
    idle(qtbot, bench.controller)
    example = bench.controller.example
    assert bench.strip.text.text() == IDLE
    assert attacking.status.text().startswith(f"{example.ending} after 7 steps")
    go(qtbot, bench, "Slices")
    assert bench.strip.text.text() == f"{example.ending} after 7 steps"
    assert not bench.strip.cancel_button.isEnabled()


def test_it_is_cancelled_from_any_tab(attacking, bench, qtbot, held):
    go(qtbot, bench, "Help")
    click(qtbot, bench.strip.cancel_button)
    held.set()
    idle(qtbot, bench.controller)
    assert bench.strip.text.text() == CANCELLED
    assert len(bench.controller.runs) == 0


def test_a_workbench_that_is_opened_in_mid_run_shows_the_run(window, attacking, bench, qtbot, held):
    close_dock(qtbot, bench)
    again = window.window.add_plugin_dock_widget("napari-segadv", TITLE)[1]
    assert again.strip.text.text().startswith("Step 1 of 7, ")
    assert again.strip.bar.value() == 1
    assert again.strip.cancel_button.isEnabled()
    held.set()
    idle(qtbot, again.controller)
    go(qtbot, again, "Runs")
    assert "after 7 steps" in again.strip.text.text()


def test_a_dock_of_its_own_shows_the_run_too(window, attacking, bench, qtbot, held):
    close_dock(qtbot, bench)
    panel = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")[1]
    qtbot.waitUntil(panel.strip.isVisible)
    assert panel.strip.text.text().startswith("Step 1 of 7, ")
    held.set()
    idle(qtbot, panel.controller)
    assert panel.strip.text.text() == IDLE


def test_what_waits_is_listed_and_can_be_taken_back(attacking, bench, qtbot, held):
    strip = bench.strip
    assert not strip.waiting.isVisible()
    click(qtbot, attacking.victim_section.predict_button)
    assert strip.waiting.isVisible()
    assert strip.waiting.text() == f"then: {bench.controller.jobs.waiting[0]}"
    assert strip.text.text().startswith("Step 1 of 7, ")
    click(qtbot, strip.forget_button)
    assert not strip.waiting.isVisible()
    assert bench.controller.jobs.waiting == []
    held.set()
    idle(qtbot, bench.controller)
    assert len(bench.controller.runs) == 1


def test_the_title_of_its_dock_is_short(bench):
    assert dock_of(bench).windowTitle() == TITLE
