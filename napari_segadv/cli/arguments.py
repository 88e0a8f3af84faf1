"""What the commands' arguments are called, and what they mean."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import NeedsTrust, SegadvError

if TYPE_CHECKING:
    from ..victims import Victim

Image = Annotated[Path, typer.Argument(help="An image file, or a folder with a DICOM series.")]
VictimName = Annotated[
    str, typer.Option("--victim", help="demo:NAME, a MONAI bundle's folder, or a network file.")
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SHA256", help="Hash of a victim that may run code on loading; may be repeated."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of everything random.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]


def victim_of(source: str, trust: list[str] | None) -> "Victim":
    """The victim of a name or path; one that holds code only if its hash was agreed to."""
    from ..victims import load_victim

    try:
        return load_victim(source)
    except NeedsTrust as question:
        if question.sha256 not in [given.lower() for given in trust or []]:
            raise
        return load_victim(source, question.sha256)


def settings_of(texts: list[str]) -> dict[str, str]:
    """`name=value` texts as a dictionary."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SegadvError(f"--set {text}: write name=value")
        found[name.strip()] = value.strip()
    return found


def slices_of(text: str) -> tuple[int, int]:
    """`N` or `FIRST:LAST` as the first and the last of some slices."""
    first, colon, last = text.partition(":")
    try:
        return int(first), int(last if colon else first)
    except ValueError:
        raise SegadvError(f"--slices {text}: write N or FIRST:LAST, from 0") from None


def check_output(out: Path, source: Path) -> None:
    """Refuses a file for a result that can't be meant, before anything is computed.

    Raises:
        SegadvError: where it is a folder or the input.
    """
    if out.is_dir():
        raise SegadvError(f"{out}: is a folder; name a file")
    if out.exists() and source.exists() and out.samefile(source):
        raise SegadvError(f"{out}: is the input; name another file")


def check_folder(out: Path, overwrite: bool, inputs: Sequence[Path | str | None]) -> None:
    """Refuses a folder for a result that can't be meant, before anything is computed.

    Raises:
        SegadvError: where it exists (see `refuse_existing`) or an input lies inside.
    """
    from ..results.files import refuse_existing

    refuse_existing(out, overwrite)
    # The name of a class is no file.
    paths = [path for given in inputs if given and (path := Path(given)).exists()]
    there = os.path.realpath(out)
    inside = [path for path in paths if Path(os.path.realpath(path)).is_relative_to(there)]
    if inside and out.exists():
        raise SegadvError(f"{inside[0]}: lies in {out}, which would be replaced; name another")


def made_folder(out: Path) -> Path:
    """A file's path, once the folders above it exist."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def example(*lines: str) -> str:
    """The end of a command's help: how it is called."""
    return "Example:  " + "   ".join(lines)
