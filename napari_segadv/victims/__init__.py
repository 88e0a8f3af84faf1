"""Victims: networks under attack, loaded from files or built in, with their preprocessing."""

from dataclasses import replace
from pathlib import Path

from ..errors import SegadvError
from ..samples import DEMO, bundles
from .bound import BoundVictim
from .loading.registry import load_file
from .victim import Victim

__all__ = ["BoundVictim", "Model", "Victim", "load_victim"]

# Its earlier name.
Model = BoundVictim


def load_victim(source: str | Path, trust: str | None = None) -> Victim:
    """Loads a victim.

    Args:
        source: `demo:NAME`, a MONAI bundle's folder, or a network file.
        trust: sha256 of a file that may run code on loading, agreed to beforehand.

    Raises:
        NeedsTrust: where it would run code that nobody has agreed to.
        SegadvError: where it can't be loaded.
    """
    text = str(source)
    if not text.startswith(DEMO):
        return load_file(Path(text), trust)
    name = text.removeprefix(DEMO)
    known = bundles()
    if name not in known:
        raise SegadvError(f"{text}: no such built-in victim; there are {', '.join(known)}")
    return replace(load_file(known[name]), trust="built-in", name=text)
