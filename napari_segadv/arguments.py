"""What the commands' arguments are called, and what they mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import NeedsTrust, SegadvError

if TYPE_CHECKING:
    from .scan import Mask
    from .victims import Victim

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
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]


def victim_of(source: str, trust: list[str] | None) -> "Victim":
    """The victim of a name or path; one that holds code only if its hash was agreed to."""
    from .victims import load_victim

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


def write_mask(mask: "Mask", out: Path, source: Path) -> None:
    """Writes a label map to a file that is not the one it was made from."""
    from . import io

    if out.exists() and source.exists() and out.samefile(source):
        raise SegadvError(f"{out}: is the input; name another file")
    if out.is_dir():
        raise SegadvError(f"{out}: is a folder; name a file")
    out.parent.mkdir(parents=True, exist_ok=True)
    io.save_mask(mask, out)
