"""segadv reproduce: make a paper's table, with the paper's figures beside ours."""

from pathlib import Path
from typing import Annotated

import typer

from ..arguments import Device, Overwrite, Seed, Trust, example, victim_of
from ..terminal import STOPPED, follow, say, tell


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(epilog=example("segadv reproduce heart --out heart-table"))(reproduce)


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="untargeted, heart, heart-variants, resize, asma, smia, synthesis, black-box or "
            "sizes."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the table.")],
    victim: Annotated[
        str | None,
        typer.Option(help="Victim; a built-in one by default. Any but demo:NAME needs --cases."),
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns image,mask. The victim's phantoms by default."),
    ] = None,
    surrogate: Annotated[
        list[str] | None,
        typer.Option(
            help="Surrogate for black-box. May be repeated. For demo:NAME three are trained by "
            "default."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Number of cases. By default the table's own.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smoke test: one case, few steps.")] = (
        False
    ),
    device: Device = "auto",
    seed: Seed = 0,
    trust: Trust = None,
    overwrite: Overwrite = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute everything again, and replace the table.")
    ] = False,
) -> None:
    """Make a paper's table on phantoms or your own cases: Markdown, CSV, figure and JSON.

    What is finished stays in DIR: the same command goes on from there, also in two processes at
    once, which share the work.
    """
    from ...reproduce.command import reproduce as steps

    run = steps(
        name,
        out,
        victim=None if victim is None else victim_of(victim, trust),
        cases=cases,
        surrogate=[victim_of(one, trust) for one in surrogate or []],
        count=count,
        quick=quick,
        seed=seed,
        device=device,
        overwrite=overwrite,
        fresh=fresh,
    )
    try:
        report = follow(run, f"reproducing {name}")
    except KeyboardInterrupt:
        say(f"{out}: keeps what is finished; the same command goes on from there", err=True)
        raise SystemExit(STOPPED) from None
    tell(report.notes)
    say(f"{out}: table.md, table.csv, figure.png", *report.findings)
