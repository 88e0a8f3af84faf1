"""The demo: a chest X-ray, a heart symbol in place of its heart, and the attack that draws it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..arguments import example
from ..terminal import follow, report

if TYPE_CHECKING:
    from ...crafting import Crafting

NAME = "chest-xray"
STRUCTURE = "heart"

# Among the commands in the help.
PLACE = 1


def add(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command(epilog=example("segadv demo --headless --out demo-output"))(demo)


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Without a window.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result, without a window.")
    ] = None,
) -> None:
    """A chest X-ray, a heart symbol as target, and the image that makes the network draw it."""
    if out is None and not headless and display_works():
        show()
        return
    from ...results.files import refuse_existing

    folder = out or Path("demo-output")
    refuse_existing(folder, overwrite=True)
    made = follow(run(), "attacking")
    made.save(folder, overwrite=True)
    report(made, folder)
    typer.echo(f"look at {folder / 'figure.png'}")


def run() -> "Crafting":
    """The demo's attack as a generator, see `crafting.craft_steps`."""
    from ... import targets
    from ...attacks import get
    from ...crafting import craft_steps
    from ...samples import DEMO, DEMO_SEED, phantom
    from ...victims import load_victim

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

    from ...viewer.demo import prepare

    viewer = napari.Viewer(title="napari-segadv demo")
    prepare(viewer, NAME, STRUCTURE, "heart")
    napari.run()
