"""Goals beside what was measured."""

import random
from collections.abc import Iterable

import numpy as np
import torch

from .contestants import CONTESTANTS, Contestant

OURS = "ours"


def here() -> list[Contestant]:
    """The contestants whose packages are installed."""
    return [one for one in CONTESTANTS if one.here]


def seed(number: int) -> None:
    """The same random start for each package, whichever generator it draws from."""
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def peers(names: Iterable[str]) -> list[str]:
    """Those that are not ours."""
    return [name for name in names if not name.startswith(OURS)]


def goal(text: str, met: bool, figure: str) -> None:
    """Prints whether a goal is met, with the figure."""
    print(f"\nGoal: {text}. {'Met' if met else 'MISSED'}: {figure}.", flush=True)


def behind(names: list[str]) -> str:
    return f"behind {', '.join(names)}" if names else "behind none"
