"""Fourth act: read the image back from its file, predict it again and measure it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..attacks import Outcome
from ..data.scan import Array, Scan
from ..io.output import Output, read_back
from ..measures.channels import channel_distances
from ..measures.images import distances
from ..results.example import Example
from ..victims.prediction import Prediction
from ..victims.scan_tensors import as_array, field_array
from .binding import Setup
from .problem import Prepared


def measure(setup: Setup, prepared: Prepared, outcome: Outcome, output: Output) -> Example:
    """Round, save, read back, predict and measure; return the Example without its record."""
    prepared.checked.check()
    setup.forget()
    request, judge, clean = setup.request, setup.judge, setup.clean
    scan, target = request.scan, request.target
    # Add the change to the scan's own numbers: float32 can't hold every value of a float64 image.
    change = as_array(outcome.adversarial, scan) - as_array(judge.image, scan).astype(np.float64)
    exact, stored = _with_change(scan, change, prepared)
    back, output = read_back(stored, scan, output)
    adversarial = back.derived_from(scan)
    after, departures = setup.predict(adversarial)
    before_saving = judge.predict(outcome.adversarial)

    part = request.part

    def figures(image: Scan, prediction: Prediction) -> Mapping[str, Any]:
        # Of an attack on some slices, the figures are those of these slices: the others, which
        # can't change, would hide how visible the change is.
        found = setup.victim.task.measure(
            part(clean),
            part(prediction),
            target=part(target),
            truth=part(request.truth),
            care=part(request.care),
        )
        before, image = part(scan), part(image)
        if scan.parts:
            return found | channel_distances(before, image, setup.channels)
        return found | distances(before, image, judge.window)

    difference = adversarial.array.astype(np.float64) - scan.array.astype(np.float64)
    return Example(
        task=setup.victim.task,
        clean=scan,
        adversarial=adversarial,
        noise=difference.astype(np.float32),
        target=None if target is None else target.named(clean.classes),
        prediction_clean=clean,
        prediction_adversarial=after,
        measures=figures(adversarial, after),
        measures_before_saving=figures(exact, before_saving),
        record={},
        window=judge.window,
        channels=setup.channels,
        notes=(
            *scan.notes,
            *setup.judge.seen,
            *setup.notes,
            *prepared.notes,
            *outcome.notes,
            *prepared.checked.notes,
            *(prepared.reduced.notes if prepared.reduced else ()),
            *departures,
            *output.notes,
        ),
        output=output,
        fields={name: field_array(field, scan) for name, field in outcome.fields.items()},
    )


def _with_change(scan: Scan, change: Array, prepared: Prepared) -> tuple[Scan, Scan]:
    """Return a scan with a change, exactly, and as its files can hold it inside the budget."""
    array = scan.array + change
    if not scan.parts:
        return replace(scan, array=array), prepared.stored(array)
    changed = [replace(part, array=array[..., n]) for n, part in enumerate(scan.parts)]
    return Scan.of_parts(changed), prepared.stored(array)
