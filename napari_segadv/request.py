"""What is asked of `craft`, checked against each other, and the tensors that are made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from .attacks import Attack, Problem, available
from .attacks.regions import named_region
from .errors import SegadvError
from .generators import load_generator
from .scan import Mask, Scan
from .victims.ensemble import Ensemble
from .victims.rounding import Rounded
from .victims.task import Prediction, task_of
from .victims.victim import Model, Victim


@dataclass(frozen=True)
class Request:
    """What is to be crafted: every mask on the scan's grid.

    `region` may also be the name of one that is measured, see `attacks.regions`.

    Raises:
        SegadvError: where a region or care mask marks nothing, or where attack, victim and
            surrogate are for different tasks.
    """

    scan: Scan
    victim: Victim
    attack: Attack
    target: Prediction | None
    truth: Prediction | None
    region: Mask | str | None
    care: Mask | None
    surrogates: tuple[Victim, ...]
    device: str
    seed: int
    poll: Callable[[], None] = field(default=lambda: None)

    def __post_init__(self) -> None:
        for name, mask in (("region", self.region), ("care mask", self.care)):
            if isinstance(mask, Mask) and not np.any(mask.array):
                raise SegadvError(f"{mask.path or name}: the {name} is empty; mark some pixels")
        task, attack = self.victim.task, self.attack
        if task not in attack.tasks:
            fit = ", ".join(name for name, known in available().items() if task in known.tasks)
            raise SegadvError(
                f"method {attack.name}: is for {' and '.join(attack.tasks)}, but "
                f"{self.victim.name} does {task}; use {fit or 'another victim'}"
            )
        for surrogate in self.surrogates:
            if surrogate.task != task:
                raise SegadvError(
                    f"{surrogate.name}: does {surrogate.task}, but the victim {task}; use a "
                    "surrogate for the same task"
                )

    def fitted(self, clean: Prediction) -> "Request":
        """The same with target and truth as cells of the victim's clean prediction."""
        task = task_of(self.victim.task)
        target, truth = (
            None if wanted is None else task.fitted(wanted, clean)
            for wanted in (self.target, self.truth)
        )
        return replace(self, target=target, truth=truth)


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


def _folder(attack: Attack) -> str | None:
    """The folder of the generator that an attack draws from, if it does."""
    return getattr(attack, attack.loads) if attack.loads else None


def problem_of(
    request: Request, model: Model | Ensemble, known: torch.Tensor, window: tuple[float, float]
) -> Problem:
    """The request as tensors.

    Args:
        request: what is asked for.
        model: what is attacked: the victim or its surrogates.
        known: the classes (1, *S') that the model predicts on the clean image.
        window: the intensities that the victim sees.
    """

    def tensor(labels: Prediction) -> torch.Tensor:
        return torch.from_numpy(labels.array.astype(np.int64))[None].to(model.device)

    def marked(mask: Mask) -> torch.Tensor:
        return torch.from_numpy(mask.array != 0)[None].to(model.device)

    wanted = request.truth if request.target is None else request.target
    if request.care is not None and known.shape[1:] != model.image.shape[2:]:
        raise SegadvError(
            f"{request.care.path or 'care mask'}: marks pixels, but {request.victim.name} says "
            "nothing of single pixels; leave the care mask away"
        )
    low, high = request.scan.bounds
    problem = model.task.problem(
        model,
        model.image,
        known if wanted is None else tensor(wanted),
        known,
        targeted=request.target is not None,
        low=low,
        high=high,
        window=window[1] - window[0],
        region=marked(request.region).unsqueeze(1) if isinstance(request.region, Mask) else None,
        care=None if request.care is None else marked(request.care),
        trained=load_generator(folder) if (folder := _folder(request.attack)) else None,
    )
    if isinstance(request.region, str):
        return replace(problem, region=named_region(request.region, problem))
    return problem


def as_saved(problem: Problem, scan: Scan) -> Problem:
    """The problem with a victim that sees each image as the scan's file will hold it."""
    if not scan.storage.integer:
        return problem
    return replace(problem, model=Rounded(problem.model, problem.clean, scan.storage.quantum))


def attacked(
    request: Request, judge: Model, clean: Prediction
) -> tuple[Model | Ensemble, torch.Tensor]:
    """What the attack sees, and the classes (1, *S') that it predicts on the clean image."""
    if not request.surrogates:
        return judge, torch.from_numpy(clean.array.astype(np.int64))[None].to(judge.device)
    models = []
    for surrogate in request.surrogates:
        model, prediction = predict(surrogate, request.scan, request)
        if len(prediction.classes) != len(clean.classes):
            raise SegadvError(
                f"{surrogate.name}: predicts {len(prediction.classes)} classes, but the victim "
                f"{len(clean.classes)}; use a surrogate for the same classes"
            )
        if prediction.array.shape != clean.array.shape:
            raise SegadvError(f"{surrogate.name}: has other anchors than the victim; use the same")
        models.append(model)
    together = models[0] if len(models) == 1 else Ensemble(models)
    with torch.no_grad():
        return together, together(together.image).argmax(1)


def predict(victim: Victim, scan: Scan, request: Request) -> tuple[Model, Any]:
    """A victim on a scan and what it predicts there; refuses labels that it does not know."""
    model = victim.on(scan, request.device)
    model.passes.on_piece = request.poll
    prediction = model.predict()
    count = len(prediction.classes)
    for role, labels in (("target", request.target), ("truth", request.truth)):
        highest = int(labels.array.max(initial=0)) if labels is not None else 0
        if labels is not None and highest >= count:
            known = ", ".join(f"{n} {name}" for n, name in enumerate(prediction.classes))
            raise SegadvError(
                f"{labels.path or role}: the {role} holds class {highest}, which {victim.name} "
                f"does not have; it knows {known}"
            )
    return model, prediction
