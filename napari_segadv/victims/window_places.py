"""Where the windows of a sliding window lie, and how much each pixel of one counts in the blend."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from .pieces import Index

# nnU-Net's largest weight. In half precision, the smallest that is not 0 is 6e-8.
NNUNET_PEAK = 10.0


def regular(size: Sequence[int], roi: Sequence[int], overlap: Sequence[float]) -> list[Index]:
    """Place windows as MONAI does: in equal steps, the last one moved back into the image."""
    from monai.data.utils import dense_patch_slices

    step = [
        r if r == n else max(int(r * (1 - o)), 1)
        for r, n, o in zip(roi, size, overlap, strict=True)
    ]
    places: list[Index] = dense_patch_slices(tuple(size), tuple(roi), step)
    return places


def spread(size: Sequence[int], roi: Sequence[int], overlap: Sequence[float]) -> list[Index]:
    """Place windows as nnU-Net does: as few as needed, evenly spread from border to border."""
    starts = []
    for n, r, o in zip(size, roi, overlap, strict=True):
        count = int(np.ceil((n - r) / (r * (1 - o)))) + 1
        pace = (n - r) / max(count - 1, 1)
        starts.append([round(pace * i) for i in range(count)])
    grid = np.stack(np.meshgrid(*starts, indexing="ij"), -1).reshape(-1, len(starts))
    return [
        tuple(slice(start, start + r) for start, r in zip(place, roi, strict=True))
        for place in grid.tolist()
    ]


def importance(mode: str, roi: tuple[int, ...], sigma_scale: float, like: Tensor) -> Tensor:
    """Return the weight of each pixel of a window (1, 1, *roi), on the device of `like`.

    MONAI's weights are of the type of `like`. nnU-Net's are float16, as it rounds them: its
    smallest, which float16 can't hold, are all the same.
    """
    if mode == "nnunet":
        return _nnunet(roi, sigma_scale).to(like.device)
    from monai.data.utils import compute_importance_map

    weights: Tensor = compute_importance_map(
        roi, mode=mode, sigma_scale=sigma_scale, device=like.device, dtype=like.dtype
    )
    return weights[None, None]


@lru_cache(maxsize=4)
def _nnunet(roi: tuple[int, ...], sigma_scale: float) -> Tensor:
    # A window of one slice has the weights of a patch without that axis.
    sizes = [n for n in roi if n > 1] or [1]
    point = np.zeros(sizes)
    point[tuple(n // 2 for n in sizes)] = 1
    smooth = gaussian_filter(point, [n * sigma_scale for n in sizes], 0, mode="constant", cval=0)
    smooth /= np.max(smooth) / NNUNET_PEAK
    weights = torch.from_numpy(smooth).half()
    nothing = weights == 0
    weights[nothing] = weights[~nothing].min()
    return weights.reshape(1, 1, *roi)
