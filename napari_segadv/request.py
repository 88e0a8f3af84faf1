"""What is asked of `craft`: scan, victim, attack and masks, checked against each other."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from .attacks import Attack, Problem, available
from .errors import SegadvError
from .scan import Mask, Scan
from .victims.task import Prediction
from .victims.victim import Model, Victim


@dataclass(frozen=True)
class Request:
    """What is to be crafted: every mask on the scan's grid.

    Raises:
        SegadvError: where a region or care mask marks nothing, or where attack, victim and
            surrogate are for different tasks.
    """

    scan: Scan
    victim: Victim
    attack: Attack
    target: Prediction | None
    truth: Prediction | None
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
        task, attack = self.victim.task, self.attack
        if task not in attack.tasks:
            fit = ", ".join(name for name, known in available().items() if task in known.tasks)
            raise SegadvError(
                f"method {attack.name}: is for {' and '.join(attack.tasks)}, but "
                f"{self.victim.name} does {task}; use {fit or 'another victim'}"
            )
        if self.surrogate is not None and self.surrogate.task != task:
            raise SegadvError(
                f"{self.surrogate.name}: does {self.surrogate.task}, but the victim {task}; use a "
                "surrogate for the same task"
            )


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
    request: Request, model: Model, reference: Prediction, window: tuple[float, float]
) -> Problem:
    """The request as tensors.

    Args:
        request: what is asked for.
        model: what is attacked: the victim or its surrogate.
        reference: what the model predicts on the clean image.
        window: the intensities that the victim sees.
    """

    def tensor(labels: Prediction) -> torch.Tensor:
        return torch.from_numpy(labels.array.astype(np.int64))[None].to(model.device)

    def marked(mask: Mask) -> torch.Tensor:
        return torch.from_numpy(mask.array != 0)[None].to(model.device)

    known = tensor(reference)
    wanted = request.target or request.truth
    if request.care is not None and known.shape[1:] != model.image.shape[2:]:
        raise SegadvError(
            f"{request.care.path or 'care mask'}: marks pixels, but {request.victim.name} says "
            "nothing of single pixels; leave the care mask away"
        )
    low, high = request.scan.bounds
    return model.task.problem(
        model,
        model.image,
        known if wanted is None else tensor(wanted),
        known,
        targeted=request.target is not None,
        low=low,
        high=high,
        window=window[1] - window[0],
        region=None if request.region is None else marked(request.region).unsqueeze(1),
        care=None if request.care is None else marked(request.care),
    )
