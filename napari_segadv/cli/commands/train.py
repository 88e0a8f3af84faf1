"""segadv train: train a small network on the user's images, as a victim or a surrogate."""

from pathlib import Path
from typing import Annotated

import typer

from ..arguments import Seed, example
from ..terminal import follow, say


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        epilog=example("segadv train cases.csv --out bundle --dims 3 --classes liver=5,spleen=1")
    )(train)


def train(
    cases: Annotated[Path, typer.Argument(help="CSV with the columns image,mask.")],
    out: Annotated[Path, typer.Option(help="Folder for the MONAI bundle.")],
    network: Annotated[str, typer.Option(help="unet or segresnet.")] = "unet",
    dims: Annotated[int, typer.Option(help="Dimensions of the network, 2 or 3.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the cases.")] = 100,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Labels of each class, such as liver=5,kidneys=2+3. By default each label is a "
            "class."
        ),
    ] = None,
    width: Annotated[
        int, typer.Option(min=1, help="Channels of the first level; segresnet: a multiple of 8.")
    ] = 16,
    spacing: Annotated[
        str | None,
        typer.Option(
            metavar="Z,Y,X",
            help="Spacing in mm to resample to, Y,X in 2-D. The cases' median by default.",
        ),
    ] = None,
    seed: Seed = 0,
    bfloat16: Annotated[
        bool,
        typer.Option("--bfloat16", help="Compute in bfloat16: faster on processors with AMX."),
    ] = False,
) -> None:
    """Train a small network on images and masks; write it as a MONAI bundle."""
    from ...training.victim import recipe_from, train_bundle

    recipe = recipe_from(network, dims, epochs, width, spacing, seed, bfloat16)
    dice, about = follow(train_bundle(cases, out, recipe, classes), "training")
    say(f"{out}: {about}")
    say("Dice " + ", ".join(f"{name} {value:.3f}" for name, value in dice.items()))
