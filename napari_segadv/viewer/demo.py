"""Puts a sample and a target for one of its structures into a viewer, with the panel beside it."""

from typing import Any

import napari

from ..samples import DEMO
from .attack.panel import AttackPanel

PLUGIN, PANEL = "napari-segadv", "Adversarial attack"


def prepare(
    viewer: "napari.viewer.Viewer",
    name: str,
    structure: str,
    shape: str,
) -> AttackPanel:
    """Opens a sample and the panel; the target is made as soon as the victim is loaded.

    Args:
        viewer: an open viewer.
        name: of the sample and of its built-in victim.
        structure: name of the class that is changed.
        shape: what becomes of it, see `targets`.
    """
    viewer.open_sample(PLUGIN, name)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    wanted = f"{DEMO}{name}"

    def make_target(victim: Any) -> None:
        if panel.controller.victims.source != wanted:
            return
        panel.controller.victims.victim_changed.disconnect(make_target)
        section = panel.target_section
        section.structure.value = victim.classes.index(structure)
        section.shape.value = shape
        section.button.click()

    panel.controller.victims.victim_changed.connect(make_target)
    panel.victim_section.victim.value = wanted
    return panel  # type: ignore[no-any-return]
