"""segadv report: write the report of one run, an HTML file that opens offline."""

from pathlib import Path
from typing import Annotated

import typer

from ...common.whole_paths import whole
from ..arguments import example
from ..terminal import follow, say

# Position among the commands in the help.
PLACE = 6
# What the report is called if nobody says it: the folder's name with this.
ENDING = "-report.html"


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(epilog=example("segadv report result -o report.html"))(report)


def report(
    result: Annotated[Path, typer.Argument(help="Folder of a result, or its result.json.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--output",
            "-o",
            metavar="FILE",
            help=f"The web page; RESULT{ENDING} beside the folder by default.",
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="The image, if it has moved. Repeated: the files of its channels."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a report that is there.")
    ] = False,
) -> None:
    """Write the report of one run: what was asked, what came out, and how to make it again."""
    from ...results.report import report_steps

    path = beside(result) if out is None else out
    run = report_steps(result, path, image=image or None, overwrite=overwrite)
    written = follow(run, "measuring")
    say(str(written))


def beside(result: Path) -> Path:
    """Return the path of a report that is not named: beside the result's folder."""
    # Not inside: a folder with other files than a result's is never overwritten.
    folder = whole(result) if result.is_dir() else whole(result).parent
    return folder.parent / f"{folder.name}{ENDING}"
