"""Arguments that several commands share, and how they are read and checked."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..common.atomic_files import check_place
from ..common.wording import counted
from ..errors import NeedsTrust, SegadvError

if TYPE_CHECKING:
    from ..victims import Victim

Images = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="IMAGE",
        help="Image file, or folder of a DICOM series. Several channels, for example MRI "
        "sequences: their files in the model's order; a folder of CASE_0000.nii.gz, "
        "CASE_0001.nii.gz, ...; or FILE::channels, where one file holds them.",
    ),
]
MoreImages = Annotated[
    list[Path] | None,
    typer.Option(
        "--image", metavar="IMAGE", help="The same as IMAGE. May be repeated: the next channel."
    ),
]
VictimName = Annotated[
    str,
    typer.Option(
        "--victim",
        help="demo:NAME; the folder of a MONAI bundle, an nnU-Net model, or a network of "
        "transformers or segmentation-models-pytorch; a network file; a JSON file that names a "
        "model and what it is shown, such as clicks; or command:FILE.yaml for a program.",
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SHA256",
        help="Hash of a victim whose code may run when it is loaded. May be repeated.",
    ),
]
Present = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help="How an image whose intensities are not those that the victim expects is shown to it: "
        "auto, header, percentiles, none, or a window LOW:HIGH in the image's units.",
    ),
]
Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        metavar="NAME[=SHARE]",
        help="Of several channels, one that may change, by its name or number from 1, and its "
        "share of the budget, from 0 to 1. May be repeated; all by default.",
    ),
]
Memory = Annotated[
    float | None,
    typer.Option(
        help="GiB that may save passes through windows or slices of a volume. By default half of "
        "what is free; the result does not depend on it."
    ),
]
PrecisionName = Annotated[
    str,
    typer.Option(
        "--precision",
        help="Of the steps before the last ones: auto, float32 or bfloat16; auto tries what pays "
        "for the network. Figures are always of float32.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda; auto uses a GPU if there is one.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all random numbers.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]


def images_of(images: list[Path] | None, more: list[Path] | None) -> list[Path]:
    """Return the files of an image, one for each channel if there are several.

    Raises:
        SegadvError: if there are none.
    """
    given = [*(images or ()), *(more or ())]
    if not given:
        raise SegadvError("no image is given; name an image file, or the folder of a series")
    return given


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


def channels_of(texts: list[str]) -> dict[str | int, float] | None:
    """Parse `NAME` and `NAME=SHARE` texts; None if there are none."""
    found: dict[str | int, float] = {}
    for text in texts:
        name, _, share = text.rpartition("=") if "=" in text else (text, "", "1")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            raise SegadvError(f"--channel {text}: write NAME or NAME=SHARE") from None
    return found or None


def check_output(out: Path, *inputs: Path | str, structures: Sequence[str] = ()) -> list[Path]:
    """Check the output file before anything is computed or, of several structures, written.

    Args:
        out: the file, or a name with `{structure}`.
        inputs: files and folders that the command reads.
        structures: their names, if a file is written for each of them.

    Returns:
        The files that are written.

    Raises:
        SegadvError: if one is a folder, or belongs to an input.
    """
    from ..io.structures import EACH, files_each

    files = files_each(out, structures) if structures and EACH in out.name else [out]
    sources = _existing(inputs)
    for file in files:
        _check_file(file, sources)
    return files


def named(out: Path, files: Sequence[Path]) -> str:
    """Return an output as it was named; of several files, with how many they are."""
    return str(out) if list(files) == [out] else f"{out} ({counted(len(files), 'file')})"


def _check_file(out: Path, sources: Iterable[Path]) -> None:
    """Raise SegadvError if a file can't be written, or belongs to an input."""
    if out.is_dir():
        raise SegadvError(f"{out}: is a folder; name a file")
    check_place(out)
    if not out.exists():
        return
    written = Path(os.path.realpath(out))
    for source in sources:
        read = Path(os.path.realpath(source))
        # Some images have a file of pixels, and weights a description beside them.
        beside = read.is_file() and written in _companions(read)
        if written.is_relative_to(read) or out.samefile(source) or beside:
            what = "is the input" if out.samefile(source) else f"belongs to the input {source}"
            raise SegadvError(f"{out}: {what}; name another file")


def _companions(path: Path) -> list[Path]:
    """Return the files that are read with a file."""
    from .. import io

    try:
        return list(io.files_of(path))
    except SegadvError:
        # Weights, and their description.
        return [path.with_suffix(".json")]


def check_folder(out: Path, overwrite: bool, inputs: Sequence[Path | str | None]) -> None:
    """Check the output folder before anything is computed.

    Raises:
        SegadvError: if it may not be replaced (see `refuse_existing`) or holds an input.
    """
    from ..results.files import refuse_existing

    refuse_existing(out, overwrite)
    if not out.exists():
        return
    there = os.path.realpath(out)
    inside = [
        path for path in _existing(inputs) if Path(os.path.realpath(path)).is_relative_to(there)
    ]
    if inside:
        raise SegadvError(
            f"{inside[0]}: lies in {out}, which would be replaced; name another folder"
        )


def _existing(inputs: Iterable[Path | str | None]) -> list[Path]:
    """Return the inputs that are files or folders: a target may name a class, a victim a demo.

    A name with `{structure}` stands for all files that it fits.
    """
    from ..io.place import split
    from ..io.structures import EACH
    from ..victims.loading.registry import file_of

    found: list[Path] = []
    for given in inputs:
        if not given:
            continue
        path = split(file_of(given)[0])[0]
        if EACH in path.name:
            found += path.parent.glob("*".join(map(glob.escape, path.name.split(EACH))))
        if path.exists():
            found.append(path)
    return found


def made_folder(out: Path) -> Path:
    """Make the folders above a file; return its path."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def example(*lines: str) -> str:
    """Return the last line of a command's help: an example of its use."""
    return "Example:  " + "   ".join(lines)
