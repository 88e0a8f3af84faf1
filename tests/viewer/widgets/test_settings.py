"""Settings in napari's Preferences: declared in the manifest, read back typed."""

from dataclasses import asdict
from pathlib import Path

import napari.settings
import npe2
import pytest
from napari._qt.dialogs.preferences_dialog import PreferencesDialog
from preferences import own

from napari_segadv.viewer.widgets import settings as module
from napari_segadv.viewer.widgets.settings import GROUP, PLUGIN, Settings, settings


def test_the_manifests_defaults_are_those_of_the_code(kept):
    manifest = npe2.PluginManager.instance().get_manifest(PLUGIN)
    declared = manifest.contributions.configurations[GROUP].properties
    assert {name: one.default for name, one in declared.items()} == asdict(Settings())
    assert settings() == Settings()


def test_what_is_set_is_read_at_once_and_kept_in_a_file(kept):
    own().device = "cpu"
    own().blink_rate = 4.0
    assert settings() == Settings(device="cpu", blink_rate=4.0)
    assert "device: cpu" in kept.read_text()
    napari.settings._clear_plugin_settings_cache()
    assert settings().device == "cpu"


def test_napari_refuses_what_is_not_offered(kept):
    with pytest.raises(ValueError):
        own().device = "abacus"
    with pytest.raises(ValueError):
        own().blink_rate = 1000.0
    kept.write_text("defaults:\n  device: abacus\n  seed: 3\n")
    napari.settings._clear_plugin_settings_cache()
    assert settings() == Settings(seed=3)


def test_without_naparis_settings_the_defaults_hold(monkeypatch):
    def unknown(name):
        raise KeyError(name)

    monkeypatch.setattr(napari.settings, "get_plugin_settings", unknown)
    assert module.settings() == Settings()


def test_a_folder_that_is_gone_is_the_home_folder(tmp_path):
    assert Settings(results=str(tmp_path)).folder == tmp_path
    assert Settings(results=str(tmp_path / "gone")).folder == Path.home()
    assert Settings().folder == Path.home()


def test_the_preferences_show_them(kept, qtbot):
    dialog = PreferencesDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    pages = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    assert "Adversarial attacks on segmentation" in pages
    page = dialog._stack.widget(pages.index("Adversarial attacks on segmentation")).widget()
    shown = page.layout().itemAt(0).widget().widget.widgets
    assert set(shown) == set(asdict(Settings()))
    shown["device"].setCurrentText("cuda")
    assert settings().device == "cuda"
    dialog.reject()
    assert settings().device == "auto"


def test_the_attack_panel_begins_with_the_device_that_is_set(kept, window, qtbot):
    own().device = "cpu"
    widget = window.window.add_plugin_dock_widget(PLUGIN, "Adversarial attack")[1]
    assert widget.attack_section.device.value == "cpu"
    known = widget.controller
    qtbot.waitUntil(lambda: not known.jobs.busy and bool(known.victims.attacks))
