"""What TotalSegmentator does around nnU-Net: it resamples the image, and the label map back."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import zoom
from torch import Tensor

from .axes import Back, along
from .chain import BoundTransform, Space
from .nnunet import Planned, check_size, spacing_of


@dataclass(frozen=True)
class Zoom(Planned):
    """Resamples to a spacing by cubic splines, from the first pixel's centre to the last one's.

    The result is cut to whole numbers, as TotalSegmentator stores it; the derivative of that is
    taken as 1. On the way back each pixel gets the logits of the nearest one, so that the likeliest
    class is that of the label map, enlarged by the nearest neighbour.

    Attributes:
        spacing: in mm, in the order of the axes.
    """

    spacing: tuple[float, ...]

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        factors = [old / new for old, new in zip(spacing_of(space), self.spacing, strict=True)]
        shape = [round(n * factor) for n, factor in zip(space.shape, factors, strict=True)]
        check_size(self.name, space, shape, self.spacing)
        unchanged = all(factor == 1 for factor in factors)
        there = [_weights(n, factor) for n, factor in zip(space.shape, factors, strict=True)]
        back = [_nearest(n, m) for n, m in zip(shape, space.shape, strict=True)]

        def forward(x: Tensor) -> Tensor:
            fine = x.double()
            for axis, weights in enumerate(there):
                fine = fine if unchanged else along(fine, 2 + axis, weights.to(x.device))
            return (fine + (fine.trunc() - fine).detach()).to(x.dtype)

        def backward(z: Tensor, way: Back) -> Tensor:
            for axis, places in enumerate(back):
                z = _taken(z, 2 + axis, places.to(z.device), way.certain)
            return z

        affine = space.affine.copy()
        affine[:-1, :-1] /= factors
        after = forward(image[None])[0]
        return BoundTransform(forward, backward), after, Space(tuple(after.shape[1:]), affine)


def _weights(size: int, factor: float) -> Tensor:
    """Return the weights (new size, size) of SciPy's cubic `zoom`, read off unit vectors."""
    return torch.from_numpy(zoom(np.eye(size), (factor, 1.0), order=3))


def _nearest(size: int, new_size: int) -> Tensor:
    """Return the pixel that SciPy's `zoom` of order 0 takes for each of the new ones, or -1.

    For some sizes it takes the last pixel's place to lie outside, by a rounding error, and puts 0.
    """
    numbers = zoom(np.arange(1, size + 1), new_size / size, order=0)
    return torch.from_numpy(numbers.astype(np.int64) - 1)


def _taken(z: Tensor, axis: int, places: Tensor, certain: float) -> Tensor:
    """Take logits at places along an axis; at -1 they are those of certain background."""
    taken = z.index_select(axis, places.clamp_min(0))
    if bool((places >= 0).all()):
        return taken
    outside = torch.zeros_like(z[:1, :, :1, :1, :1])
    outside[:, 0] = certain
    shape = [1] * z.ndim
    shape[axis] = -1
    return torch.where((places < 0).view(shape), outside, taken)
