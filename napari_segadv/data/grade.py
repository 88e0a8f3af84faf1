"""Grade: the class of a whole image: predicted, true or of a target."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.wording import class_name


@dataclass(frozen=True)
class Grade:
    """The class of an image.

    Attributes:
        label: class number.
        classes: names; empty if they have none.
        probabilities: of each class; empty if the grade was not predicted.
        path: the file that it was read from.
    """

    label: int
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    path: Path | None = None

    @property
    def array(self) -> npt.NDArray[np.int64]:
        """The class number as an array (1,), the one cell that an attack changes."""
        return np.array([self.label])

    @property
    def name(self) -> str:
        """The class's name."""
        return class_name(self.label, self.classes)

    @property
    def text(self) -> str:
        """The name and, for a prediction, the probability, rounded down."""
        if not self.probabilities:
            return self.name
        return f"{self.name} {math.floor(1000 * self.probabilities[self.label]) / 10:.1f} %"

    @property
    def data(self) -> dict[str, Any]:
        """The grade as plain data: label, class and, for a prediction, each class's probability."""
        found: dict[str, Any] = {"label": self.label, "class": self.name}
        if self.probabilities:
            names = self.classes or tuple(str(n) for n in range(len(self.probabilities)))
            found["probabilities"] = dict(zip(names, self.probabilities, strict=True))
        return found

    def named(self, classes: tuple[str, ...]) -> "Grade":
        """Return the same grade with names for all classes."""
        return replace(self, classes=classes)
