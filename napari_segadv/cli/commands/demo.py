"""segadv demo: attack a chest X-ray until the network draws a heart symbol for the heart."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..arguments import example
from ..terminal import follow, report, say

if TYPE_CHECKING:
    from ...crafting import Crafting

NAME = "chest-xray"
STRUCTURE = "heart"

# Position among the commands in the help.
PLACE = 1


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(epilog=example("segadv demo --headless --out demo-output"))(demo)


def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Open no window; write a folder.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the result; implies --headless. demo-output by default."),
    ] = None,
) -> None:
    """Make a network draw a heart symbol for the heart of a chest X-ray (opens napari)."""
    if out is None and not headless and display_works():
        show()
        return
    from ...results.files import refuse_existing
    from ...results.saving import save_run

    folder = out or Path("demo-output")
    refuse_existing(folder, overwrite=True)
    result = follow(run(), "attacking")
    save_run(result, folder, overwrite=True)
    report(result, folder)
    say(f"look at {folder / 'figure.png'}")


def run() -> "Crafting":
    """Return the demo's attack as a generator, see `crafting.craft_steps`."""
    from ... import targets
    from ...attacks import get
    from ...attacks.presets import first_preset
    from ...crafting import craft_steps
    from ...samples import DEMO, DEMO_SEED, phantom
    from ...victims import load_victim

    scan, _ = phantom(NAME, DEMO_SEED)
    victim = load_victim(f"{DEMO}{NAME}")
    label = victim.classes.index(STRUCTURE)
    target = targets.get("heart")(victim.predict(scan), label=label)
    attack = get("pgd")
    return craft_steps(scan, victim, attack(**first_preset(attack).parameters), target=target)


def display_works() -> bool:
    """Return whether a window can be opened: there is a display, and Qt can be imported."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        from qtpy.QtWidgets import QApplication  # noqa: F401 - to see whether it can be imported
    except Exception:  # noqa: BLE001 - qtpy raises several kinds if a binding or library is missing
        return False
    return True


def show() -> None:
    """Open napari with the panel, the X-ray and the target; all that is left is to press Run."""
    import napari

    from ...viewer.demo import prepare

    viewer = napari.Viewer(title="napari-segadv demo")
    prepare(viewer, NAME, STRUCTURE, "heart")
    napari.run()
