"""What is asked of `craft`: scan, victim, attack and masks, checked against each other."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from . import io
from .attacks import Attack, Problem
from .errors import SegadvError
from .scan import Array, Mask, Scan
from .victims.victim import Model, Victim


@dataclass(frozen=True)
class Request:
    """What is to be crafted: every mask on the scan's grid.

    Raises:
        SegadvError: where a region or care mask marks nothing.
    """

    scan: Scan
    victim: Victim
    attack: Attack
    target: Mask | None
    truth: Mask | None
    region: Mask | None
    care: Mask | None
    surrogate: Victim | None
    device: str
    seed: int
    poll: Callable[[], None] = field(default=lambda: None)

    def __post_init__(self) -> None:
        for name, mask in (("region", self.region), ("care mask", self.care)):
            if mask is not None and not np.any(mask.array):
                raise SegadvError(f"{mask.path or name}: the {name} is empty; mark some pixels")


def pick_device(device: str) -> str:
    """What "auto" means here.

    Raises:
        SegadvError: where a GPU is asked for and there is none, or the name is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SegadvError(f"device {device}: unknown; use auto, cpu or cuda")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SegadvError("device cuda: torch finds no GPU here; use --device cpu")
    return "cuda" if device != "cpu" and available else "cpu"


def problem_of(
    request: Request, model: Model, reference: Mask, window: tuple[float, float]
) -> Problem:
    """The request as tensors.

    Args:
        request: what is asked for.
        model: what is attacked: the victim or its surrogate.
        reference: what the model predicts on the clean image.
        window: the intensities that the victim sees.
    """

    def tensor(mask: Mask | None) -> torch.Tensor | None:
        if mask is None:
            return None
        return torch.from_numpy(mask.array.astype(np.int64))[None].to(model.device)

    def marked(mask: Mask) -> torch.Tensor:
        return torch.from_numpy(mask.array != 0)[None].to(model.device)

    known = tensor(reference)
    wanted = request.target or request.truth
    labels = known if wanted is None else tensor(wanted)
    assert known is not None
    assert labels is not None
    low, high = request.scan.bounds
    return Problem(
        model,
        model.image,
        labels,
        known,
        targeted=request.target is not None,
        low=low,
        high=high,
        window=window[1] - window[0],
        region=None if request.region is None else marked(request.region).unsqueeze(1),
        care=None if request.care is None else marked(request.care),
    )


def fitting(mask: Mask | Array | None, scan: Scan, role: str) -> Mask | None:
    """A mask brought onto the scan's grid by its geometry; an array of its shape is one already."""
    if mask is None or isinstance(mask, Mask):
        return None if mask is None else io.to_grid(mask, scan.grid)
    array = np.asarray(mask)
    if array.shape != scan.grid.shape or array.dtype.kind not in "iub":
        raise SegadvError(
            f"{role}: an array of shape {array.shape} and type {array.dtype} is no mask of "
            f"{scan.name}; give class numbers of shape {scan.grid.shape}"
        )
    return Mask(array.astype(np.uint16 if array.max() > 255 else np.uint8), scan.grid)
