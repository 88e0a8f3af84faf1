"""The workbench in a small window: the image has most of it, and nothing is cut off."""

import pytest
from clicks import click, close_dock, idle, steady
from compare_window import canvas, show
from fitting import NOTHING, cut_off, cut_tabs
from helpers import bands
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_segadv.victims.victim import Victim
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.workbench.panel import TABS, TITLE
from napari_segadv.viewer.workbench.room import NAPARI_S, SHARE

# As long as the names of structures get, in the lists of TotalSegmentator and others.
LONGEST = ("background", "portal vein and splenic vein", "thyroid cartilage, left lamina")


def dock(window, qtbot):
    _, bench = window.window.add_plugin_dock_widget("napari-segadv", TITLE)
    qtbot.waitUntil(bench.isVisible)
    idle(qtbot, Controller.of(window))
    steady(qtbot, window)
    return bench


@pytest.fixture
def bench(window, qtbot, deep):
    """The workbench beside a run over a volume, with a model of long class names."""
    show(window, deep)
    bench = dock(window, qtbot)
    bench.controller.runs.rename(bench.controller.runs.current, "pgd, kidneys erased 12")
    victim = Victim(bands(dims=2), name="bands", dims=2, classes=LONGEST, steps=())
    bench.controller.victims.victim = victim
    bench.controller.victims.victim_changed.emit(victim)
    steady(qtbot, window)
    return bench


def share(window):
    main = window.window._qt_window
    return canvas(window).width() / main.width()


def go(qtbot, bench, number):
    """A click on a tab."""
    bar = bench.tabs.tabBar()
    qtbot.mouseClick(bar, Qt.LeftButton, pos=bar.tabRect(number).center())
    assert bench.tabs.currentIndex() == number
    steady(qtbot, bench.viewer)


def napari_s(window):
    main = window.window._qt_window
    return [main.findChild(QDockWidget, name) for name in NAPARI_S]


def areas(window):
    main = window.window._qt_window
    return [main.dockWidgetArea(one) for one in napari_s(window)]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("number", range(len(TABS)), ids=[tab[0] for tab in TABS])
def test_nothing_is_cut_off_and_the_image_has_its_share(window, bench, qtbot, theme, number):
    window.theme = theme
    assert window.window._qt_window.width() == 1280
    go(qtbot, bench, number)
    if TABS[number][0] == "Slices":
        panel = bench.open(TABS[number][1])
        click(qtbot, panel.visibility.button)
        qtbot.waitUntil(lambda: panel.visibility.table.rowCount() > 0)
        steady(qtbot, window)
    assert share(window) >= SHARE
    assert cut_tabs(bench.tabs.tabBar()) == []
    assert cut_off(bench) == NOTHING


def test_neither_are_the_settings_of_experts(window, bench, qtbot):
    attack = bench.open(TABS[0][1])
    click(qtbot, attack.expert)
    for method in attack.attack_section.method.choices:
        attack.attack_section.method.value = method
        steady(qtbot, window)
        assert cut_off(bench) == NOTHING, method
    for shape in attack.target_section.shape.choices:
        attack.target_section.shape.value = shape
        steady(qtbot, window)
        assert cut_off(bench) == NOTHING, shape
    assert share(window) >= SHARE


@pytest.mark.parametrize("sample", ["chest-xray", "abdomen-ct"])
def test_the_basic_form_of_an_attack_needs_no_scrolling(window, qtbot, sample):
    window.open_sample("napari-segadv", sample)
    bench = dock(window, qtbot)
    qtbot.waitUntil(lambda: bench.controller.victims.source == f"demo:{sample}")
    steady(qtbot, window)
    column = bench.open(TABS[0][1]).layout().itemAt(0).widget()
    assert column.verticalScrollBar().maximum() == 0


def test_naparis_docks_stand_beside_it_in_a_small_window_only(window, bench, qtbot):
    main = window.window._qt_window
    assert areas(window) == [Qt.RightDockWidgetArea] * 2
    window.window.resize(1900, 1000)
    qtbot.waitUntil(lambda: areas(window) == [Qt.LeftDockWidgetArea] * 2)
    steady(qtbot, window)
    assert share(window) >= SHARE
    controls, layers = napari_s(window)
    assert controls.isVisible()
    assert layers.isVisible()
    assert controls.geometry().bottom() < layers.geometry().top()
    assert main.tabifiedDockWidgets(layers) == []
    window.window.resize(1280, 800)
    qtbot.waitUntil(lambda: areas(window) == [Qt.RightDockWidgetArea] * 2)
    steady(qtbot, window)
    assert share(window) >= SHARE


def test_they_go_back_when_the_workbench_is_closed(window, bench, qtbot):
    close_dock(qtbot, bench)
    qtbot.waitUntil(lambda: areas(window) == [Qt.LeftDockWidgetArea] * 2)
    assert all(one.isVisible() for one in napari_s(window))


def test_they_are_back_before_napari_keeps_the_places_of_its_docks(window, bench, qtbot):
    main, kept = window.window._qt_window, []
    save = main._save_current_window_settings

    def note():
        kept.append(areas(window))
        save()

    main._save_current_window_settings = note
    window.close()
    assert kept == [[Qt.LeftDockWidgetArea] * 2]


def test_a_dock_that_the_user_has_moved_stays(window, bench, qtbot):
    main = window.window._qt_window
    _, layers = napari_s(window)
    main.addDockWidget(Qt.LeftDockWidgetArea, layers)
    steady(qtbot, window)
    assert areas(window) == [Qt.RightDockWidgetArea, Qt.LeftDockWidgetArea]
