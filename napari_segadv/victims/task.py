"""Task: how victims of one kind are bound to a scan, and what their predictions are.

To an attack, every victim maps images (N, C, *S) to logits (N, K, *S') and labels (N, *S'). The
task decides what the cells of S' are: the scan's pixels for segmentation, one cell for
classification, anchors for detection.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy.typing as npt

from ..attacks.problem import Problem
from ..data.scan import Grid, Mask, Scan
from .bound import BoundVictim
from .pipeline import Pipeline
from .prediction import Prediction

P = TypeVar("P", bound=Prediction)


class Task(ABC, Generic[P]):
    """One kind of victim. Each module of `tasks` declares an instance as TASK.

    Class attributes of a subclass:
        name: what `"task"` in a description calls it.
        words: what a bundle's metadata calls it, in lower case.
        attacked_as: the task among an attack's `tasks` that such victims count as; "": their own.
        bound: the class of such a victim on a scan's grid.
        problem: what an attack is given; its `moving` and `keeping` define success.
        ending: of the file that a prediction is written to.
    """

    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    attacked_as: ClassVar[str] = ""
    bound: ClassVar[type[BoundVictim]]
    problem: ClassVar[type[Problem]] = Problem
    ending: ClassVar[str]

    def suits(self, tasks: Collection[str]) -> bool:
        """Return whether an attack for these tasks can be run on victims of this one."""
        return (self.attacked_as or self.name) in tasks

    def names(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        """Complete the class names that a file lists: a single one gets a second class."""
        return listed if len(listed) != 1 else ("background", *listed)

    @abstractmethod
    def wanted(self, given: Any, role: str, scan: Scan, victim: Pipeline) -> P:
        """Read what a user gave as target or truth: a prediction, array, name or file path.

        Raises:
            SegadvError: if it is invalid.
        """

    def fitted(self, wanted: P, reference: P) -> P:
        """Return a target or truth whose `array` has the cells of the prediction `reference`."""
        return wanted

    @abstractmethod
    def measure(
        self, before: P, after: P, *, target: P | None, truth: P | None, care: Mask | None
    ) -> dict[str, Any]:
        """Compare the predictions before and after an attack.

        The figures include the shares `moved` and `kept`, None if there is nothing to move or keep.
        """

    def record(self, prediction: P) -> dict[str, Any] | None:
        """Return a prediction as plain data for `result.json`; None if its file holds it all."""
        return None

    @abstractmethod
    def save(self, prediction: P, path: Path) -> None:
        """Write a prediction to a file with the task's ending.

        Raises:
            SegadvError: if the file can't be written.
        """

    def exact(self, prediction: P) -> dict[str, npt.NDArray[Any]]:
        """Return what a prediction's file rounds or omits, as arrays by name."""
        return {}

    @abstractmethod
    def load(
        self,
        path: Path,
        grid: Grid,
        classes: tuple[str, ...],
        exact: Mapping[str, npt.NDArray[Any]],
    ) -> P:
        """Read a prediction from the file that `save` wrote.

        Args:
            path: the file.
            grid: of the image.
            classes: names of all classes.
            exact: what `exact` returned; empty if it was not kept.

        Raises:
            SegadvError: if the file is damaged or belongs to another image.
        """

    @abstractmethod
    def check_output(self, path: Path) -> None:
        """Raise SegadvError if predictions can't be written to a file of this kind."""

    def listing(self, prediction: P) -> str:
        """Describe in one line of text what a prediction's file holds; by default its classes."""
        return ", ".join(f"{n} {name}" for n, name in enumerate(prediction.classes))

    @abstractmethod
    def headline(self, before: P, after: P, measures: Mapping[str, Any]) -> str:
        """Say in a few words how an attack changed a prediction; "" if there is nothing to say."""

    def caption(self, prediction: P) -> str:
        """Return the text above a picture of a prediction; "" if the picture needs none."""
        return ""


def number_in(text: str) -> int | None:
    """Parse a class number; return None for a name, or for a number too long to be a class."""
    return int(text) if text.isdecimal() and len(text) < 10 else None
