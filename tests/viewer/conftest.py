"""A real napari window with the panel docked, and helpers to wait and click."""

import gc
import threading

import napari.settings
import npe2
import numpy as np
import pytest
from clicks import drained, idle, steady
from helpers import BYTES, PATIENCE, bands, disc_image, mask_on, volume_victim
from modal import none_left_standing
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog

import napari_segadv as sa
from napari_segadv import crafting
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.reading_test import window as reading_window
from napari_segadv.viewer.runs.panel import EMPTY
from napari_segadv.viewer.widgets.settings import PLUGIN


class PatientBot(QtBot):
    """pytest-qt's bot, which gives up later: on a busy machine its five seconds are soon over."""

    def waitUntil(self, callback, *, timeout=1000 * PATIENCE):
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal, *, timeout=1000 * PATIENCE, **more):
        return super().waitSignal(signal, timeout=timeout, **more)

    def waitExposed(self, widget, *, timeout=1000 * PATIENCE):
        return super().waitExposed(widget, timeout=timeout)


def pytest_collection_modifyitems(items):
    """The random driver comes first: it takes longest."""
    items.sort(key=lambda item: "test_monkey.py" not in item.nodeid)


@pytest.fixture
def qtbot(qapp, request):
    """The bot of every window test; a dialog that stays open does not hold it up for good."""
    with none_left_standing():
        yield PatientBot(request)


@pytest.fixture
def window(kept, make_napari_viewer, qtbot):
    """A shown viewer: real clicks and screenshots need one."""
    # Each window leaves some thousand objects behind. They are never searched again: napari
    # collects the garbage of the whole process after each removal of a layer.
    gc.collect()
    gc.freeze()
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 800)
    with qtbot.waitExposed(viewer.window._qt_window):
        drained(qtbot)
    return viewer


@pytest.fixture
def panel(window, qtbot):
    """The docked panel with all its settings, once torch and its first victim are loaded."""
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    assert widget.controller is Controller.of(window)
    qtbot.waitUntil(lambda: bool(widget.controller.victims.attacks))
    idle(qtbot, widget.controller)
    widget.expert.setChecked(True)
    # Its budget is the largest change of a pixel, and it stops at its goal.
    widget.attack_section.apply("usual")
    return widget


@pytest.fixture
def ready(window, panel, qtbot, weights_file):
    """An image and a small victim from a file."""
    window.add_image(disc_image(), name="xray")
    panel.victim_section.open(str(weights_file))
    idle(qtbot, panel.controller)
    assert panel.victim_section.victim.value == str(weights_file)
    return panel


def crafted(scan, victim, target=None, steps=2):
    return sa.craft(scan, victim, sa.attacks.PGD(epsilon=12.0, steps=steps), target=target)


@pytest.fixture(scope="module")
def flat():
    """An example of a photograph."""
    from napari_segadv.victims.victim import Victim

    victim = Victim(bands(), name="bands", dims=2, classes=("no", "dim", "bright"), steps=(BYTES,))
    scan = Scan.from_array(disc_image())
    target = np.zeros(scan.grid.shape, np.uint8)
    target[10:30, 10:40] = 2
    return crafted(scan, victim, mask_on(scan, target))


@pytest.fixture(scope="module")
def deep():
    """An example of a CT with flips and anisotropic spacing."""
    rng = np.random.default_rng(0)
    array = rng.normal(0, 30, (6, 20, 24)).astype(np.int16)
    array[2:4, 6:14, 8:20] += 150
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.diag([1.0, -1.0, -1.0]))
    scan = Scan(array, grid, "HU", Storage("int16"))
    return crafted(scan, volume_victim(2))


@pytest.fixture
def compare(window, qtbot):
    """The docked panel "Compare"."""
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    steady(qtbot, window)
    return panel


@pytest.fixture
def designing(window, qtbot, band_victim):
    """The docked target designer beside an image, with a victim."""
    window.add_image(disc_image(), name="xray")
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Target designer")
    panel.controller.victims.victim = band_victim
    panel.controller.victims.victim_changed.emit(band_victim)
    steady(qtbot, window)
    return panel


@pytest.fixture
def examples(scan2d, band_victim):
    def made(epsilon):
        return sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=epsilon, steps=2))

    return [made(4.0), made(8.0), made(12.0)]


@pytest.fixture
def listed(window, qtbot, examples):
    """The docked panel "Runs" with three runs of one image, the last one shown."""
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    controller = widget.controller
    assert controller is Controller.of(window)
    assert widget.status.text() == EMPTY
    data, keywords, _ = image_tuple(examples[0].clean, "x-ray")
    layer = window.add_image(data, **keywords)
    runs = [controller.runs.add(example, layer) for example in examples]
    controller.show_run(runs[-1])
    idle(qtbot, controller)
    return widget


@pytest.fixture
def held(monkeypatch):
    """Lets an attack make its first step, and the others once the event is set."""
    go_on, craft = threading.Event(), crafting.craft_steps

    def waiting(*given, **more):
        run = craft(*given, **more)
        yield next(run)
        assert go_on.wait(PATIENCE)
        return (yield from run)

    monkeypatch.setattr(crafting, "craft_steps", waiting)
    return go_on


@pytest.fixture
def quick(monkeypatch):
    """A reading test with hardly a blank screen between its trials."""
    monkeypatch.setattr(reading_window, "BLANK", 20)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the dialogs say that the session is."""
    path = tmp_path / "my session"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(path))
    return path


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """napari's settings of plugins, in a folder of the test's own."""
    npe2.PluginManager.instance().discover()
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(tmp_path / "settings.yaml"))
    napari.settings._clear_plugin_settings_cache()
    yield tmp_path / f"{PLUGIN}.yaml"
    napari.settings._clear_plugin_settings_cache()
