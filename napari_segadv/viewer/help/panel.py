"""The dock widget "Keys and help": the keys of all panels, and the few of napari's that matter."""

from collections.abc import Mapping
from html import escape
from typing import Any

import napari
from app_model.types import KeyBinding, OperatingSystem
from napari.settings import get_settings
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QTextBrowser, QVBoxLayout, QWidget

from ..widgets.docking import Tabs
from ..widgets.keys import all_keys
from ..widgets.layout import PANEL_WIDTH, set_tips
from ..widgets.tabs import Tab

TITLE = "Keys and help"
NAPARI = "napari"
# Names of napari's actions, whose keys the user can change in its Preferences, or fixed keys.
NAPARI_KEYS = {
    "napari:increment_dims_left": "previous slice",
    "napari:increment_dims_right": "next slice",
    "napari:toggle_ndisplay": "switch between 2-D and 3-D",
    "napari:reset_view": "fit the whole image into view",
    "napari:hold_for_pan_zoom": "hold to move and zoom while painting",
    "napari:toggle_selected_visibility": "hide or show the selected layers",
    "napari:activate_labels_paint_mode": "paint",
    "napari:activate_labels_erase_mode": "erase",
    "napari:activate_labels_fill_mode": "fill",
    "napari:activate_labels_picker_mode": "pick the class under the pointer",
    "napari:decrease_brush_size": "smaller brush",
    "napari:increase_brush_size": "larger brush",
    "Ctrl-Z": "undo painting",
    "Ctrl-Shift-Z": "redo painting",
}
MOUSE = {
    "wheel": "go through the slices, downwards to the feet, the back or the left; zoom where there "
    "are none",
    "Ctrl+wheel": "zoom at the pointer",
    "drag": "move the image, or paint where a labels layer is in paint mode",
    "right drag": "window: to the right wider, up a higher level; where a labels layer is in paint "
    "mode, it fills what is encircled",
    "click": "move the crosshair, while the orthogonal views are open",
    "double-click": "make this view the large one, while the orthogonal views are open",
    "drag a panel's title": "move the panel; drop it on another to show both as tabs",
}
HELP = (
    "Rest the pointer on a button or a field to read what it does, with units. The keys of the "
    "reading test work in its own window. Those of the other panels work while the panel is open "
    "and the image has the focus: click on the image once. Set what panels start with, and whether "
    "the wheel goes through slices or zooms, under File, Preferences, Adversarial attacks on "
    "segmentation."
)

Listed = dict[str, dict[str, str]]


def listed(
    system: OperatingSystem, shortcuts: Mapping[str, list[KeyBinding]] | None = None
) -> Listed:
    """Return what each key does, by the title of its panel.

    Args:
        system: whose names of keys are used.
        shortcuts: napari's own; None: as the user has set them.
    """
    if shortcuts is None:
        shortcuts = get_settings().shortcuts.shortcuts

    def named(keys: list[KeyBinding]) -> str:
        return ", ".join(key.to_text(system) for key in keys)

    found: Listed = {}
    for title, keys in sorted(all_keys().items()):
        found[title] = {named([KeyBinding.from_str(key.key)]): key.does for key in keys}
    own = {
        named(shortcuts.get(name, []) if ":" in name else [KeyBinding.from_str(name)]): does
        for name, does in NAPARI_KEYS.items()
    }
    # An action whose key the user has removed is left out.
    found[NAPARI] = {key: does for key, does in own.items() if key} | MOUSE
    return found


class HelpPanel(QWidget):
    """A page of text, written again whenever it is shown: keys may have changed."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer | None" = None) -> None:
        super().__init__()
        self.page = QTextBrowser()
        self.page.setFrameShape(QTextBrowser.NoFrame)
        # The page scrolls by itself, so it has the panel alone.
        self.setMinimumWidth(PANEL_WIDTH)
        Tabs(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.page)
        set_tips({self.page: "Keys work while the image has the focus: click on it once"})
        self.write()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self.write()

    def write(self) -> None:
        self.page.setHtml(as_html(listed(OperatingSystem.current())))


def as_html(keys: Listed) -> str:
    """Return the keys as an HTML page, in the colours of the window."""
    parts = [f"<p>{escape(HELP)}</p>"]
    for title, does in keys.items():
        parts.append(f"<h3>{escape(title)}</h3><table cellpadding='3'>")
        for key, action in does.items():
            parts.append(f"<tr><td><b>{escape(key)}</b></td><td>{escape(action)}</td></tr>")
        parts.append("</table>")
    return "".join(parts)


def as_markdown(keys: Listed) -> str:
    """Return the keys as a page of the docs."""
    rows: list[Any] = ["# Keys", "", HELP]
    for title, does in keys.items():
        rows += ["", f"## {title}", "", "| key | does |", "| --- | --- |"]
        rows += [
            f"| {key.replace('|', chr(92) + '|')} | {action} |" for key, action in does.items()
        ]
    return "\n".join(rows) + "\n"


TAB = Tab("Help", 7, HelpPanel)
