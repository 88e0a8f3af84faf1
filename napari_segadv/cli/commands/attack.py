"""segadv attack: make an adversarial image, with noise, predictions, figure and measures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import SegadvError
from ..arguments import (
    Channels,
    Device,
    Images,
    Memory,
    MoreImages,
    Overwrite,
    PrecisionName,
    Present,
    Seed,
    Trust,
    VictimName,
    channels_of,
    check_folder,
    example,
    images_of,
    settings_of,
    slices_of,
    victim_of,
)
from ..terminal import follow, report

if TYPE_CHECKING:
    from ...attacks import Attack

# Position among the commands in the help.
PLACE = 5


Target = Annotated[
    str | None,
    typer.Option(
        help="What to predict: a label map; a class by number or name; or boxes: a JSON file, none "
        "for no boxes, none:CLASS to erase a class."
    ),
]
Untargeted = Annotated[bool, typer.Option("--untargeted", help="Move away from the truth.")]
Truth = Annotated[
    str | None,
    typer.Option(
        help="Correct label map, class or boxes; --untargeted uses the clean prediction by default."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the method. May be repeated. pgd, segpgd and cospgd make the change "
        "as hard to see as they can if nothing but steps, texture and grain is set.",
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|NAME",
        help="Where the noise may live: a mask, or bounding-box or receptive-field[:SHARE] of what "
        "has to change. Everywhere by default.",
    ),
]
Care = Annotated[Path | None, typer.Option(help="Mask of the pixels that count. All by default.")]
Slices = Annotated[
    str | None,
    typer.Option(
        metavar="N|FIRST:LAST",
        help="Slices of a volume, from 0, LAST included: only they get noise, and only they count. "
        "All by default.",
    ),
]
Surrogates = Annotated[
    list[str] | None,
    typer.Option(
        help="Network to craft on in place of --victim, which is measured. May be repeated."
    ),
]
SaveAs = Annotated[
    str,
    typer.Option(
        metavar="FORMAT",
        help="Format of the adversarial image: dicom (a derived series), nifti, or auto: that of "
        "the image.",
    ),
]
Deidentify = Annotated[
    bool, typer.Option("--deidentify", help="Remove the patient's identifiers from DICOM files.")
]


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        epilog=example(
            "segadv attack xray.png --victim demo:chest-xray --target t.png --out result"
        )
    )(attack)


def attack(
    victim: VictimName,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the result.")],
    images: Images = None,
    image: MoreImages = None,
    target: Target = None,
    untargeted: Untargeted = False,
    truth: Truth = None,
    method: Annotated[str, typer.Option(help="Attack, see segadv attacks.")] = "pgd",
    set_: Settings = None,
    region: Region = None,
    care: Care = None,
    slices: Slices = None,
    channel: Channels = None,
    surrogate: Surrogates = None,
    present: Present = "auto",
    save_as: SaveAs = "auto",
    deidentify: Deidentify = False,
    device: Device = "auto",
    precision: PrecisionName = "auto",
    memory: Memory = None,
    seed: Seed = 0,
    trust: Trust = None,
    overwrite: Overwrite = False,
) -> None:
    """Make an adversarial image; write it with noise, predictions, figure and result.json."""
    from ... import io
    from ...crafting import craft_steps
    from ...results.saving import save_run

    if (target is None) == (not untargeted):
        raise SegadvError("give either --target or --untargeted")
    parameters, trained = _parameters(method, set_ or [])
    given = images_of(images, image)
    inputs = (*given, target, truth, region, care, victim, trained, *(surrogate or ()))
    check_folder(out, overwrite, inputs)
    loaded = victim_of(victim, trust)
    scan = io.read(given)
    run = craft_steps(
        scan,
        loaded,
        parameters,
        target=target,
        truth=truth,
        region=region,
        care=care,
        slices=None if slices is None else slices_of(slices),
        channels=channels_of(channel or []),
        surrogate=[victim_of(name, trust) for name in surrogate or []],
        present=present,
        save_as=save_as,
        deidentify=deidentify,
        device=device,
        precision=precision,
        memory=memory,
        seed=seed,
    )
    result = follow(run, "attacking")
    save_run(result, out, overwrite=overwrite)
    report(result, out)


def _parameters(method: str, settings: list[str]) -> "tuple[Attack, str | None]":
    """Return an attack with its parameters, and the folder of its generator, if it has one."""
    from ...attacks import get
    from ...attacks.presets import first_preset
    from ...common.parameters import from_texts

    chosen = get(method)
    told = from_texts(chosen, settings_of(settings))
    parameters = chosen(**{**first_preset(chosen, told).parameters, **told})
    return parameters, getattr(parameters, chosen.loads) if chosen.loads else None
