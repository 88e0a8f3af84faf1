"""A black box with the options that let noise carry over, one by one and together."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import targets
from ..attacks.methods.pgd import PGD
from ..io.cases import Case
from ..measures.labels import Overlap
from ..results.example import Example
from .bench import BORTSOVA_WIDTH, Bench, Done, mean

# As published: Xie 2019, Dong 2019, Lin 2020; momentum as in Dong 2018.
DIVERSITY: Mapping[str, Any] = {"diversity": 0.5}
TRANSLATION: Mapping[str, Any] = {"translation": 7}
SCALES: Mapping[str, Any] = {"scales": 5}
MOMENTUM: Mapping[str, Any] = {"step": "momentum"}
AWAY, HEART = "away from the truth", "large heart"
STEPS = 100


@dataclass(frozen=True)
class Variant:
    """Settings of the attack that differ from the table's, and what it is crafted on.

    Attributes:
        name: for the table.
        settings: parameters of PGD.
        together: whether it is crafted on all surrogates at once, not on the first.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    together: bool = False


def variants_for(bench: Bench) -> list[Variant]:
    """Return the rows of the table; those of several surrogates only if there are several."""
    found = [
        Variant("no option"),
        Variant("momentum", MOMENTUM),
        Variant("DI", DIVERSITY),
        Variant("TI", TRANSLATION),
        Variant("SI", SCALES),
        Variant("DI, TI, SI", {**DIVERSITY, **TRANSLATION, **SCALES}),
    ]
    if len(bench.surrogates) > 1:
        every = {**DIVERSITY, **TRANSLATION, **SCALES, **MOMENTUM}
        found += [
            Variant(f"{len(bench.surrogates)} surrogates", together=True),
            Variant("all of these", every, together=True),
        ]
    return found


@dataclass(frozen=True)
class Compared:
    """What the options give at one epsilon.

    Attributes:
        away: IoU x 100 with the truth, by variant; untargeted, so less is stronger.
        hearts: IoU x 100 of the heart alone with its target, by variant; more is stronger.
        rows: for the table of the black box.
    """

    away: Mapping[str, float]
    hearts: Mapping[str, float]
    rows: list[tuple[Any, ...]]

    @property
    def findings(self) -> list[str]:
        """Say which option is the strongest, and what it gains."""
        plain, lowest = self.away["no option"], min(self.away, key=lambda n: self.away[n])
        alone, highest = self.hearts["no option"], max(self.hearts, key=lambda n: self.hearts[n])
        return [
            f"Away from the truth, the option that leaves least is {lowest!r}: an IoU of "
            f"{self.away[lowest]:.1f}, without any {plain:.1f}.",
            f"Towards the {HEART}, the option that comes nearest is {highest!r}: the heart alone "
            f"has an IoU of {self.hearts[highest]:.1f} with its target, without any {alone:.1f}.",
        ]


def compared(bench: Bench, epsilon: float) -> Generator[Done, None, Compared]:
    """Craft each variant on the surrogates, away from the truth and towards a heart; measure it.

    Args:
        bench: the victim, its cases and the surrogates.
        epsilon: on the paper's scale.
    """
    units = bench.units(epsilon, BORTSOVA_WIDTH)

    def make(setting: tuple[str, Variant], case: Case) -> Generator[Any, None, Example]:
        kind, variant = setting
        given = {"step": "sign", "loss": "soft-iou", "goal": None, **variant.settings}
        attack = PGD(epsilon=units, steps=bench.steps(STEPS), **given)
        options: dict[str, Any] = {"truth": case.mask}
        if kind == HEART:
            options = {"target": targets.heart(bench.victim.predict(case.scan), label=1, size=1.0)}
        on = bench.surrogates if variant.together else bench.surrogates[:1]
        return bench.attack(case.scan, attack, surrogate=on, **options)

    settings = [(kind, variant) for kind in (AWAY, HEART) for variant in variants_for(bench)]
    made = yield from bench.each(settings, make, lambda s: f"{s[0]}, {s[1].name}")
    away: dict[str, float] = {}
    hearts: dict[str, float] = {}
    rows: list[tuple[Any, ...]] = []
    for (kind, variant), examples in zip(settings, made, strict=True):
        alone: float | str = ""
        if kind == AWAY:
            pairs = zip(examples, bench.cases, strict=True)
            iou = 100 * mean(
                Overlap.of(e.prediction_adversarial.array, case.mask.array).mean_iou()
                for e, case in pairs
            )
            away[variant.name] = iou
        else:
            iou = 100 * mean(e.measures["target_iou"] for e in examples)
            alone = 100 * mean(next(iter(_by_class(e).values())) for e in examples)
            hearts[variant.name] = alone
        rows.append((f"{kind}, {variant.name}", epsilon, units, "", iou, alone))
    return Compared(away, hearts, rows)


def _by_class(example: Example) -> dict[str, float]:
    found: dict[str, float] = example.measures["target_iou_per_class"]
    return found
