"""Puts the demo's X-ray and target into a viewer, with the panel docked beside it."""

from typing import Any

import napari

from ..demo import HEART, NAME, SIZE
from .attack_panel import AttackPanel

PLUGIN, PANEL = "napari-segadv", "Adversarial attack"


def prepare(viewer: "napari.viewer.Viewer") -> AttackPanel:
    """Opens the sample and the panel; the target is made as soon as the victim is loaded."""
    viewer.open_sample(PLUGIN, NAME)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    controller = panel.controller

    def make_target(victim: Any) -> None:
        controller.victim_changed.disconnect(make_target)
        section = panel.target_section
        section.structure.value, section.shape.value = HEART, "heart"
        section.form.editors["size"].value = SIZE
        section.button.click()

    controller.victim_changed.connect(make_target)
    return panel  # type: ignore[no-any-return]
