"""The demo: a chest X-ray, a heart symbol in place of its heart, and the attack that draws it."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..crafting import Crafting

NAME = "chest-xray"
STRUCTURE = "heart"


def run() -> "Crafting":
    """The demo's attack as a generator, see `crafting.craft_steps`."""
    from .. import targets
    from ..attacks import get
    from ..crafting import craft_steps
    from ..samples import DEMO, DEMO_SEED, phantom
    from ..victims import load_victim

    scan, _ = phantom(NAME, DEMO_SEED)
    victim = load_victim(f"{DEMO}{NAME}")
    label = victim.classes.index(STRUCTURE)
    target = targets.get("heart")(victim.predict(scan), label=label)
    return craft_steps(scan, victim, get("pgd")(), target=target)


def display_works() -> bool:
    """Whether a window can be opened: there is a display, and napari has its libraries."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        from qtpy.QtWidgets import QApplication  # noqa: F401 - to see whether it can be imported
    except Exception:  # noqa: BLE001 - qtpy raises several kinds where a binding or library lacks
        return False
    return True


def show() -> None:
    """Opens napari with the panel, the X-ray and the target, ready for a press of Run."""
    import napari

    from ..viewer.demo import prepare

    viewer = napari.Viewer(title="napari-segadv demo")
    prepare(viewer, NAME, STRUCTURE, "heart")
    napari.run()
