"""Opens a sample in a viewer with the workbench, and makes a target for one structure."""

from typing import Any

import napari

from ..samples import DEMO
from .attack.panel import TITLE, AttackPanel
from .widgets.docking import open_panel
from .widgets.settings import PLUGIN
from .workbench.panel import TITLE as WORKBENCH


def prepare(
    viewer: "napari.viewer.Viewer",
    name: str,
    structure: str,
    shape: str,
) -> AttackPanel:
    """Open a sample and the workbench; the target is made as soon as the victim is loaded.

    Args:
        viewer: an open viewer.
        name: of the sample and of its built-in victim.
        structure: name of the class that is changed.
        shape: name of the shape that it gets, see `targets`.
    """
    viewer.open_sample(PLUGIN, name)
    viewer.window.add_plugin_dock_widget(PLUGIN, WORKBENCH)
    panel: Any = open_panel(viewer, TITLE)
    source = f"{DEMO}{name}"

    def make_target(victim: Any) -> None:
        if panel.controller.victims.source != source:
            return
        panel.controller.victims.victim_changed.disconnect(make_target)
        section = panel.target_section
        section.structure.value = victim.classes.index(structure)
        section.shape.value = shape
        section.button.click()

    panel.controller.victims.victim_changed.connect(make_target)
    panel.victim_section.victim.value = source
    return panel  # type: ignore[no-any-return]
