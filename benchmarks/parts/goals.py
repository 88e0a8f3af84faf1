"""Goals, and whether the measured figures meet them."""

import random
from collections.abc import Iterable

import numpy as np
import torch

from .contestants import CONTESTANTS, Contestant

OURS = "ours"


def here() -> list[Contestant]:
    """Return the contestants whose packages are installed."""
    return [one for one in CONTESTANTS if one.here]


def seed(number: int) -> None:
    """Seed every generator, so that each package gets the same random start."""
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def peers(names: Iterable[str]) -> list[str]:
    """Return the names of attacks that are not ours."""
    return [name for name in names if not name.startswith(OURS)]


def goal(text: str, met: bool, figure: str) -> None:
    """Print whether a goal is met, with the figure."""
    print(f"\nGoal: {text}. {'Met' if met else 'MISSED'}: {figure}.", flush=True)


def behind(names: list[str]) -> str:
    return f"behind {', '.join(names)}" if names else "behind none"
