"""Bortsova 2021 at its smallest budgets: the paper's setting with one thing changed at a time."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from ...attacks.losses import Loss
from ...attacks.methods.pgd import PGD
from ...io.cases import Case
from ..bench import BORTSOVA_WIDTH, Bench
from ..bortsova import STEPS, PaperPGD, figures, target_of
from ..real_scan import RealScan

EPSILONS = (0.01, 0.02)
AIM = "small"
# How often more steps than the paper's are taken, each as long.
LONGER = 4


class OwnLoss(PaperPGD):
    """The paper's attack with the loss that `loss` names."""

    def objective(self) -> Loss:
        return PGD.objective(self)


class BestImage(PaperPGD):
    """The paper's attack, of which the best image is the result, not the last."""

    best = True


@dataclass(frozen=True)
class Change:
    """What is not as in the paper.

    Attributes:
        kind: of the attack.
        settings: of it, besides budget and steps.
        longer: how often more steps it takes.
    """

    kind: type[PGD] = PaperPGD
    settings: tuple[tuple[str, Any], ...] = ()
    longer: int = 1


NOTHING = "nothing: the paper's setting"
CHANGES: dict[str, Change] = {
    NOTHING: Change(),
    "the best image, by moved and kept, instead of the last": Change(BestImage),
    f"{LONGER} times the steps": Change(longer=LONGER),
    "cross-entropy": Change(OwnLoss, (("loss", "cross-entropy"),)),
    "the margin loss": Change(OwnLoss, (("loss", "margin"),)),
    "Adam instead of signs": Change(settings=(("step", "adam"),)),
    "our default, with as many steps: margin, Adam, the best image": Change(PGD, (("goal", None),)),
}


@dataclass(frozen=True)
class Setting:
    """A budget on the paper's scale, and the name of a change."""

    epsilon: float
    change: str

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:g}, {self.change}"


def cell(bench: Bench) -> Callable[[Setting, Case], Generator[Any, None, dict[str, float]]]:
    """Return a function that makes a cell: the figures of a small heart, as shares."""

    def make(setting: Setting, case: Case) -> Generator[Any, None, dict[str, float]]:
        change, target = CHANGES[setting.change], target_of(case, AIM)
        epsilon = bench.units(setting.epsilon, BORTSOVA_WIDTH)
        steps = change.longer * bench.steps(STEPS)
        attack = change.kind(epsilon=epsilon, steps=steps, **dict(change.settings))
        example = yield from bench.attack(RealScan.of(case.scan), attack, target=target)
        return figures(example.prediction_adversarial.array, target, case)

    return make
