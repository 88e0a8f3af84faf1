"""`segadv reproduce`: a paper's table beside ours, on phantoms or on the user's own cases."""

from types import ModuleType
from typing import Any, Protocol

from ..common import discovery
from . import papers
from .bench import Bench
from .report import Report, Running

__all__ = ["Bench", "Paper", "Report", "Running", "cases_of", "get", "names"]


class Paper(Protocol):
    """What a module of `papers` declares.

    Attributes:
        NAME: what the command calls it.
        TITLE, SOURCE: for the report.
        VICTIM: the built-in victim that it is run on by default.
        TASKS: the tasks of victims that it can be run on.
        CASES: how many phantoms it takes by default. A module may also declare CASES_BY_TASK, the
            numbers for victims of some tasks.
        SURROGATE: whether it needs a network to stand in for the victim.
    """

    NAME: str
    TITLE: str
    SOURCE: str
    VICTIM: str
    TASKS: tuple[str, ...]
    CASES: int
    SURROGATE: bool

    def run(self, bench: Bench) -> Running:
        """Run the reproduction: yield its progress and return the report."""


def cases_of(paper: Paper, task: str) -> int:
    """Return how many phantoms a reproduction takes for a victim of a task."""
    return int(getattr(paper, "CASES_BY_TASK", {}).get(task, paper.CASES))


def names() -> list[str]:
    """Return the names of all reproductions, without importing them."""
    return [name.replace("_", "-") for name in discovery.names(papers)]


def _paper_in(module: ModuleType) -> list[tuple[str, Any]]:
    return [(module.NAME, module)]


PAPERS: discovery.Registry[Paper] = discovery.Registry("reproduction", papers, _paper_in)


def get(name: str) -> Paper:
    """Return the reproduction of this name.

    Raises:
        SegadvError: if there is none of this name.
    """
    return PAPERS.get(name)
