"""Resampling as nnU-Net does it: differentiable, or by the very functions that nnU-Net calls.

A differentiable resampling is a matrix for each axis, then a clamp. The matrices are read off those
functions (of scikit-image, SciPy and torch), by giving them unit vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from ...errors import SegadvError
from .axes import along

# Ratio of the coarsest to the finest axis above which nnU-Net resamples the coarsest on its own.
ANISOTROPY = 3.0
SPLINE, TORCH, NOTHING = (
    "resample_data_or_seg_to_shape",
    "resample_torch_fornnunet",
    "no_resampling_hack",
)
# What the arguments of each may be; nnU-Net's own ones that don't change the result are left out.
ARGUMENTS = {
    SPLINE: ("order", "order_z", "force_separate_z", "separate_z_anisotropy_threshold"),
    TORCH: ("force_separate_z", "separate_z_anisotropy_threshold", "mode", "aniso_axis_mode"),
    NOTHING: (),
}
ORDERS = range(6)
WITHOUT_EFFECT = ("num_threads", "device", "memefficient_seg_resampling")
Array = npt.NDArray[Any]
Matrix = Callable[[int, int], Tensor]


@dataclass(frozen=True)
class Stage:
    """Matrices along some axes, and the axes over whose values the result is clamped (none: no).

    Both count the axes of S from 0.
    """

    matrices: Mapping[int, Tensor]
    clamped: tuple[int, ...] = ()

    def __call__(self, x: Tensor) -> Tensor:
        """Resample (N, C, *S)."""
        over = [2 + axis for axis in self.clamped]
        # scikit-image cuts off what a cubic spline overshoots, for each image that it is given.
        ends = (x.amin(over, True), x.amax(over, True)) if over else None
        for axis, matrix in self.matrices.items():
            x = along(x, 2 + axis, matrix.to(x))
        if ends is not None:
            x = torch.maximum(torch.minimum(x, ends[1]), ends[0])
        return x


@dataclass(frozen=True)
class Resampler:
    """One of nnU-Net's functions for resampling, with its arguments.

    Attributes:
        kind: the function's name.
        order, order_z: of the spline; along an axis resampled on its own.
        separate_z: whether the coarsest axis is resampled on its own; None: if it is much coarser.
        threshold: how much coarser.
        mode, mode_z: of torch's function, in the plane, and along an axis on its own.
    """

    kind: str = SPLINE
    order: int = 3
    order_z: int = 0
    separate_z: bool | None = False
    threshold: float = ANISOTROPY
    mode: Literal["linear", "nearest", "nearest-exact"] = "linear"
    mode_z: Literal["linear", "nearest", "nearest-exact"] = "nearest-exact"

    @classmethod
    def planned(cls, name: str, arguments: Mapping[str, Any]) -> "Resampler":
        """Read a function's name and arguments from an nnU-Net plan.

        Raises:
            SegadvError: if it is not one of nnU-Net's own, or is called as nnU-Net does not.
        """
        if name not in ARGUMENTS:
            raise SegadvError(
                f"resampling function {name} is not one of nnU-Net's own, so it can't be "
                f"reproduced; these are: {', '.join(ARGUMENTS)}"
            )
        given = {k: v for k, v in arguments.items() if k not in WITHOUT_EFFECT}
        if given.pop("is_seg", False):
            raise SegadvError(f"resampling function {name} is given an image as a label map")
        unknown = [key for key in given if key not in ARGUMENTS[name]]
        if unknown:
            raise SegadvError(f"resampling function {name} has no argument {unknown[0]}")
        # Without the argument, the spline keeps the axes together and torch's function decides.
        separate = given.get("force_separate_z", None if name == TORCH else False)
        for key in ("order", "order_z"):
            if given.get(key, 0) not in ORDERS:
                raise SegadvError(f"resampling function {name}: {key} must be from 0 to 5")
        modes = given.get("mode", "linear"), given.get("aniso_axis_mode", "nearest-exact")
        for mode in modes:
            if mode not in ("linear", "nearest", "nearest-exact"):
                raise SegadvError(f"resampling function {name}: mode {mode} is not known")
        return cls(
            name,
            int(given.get("order", 3)),
            int(given.get("order_z", 0)),
            None if separate is None else bool(separate),
            float(given.get("separate_z_anisotropy_threshold", ANISOTROPY)),
            *modes,
        )

    def stages(
        self,
        size: Sequence[int],
        new_size: Sequence[int],
        spacing: Sequence[float],
        new_spacing: Sequence[float],
    ) -> tuple[Stage, ...]:
        """Resample three axes from one size to another; no stage if nothing changes.

        Args:
            size, new_size: before and after.
            spacing, new_spacing: in mm, from which it decides whether an axis goes on its own.
        """
        changed = [axis for axis in range(3) if size[axis] != new_size[axis]]
        if self.kind == NOTHING or not changed:
            return ()

        def matrices(axes: Sequence[int], of: Matrix) -> dict[int, Tensor]:
            return {i: of(size[i], new_size[i]) for i in axes if i in changed}

        alone = self.alone(spacing, new_spacing)
        plane = [axis for axis in range(3) if axis != alone]
        if self.kind == TORCH:
            # nnU-Net passes its `mode` on only if an axis goes on its own.
            mode = "linear" if alone is None else self.mode
            first = Stage(matrices(plane, lambda m, n: interpolated(m, n, mode)))
            of_axis: Matrix = lambda m, n: interpolated(m, n, self.mode_z)  # noqa: E731
        else:
            cubic = matrices(plane, lambda m, n: spline(m, n, self.order))
            first = Stage(cubic, tuple(plane) if cubic and self.order > 1 else ())
            of_axis = lambda m, n: points(m, n, self.order_z)  # noqa: E731
        if alone is None:
            return (first,)
        return (first, Stage(matrices([alone], of_axis)))

    def itself(
        self,
        x: Tensor,
        new_size: Sequence[int],
        spacing: Sequence[float],
        new_spacing: Sequence[float],
    ) -> Tensor:
        """Resample (N, C, *S) by the functions that nnU-Net calls; without a gradient.

        Equal to the stages but for rounding, and to nnU-Net bit for bit.
        """
        size = x.shape[2:]
        if self.kind == NOTHING or list(size) == list(new_size):
            return x
        alone = self.alone(spacing, new_spacing)
        if self.kind == TORCH:
            return self._by_torch(x.detach().float(), new_size, alone)
        out = np.empty((*x.shape[:2], *new_size), x.new_empty(0).cpu().numpy().dtype)
        for place in np.ndindex(*x.shape[:2]):
            # One channel after the other, to save memory.
            out[place] = self._by_scipy(x[place].detach().cpu().numpy(), new_size, alone)
        return torch.from_numpy(out).to(x.device)

    def _by_scipy(self, array: Array, new_size: Sequence[int], alone: int | None) -> Array:
        array = array.astype(np.float64)
        if alone is None:
            return self._resized(array, new_size)
        plane = [n for axis, n in enumerate(new_size) if axis != alone]
        parts = [self._resized(part, plane) for part in np.moveaxis(array, alone, 0)]
        array = np.stack(parts, axis=alone)
        if array.shape[alone] == new_size[alone]:
            return array
        if self.order_z == 0:
            at = _centres(array.shape[alone], new_size[alone])[None]
            numbers = np.arange(array.shape[alone])
            chosen = ndimage.map_coordinates(numbers, at, order=0, mode="nearest")
            taken: Array = array.take(chosen, axis=alone)
            return taken
        scales = [m / n for m, n in zip(array.shape, new_size, strict=True)]
        index = np.mgrid[tuple(slice(n) for n in new_size)]
        at = np.array([s * (i + 0.5) - 0.5 for s, i in zip(scales, index, strict=True)])
        found: Array = ndimage.map_coordinates(array, at, order=self.order_z, mode="nearest")
        return found

    def _resized(self, array: Array, size: Sequence[int]) -> Array:
        found: Array = _resize(array, tuple(size), self.order)
        return found

    def _by_torch(self, x: Tensor, new_size: Sequence[int], alone: int | None) -> Tensor:
        if alone is None:
            return F.interpolate(x, tuple(new_size), mode="trilinear")
        plane = [n for axis, n in enumerate(new_size) if axis != alone]
        in_plane = "bilinear" if self.mode == "linear" else self.mode
        along_it = "trilinear" if self.mode_z == "linear" else self.mode_z
        flat = x.movedim(2 + alone, 2).flatten(1, 2)
        if list(flat.shape[2:]) != plane:
            flat = F.interpolate(flat, plane, mode=in_plane)
        x = flat.unflatten(1, (x.shape[1], -1)).movedim(2, 2 + alone)
        if x.shape[2 + alone] == new_size[alone]:
            return x
        return F.interpolate(x, tuple(new_size), mode=along_it)

    def alone(self, spacing: Sequence[float], new_spacing: Sequence[float]) -> int | None:
        """Return the axis that is resampled on its own, if one is."""
        uneven = [s for s in (spacing, new_spacing) if max(s) / min(s) > self.threshold]
        if self.separate_z is None and not uneven:
            return None
        if self.separate_z is False:
            return None
        deciding = spacing if self.separate_z else uneven[0]
        coarsest = [axis for axis in range(3) if max(deciding) / deciding[axis] == 1]
        return coarsest[0] if len(coarsest) == 1 else None


def spline(size: int, new_size: int, order: int) -> Tensor:
    """Return the weights (new_size, size) of scikit-image's `resize`."""
    units = np.eye(size)
    rows = _resize(units, (new_size, size), order, clip=False)
    return torch.from_numpy(np.ascontiguousarray(rows))


def _resize(array: Array, size: tuple[int, ...], order: int, clip: bool = True) -> Array:
    from skimage.transform import resize  # late: few victims need it

    found: Array = resize(array, size, order, mode="edge", anti_aliasing=False, clip=clip)
    return found


def _centres(size: int, new_size: int) -> Array:
    """Return where the new pixels' centres lie on an axis, in its old pixels."""
    centres: Array = float(size) / new_size * (np.arange(new_size) + 0.5) - 0.5
    return centres


def points(size: int, new_size: int, order: int) -> Tensor:
    """Return the weights (new_size, size) of SciPy's `map_coordinates`, as nnU-Net calls it."""
    at = _centres(size, new_size)
    where = np.stack(np.meshgrid(at, np.arange(float(size)), indexing="ij"))
    rows = ndimage.map_coordinates(np.eye(size), where, order=order, mode="nearest")
    return torch.from_numpy(rows)


def interpolated(size: int, new_size: int, mode: str) -> Tensor:
    """Return the weights (new_size, size) of torch's `interpolate`."""
    units = torch.eye(size)[None]
    return F.interpolate(units, new_size, mode=mode, antialias=False)[0].T.contiguous()
