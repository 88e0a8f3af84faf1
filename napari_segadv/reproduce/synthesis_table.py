"""The rows of Chen 2019, table 1: Dice under generators of several xi, and of one field alone."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..attacks.fields.fields import Parts
from ..attacks.fields.recipe import Recipe
from ..attacks.methods.synthesis import Synthesis
from ..common.generators import relayed
from ..crafting import craft
from ..data.scan import Array, Mask, Scan
from ..io.cases import Case
from ..measures.labels import Overlap
from ..results.example import Example
from ..training.generator import load_generator
from ..training.generator.train import train
from ..victims import Victim
from .real_scan import as_file, source_of
from .report import Done

# Chen 2019, table 1: which fields, and xi; and a smaller xi, to see where it begins.
SETTINGS: tuple[tuple[Parts, float], ...] = (
    ("both", 0.5),
    ("both", 1.0),
    ("both", 2.0),
    ("both", 3.0),
    ("displacement", 2.0),
    ("intensity", 2.0),
)
# Share of its Dice that each organ must lose before the paper calls an attack a success.
SUCCESS = 0.3


@dataclass(frozen=True)
class Row:
    """One row of the table: means over the cases, with one sample for each.

    Attributes:
        parts, xi: fields and xi of the generator.
        clean, dice: Dice of each organ against the truth, before and after.
        rounded: Dice after, of the images as files would hold them.
        slices: in how many of the cases each organ is; the others do not count for it.
        reached: cross-entropy at the end of the training, which xi asks for.
        change: mean |I_DV - I| in standard deviations of the training images (the paper's p).
        change_in_units: the same in the image's units.
        forward, backward: the victim's passes during the training.
        seconds: how long the training took.
    """

    parts: str
    xi: float
    clean: dict[str, float]
    dice: dict[str, float]
    rounded: dict[str, float]
    slices: dict[str, int]
    reached: float
    change: float
    change_in_units: float
    forward: float
    backward: float
    seconds: float

    @property
    def mean(self) -> float:
        """Mean Dice of the organs."""
        return self.mean_of(list(self.dice))

    @property
    def succeeded(self) -> bool:
        """Whether every organ has lost the share of its Dice that the paper asks for."""
        return self.succeeded_in(list(self.clean))

    def mean_of(self, organs: Sequence[str]) -> float:
        """Return the mean Dice of some organs."""
        return float(np.mean([self.dice[name] for name in organs]))

    def succeeded_in(self, organs: Sequence[str]) -> bool:
        """Return whether each of some organs has lost the share that the paper asks for."""
        return all(self.dice[k] <= (1 - SUCCESS) * self.clean[k] for k in organs)


def table(
    images: Sequence[Scan],
    cases: Sequence[Case],
    victim: Victim,
    out: Path,
    *,
    recipe: Recipe | None = None,
    settings: Sequence[tuple[Parts, float]] = SETTINGS,
    device: str = "cpu",
) -> Generator[Done, None, list[Row]]:
    """Train a generator for each setting and measure it; yield progress.

    Generators stay in `out`; those that are complete are not trained again.

    Args:
        images: scans to train on.
        cases: other cases, to measure on; their masks hold the victim's class numbers.
        victim: a segmentation network.
        out: folder for the generators.
        recipe: recipe of all generators, except parts and xi; None: the defaults.
        settings: parts and xi of each row.
        device: "cpu" or "cuda".

    Raises:
        SegadvError: if `train` or `craft` raises it.
    """
    rows = []
    for number, (parts, xi) in enumerate(settings):
        chosen = replace(recipe or Recipe(), parts=parts, xi=xi)
        folder = out / f"{parts}-xi-{xi:g}"
        run = train(images, victim, chosen, folder, resume=folder.exists(), device=device)

        def told(state: Any, number: int = number, name: str = f"{parts}, xi {xi:g}") -> Done:
            done = number + (state.step - 1) / state.steps
            return Done(int(100 * done), 100 * len(settings), f"{name}: {state}")

        content = yield from relayed(run, told)
        rows.append(measured(folder, content, cases, victim, device))
    return rows


def measured(
    folder: Path, content: dict[str, Any], cases: Sequence[Case], victim: Victim, device: str
) -> Row:
    """Measure one sample of each case, as its file holds it."""
    attack = Synthesis(generator=str(folder), samples=1)
    before: dict[str, list[float]] = {}
    after: dict[str, list[float]] = {}
    kept: dict[str, list[float]] = {}
    changes = []
    for number, case in enumerate(cases):
        # The paper computed in float32.
        how: dict[str, Any] = {"seed": number, "device": device, "precision": "float32"}
        example = craft(case.scan, victim, attack, **how)
        changes.append(example.measures["mean_abs"])
        for found, prediction in (
            (before, example.prediction_clean),
            (after, example.prediction_adversarial),
            (kept, predicted_as_file(example, victim, device)),
        ):
            for name, value in dice(prediction.array, case.mask, prediction.classes).items():
                found.setdefault(name, []).append(value)
    spent = content["about"]["spent"]
    return Row(
        content["recipe"]["parts"],
        content["xi"],
        averaged(before),
        averaged(after),
        averaged(kept),
        {name: len(values) for name, values in before.items()},
        content["history"][-1][1],
        float(np.mean(changes)) / load_generator(folder).scale.spread,
        float(np.mean(changes)),
        **spent,
    )


def averaged(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the mean of each organ's values."""
    return {name: float(np.mean(own)) for name, own in values.items()}


def predicted_as_file(example: Example, victim: Victim, device: str) -> Any:
    """Return what a victim predicts of an adversarial image as its source's file would hold it."""
    source = source_of(example.clean)
    kept = as_file(source, example.adversarial.array)
    return victim.on(kept, device, victim.on(source, device).presented).predict()


def dice(labels: Array, truth: Mask, names: Sequence[str]) -> dict[str, float]:
    """Return the Dice of each structure of the truth, by name."""
    overlap = Overlap.of(labels, truth.array)
    return {names[label]: overlap.dice(label) for label in overlap.structures}
