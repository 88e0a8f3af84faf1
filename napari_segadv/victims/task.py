"""What a task declares: which victims on a scan it makes, and what a prediction is.

An attack sees every victim as images (N, C, *S) to logits (N, K, *S') and labels (N, *S'). What
the cells of S' are is the task's choice: the scan's pixels for segmentation, one cell for
classification, anchors for detection.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy.typing as npt
import torch

from ..attacks.problem import Problem
from ..data.scan import Grid, Mask, Scan
from .bound import BoundVictim
from .pipeline import Pipeline
from .prediction import Prediction

P = TypeVar("P", bound=Prediction)


class Task(ABC, Generic[P]):
    """One kind of victim. A module of `tasks` declares an instance as TASK.

    Class attributes of a subclass:
        name: what `"task"` in a description calls it.
        words: what a bundle's metadata calls it, lower case.
        problem: what an attack is given; its `moving` and `keeping` say what success is.
        ending: of the file that a prediction is written as.
    """

    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    problem: ClassVar[type[Problem]] = Problem
    ending: ClassVar[str]

    def names(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        """Class names from those that a file lists; a single one has a second class beside it."""
        return listed if len(listed) != 1 else ("background", *listed)

    @abstractmethod
    def bind(self, victim: Pipeline, scan: Scan, device: torch.device) -> BoundVictim:
        """A victim of this task on a scan's grid, which is on the device already.

        Raises:
            SegadvError: if it can't take the scan.
        """

    @abstractmethod
    def wanted(self, given: Any, role: str, scan: Scan, victim: Pipeline) -> P:
        """What a user gave as target or truth: a prediction, an array, a name, or a file's path.

        Raises:
            SegadvError: where it can't be meant.
        """

    def fitted(self, wanted: P, reference: P) -> P:
        """What is wanted, with an `array` of the same cells as a prediction has."""
        return wanted

    @abstractmethod
    def measure(
        self, before: P, after: P, *, target: P | None, truth: P | None, care: Mask | None
    ) -> dict[str, Any]:
        """Figures of a prediction after an attack beside the one before, with `moved` and `kept`.

        `moved` and `kept` are shares, None where there is nothing to move or to keep.
        """

    def record(self, prediction: P) -> dict[str, Any] | None:
        """A prediction as plain data for `result.json`; None where its file says all there is."""
        return None

    @abstractmethod
    def save(self, prediction: P, path: Path) -> None:
        """Writes a prediction as a file with the task's ending.

        Raises:
            SegadvError: where the file can't be written.
        """

    def exact(self, prediction: P) -> dict[str, npt.NDArray[Any]]:
        """What a prediction's file rounds or leaves away, as arrays by name."""
        return {}

    @abstractmethod
    def load(
        self,
        path: Path,
        grid: Grid,
        classes: tuple[str, ...],
        exact: Mapping[str, npt.NDArray[Any]],
    ) -> P:
        """A prediction from the file that `save` wrote.

        Args:
            path: the file.
            grid: of the image.
            classes: names of all classes.
            exact: what `exact` gave; empty where nobody has kept it.

        Raises:
            SegadvError: where the file is damaged or of another image.
        """

    @abstractmethod
    def check_output(self, path: Path) -> None:
        """Raises SegadvError where predictions can't be written as such a file."""

    def listing(self, prediction: P) -> str:
        """What a prediction's file holds, in a line for people; by default its classes."""
        return ", ".join(f"{n} {name}" for n, name in enumerate(prediction.classes))

    @abstractmethod
    def headline(self, before: P, after: P, measures: Mapping[str, Any]) -> str:
        """What an attack has made of a prediction, in a few words; "" for nothing to say."""

    def caption(self, prediction: P) -> str:
        """What stands over a picture of a prediction; "" where the picture says it."""
        return ""


def number_in(text: str) -> int | None:
    """The class number that a text gives; None for a name, or for more digits than can be meant."""
    return int(text) if text.isdecimal() and len(text) < 10 else None
