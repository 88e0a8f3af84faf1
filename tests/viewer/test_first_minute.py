"""From a cold start to the first adversarial image of a film on disk: every click is counted."""

import pytest
from clicks import click, idle
from qtpy.QtWidgets import QFileDialog, QMenu
from roles import has, role

from napari_segadv import io
from napari_segadv.samples import phantom
from napari_segadv.viewer.attack.panel import AttackPanel
from napari_segadv.viewer.layers.names import ADVERSARIAL, TARGET
from napari_segadv.viewer.workbench.panel import TITLE, Workbench

MOST = 6


@pytest.fixture
def film(tmp_path):
    """A film on disk, as a radiologist has it: no phantom that the panel knows by name."""
    scan, _ = phantom("chest-xray", 3)
    path = tmp_path / "thorax.png"
    io.save(scan, path)
    return path


def test_six_clicks_from_a_cold_start_to_an_adversarial_image(window, qtbot, film, monkeypatch):
    clicks = []
    monkeypatch.setattr(
        QFileDialog,
        "getOpenFileName",
        # In the dialog one double click opens the file.
        lambda *given, **more: clicks.append("the file") or (str(film), ""),
    )

    def press(button, name):
        click(qtbot, button)
        clicks.append(name)

    # The menu Plugins and the entry in it.
    action = entry(window.window.plugins_menu, TITLE)
    clicks.append("Plugins")
    action.trigger()
    clicks.append(TITLE)
    bench = window.window._qt_window.findChild(Workbench)
    panel = bench.findChild(AttackPanel)
    qtbot.waitUntil(lambda: bool(panel.controller.victims.attacks))
    idle(qtbot, panel.controller)
    press(panel.images.button, "Open an image")
    qtbot.waitUntil(lambda: panel.controller.victims.victim is not None)
    idle(qtbot, panel.controller)
    press(panel.target_section.button, "Make target")
    qtbot.waitUntil(lambda: has(window, TARGET))
    idle(qtbot, panel.controller)
    panel.attack_section.form.editors["steps"].value = 2
    press(panel.run_button, "Run")
    qtbot.waitUntil(lambda: has(window, ADVERSARIAL))
    idle(qtbot, panel.controller)
    assert role(window, ADVERSARIAL).visible
    assert len(clicks) <= MOST, clicks


def entry(menu: QMenu, title: str):
    """The entry of a menu, or of a menu in it, that begins with a title."""
    for action in menu.actions():
        if action.menu() is not None:
            found = entry(action.menu(), title)
            if found is not None:
                return found
        elif action.text().replace("&", "").startswith(title):
            return action
    return None
