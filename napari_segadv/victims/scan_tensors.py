"""Turns a Scan into tensors and affines for a network, and tensors back into its arrays."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.scan import Scan
from ..io.geometry import as_stored
from .preprocessing.axes import Affine


def as_tensor(scan: Scan, device: str | torch.device) -> Tensor:
    """Return a scan as (1, C, *S) float32; a copy, so that the caller's array never changes.

    Of several channels, each is in its own units.
    """
    x = torch.from_numpy(np.array(scan.array, dtype=np.float32))
    x = x.movedim(-1, 0) if scan.multichannel else x.unsqueeze(0)
    return x.unsqueeze(0).contiguous().to(device)


def as_array(images: Tensor, scan: Scan) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the first of images (N, C, *S) as an array of a scan's shape."""
    x = images[0].detach().float().cpu()
    return np.ascontiguousarray((x.movedim(0, -1) if scan.multichannel else x[0]).numpy())


def field_array(field: Tensor, scan: Scan) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the first of fields (N, K, *S) as an array with its components last.

    A single component of a grey image has no axis.
    """
    if field.shape[1] == scan.channels:
        return as_array(field, scan)
    return np.ascontiguousarray(field[0].detach().float().movedim(0, -1).cpu().numpy())


def ras_affine(scan: Scan) -> Affine:
    """Return the affine from index (z, y, x) to RAS world (x, y, z).

    That of a NIfTI file is the one that MONAI reads there, bit by bit: which pixels a resampling
    makes exactly 0 depends on its last digits. Without geometry, the world is in pixels.
    """
    stored = as_stored(scan)
    if stored is not None:
        return stored[:, [2, 1, 0, 3]]
    affine = scan.grid.affine.copy()
    if scan.grid.physical:
        affine[-3:-1] *= -1.0
    return np.vstack([affine[-2::-1], affine[-1:]])


def slice_affine(scan: Scan) -> Affine:
    """Return the affine of a slice, index (y, x) to (x, y), with the volume's spacing and flips.

    Slices lie along the array's first axis and count as axial, whatever their plane.
    """
    affine = np.eye(3)
    whole = ras_affine(scan)[:3, 1:3]
    y, x = (float(np.sign(whole[np.abs(whole[:, i]).argmax(), i])) for i in (0, 1))
    affine[:2, :2] = [[0, x * scan.grid.spacing[2]], [y * scan.grid.spacing[1], 0]]
    return affine
