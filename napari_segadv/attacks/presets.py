"""Presets that every attack has besides its defaults: subtle, as published, strong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.parameters import parameters
from .base import Attack

SUBTLE_BUDGET, STRONG_BUDGET, MORE_STEPS = 0.5, 2.0, 2.5


@dataclass(frozen=True)
class Preset:
    """Settings of an attack.

    Attributes:
        name: name of the preset.
        doc: what it is for, in one line for people.
        settings: parameters that differ from the attack's defaults, without epsilon.
        budget: as a multiple of the usual budget (`budgets.default_budget`); None: no limit.
    """

    name: str
    doc: str
    settings: Mapping[str, Any]
    budget: float | None


def presets_of(attack: type[Attack]) -> tuple[Preset, ...]:
    """Return the presets of an attack, the one with its defaults first.

    "paper" takes what the attack declares as `published`; "strong" has more steps.
    """
    usual = None if attack.unbounded else 1.0
    return (
        Preset("usual", "The attack's defaults and the standard budget", {}, usual),
        Preset(
            "subtle",
            "Half the standard budget: less visible, harder to succeed",
            {},
            SUBTLE_BUDGET,
        ),
        Preset("paper", f"As published: {attack.source}", attack.published, usual),
        Preset("strong", "Twice the standard budget, more steps", _longer(attack), STRONG_BUDGET),
    )


def _longer(attack: type[Attack]) -> dict[str, Any]:
    steps = next((p.default for p in parameters(attack) if p.name == "steps"), None)
    return {} if steps is None else {"steps": int(MORE_STEPS * steps)}
