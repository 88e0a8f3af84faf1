"""Arguments that several commands share, and how they are read and checked."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import NeedsTrust, SegadvError

if TYPE_CHECKING:
    from ..victims import Victim

Image = Annotated[Path, typer.Argument(help="Image file, or folder of a DICOM series.")]
VictimName = Annotated[
    str,
    typer.Option("--victim", help="demo:NAME, the folder of a MONAI bundle, or a network file."),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SHA256",
        help="Hash of a victim whose code may run when it is loaded. May be repeated.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda; auto uses a GPU if there is one.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all random numbers.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]


def victim_of(source: str, trust: list[str] | None) -> "Victim":
    """Load a victim by name or path; one that holds code needs its hash in `trust`."""
    from ..victims import load_victim

    try:
        return load_victim(source)
    except NeedsTrust as question:
        if question.sha256 not in [given.lower() for given in trust or []]:
            raise
        return load_victim(source, question.sha256)


def settings_of(texts: list[str]) -> dict[str, str]:
    """Parse `name=value` texts into a dictionary."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SegadvError(f"--set {text}: write name=value")
        found[name.strip()] = value.strip()
    return found


def slices_of(text: str) -> tuple[int, int]:
    """Parse `N` or `FIRST:LAST` into the first and the last slice."""
    first, colon, last = text.partition(":")
    try:
        return int(first), int(last if colon else first)
    except ValueError:
        raise SegadvError(f"--slices {text}: write N or FIRST:LAST, from 0") from None


def check_output(out: Path, source: Path) -> None:
    """Check the output file before anything is computed.

    Raises:
        SegadvError: if it is a folder or the input.
    """
    if out.is_dir():
        raise SegadvError(f"{out}: is a folder; name a file")
    if out.exists() and source.exists() and out.samefile(source):
        raise SegadvError(f"{out}: is the input; name another file")


def check_folder(out: Path, overwrite: bool, inputs: Sequence[Path | str | None]) -> None:
    """Check the output folder before anything is computed.

    Raises:
        SegadvError: if it may not be replaced (see `refuse_existing`) or holds an input.
    """
    from ..io.place import split
    from ..results.files import refuse_existing

    refuse_existing(out, overwrite)
    # A target or truth may name a class instead of a file, or segments of one: PATH::SEGMENT.
    paths = [path for given in inputs if given and (path := split(given)[0]).exists()]
    there = os.path.realpath(out)
    inside = [path for path in paths if Path(os.path.realpath(path)).is_relative_to(there)]
    if inside and out.exists():
        raise SegadvError(
            f"{inside[0]}: lies in {out}, which would be replaced; name another folder"
        )


def made_folder(out: Path) -> Path:
    """Make the folders above a file; return its path."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def example(*lines: str) -> str:
    """Return the last line of a command's help: an example of its use."""
    return "Example:  " + "   ".join(lines)
