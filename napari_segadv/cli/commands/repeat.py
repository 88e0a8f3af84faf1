"""segadv repeat: make the image of a result again, and say whether it is the same bit for bit."""

from pathlib import Path
from typing import Annotated

import typer

from ..arguments import Overwrite, Trust, check_folder, example, victim_of
from ..terminal import follow, say, tell

# Position among the commands in the help.
PLACE = 7
# Exit status if the image is another one.
DIFFERENT = 3
Present = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="How the image was presented to the model, if an earlier version did not record it; "
        "see segadv attack --help.",
    ),
]


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(epilog=example("segadv repeat result"))(repeat)


def repeat(
    result: Annotated[Path, typer.Argument(help="Folder of a result, or its result.json.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", metavar="DIR", help="Folder to keep the new one."),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="The image, if it has moved. Repeated: the files of its channels."),
    ] = None,
    victim: Annotated[str | None, typer.Option(help="The model, if it has moved.")] = None,
    surrogate: Annotated[
        list[str] | None, typer.Option(help="A surrogate, if they have moved. May be repeated.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The target, if it has moved.")] = None,
    truth: Annotated[str | None, typer.Option(help="The truth, if it has moved.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, if it has moved.")] = None,
    care: Annotated[
        str | None, typer.Option(help="The mask of the pixels that count, if it has moved.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option(help="The folder of the generator, if it has moved.")
    ] = None,
    present: Present = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu or cuda; by default the one of the result.")
    ] = None,
    trust: Trust = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a result's image again from result.json. Status 0: the same bit for bit; 3: another."""
    from ...crafting.repeat import repeat_steps
    from ...results.saving import save_run

    inputs = {"target": target, "truth": truth, "region": region, "care": care}
    if out is not None:
        read = (result, *(image or ()), victim, *(surrogate or ()), *inputs.values(), generator)
        check_folder(out, overwrite, [None if one is None else str(one) for one in read])
    run = repeat_steps(
        result,
        image=image or None,
        victim=victim,
        surrogates=surrogate or (),
        inputs=inputs,
        generator=generator,
        present=present,
        device=device,
        load=lambda source: victim_of(source, trust),
    )
    repeated = follow(run, "repeating")
    tell(repeated.example.notes)
    if out is not None:
        save_run(repeated.example, out, overwrite=overwrite)
        say(f"{out}: written")
    say(f"{result}: {repeated.lines[0]}", *repeated.lines[1:])
    if not repeated.same:
        raise typer.Exit(DIFFERENT)
