"""segadv regions: a label map to overlapping structures, and back."""

from pathlib import Path
from typing import Annotated

import typer

from ..arguments import check_output, example, made_folder, named
from ..terminal import say, tell

# Position among the commands in the help.
PLACE = 4

BRATS = "core=1+4,whole=1+2+4,enhancing=4"


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        epilog=example(f"segadv regions labels.nii.gz --regions {BRATS} --out structures.nii.gz")
    )(regions)


def regions(
    mask: Annotated[
        Path, typer.Argument(help="Label map, or a file with a map for each structure.")
    ],
    regions: Annotated[
        str,
        typer.Option(
            help="Each structure with the labels that it unites, in the order of the structures."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="File to write. From a label map: .nii.gz with a map for each structure, or a "
            "name with {structure} for a file each. From structures: a label map."
        ),
    ],
) -> None:
    """Turn a label map into structures that may overlap, or such structures into a label map."""
    from ...data.overlapping import Overlapping, from_labels, read_regions, to_labels
    from ...io.structures import EACH, files_each, read_structures, save_any

    known = read_regions(regions)
    inputs = files_each(mask, tuple(known)) if EACH in mask.name else [mask]
    check_output(out, *inputs)
    found = read_structures(mask, tuple(known))
    made = to_labels(found, known) if isinstance(found, Overlapping) else from_labels(found, known)
    structures = made.structures if isinstance(made, Overlapping) else ()
    files = check_output(out, *inputs, structures=structures)
    save_any(made, made_folder(out))
    tell(made.notes)
    say(named(out, files))
