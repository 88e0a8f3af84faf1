"""Prediction: what every kind of prediction, target and truth has in common."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


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
