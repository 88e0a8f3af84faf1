"""segadv universal: make one perturbation for many images."""

from pathlib import Path
from typing import Annotated

import typer

from ...common.atomic_files import check_place
from ...errors import SegadvError
from ..arguments import (
    Channels,
    Device,
    Present,
    Seed,
    Trust,
    VictimName,
    channels_of,
    example,
    settings_of,
    victim_of,
)
from ..terminal import follow, say, tell

# With fewer cases than this, none is held out.
CASES_TO_HOLD_OUT = 5


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    line = "segadv universal cases.csv --victim bundle/ --out shared-noise"
    app.command(epilog=example(line))(universal)


def universal(
    cases: Annotated[
        Path,
        typer.Argument(
            help="CSV with the columns image,mask; of several channels image,image_2,mask."
        ),
    ],
    victim: VictimName,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for noise and measures.")],
    target: Annotated[
        Path | None,
        typer.Option(help="Label map to predict on every image. By default, away from the masks."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="epsilon, norm, epochs or loss. May be repeated."
        ),
    ] = None,
    channel: Channels = None,
    present: Present = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    trust: Trust = None,
) -> None:
    """Make one perturbation for many images, with a fifth of them held out to measure it."""
    from ... import io
    from ...attacks.universal import Universal
    from ...common.parameters import from_texts
    from ...crafting.universal import universal_steps
    from ...io.cases import read_cases

    if out.exists():
        raise SegadvError(f"{out}: exists already; name another folder")
    check_place(out)
    attack = Universal(**from_texts(Universal, settings_of(set_ or [])))
    loaded, found = victim_of(victim, trust), read_cases(cases)
    run = universal_steps(
        [case.scan for case in found],
        loaded,
        attack,
        truths=[case.mask for case in found],
        target=None if target is None else io.read_mask(target, found[0].scan.grid),
        held_out=len(found) // 5 if len(found) >= CASES_TO_HOLD_OUT else 0,
        channels=channels_of(channel or []),
        present=present,
        device=device,
        seed=seed,
    )
    result = follow(run, "attacking")
    result.save(out)
    tell(result.notes)
    say(f"{out}: {result.summary}")
