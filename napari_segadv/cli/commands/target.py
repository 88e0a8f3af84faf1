"""segadv target: change a label map into what a victim should predict."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...errors import SegadvError
from ..arguments import check_output, example, made_folder, named
from ..terminal import say

# Position among the commands in the help.
PLACE = 4


Size = Annotated[
    float | None,
    typer.Option(
        help="Linear size relative to the structure (heart and ellipse: 1 by default; resize: 0.8)."
    ),
]
Shift = Annotated[
    str | None, typer.Option(metavar="Z,Y,X", help="Distance in pixels, Y,X in 2-D (shift).")
]
To = Annotated[
    str | None,
    typer.Option(
        metavar="M",
        help="New class (swap); or class of the pixels given up, 0 by default, or surrounding: "
        "the class around them (heart, ellipse, resize, shrink, shift, erase).",
    ),
]
Millimetres = Annotated[
    float | None,
    typer.Option(
        help="Distance in mm, or in pixels if the mask has no spacing; 5 by default (grow, shrink)."
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        metavar="Z,Y,X",
        help="Half-axes in mm, Y,X in 2-D; the structure's own by default (ellipse).",
    ),
]
Part = Annotated[
    str | None,
    typer.Option(
        metavar="Z,Y,X|N",
        help="Change only one connected part of the structure: the one with the pixel Z,Y,X (Y,X "
        "in 2-D), or the N-th largest.",
    ),
]


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        epilog=example("segadv target heart labels.nii.gz --label 1 --size 0.5 --out target.nii.gz")
    )(target)


def target(
    shape: Annotated[
        str,
        typer.Argument(help="heart, ellipse, resize, grow, shrink, shift, erase, swap or fill."),
    ],
    mask: Annotated[
        Path, typer.Argument(help="Label map, or overlapping structures, to start from.")
    ],
    label: Annotated[
        int,
        typer.Option(
            help="Class number of the structure to change; of structures that may overlap: 1, 2, 4 "
            "and so on, in the file's order."
        ),
    ],
    out: Annotated[Path, typer.Option(help="File for the target.")],
    size: Size = None,
    shift: Shift = None,
    to: To = None,
    mm: Millimetres = None,
    axes: Axes = None,
    component: Part = None,
    cover: Annotated[
        bool, typer.Option("--cover", help="Grow over other structures too (grow).")
    ] = False,
) -> None:
    """Make a target from a label map."""
    from ...common.parameters import parameters
    from ...data.overlapping import Overlapping
    from ...io.registry import check_label_map
    from ...io.structures import EACH, read_structures, save_any
    from ...targets import get

    check_output(out, mask)
    if EACH not in out.name:
        check_label_map(out)
    function = get(shape)
    known = {p.name: p for p in parameters(function)}
    given: dict[str, Any] = {"label": label, "size": size, "shift": shift, "mm": mm, "axes": axes}
    given |= {"component": component}
    given |= {"to": "none" if to == "surrounding" else to, "cover": cover or None}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if name not in known:
            raise SegadvError(f"--{name}: target {shape} has no such option; see --help")
        given[name] = known[name].parse(str(value))
        known[name].check(given[name])
    missing = [n for n, p in known.items() if n not in given and p.required]
    if missing:
        raise SegadvError(f"target {shape}: needs --{missing[0]}")
    changed = function(read_structures(mask), **given)
    structures = changed.structures if isinstance(changed, Overlapping) else ()
    files = check_output(out, mask, structures=structures)
    save_any(changed, made_folder(out))
    say(named(out, files))
