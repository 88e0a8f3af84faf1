"""segadv synthesis train: train a generator of displacement and intensity fields."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...common.wording import counted
from ..arguments import Device, Seed, Trust, VictimName, example, settings_of, victim_of
from ..terminal import STOPPED, follow, say


def add(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = typer.Typer(help="Learned synthesis: generators of adversarial images.")
    line = "segadv synthesis train images.csv --victim bundle/ --out generator"
    group.command(epilog=example(line))(train)
    # Without a callback, Typer drops the name of a group's only command.
    group.callback()(lambda: None)
    app.add_typer(group, name="synthesis")


def train(
    images: Annotated[Path, typer.Argument(help="CSV with a column image; masks are not used.")],
    victim: VictimName,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the generator.")],
    parts: Annotated[
        str, typer.Option(help="Fields to make: both, displacement or intensity.")
    ] = "both",
    xi: Annotated[
        float, typer.Option(help="Mean cross-entropy to reach on the structures, 1 to 3.")
    ] = 2.0,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images.")] = 30,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Another parameter of the training. May be repeated.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the training in DIR, up to --epochs.")
    ] = False,
    device: Device = "auto",
    seed: Seed = 0,
    trust: Trust = None,
) -> None:
    """Train a generator against a victim; use it with segadv attack --method synthesis."""
    from ...attacks.fields.recipe import Recipe
    from ...common.device import pick_device
    from ...common.parameters import from_texts
    from ...io.cases import read_images
    from ...training.generator import has_generator, read_json
    from ...training.generator.train import train as steps

    given: dict[str, Any] = {"parts": parts, "xi": xi, "epochs": epochs, "seed": seed}
    recipe = Recipe(**given | from_texts(Recipe, settings_of(set_ or [])))
    loaded, scans = victim_of(victim, trust), read_images(images)
    run = steps(scans, loaded, recipe, out, resume=resume, device=pick_device(device))
    try:
        result = follow(run, "training")
    except KeyboardInterrupt:
        if has_generator(out):
            done = read_json(out)["epoch"]
            say(f"{out}: stopped after epoch {done}; continue with --resume", err=True)
        else:
            say(f"{out}: stopped before the first epoch ended; start again", err=True)
        raise SystemExit(STOPPED) from None
    loss, entropy, change = result["history"][-1]
    spent = result["about"]["spent"]
    say(
        f"{out}: after {counted(result['epoch'], 'epoch')} of "
        f"{counted(result['about']['pieces'], 'image')} and {spent['seconds']:.0f} s: "
        f"cross-entropy {entropy:.2f} (xi {result['xi']:g}), change {change:.3g} standard "
        f"deviations, loss {loss:.3g}"
    )
