"""Grid: where the pixels of an array lie in the patient."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .subject import Subject


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the pixels of an array lie in the patient.

    Everything is in array order, (z, y, x) or (y, x): `spacing` and `origin` in mm, and
    `direction`, whose column i is the direction of array axis i in (z, y, x) world
    coordinates (LPS: z to the head, y to the back, x to the patient's left).

    A photograph has no geometry: `physical` is then False, spacing 1 and origin 0.

    A DICOM file says in whose body its pixels lie, too: `subject`, None if that is unknown.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: npt.NDArray[np.float64]
    physical: bool = True
    subject: Subject | None = None

    @classmethod
    def pixels(cls, shape: tuple[int, ...]) -> "Grid":
        """Return the grid of an image without geometry: unit spacing at the origin."""
        ndim = len(shape)
        return cls(shape, (1.0,) * ndim, (0.0,) * ndim, np.eye(ndim), physical=False)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @cached_property
    def affine(self) -> npt.NDArray[np.float64]:
        """Matrix (ndim + 1, ndim + 1) from array index to world, both in (z, y, x) order."""
        matrix = np.eye(self.ndim + 1)
        matrix[:-1, :-1] = self.direction @ np.diag(self.spacing)
        matrix[:-1, -1] = self.origin
        return matrix

    @property
    def turned(self) -> bool:
        """True if the array axes are not the world axes in order: oblique, sagittal, coronal."""
        return not np.allclose(np.abs(self.direction), np.eye(self.ndim), atol=1e-4)

    def same_as(self, other: "Grid") -> bool:
        """Return whether each index is the same place in both grids (to a hundredth of a pixel)."""
        if self.shape != other.shape:
            return False
        if not (self.physical and other.physical):
            return True
        tolerance = 0.01 * min(self.spacing)
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(self.ndim, -1)
        corners = np.vstack([corners, np.ones(corners.shape[1])])
        return bool(np.abs(self.affine @ corners - other.affine @ corners).max() <= tolerance)
