"""Presets that every attack has besides its defaults: subtle, as published, strong."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.parameters import parameters
from .base import Attack, GradientAttack

SUBTLE_BUDGET, STRONG_BUDGET, MORE_STEPS = 0.5, 2.0, 2.5
SUBTLE_STEPS = 60
# What can be set of an attack that still starts from "subtle".
NEUTRAL = frozenset({"steps", "texture", "grain"})


@dataclass(frozen=True)
class Preset:
    """Settings of an attack.

    Attributes:
        name: name of the preset.
        doc: what it is for, in one line for people.
        settings: parameters that differ from the attack's defaults, without epsilon and norm.
        budget: as a multiple of the usual budget (`budgets.default_budget`); None: no limit.
        norm: of the budget.
    """

    name: str
    doc: str
    settings: Mapping[str, Any]
    budget: float | None
    norm: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings and the norm, as an attack takes them."""
        return {"norm": self.norm, **self.settings}


def presets_of(attack: type[Attack]) -> tuple[Preset, ...]:
    """Return the presets of an attack, the one with its defaults first.

    "subtle" makes the change of a gradient attack less visible once its goal is reached; other
    attacks get a smaller budget. "paper" takes what the attack declares as `published`; "strong"
    has more steps.
    """
    usual = None if attack.unbounded else 1.0
    norm = next(p.default for p in parameters(attack) if p.name == "norm")
    longer = _longer(attack)
    return (
        Preset("usual", "The attack's defaults and the standard budget", {}, usual, norm),
        _subtle(attack, norm),
        Preset("paper", f"As published: {attack.source}", attack.published, usual, norm),
        Preset("strong", "Twice the standard budget, more steps", longer, STRONG_BUDGET, norm),
    )


def first_preset(attack: type[Attack], told: Collection[str] = ()) -> Preset:
    """Return the preset that an attack starts from in the viewer and on the command line.

    A gradient attack makes its change as hard to see as it can, unless its user has said otherwise
    by a parameter. Another attack starts from its defaults.

    Args:
        attack: the attack.
        told: names of the parameters that its user sets.
    """
    usual, subtle, *_ = presets_of(attack)
    return subtle if issubclass(attack, GradientAttack) and NEUTRAL.issuperset(told) else usual


def _subtle(attack: type[Attack], norm: str) -> Preset:
    """Return the preset whose change is hard to see."""
    if issubclass(attack, GradientAttack):
        doc = "All steps are taken: once the goal is reached, they make the change less visible"
        return Preset("subtle", doc, {"polish": True, "steps": SUBTLE_STEPS}, 1.0, "visible")
    doc = "Half the standard budget: less visible, harder to succeed"
    return Preset("subtle", doc, {}, SUBTLE_BUDGET, norm)


def _longer(attack: type[Attack]) -> dict[str, Any]:
    steps = next((p.default for p in parameters(attack) if p.name == "steps"), None)
    return {} if steps is None else {"steps": int(MORE_STEPS * steps)}
