"""What is set in napari's Preferences is what panels and dialogs begin with."""

import napari.settings
import pytest
from clicks import click, idle
from compare_window import show
from listing import choose
from napari._qt.dialogs.preferences_dialog import PreferencesDialog
from preferences import own
from qtpy.QtWidgets import QFileDialog
from reopened import docked

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.task_view import UNTARGETED
from napari_segadv.viewer.widgets.settings import PLUGIN, Settings, settings


@pytest.fixture
def chosen(kept, tmp_path):
    """A seed, a rate and a folder of the user's."""
    mine = own()
    mine.seed, mine.blink_rate = 7, 4.0
    mine.results = str(tmp_path / "results")
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def added(window, title):
    return window.window.add_plugin_dock_widget(PLUGIN, title)[1]


def test_the_attack_begins_with_the_seed_that_is_set(window, chosen, ready, qtbot):
    assert ready.attack_section.seed.value == 7
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 1
    click(qtbot, ready.run_button)
    idle(qtbot, ready.controller)
    assert ready.controller.example.record["seed"] == 7


def test_a_reading_test_begins_with_the_seed_that_is_set(window, chosen):
    assert added(window, "Reading test").seed.value == 7


def test_blinking_begins_at_the_rate_that_is_set(window, chosen, qtbot, flat):
    compare = added(window, "Compare")
    assert compare.rate.value() == 4.0
    show(window, flat)
    click(qtbot, compare.modes["blink"])
    assert compare.timer.isActive()
    assert compare.timer.interval() == 250


def test_dialogs_open_in_the_folder_that_is_set(window, chosen, qtbot, flat, monkeypatch):
    """The user cancels each: only where it opens is looked at."""
    asked = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a, **k: asked.append(a[2]) or ("", "")
    )
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *a, **k: asked.append(a[2]) or ""
    )
    panel = docked(window)
    show(window, flat)
    choose(qtbot, panel, 0)
    files = panel.files
    for button in (panel.save_button, files.save_button, files.open_button, files.result_button):
        click(qtbot, button)
    run = next(iter(Controller.of(window).runs))
    wanted = [chosen / run.name, chosen / "session", chosen, chosen]
    assert asked == [str(path) for path in wanted]
    assert not panel.controller.jobs.busy
    # Asked anew each time: a folder that is gone is the home folder.
    chosen.rmdir()
    click(qtbot, files.open_button)
    assert asked[-1] == str(Settings().folder)


def test_what_is_chosen_in_the_preferences_stays_with_ok(kept, qtbot):
    dialog = PreferencesDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    pages = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    place = pages.index("Adversarial attacks on segmentation")
    shown = dialog._stack.widget(place).widget().layout().itemAt(0).widget().widget.widgets
    shown["device"].setCurrentText("cpu")
    shown["seed"].setValue(11)
    shown["blink_rate"].setValue(3.0)
    click(qtbot, dialog._button_ok)
    assert not dialog.isVisible()
    assert settings() == Settings(device="cpu", seed=11, blink_rate=3.0)
    # In the file too, for the next start.
    napari.settings._clear_plugin_settings_cache()
    assert settings() == Settings(device="cpu", seed=11, blink_rate=3.0)
