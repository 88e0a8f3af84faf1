"""What a task declares: how images become class logits, and what a prediction is.

An attack sees every victim as images (N, C, *S) to logits (N, K, *S') and labels (N, *S'). What
the cells of S' are is the task's choice: the scan's pixels for segmentation, one cell for
classification, anchors for detection.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from .. import discovery
from ..attacks.problem import Problem
from ..errors import SegadvError
from ..scan import Grid, Mask, Scan

if TYPE_CHECKING:
    from .victim import Model, Victim

DEFAULT = "segmentation"


class Prediction(Protocol):
    """What a victim says of a scan, or is to be made to say; frozen."""

    @property
    def array(self) -> npt.NDArray[np.integer[Any]]:
        """Class numbers (*S') of the cells that an attack moves."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty where nobody has named them."""

    @property
    def path(self) -> Path | None:
        """The file it came from."""

    def named(self, classes: tuple[str, ...]) -> "Prediction":
        """The same with names for its classes."""


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

    def default_name(self, label: int) -> str:
        """What a class is called that nobody has named."""
        return f"class {label}" if label else "background"

    def check(self, victim: "Victim", scan: Scan) -> None:
        """Raises SegadvError where such a victim can't take a scan of the right kind."""

    @abstractmethod
    def logits(self, model: "Model", images: Tensor) -> Tensor:
        """Class logits (N, K, *S') for images (N, C, *S), with the gradient."""

    @abstractmethod
    def predict(self, model: "Model", images: Tensor) -> P:
        """The prediction for the first of some images; called without a gradient."""

    @abstractmethod
    def wanted(self, given: Any, role: str, scan: Scan, victim: "Victim") -> P:
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


@cache
def tasks() -> dict[str, Task[Any]]:
    """Every declared task, by its name."""
    from . import tasks as declared

    return {module.TASK.name: module.TASK for module in discovery.modules(declared)}


def task_of(name: str) -> Task[Any]:
    """The task of a name.

    Raises:
        SegadvError: where there is none.
    """
    try:
        return tasks()[name]
    except KeyError:
        raise SegadvError(f"task {name}: unknown; there are {', '.join(tasks())}") from None


def number_in(text: str) -> int | None:
    """The class number that a text gives; None for a name, or for more digits than can be meant."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def task_in(text: str) -> Task[Any]:
    """The task that a text such as a bundle's metadata speaks of first; by default segmentation."""
    found = [
        (place, task.name)
        for task in tasks().values()
        for word in task.words
        if (place := text.lower().find(word)) >= 0
    ]
    return task_of(min(found)[1] if found else DEFAULT)
