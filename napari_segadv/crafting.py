"""The one path from a Scan, a Victim, an Attack and a target to an Example."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import io
from .attacks import Attack, Outcome, Problem, Progress
from .attacks.base import DEFAULT_GOAL
from .attacks.regions import is_named
from .errors import SegadvError
from .example import Example
from .io.quantise import effective_epsilon, quantise
from .measures import distances
from .parameters import values
from .provenance import (
    describe_budget,
    describe_curve,
    describe_given,
    describe_image,
    describe_passes,
    describe_versions,
    describe_victim,
)
from .request import Request, as_saved, attacked, pick_device, predict, problem_of
from .saving import read_back
from .scan import Array, Mask, Scan
from .victims.bound import BoundVictim
from .victims.prediction import Prediction
from .victims.scan_tensors import as_array, field_array
from .victims.victim import Victim
from .victims.watched import Watch

__all__ = ["Crafting", "Example", "craft", "craft_steps"]

Crafting = Generator[Progress, None, Example]


def craft(scan: Scan, victim: Victim, attack: Attack, **options: Any) -> Example:
    """Makes an adversarial example and measures it from its file.

    Args:
        scan: the image.
        victim: what is attacked.
        attack: how, with its budget in the scan's units.
        options: as `craft_steps` takes them, `target=` above all.

    Raises:
        SegadvError: where the parts do not fit each other.
    """
    run = craft_steps(scan, victim, attack, **options)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            example: Example = stop.value
            return example


def craft_steps(
    scan: Scan,
    victim: Victim,
    attack: Attack,
    *,
    target: Any = None,
    truth: Any = None,
    region: Mask | Array | str | Path | None = None,
    care: Mask | Array | str | Path | None = None,
    slices: tuple[int, int] | None = None,
    surrogate: Victim | Sequence[Victim] | None = None,
    device: str = "auto",
    seed: int = 0,
    poll: Callable[[], None] | None = None,
    watch: Watch | None = None,
) -> Crafting:
    """As `craft`, a step at a time: yields Progress after each step and returns the Example.

    Closing the generator stops the run before the next step.

    Args:
        scan, victim, attack: as for `craft`.
        target: what the victim shall predict; None: an untargeted attack, away from `truth`. For
            segmentation a mask (a Mask, an array, or a file's path), for classification a class
            (its number or name, a Grade, or a JSON file's path).
        truth: what is right, given likewise; for an untargeted attack the clean prediction by
            default.
        region: a mask; where it is not 0, the perturbation may live. Or "bounding-box" of what
            has to change, or "receptive-field" of it, see `attacks.regions`.
        care: where it is not 0, pixels count.
        slices: the first and the last of a volume's first axis, from 0: the noise lives in them
            alone, and their pixels alone count. Pieces of the volume that can't change are not
            run again, so a few slices of many cost little.
        surrogate: a network, or several, that stand in for the victim while crafting; the victim
            is measured.
        device: "auto", "cpu" or "cuda".
        seed: of everything random.
        poll: called after each piece of a pass (a window, a group of slices); it may raise, which
            stops the run within a step.
        watch: called with the images and logits of each pass of the attack.

    Raises:
        SegadvError: where the parts do not fit each other.
    """
    task = victim.task

    def wanted(given: Any, role: str) -> Prediction | None:
        return None if given is None else task.wanted(given, role, scan, victim)

    def mask(given: Any, role: str) -> Mask | None:
        return None if given is None else io.mask_for(given, scan, role)

    request = Request(
        scan,
        victim,
        attack,
        wanted(target, "target"),
        wanted(truth, "truth"),
        region if is_named(region) else mask(region, "region"),
        mask(care, "care mask"),
        (surrogate,) if isinstance(surrogate, Victim) else tuple(surrogate or ()),
        pick_device(device),
        seed,
        poll or (lambda: None),
        slices,
        watch,
    )
    return _guarded(request)


def _guarded(request: Request) -> Crafting:
    """The run, with its memory given back and running out of it explained."""
    try:
        return (yield from _run(request))
    except torch.OutOfMemoryError:
        raise SegadvError(
            f"{request.scan.name}: out of GPU memory; use a victim with smaller windows, or "
            "compute on the cpu (--device cpu)"
        ) from None
    finally:
        if request.device == "cuda":
            torch.cuda.empty_cache()


def _run(request: Request) -> Crafting:
    started = time.perf_counter()
    judge, clean = predict(request.victim, request.scan, request)
    roles = ("target", "truth", "region", "care")
    inputs = {role: describe_given(getattr(request, role)) for role in roles}
    request = request.fitted(clean)
    seen, known = attacked(request, judge, clean)
    done = replace(seen.passes)
    problem = as_saved(problem_of(request, seen, known, judge.window), request)
    if not problem.targeted and not problem.moving.any():
        raise SegadvError(
            f"{request.scan.name}: {request.victim.name} finds no structure in it, so there is "
            "nothing to get away from; give a truth or a target"
        )
    image = describe_image(request.scan)
    attack, epsilon, notes = _whole_steps(request, problem)
    outcome = yield from attack.run(problem, request.seed)
    record: dict[str, Any] = {
        "method": attack.name,
        "parameters": values(request.attack),
        "seed": request.seed,
        "goal": "targeted" if request.target is not None else "untargeted",
        "image": image,
        "inputs": inputs,
        "victim": describe_victim(request.victim, clean.classes),
        "budget": describe_budget(
            request.scan, judge.window, attack.norm, None if request.attack.boundless else epsilon
        ),
        "passes": describe_passes(done, seen.passes),
        "steps": outcome.steps,
        "device": request.device,
        "threads": torch.get_num_threads(),
        "versions": describe_versions(),
        "curve": describe_curve(outcome),
        **({} if problem.trained is None else {"generator": dict(problem.trained.about)}),
    }
    if request.slices is not None:
        record["slices"] = list(request.slices)
    if request.surrogates:
        record["surrogates"] = [describe_victim(s, clean.classes) for s in request.surrogates]
    example = _example(request, judge, clean, outcome, epsilon, notes)
    for name in ("target", "prediction_clean", "prediction_adversarial"):
        said = getattr(example, name)
        data = None if said is None else request.victim.task.record(said)
        if data is not None:
            record[name] = data
    goal = getattr(request.attack, "goal", None)
    reached = min(example.measures[k] for k in ("moved", "kept") if example.measures[k] is not None)
    record["succeeded"] = reached >= (DEFAULT_GOAL if goal is None else goal)
    record["seconds"] = round(time.perf_counter() - started, 3)
    return replace(example, record=record)


def _whole_steps(request: Request, problem: Problem) -> tuple[Attack, float, tuple[str, ...]]:
    """The attack with a budget of whole grey levels, the budget asked for, and notes on it."""
    attack, storage = request.attack, request.scan.storage
    epsilon = attack.budget(problem)
    _, why = io.output_format(request.scan)
    notes = [why] if why else []
    if attack.norm == "linf" and storage.integer:
        whole = effective_epsilon(epsilon, storage)
        if whole > 0:
            return replace(attack, epsilon=whole), epsilon, tuple(notes)
        notes.append(
            f"the budget of {epsilon:g} is below one step of the file ({storage.quantum:g} "
            f"{request.scan.units}), so the saved image equals the clean one"
        )
    return attack, epsilon, tuple(notes)


def _example(
    request: Request,
    judge: BoundVictim,
    clean: Prediction,
    outcome: Outcome,
    epsilon: float,
    notes: tuple[str, ...],
) -> Example:
    """Rounds, saves, reads back, predicts again and measures."""
    scan, norm = request.scan, request.attack.norm
    # From the scan's own numbers: float32 can't hold every one of a float64 image.
    change = as_array(outcome.adversarial, scan) - as_array(judge.image, scan).astype(np.float64)
    exact = replace(scan, array=scan.array + change)
    stored = replace(scan, array=quantise(scan, exact.array, norm, epsilon))
    adversarial = replace(read_back(stored), grid=scan.grid, units=scan.units, path=None)
    _, after = predict(request.victim, adversarial, request, judge.recall)
    before_saving = judge.predict(outcome.adversarial)

    def figures(image: Scan, prediction: Prediction) -> Mapping[str, Any]:
        found = request.victim.task.measure(
            clean, prediction, target=request.target, truth=request.truth, care=request.counted
        )
        return found | distances(scan, image, judge.window)

    difference = adversarial.array.astype(np.float64) - scan.array.astype(np.float64)
    target = request.target
    return Example(
        task=request.victim.task,
        clean=scan,
        adversarial=adversarial,
        noise=difference.astype(np.float32),
        target=None if target is None else target.named(clean.classes),
        prediction_clean=clean,
        prediction_adversarial=after,
        measures=figures(adversarial, after),
        measures_before_saving=figures(exact, before_saving),
        record={},
        window=judge.window,
        notes=notes,
        fields={name: field_array(field, scan) for name, field in outcome.fields.items()},
    )
