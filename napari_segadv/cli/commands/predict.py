"""segadv predict: write what a victim predicts on an image."""

from pathlib import Path
from typing import Annotated

import typer

from ..arguments import (
    Device,
    Image,
    Present,
    Trust,
    VictimName,
    check_output,
    example,
    made_folder,
    victim_of,
)
from ..terminal import say, tell

# Position among the commands in the help.
PLACE = 3


def add(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(epilog=example("segadv predict ct.nii.gz --victim bundle/ --out labels.nii.gz"))(
        predict
    )


def predict(
    image: Image,
    victim: VictimName,
    out: Annotated[
        Path, typer.Option(help="File for the label map; for a class or boxes, a .json file.")
    ],
    present: Present = "auto",
    device: Device = "auto",
    trust: Trust = None,
) -> None:
    """Write what a victim predicts on an image."""
    from ... import io
    from ...common.device import pick_device

    check_output(out, image, victim)
    loaded = victim_of(victim, trust)
    task = loaded.task
    task.check_output(out)
    scan = io.read(image)
    bound = loaded.on(scan, pick_device(device), present)
    prediction = bound.predict()
    task.save(prediction, made_folder(out))
    tell((*scan.notes, *bound.seen, *bound.agreement_notes(prediction)))
    say(f"{out}: {task.listing(prediction)}")
