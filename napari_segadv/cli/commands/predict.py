"""segadv predict: write what a victim predicts on an image."""

from pathlib import Path
from typing import Annotated

import typer

from ..arguments import (
    Device,
    Images,
    MoreImages,
    Present,
    Trust,
    VictimName,
    check_output,
    example,
    images_of,
    made_folder,
    named,
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
    victim: VictimName,
    out: Annotated[
        Path, typer.Option(help="File for the label map; for a class or boxes, a .json file.")
    ],
    images: Images = None,
    image: MoreImages = None,
    present: Present = "auto",
    device: Device = "auto",
    trust: Trust = None,
) -> None:
    """Write what a victim predicts on an image."""
    from ... import io
    from ...common.device import pick_device
    from ...data.overlapping import Overlapping

    given = images_of(images, image)
    check_output(out, *given, victim)
    loaded = victim_of(victim, trust)
    task = loaded.task
    task.check_output(out)
    scan = io.read(given)
    bound = loaded.on(scan, pick_device(device), present)
    prediction = bound.predict()
    structures = prediction.structures if isinstance(prediction, Overlapping) else ()
    files = check_output(out, *given, victim, structures=structures)
    task.save(prediction, made_folder(out))
    tell((*scan.notes, *bound.seen, *bound.agreement_notes(prediction)))
    say(f"{named(out, files)}: {task.listing(prediction)}")
