"""segadv: the command line. Each command is a thin layer over the library."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__
from ..common import discovery
from ..errors import SegadvError
from . import commands
from .arguments import (
    Device,
    Image,
    Overwrite,
    Seed,
    Trust,
    VictimName,
    check_folder,
    check_output,
    example,
    made_folder,
    settings_of,
    slices_of,
    victim_of,
)
from .terminal import follow, guarded, report

app = typer.Typer(
    name="segadv",
    help="Adversarial examples for medical image segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Shows the version."),
    ] = False,
) -> None:
    """Adversarial examples for medical image segmentation."""


@app.command(epilog=example("segadv demo --headless --out demo-output"))
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Without a window.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result, without a window.")
    ] = None,
) -> None:
    """A chest X-ray, a heart symbol as target, and the image that makes the network draw it."""
    from . import demonstration

    if out is None and not headless and demonstration.display_works():
        demonstration.show()
        return
    from ..results.files import refuse_existing

    folder = out or Path("demo-output")
    refuse_existing(folder, overwrite=True)
    made = follow(demonstration.run(), "attacking")
    made.save(folder, overwrite=True)
    report(made, folder)
    typer.echo(f"look at {folder / 'figure.png'}")


@app.command(epilog=example("segadv victims"))
def victims() -> None:
    """Lists the built-in victims."""
    from ..samples import DEMO, bundle_facts

    for name, facts in bundle_facts().items():
        listed = ", ".join(f"{label} {value:.3f}" for label, value in facts.measured.items())
        typer.echo(f"{DEMO}{name}  {facts.task}\n    on fresh phantoms: {listed}")


@app.command(epilog=example("segadv attacks --json"))
def attacks(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Lists the attacks and their parameters."""
    from ..attacks import available
    from ..common.parameters import parameters

    if as_json:
        listed = [
            {
                "name": name,
                "title": attack.title,
                "source": attack.source,
                "tasks": list(attack.tasks),
                "parameters": [p.describe() for p in parameters(attack)],
            }
            for name, attack in available().items()
        ]
        typer.echo(json.dumps(listed, indent=1))
        return
    for name, attack in available().items():
        typer.echo(f"{name}  {attack.title} ({attack.source}; {', '.join(attack.tasks)})")
        for p in parameters(attack):
            typer.echo(f"    {p.name} = {p.default}  {p.param.doc} [{p.expected()}]")


@app.command(epilog=example("segadv predict ct.nii.gz --victim bundle/ --out labels.nii.gz"))
def predict(
    image: Image,
    victim: VictimName,
    out: Annotated[Path, typer.Option(help="File for the label map; of a class or boxes .json.")],
    device: Device = "auto",
    trust: Trust = None,
) -> None:
    """Writes what a victim predicts on an image."""
    from .. import io
    from ..common.device import pick_device

    check_output(out, image)
    loaded = victim_of(victim, trust)
    task = loaded.task
    task.check_output(out)
    prediction = loaded.predict(io.read(image), pick_device(device))
    task.save(prediction, made_folder(out))
    typer.echo(f"{out}: {task.listing(prediction)}")


@app.command(
    epilog=example("segadv target heart labels.nii.gz --label 1 --size 0.5 --out target.nii.gz")
)
def target(
    shape: Annotated[
        str,
        typer.Argument(help="heart, ellipse, resize, grow, shrink, shift, erase, swap or fill."),
    ],
    mask: Annotated[Path, typer.Argument(help="The label map to start from.")],
    label: Annotated[int, typer.Option(help="Class number of the structure.")],
    out: Annotated[Path, typer.Option(help="File for the target.")],
    size: Annotated[
        float | None, typer.Option(help="Linear size (heart, ellipse, resize).")
    ] = None,
    shift: Annotated[str | None, typer.Option(metavar="Z,Y,X", help="Pixels (shift).")] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="M",
            help="Other class (swap), or class of the pixels given up; surrounding: the class "
            "around them (heart, ellipse, resize, shrink, shift, erase).",
        ),
    ] = None,
    mm: Annotated[float | None, typer.Option(help="How far in mm (grow, shrink).")] = None,
    axes: Annotated[
        str | None, typer.Option(metavar="Z,Y,X", help="Half axes in mm (ellipse).")
    ] = None,
    cover: Annotated[
        bool, typer.Option("--cover", help="Grow over other structures too (grow).")
    ] = False,
) -> None:
    """Makes a target from a label map."""
    from .. import io
    from ..common.parameters import parameters
    from ..io.registry import check_label_map
    from ..targets import get

    check_output(out, mask)
    check_label_map(out)
    function = get(shape)
    known = {p.name: p for p in parameters(function)}
    given: dict[str, Any] = {"label": label, "size": size, "shift": shift, "mm": mm, "axes": axes}
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
    made = function(io.read_mask(mask), **given)
    io.save_mask(made, made_folder(out))
    typer.echo(str(out))


@app.command(
    epilog=example("segadv attack xray.png --victim demo:chest-xray --target t.png --out result")
)
def attack(
    image: Image,
    victim: VictimName,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the result.")],
    target: Annotated[
        str | None,
        typer.Option(
            help="Label map to be predicted; or a class, its number or name; or boxes as JSON, "
            "none for none, none:CLASS to erase a class."
        ),
    ] = None,
    untargeted: Annotated[bool, typer.Option("--untargeted", help="Away from the truth.")] = False,
    truth: Annotated[
        str | None, typer.Option(help="Label map, class or boxes that are right.")
    ] = None,
    method: Annotated[str, typer.Option(help="See segadv attacks.")] = "pgd",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NAME",
            help="Where the noise may live: a mask, bounding-box or receptive-field[:SHARE] of "
            "what has to change.",
        ),
    ] = None,
    care: Annotated[Path | None, typer.Option(help="Which pixels count.")] = None,
    slices: Annotated[
        str | None,
        typer.Option(
            metavar="N|FIRST:LAST",
            help="Slices of a volume, from 0, the last one included: noise in these alone.",
        ),
    ] = None,
    surrogate: Annotated[
        list[str] | None,
        typer.Option(help="Another victim to craft on; --victim is measured. May be repeated."),
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    trust: Trust = None,
    overwrite: Overwrite = False,
) -> None:
    """Makes an adversarial image and writes it with noise, predictions, figure and result.json."""
    from .. import io
    from ..attacks import get
    from ..common.parameters import from_texts
    from ..crafting import craft_steps

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


for module in discovery.modules(commands):
    module.add(app)


def main() -> None:
    """Entry point."""
    guarded(lambda: app(standalone_mode=False))


if __name__ == "__main__":
    main()
