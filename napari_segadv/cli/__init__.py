"""segadv: the command line. Each command is a thin layer over the library."""

import gc
import logging
from typing import Annotated

import typer

from .. import __version__
from ..common import discovery, late_imports, memory, threads
from . import commands
from .terminal import guarded

app = typer.Typer(
    name="segadv",
    help="Adversarial examples for medical image segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Adversarial examples for medical image segmentation."""


# In the order of work; commands without a PLACE come last, by name.
for module in sorted(discovery.modules(commands), key=lambda one: getattr(one, "PLACE", 9)):
    module.add(app)


def prepare_process() -> None:
    """Import late what can wait, look for garbage seldom, and quiet matplotlib.

    Freed memory is kept, and waiting threads sleep soon.

    The process runs one command, so nobody else's MONAI is concerned.

    On a slow machine, matplotlib says that it is looking at the fonts, where only our own lines
    belong.

    Libraries make a million objects that stay. Looking among them for garbage, as often as Python
    does by default, takes a sixth of the time of importing them.
    """
    threads.sleep_soon()
    late_imports.install()
    gc.set_threshold(100_000, 50, 100)
    memory.keep_freed()
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def main() -> None:
    """Run the segadv command."""
    prepare_process()
    guarded(lambda: app(standalone_mode=False))
