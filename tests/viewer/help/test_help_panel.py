"""The list of keys, in the panel and in the docs: what the panels declare, no more and no less."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest
from app_model.types import KeyBinding, OperatingSystem
from napari.settings import get_settings

from napari_segadv.viewer.help import panel as help_panel
from napari_segadv.viewer.help.panel import NAPARI, NAPARI_KEYS, listed
from napari_segadv.viewer.widgets.keys import Key, all_keys

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def helped(window):
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", "Keys and help")
    return widget


def test_the_docs_list_the_keys_that_panels_declare():
    spec = importlib.util.spec_from_file_location("keys_page", DOCS / "keys.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = script.PAGE.read_text(encoding="utf-8")
    assert written == script.page(), "docs/keys.md is stale: python docs/keys.py"


def test_every_key_of_every_panel_is_shown_with_what_it_does(helped):
    shown = helped.page.toPlainText()
    keys = all_keys()
    assert "Reading test" in keys
    for title, declared in keys.items():
        assert title in shown
        for key in declared:
            assert KeyBinding.from_str(key.key).to_text(), f"{key.key} is no key"
            assert key.does in shown
    assert "undo painting" in shown


def test_the_page_fills_the_panel(helped, qtbot):
    qtbot.waitUntil(lambda: helped.page.height() > 0.9 * helped.height())


def test_no_key_of_the_viewer_belongs_to_two_panels():
    # The reading test has a window of its own.
    bound = [
        KeyBinding.from_str(key.key)
        for title, keys in all_keys().items()
        for key in keys
        if title != "Reading test"
    ]
    assert not [str(key) for key, times in Counter(bound).items() if times > 1]


def test_naparis_keys_are_there_and_follow_its_preferences(helped):
    shortcuts = get_settings().shortcuts.shortcuts
    assert {name for name in NAPARI_KEYS if ":" in name} <= shortcuts.keys()
    own = {**shortcuts, "napari:toggle_ndisplay": [KeyBinding.from_str("U")]}
    assert listed(OperatingSystem.LINUX, own)[NAPARI]["U"] == "switch between 2-D and 3-D"
    without = {**shortcuts, "napari:toggle_ndisplay": []}
    does = listed(OperatingSystem.LINUX, without)[NAPARI].values()
    assert "switch between 2-D and 3-D" not in does


def test_it_is_written_anew_when_it_is_shown(helped, monkeypatch):
    monkeypatch.setattr(
        help_panel, "all_keys", lambda: {"Later panel": (Key("Ctrl-K", "does <this>", "go"),)}
    )
    dock = helped.parentWidget()
    dock.hide()
    dock.show()
    assert "Later panel" in helped.page.toPlainText()
    assert "does <this>" in helped.page.toPlainText()
