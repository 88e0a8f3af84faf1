"""`segadv reproduce`: a paper's table beside ours, on phantoms or on the user's own cases."""

from functools import cache
from typing import Protocol

from .. import discovery
from ..errors import SegadvError
from . import papers
from .bench import Bench, Report, Running

__all__ = ["Bench", "Paper", "Report", "Running", "get", "names"]


class Paper(Protocol):
    """What a module of `papers` declares.

    Attributes:
        NAME: what the command calls it.
        TITLE, SOURCE: for the report.
        VICTIM: the built-in victim that it is run on by default.
        CASES: how many phantoms.
        SURROGATE: whether it needs a network to stand in for the victim.
    """

    NAME: str
    TITLE: str
    SOURCE: str
    VICTIM: str
    CASES: int
    SURROGATE: bool

    def run(self, bench: Bench) -> Running:
        """Yields its progress and returns the report."""


def names() -> list[str]:
    """The names of all reproductions, without importing them."""
    return [name.replace("_", "-") for name in discovery.names(papers)]


@cache
def get(name: str) -> Paper:
    """The reproduction of a name.

    Raises:
        SegadvError: where there is none.
    """
    for module in discovery.modules(papers):
        if name == module.NAME:
            return module
    raise SegadvError(f"{name}: no such reproduction; there are {', '.join(names())}")
