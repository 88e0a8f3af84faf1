"""Bortsova 2021: the attack, and the figures of each example."""

from collections.abc import Callable, Generator, Sequence
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

# Budgets on the paper's intensity scale from -1 to 1, and its number of steps.
EPSILONS = (0.01, 0.02, 0.04, 0.08, 0.16)
STEPS = 100
# Linear size of the symbol, as a multiple of a heart with the structure's area. The paper does not
# give it. Where its attack succeeds, what is predicted has an IoU with the true heart of 34.4
# (small) and 41.8 (large); symbols of these sizes have 35.9 and 42.4 on phantoms 30000 to 30002.
SIZES = {"small": 0.6, "large": 1.5}
# The receptive field holds the fewest pixels with this share of the gradient's square. The victim
# normalises over the whole image, so no pixel is without any influence.
FELT = 0.99
# The heart, in the chest victim.
LABEL = 1
UNTARGETED = "away from the truth"
BOUNDING_BOX = "bounding-box"

# What each table measures, IoU x 100. "others" are all structures but the heart.
ALL, HEART, HEART_TRUTH = "all, truth", "heart, target", "heart, truth"
OTHERS_TRUTH, OTHERS = "others, truth", "others, target"

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
    # Whether the best image is the result.
    best: ClassVar[bool] = False

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
            keeps_best=self.best,
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
    better than the clean prediction does, so they must have been targets. Here they lose what the
    symbol covers, since each pixel has one class.
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
    field: Array = receptive_field(problem, FELT)[0, 0].cpu().numpy().astype(np.uint8)
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
