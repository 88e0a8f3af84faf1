"""Options that let noise carry over from a surrogate to the victim, measured as a black box."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# As published: Xie 2019, Dong 2019, Lin 2020; momentum as in Dong 2018.
DIVERSITY: Mapping[str, Any] = {"diversity": 0.5}
TRANSLATION: Mapping[str, Any] = {"translation": 7}
SCALES: Mapping[str, Any] = {"scales": 5}
MOMENTUM: Mapping[str, Any] = {"step": "momentum"}


@dataclass(frozen=True)
class Option:
    """Settings of the attack that differ from the paper's, and what it is crafted on.

    Attributes:
        settings: parameters of PGD.
        together: whether it is crafted on all surrogates at once, not on the first alone.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    together: bool = False


# The paper's attack without any option.
NONE = ""
EVERY = {**DIVERSITY, **TRANSLATION, **SCALES}
OPTIONS: Mapping[str, Option] = {
    NONE: Option(),
    "momentum": Option(MOMENTUM),
    "DI": Option(DIVERSITY),
    "TI": Option(TRANSLATION),
    "SI": Option(SCALES),
    "DI, TI, SI": Option(EVERY),
    "several surrogates": Option(together=True),
    "all of these": Option({**EVERY, **MOMENTUM}, together=True),
}


def options_for(surrogates: int) -> dict[str, str]:
    """Return the names of the options, and what the table calls them.

    Args:
        surrogates: how many there are; options of several need more than one.
    """
    words = {NONE: "no option", "several surrogates": f"{surrogates} surrogates"}
    return {
        name: words.get(name, name)
        for name, option in OPTIONS.items()
        if surrogates > 1 or not option.together
    }
