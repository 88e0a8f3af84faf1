"""segadv attack: an adversarial image, with noise, predictions, figure and figures."""

from pathlib import Path
from typing import Annotated

import typer

from ...errors import SegadvError
from ..arguments import (
    Device,
    Image,
    Overwrite,
    Seed,
    Trust,
    VictimName,
    check_folder,
    example,
    settings_of,
    slices_of,
    victim_of,
)
from ..terminal import follow, report

# Among the commands in the help.
PLACE = 5


Target = Annotated[
    str | None,
    typer.Option(
        help="Label map to be predicted; or a class, its number or name; or boxes as JSON, none "
        "for none, none:CLASS to erase a class."
    ),
]
Truth = Annotated[str | None, typer.Option(help="Label map, class or boxes that are right.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.")
]
Region = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|NAME",
        help="Where the noise may live: a mask, bounding-box or receptive-field[:SHARE] of what "
        "has to change.",
    ),
]
Slices = Annotated[
    str | None,
    typer.Option(
        metavar="N|FIRST:LAST",
        help="Slices of a volume, from 0, the last one included: noise in these alone.",
    ),
]
Surrogates = Annotated[
    list[str] | None,
    typer.Option(help="Another victim to craft on; --victim is measured. May be repeated."),
]


def add(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command(
        epilog=example(
            "segadv attack xray.png --victim demo:chest-xray --target t.png --out result"
        )
    )(attack)


def attack(
    image: Image,
    victim: VictimName,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the result.")],
    target: Target = None,
    untargeted: Annotated[bool, typer.Option("--untargeted", help="Away from the truth.")] = False,
    truth: Truth = None,
    method: Annotated[str, typer.Option(help="See segadv attacks.")] = "pgd",
    set_: Settings = None,
    region: Region = None,
    care: Annotated[Path | None, typer.Option(help="Which pixels count.")] = None,
    slices: Slices = None,
    surrogate: Surrogates = None,
    device: Device = "auto",
    seed: Seed = 0,
    trust: Trust = None,
    overwrite: Overwrite = False,
) -> None:
    """Makes an adversarial image and writes it with noise, predictions, figure and result.json."""
    from ... import io
    from ...attacks import get
    from ...common.parameters import from_texts
    from ...crafting import craft_steps

    if (target is None) == (not untargeted):
        raise SegadvError("give either --target or --untargeted")
    check_folder(out, overwrite, (image, target, truth, region, care))
    chosen = get(method)
    made = chosen(**from_texts(chosen, settings_of(set_ or [])))
    loaded = victim_of(victim, trust)
    scan = io.read(image)
    run = craft_steps(
        scan,
        loaded,
        made,
        target=target,
        truth=truth,
        region=region,
        care=care,
        slices=None if slices is None else slices_of(slices),
        surrogate=[victim_of(name, trust) for name in surrogate or []],
        device=device,
        seed=seed,
    )
    result = follow(run, "attacking")
    result.save(out, overwrite)
    report(result, out)
