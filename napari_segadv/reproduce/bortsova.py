"""Bortsova 2021: the attack, the figures of each example, and rows that set like beside like."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from .. import targets
from ..attacks.base import StepRule
from ..attacks.loop import Plan, optimise
from ..attacks.losses import Loss, Outputs, signed
from ..attacks.methods.pgd import PGD
from ..attacks.problem import Attacking, Problem
from ..attacks.regions import RECEPTIVE_FIELD, receptive_field
from ..data.scan import Array, Mask
from ..io.cases import Case
from ..measures.labels import Overlap
from ..results.example import Example
from ..victims import Victim
from .bench import BORTSOVA_WIDTH, Bench, mean
from .carried import NONE, OPTIONS
from .real_scan import RealScan
from .report import Curve

# Budgets on the paper's intensity scale from -1 to 1, and its number of steps.
EPSILONS = (0.01, 0.02, 0.04, 0.08, 0.16)
STEPS = 100
# Linear size of the symbol, as a multiple of a heart with the structure's area.
SIZES = {"small": 0.6, "large": 1.0}
# The heart, in the chest victim.
LABEL = 1
UNTARGETED = "away from the truth"
BOUNDING_BOX = "bounding-box"

# What each table measures, IoU x 100. "others" are all structures but the heart.
ALL, HEART, HEART_TRUTH = "all, truth", "heart, target", "heart, truth"
OTHERS_TRUTH, OTHERS = "others, truth", "others, target"
WORDS = {
    ALL: "all structures with the truth",
    HEART: "heart with its target",
    HEART_TRUTH: "heart with the truth",
    OTHERS_TRUTH: "other structures with the truth",
    OTHERS: "other structures with the target",
}

# IoU x 100 by what is measured and of which attack; the first is that of the clean images, None
# where the paper does not give it.
Published = Mapping[tuple[str, str], tuple[float | None, ...]]
# Table 1, 2 (both halves) and 3. Table 3 says of small hearts only that it is 98.9 or more.
WHITE: Published = {
    (ALL, UNTARGETED): (90.3, 30.5, 0.8, 0.1, 0.0, 0.0),
    (HEART, "small"): (None, 88.0, 96.9, 97.8, 98.4, 98.6),
    (HEART, "large"): (None, 66.7, 83.2, 95.2, 98.7, 99.1),
    (HEART_TRUTH, "small"): (87.3, 38.4, 34.8, 34.4, 34.6, 34.4),
    (HEART_TRUTH, "large"): (87.3, 62.5, 50.1, 43.7, 42.0, 41.8),
    (OTHERS_TRUTH, "large"): (None, 86.7, 95.2, 99.4, 99.6, 99.6),
}
BLACK: Published = {
    (ALL, UNTARGETED): (90.3, 87.4, 84.2, 74.7, 45.5, 12.7),
    (HEART, "small"): (None, 34.3, 35.3, 36.8, 41.2, 28.9),
    (HEART, "large"): (None, 43.3, 43.2, 43.4, 38.9, 13.1),
    (HEART_TRUTH, "small"): (87.3, 85.5, 85.1, 84.0, 73.4, 22.0),
    (HEART_TRUTH, "large"): (87.3, 85.8, 85.2, 84.8, 77.8, 26.0),
}
LEAST_OTHERS_SMALL = "98.9 or more"

Cell = Generator[Any, None, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class PaperPGD(PGD):
    """The paper's attack: steps of epsilon / 20 along the sign of the soft IoU's gradient.

    The mean of the soft IoU leaves the background out, always. The last image is the result, as in
    plain PGD; the library's own returns the best. The paper has no option for transfer.
    """

    step: StepRule = "sign"
    # Structures in the loss; None: all.
    only: ClassVar[tuple[int, ...] | None] = None

    def objective(self) -> Loss:
        return partial(soft_iou_of, only=self.only)

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        plan = Plan.additive(
            ball,
            steps=self.steps,
            loss=self.objective(),
            rule=lambda: self.make_rule(ball),
            goal=None,
            keeps_best=False,
            transfer=self.transfer(problem, seed),
        )
        return optimise(problem, plan)


class HeartAlonePGD(PaperPGD):
    """The same with the heart alone in the loss (figure 2)."""

    only = (LABEL,)


def soft_iou_of(outputs: Outputs, only: tuple[int, ...] | None = None) -> Tensor:
    """Return 1 - mean soft IoU (N,) of some structures, or of all; background is left out."""
    from monai.losses import DiceLoss  # late: importing MONAI takes seconds

    found = outputs.logits.softmax(1)
    target = torch.zeros_like(found).scatter_(1, outputs.problem.labels.unsqueeze(1), 1.0)
    chosen = list(range(1, found.shape[1]) if only is None else only)
    values = DiceLoss(jaccard=True, reduction="none")(found[:, chosen], target[:, chosen])
    return signed(values.flatten(1).mean(1), outputs)


@dataclass(frozen=True)
class Setting:
    """A column of the paper's tables.

    Attributes:
        aim: UNTARGETED, or the size of the heart.
        epsilon: budget on the paper's scale; 0: the clean image.
        box: "white", or "black": crafted on the first surrogate.
        heart_alone: whether the loss is of the heart alone.
        region: "" for everywhere, or where noise may be: the heart's "receptive-field" or
            "bounding-box".
        carried: name of the options that let noise carry over from a surrogate, see OPTIONS.
    """

    aim: str
    epsilon: float
    box: str = "white"
    heart_alone: bool = False
    region: str = ""
    carried: str = NONE

    def __str__(self) -> str:
        heart = self.aim if self.aim == UNTARGETED else f"{self.aim} heart"
        options = f", {self.carried}" if self.carried else ""
        return f"{heart}, {self.box} box, epsilon {self.epsilon:g}{options}"


def with_clean(bench: Bench, aims: Sequence[str], box: str = "white") -> list[Setting]:
    """Return the settings of a table: for each aim the clean image, then all budgets."""
    epsilons = (0.0, *bench.some(EPSILONS))
    return [Setting(aim, epsilon, box) for aim in aims for epsilon in epsilons]


def target_of(case: Case, aim: str) -> Mask | None:
    """Return the true masks with a heart symbol in place of the heart; None if untargeted.

    The other structures keep their true masks: in table 3 of the paper they agree with the truth
    better than the clean prediction does, so they must have been targets.
    """
    return None if aim == UNTARGETED else targets.heart(case.mask, label=LABEL, size=SIZES[aim])


def cell(bench: Bench) -> Callable[[Setting, Case], Cell]:
    """Return a function that makes a cell: the figures of a setting on a case, as shares.

    Each figure is there of the real-number image and, as "... rounded", of that image rounded to
    what its file holds.
    """

    def make(setting: Setting, case: Case) -> Cell:
        target = target_of(case, setting.aim)
        if not setting.epsilon:
            labels = rounded = bench.predict(case.scan).array
            found = figures(labels, target, case)
            if target is not None:
                found |= {f"{k} at goal": v for k, v in figures(target.array, target, case).items()}
        else:
            labels, rounded, example = yield from attacked(bench, setting, case, target)
            found = figures(labels, target, case)
            if setting.region:
                found["changed"] = float((example.noise != 0).mean())
        return found | {f"{k} rounded": v for k, v in figures(rounded, target, case).items()}

    return make


def attacked(
    bench: Bench, setting: Setting, case: Case, target: Mask | None
) -> Generator[Any, None, tuple[Array, Array, Example]]:
    """Craft an example; return its prediction, that of it rounded, and the example."""
    epsilon = bench.units(setting.epsilon, BORTSOVA_WIDTH)
    kind = HeartAlonePGD if setting.heart_alone else PaperPGD
    option = OPTIONS[setting.carried]
    attack = kind(epsilon=epsilon, steps=bench.steps(STEPS), **option.settings)
    scan = RealScan.of(case.scan)
    options: dict[str, Any] = {"truth": case.mask} if target is None else {"target": target}
    if setting.region and target is not None:
        options["region"] = region_of(bench, setting.region, case, target)
    surrogates: Sequence[Victim] = ()
    if setting.box == "black":
        surrogates = bench.surrogates if option.together else bench.surrogates[:1]
    example = yield from bench.attack(scan, attack, surrogate=surrogates, **options)
    rounded = bench.rounded_prediction(example, epsilon)
    return example.prediction_adversarial.array, rounded.array, example


def region_of(bench: Bench, name: str, case: Case, target: Mask) -> Array:
    """Return where noise may be: the box around heart and symbol, or what they depend on."""
    structure = (case.mask.array == LABEL) | (target.array == LABEL)
    if name == BOUNDING_BOX:
        box = np.zeros(structure.shape, np.uint8)
        box[tuple(slice(p.min(), p.max() + 1) for p in np.nonzero(structure))] = 1
        return box
    assert name == RECEPTIVE_FIELD
    problem = bench.problem(RealScan.of(case.scan), target=target, care=structure.astype(np.uint8))
    field: Array = receptive_field(problem)[0, 0].cpu().numpy().astype(np.uint8)
    return field


def figures(labels: Array, target: Mask | None, case: Case) -> dict[str, float]:
    """Measure label maps: IoU of the heart, and mean IoU of the others, with target and truth."""
    with_truth = Overlap.of(labels, case.mask.array)
    if target is None:
        return {ALL: with_truth.mean_iou()}
    with_target = Overlap.of(labels, target.array)
    found = {HEART: with_target.iou(LABEL), HEART_TRUTH: with_truth.iou(LABEL)}
    for name, overlap in ((OTHERS_TRUTH, with_truth), (OTHERS, with_target)):
        # A structure that the symbol covers entirely has no target left.
        others = [n for n in overlap.structures if n != LABEL]
        if others:
            found[name] = mean(overlap.iou(n) for n in others)
    return found


def average(cells: Sequence[Mapping[str, float]], name: str) -> float | str:
    """Return the mean over the cases x 100; "" if no case has it."""
    values = [one[name] for one in cells if name in one]
    return 100 * mean(values) if values else ""


def headings(bench: Bench) -> tuple[str, ...]:
    """Return the headings of every table of the paper that is by epsilon."""
    return (
        "attack",
        "IoU x 100 of",
        "epsilon in [-1, 1]",
        "epsilon in image units",
        "paper",
        "ours",
        f"ours, rounded to {bench.rounded}",
    )


def rows(
    bench: Bench,
    found: Mapping[Setting, Sequence[Mapping[str, float]]],
    measured: Sequence[tuple[str, str]],
    published: Published,
) -> list[tuple[Any, ...]]:
    """Make the rows of a table.

    Args:
        bench: gives the units.
        found: the cells of each setting.
        measured: what is measured, and of which aim, a block of rows for each.
        published: the paper's figures.
    """
    made: list[tuple[Any, ...]] = []
    for name, aim in measured:
        attack = aim if aim == UNTARGETED else f"{aim} heart"
        for setting in [setting for setting in found if setting.aim == aim]:
            cells, units = found[setting], bench.units(setting.epsilon, BORTSOVA_WIDTH)
            paper = theirs(published, name, setting)
            head = (attack, WORDS[name], setting.epsilon or "0 (clean)", units, paper)
            made.append((*head, average(cells, name), average(cells, f"{name} rounded")))
            if aim != UNTARGETED and not setting.epsilon:
                goal = average(cells, f"{name} at goal")
                made.append((attack, WORDS[name], "the target itself", "", "", goal, ""))
    return made


def theirs(published: Published, name: str, setting: Setting) -> float | str:
    """Return the paper's figure; "" if it gives none."""
    if (name, setting.aim) not in published:
        small = name == OTHERS_TRUTH and setting.aim == "small" and published is WHITE
        return LEAST_OTHERS_SMALL if small and setting.epsilon else ""
    value = published[name, setting.aim][(0.0, *EPSILONS).index(setting.epsilon)]
    return "" if value is None else value


def curves(
    found: Mapping[Setting, Sequence[Mapping[str, float]]],
    measured: Sequence[tuple[str, str]],
    published: Published,
) -> list[Curve]:
    """Make two curves for each thing that is measured: the paper's and ours of the same."""
    made = []
    for name, aim in measured:
        settings = [setting for setting in found if setting.aim == aim and setting.epsilon]
        x = [setting.epsilon for setting in settings]
        label = WORDS[name] if aim == UNTARGETED else f"{aim}, {WORDS[name]}"
        paper = [theirs(published, name, setting) for setting in settings]
        ours = [average(found[setting], name) for setting in settings]
        if all(isinstance(value, float) for value in paper):
            made.append(Curve(f"paper, {label}", x, [float(v) for v in paper], True))
        if all(isinstance(value, float) for value in ours):
            made.append(Curve(label, x, [float(v) for v in ours]))
    return made
