"""The way back by the nearest pixel, where two of the network's pixels are as near."""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .axes import Affine, AxesMap, Back

# Two such digits hold the number of any pixel.
DIGIT = 1 << 16


@dataclass(frozen=True)
class Undo:
    """What MONAI needs to map values back through one of its transforms.

    Attributes:
        transform: MONAI's own, which has been applied.
        operations: what it noted of that.
        affine: of the grid that it led to.
    """

    transform: Any
    operations: list[Any]
    affine: Affine

    def values(self, z: Tensor) -> Tensor:
        """Map values (K, *S) back as MONAI does."""
        from monai.data import MetaTensor

        image = MetaTensor(z, affine=torch.from_numpy(self.affine))
        image.applied_operations = deepcopy(self.operations)
        found: Tensor = self.transform.inverse(image).as_tensor()
        return found


class Ties:
    """The way back through a resampling in which pixels lie half-way between two of the network's.

    Which of the two MONAI takes depends on how it rounds, so its choice is read off MONAI itself.
    """

    def __init__(
        self, axes: AxesMap, before: tuple[int, ...], after: tuple[int, ...], undo: Undo
    ) -> None:
        """Prepare.

        Args:
            axes: the resampling.
            before, after: shapes of the image's grid and of the network's.
            undo: undoes the resampling.
        """
        self._axes, self._before, self._after, self._undo = axes, before, after, undo
        self._places: Tensor | None = None

    def __call__(self, z: Tensor, way: Back) -> Tensor:
        """Map values (N, K, *after) back to (N, K, *before)."""
        if not way.nearest:
            return self._axes.backward(z, way)
        if self._places is None:
            self._places = self._read()
        found: Tensor = z.flatten(2)[:, :, self._places.to(z.device)]
        return found.reshape(*found.shape[:2], *self._before)

    def _read(self) -> Tensor:
        """Return the number of the network's pixel that MONAI takes for each of the image's."""
        from monai.data import MetaTensor
        from monai.transforms.utils import convert_applied_interp_mode

        numbers = torch.arange(math.prod(self._after)).reshape(1, *self._after)
        # MONAI returns float32, which holds whole numbers up to 2^24 alone.
        parts = torch.cat([numbers // DIGIT, numbers % DIGIT]).double()
        image = MetaTensor(parts, affine=torch.from_numpy(self._undo.affine))
        image.applied_operations = convert_applied_interp_mode(
            self._undo.operations, "nearest", None
        )
        high, low = self._undo.transform.inverse(image).as_tensor().round().long()
        places: Tensor = (DIGIT * high + low).flatten()
        return places
