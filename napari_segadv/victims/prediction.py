"""Prediction: what all predictions, targets and truths have in common."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Prediction(Protocol):
    """What a victim predicts on a scan, or is to be made to predict; frozen."""

    @property
    def array(self) -> npt.NDArray[np.integer[Any]]:
        """Class numbers (*S') of the cells that an attack moves."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty if they have none."""

    @property
    def path(self) -> Path | None:
        """The file that it was read from, if any."""

    def named(self, classes: tuple[str, ...]) -> "Prediction":
        """Return a copy with these names for its classes."""
