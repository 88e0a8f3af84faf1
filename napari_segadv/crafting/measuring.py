"""Fourth act: read the image back from its file, predict it again and measure it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..attacks import Outcome
from ..data.scan import Scan
from ..io.quantise import quantise
from ..measures.images import distances
from ..results.example import Example
from ..results.saving import read_back
from ..victims.prediction import Prediction
from ..victims.scan_tensors import as_array, field_array
from .binding import Bound
from .problem import Posed


def measure(bound: Bound, posed: Posed, outcome: Outcome) -> Example:
    """Round, save, read back, predict and measure; return the Example without its record."""
    request, judge, clean = bound.request, bound.judge, bound.clean
    scan, target = request.scan, request.target
    # Add the change to the scan's own numbers: float32 can't hold every value of a float64 image.
    change = as_array(outcome.adversarial, scan) - as_array(judge.image, scan).astype(np.float64)
    exact = replace(scan, array=scan.array + change)
    stored = replace(scan, array=quantise(scan, exact.array, posed.attack.norm, posed.epsilon))
    adversarial = replace(read_back(stored), grid=scan.grid, units=scan.units, path=None)
    after = bound.predict(adversarial)
    before_saving = judge.predict(outcome.adversarial)

    def figures(image: Scan, prediction: Prediction) -> Mapping[str, Any]:
        found = bound.victim.task.measure(
            clean, prediction, target=target, truth=request.truth, care=request.counted
        )
        return found | distances(scan, image, judge.window)

    difference = adversarial.array.astype(np.float64) - scan.array.astype(np.float64)
    return Example(
        task=bound.victim.task,
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
        notes=(*scan.notes, *_presented(bound), *posed.notes),
        fields={name: field_array(field, scan) for name, field in outcome.fields.items()},
    )


def _presented(bound: Bound) -> tuple[str, ...]:
    """A note on how the image was presented to the victim, if it was."""
    presented = bound.judge.presented
    return () if presented is None else (presented.describe(bound.request.scan.units),)
