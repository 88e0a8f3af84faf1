"""What is asked of `craft`, checked against each other, and the tensors that are made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from .attacks import Attack, Problem, available
from .attacks.regions import named_region
from .errors import SegadvError
from .generators import load_generator
from .scan import Mask, Scan
from .victims.bound import BoundVictim
from .victims.ensemble import Ensemble
from .victims.prediction import Prediction
from .victims.recall import Recall
from .victims.rounding import Rounded
from .victims.victim import Victim
from .victims.watched import Watch, Watched


@dataclass(frozen=True)
class Request:
    """What is to be crafted: every mask on the scan's grid.

    `region` may also be the name of one that is measured, see `attacks.regions`. With `slices`,
    the first and the last, the noise lives in these alone, and their pixels alone count.

    Raises:
        SegadvError: where a region or care mask marks nothing, where there are no such slices, or
            where attack, victim and surrogate are for different tasks.
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
    slices: tuple[int, int] | None = None
    watch: Watch | None = None

    def __post_init__(self) -> None:
        self._check_slices()
        for name, mask in (("region", self.region), ("care mask", self.care)):
            if isinstance(mask, Mask) and not np.any(mask.array):
                raise SegadvError(f"{mask.path or name}: the {name} is empty; mark some pixels")
        task, attack = self.victim.task.name, self.attack
        if task not in attack.tasks:
            fit = ", ".join(name for name, known in available().items() if task in known.tasks)
            raise SegadvError(
                f"method {attack.name}: is for {' and '.join(attack.tasks)}, but "
                f"{self.victim.name} does {task}; use {fit or 'another victim'}"
            )
        for surrogate in self.surrogates:
            if surrogate.task.name != task:
                raise SegadvError(
                    f"{surrogate.name}: does {surrogate.task.name}, but the victim {task}; use a "
                    "surrogate for the same task"
                )

    def _check_slices(self) -> None:
        if self.slices is None:
            return
        (first, last), grid = self.slices, self.scan.grid
        if grid.ndim != 3:
            raise SegadvError(f"{self.scan.name}: is a single image; leave the slices away")
        if not 0 <= first <= last < grid.shape[0]:
            raise SegadvError(
                f"slices {first} to {last}: {self.scan.name} has slices 0 to {grid.shape[0] - 1}"
            )

    @property
    def limited(self) -> bool:
        """Whether parts of the image are certain to stay as they are."""
        return self.region is not None or self.slices is not None

    def within(self, mask: Mask | None) -> Mask | None:
        """A mask, or all pixels, in the chosen slices; as it is where none are chosen."""
        if self.slices is None:
            return mask
        first, last = self.slices
        array = np.zeros(self.scan.grid.shape, np.uint8)
        array[first : last + 1] = 1 if mask is None else mask.array[first : last + 1] != 0
        if not array.any():
            raise SegadvError(f"slices {first} to {last}: the mask marks no pixel in them")
        return Mask(array, self.scan.grid)

    @cached_property
    def counted(self) -> Mask | None:
        """The pixels that count; None: all."""
        return self.within(self.care)

    def fitted(self, clean: Prediction) -> "Request":
        """The same with target and truth as cells of the victim's clean prediction."""
        task = self.victim.task
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
        raise SegadvError("device cuda: torch finds no GPU here; choose cpu (--device cpu)")
    return "cuda" if device != "cpu" and available else "cpu"


def _folder(attack: Attack) -> str | None:
    """The folder of the generator that an attack draws from, if it does."""
    return getattr(attack, attack.loads) if attack.loads else None


def problem_of(
    request: Request,
    model: BoundVictim | Ensemble,
    known: torch.Tensor,
    window: tuple[float, float],
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
    if request.slices is not None and known.shape[1:] != model.image.shape[2:]:
        raise SegadvError(
            f"{request.victim.name}: says nothing of single slices; attack the whole volume"
        )
    if request.care is not None and known.shape[1:] != model.image.shape[2:]:
        raise SegadvError(
            f"{request.care.path or 'care mask'}: marks pixels, but {request.victim.name} says "
            "nothing of single pixels; leave the care mask away"
        )
    low, high = request.scan.bounds
    painted = None if isinstance(request.region, str) else request.within(request.region)
    problem = request.victim.task.problem(
        model,
        model.image,
        known if wanted is None else tensor(wanted),
        known,
        targeted=request.target is not None,
        low=low,
        high=high,
        window=window[1] - window[0],
        region=None if painted is None else marked(painted).unsqueeze(1),
        care=None if request.counted is None else marked(request.counted),
        trained=load_generator(folder) if (folder := _folder(request.attack)) else None,
    )
    if isinstance(request.region, str):
        region, where = named_region(request.region, problem), request.within(None)
        if where is not None:
            region = region & marked(where).unsqueeze(1)
        return replace(problem, region=region)
    return problem


def as_saved(problem: Problem, request: Request) -> Problem:
    """The problem with a victim that sees each image as the scan's file will hold it."""
    model, storage = problem.model, request.scan.storage
    if request.watch is not None:
        model = Watched(model, request.watch)
    if storage.integer:
        model = Rounded(model, problem.clean, storage.quantum)
    return replace(problem, model=model)


def attacked(
    request: Request, judge: BoundVictim, clean: Prediction
) -> tuple[BoundVictim | Ensemble, torch.Tensor]:
    """What the attack sees, and the classes (1, *S') that it predicts on the clean image."""
    if not request.surrogates:
        return judge, torch.from_numpy(clean.array).long()[None].to(judge.device)
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


def predict(
    victim: Victim, scan: Scan, request: Request, recall: Recall | None = None
) -> tuple[BoundVictim, Any]:
    """A victim on a scan and what it predicts there; refuses labels that it does not know."""
    model = victim.on(scan, request.device)
    model.recall = recall or (Recall() if request.limited else None)
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
