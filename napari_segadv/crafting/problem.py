"""Second act: turn the request into tensors, and the budget into one that the file can hold."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..attacks import Attack, Problem
from ..attacks.problem import FieldGenerator, Model
from ..attacks.regions import named_region
from ..data.scan import Mask
from ..errors import SegadvError
from ..io.quantise import effective_epsilon
from ..victims.graphs import Graphs, budget
from ..victims.precision import Reduced, reduced_for
from ..victims.prediction import Prediction
from ..victims.recall import Recall
from ..victims.scan_tensors import as_array
from ..victims.wrappers import Checked, Rounded, Watch, Watched
from .binding import Setup
from .scale import Scale, along_channels, on_scale, refuse_generator, steps_of_files
from .stored import InBall, Stored


@dataclass(frozen=True)
class Prepared:
    """An attack and the problem that it has to solve.

    Attributes:
        problem: the request as the attack sees it.
        attack: the attack, its budget rounded down to whole steps of the file.
        epsilon: the budget before rounding, in the scan's units: of several channels, in percent
            of their shares of their windows.
        stored: rounds images to what the scan's file holds inside that budget.
        notes: what the user should know about masks, budget and file.
        checked: the model, which knows whether its gradients were finite.
        reduced: says when the network computes in bfloat16; None: never.
    """

    problem: Problem
    attack: Attack
    epsilon: float
    stored: Stored
    notes: tuple[str, ...]
    checked: Checked
    reduced: Reduced | None


def prepare(
    setup: Setup,
    attack: Attack,
    watch: Watch | None = None,
    precision: str = "float32",
    memory: float | None = None,
) -> Prepared:
    """Build the problem for an attack, with a model that rounds images as their file will.

    Args:
        setup: a victim on a scan, with the request to it.
        attack: the attack, its budget in the scan's units.
        watch: called with the images and logits of each pass of the attack.
        precision: of the attack's passes, see `victims.precision.reduced_for`.
        memory: GiB for graphs of pieces, see `victims.graphs.budget`.

    Raises:
        SegadvError: if the request does not suit the victim, an untargeted attack has no structure
            to move away from, or a target asks for nothing where it counts.
    """
    if attack.loads:
        refuse_generator(attack.name, setup.request.scan)
    folder = getattr(attack, attack.loads) if attack.loads else None
    problem = problem_of(setup, _generator(folder) if folder else None)
    if not problem.targeted and not problem.moving.any():
        raise SegadvError(
            f"{setup.request.scan.name}: {setup.victim.name} finds no structure in it, so there is "
            "nothing to move away from; give a truth or a target"
        )
    if problem.targeted and not asks(setup):
        _refuse_nothing(setup)
    if problem.targeted and not problem.asks:
        _refuse_surrogate(setup)
    checked, scan = Checked(problem.model, setup.attacked.name), setup.request.scan
    model: Model = checked if watch is None else Watched(checked, watch)
    steps, rounded = steps_of_files(scan, problem.clean), None
    if steps is not None:
        model = rounded = Rounded(model, problem.clean, steps)
    graphs = Graphs(budget(memory, setup.judge.device))
    for network in setup.networks:
        network.graphs = graphs
        network.recall = (network.recall or Recall()).within(graphs)
    most = getattr(attack, "steps", 0)
    quick = reduced_for(precision, setup.networks, lambda: setup.attacked.passes, most)
    problem = replace(problem, model=model, quick=quick, of_copies=checked)
    clean = problem.clean
    if scan.parts:
        problem, epsilon, notes = _in_percent(setup, attack, problem)
    else:
        attack, epsilon, notes = _whole_steps(setup, attack, problem)
    weights = as_array(problem.visible, scan) if attack.norm == "visible" else None
    stored = Stored(scan, attack.norm, epsilon, setup.channels, weights)
    if rounded is not None and attack.norm != "linf" and math.isfinite(epsilon):
        rounded.inside = InBall(stored, clean)
    notes = (*setup.request.notes, *notes)
    return Prepared(problem, attack, epsilon, stored, notes, checked, quick)


def _generator(folder: str) -> FieldGenerator:
    from ..training.generator import load_generator  # late: few attacks draw from a generator

    return load_generator(folder)


def problem_of(setup: Setup, trained: FieldGenerator | None = None) -> Problem:
    """Return the request to a bound victim as tensors, in the image's own units.

    Args:
        setup: a victim on a scan, with the request to it.
        trained: the generator that the attack draws from.

    Raises:
        SegadvError: if slices or a care mask choose pixels, but the victim does not predict pixels.
    """
    request, model, known = setup.request, setup.attacked, setup.known

    def tensor(labels: Prediction) -> torch.Tensor:
        return torch.from_numpy(labels.array.astype(np.int64))[None].to(model.device)

    def marked(mask: Mask) -> torch.Tensor:
        return torch.from_numpy(mask.array != 0)[None].to(model.device)

    if known.shape[1:] != model.image.shape[2:]:
        _refuse_pixels(setup)
    low, high = request.scan.bounds
    least, most = setup.judge.window
    lows = [low for low, _ in setup.judge.windows]
    # Of a film that is stored as a negative, the victim sees the upper end as black.
    presented = setup.judge.presented
    negative = presented is not None and presented.presentation.falls
    chosen = request.truth if request.target is None else request.target
    mask = None if isinstance(request.region, str) else request.within(request.region)
    problem = setup.victim.task.problem(
        model,
        model.image,
        known if chosen is None else tensor(chosen),
        known,
        targeted=request.target is not None,
        low=low,
        high=high,
        window=most - least,
        region=None if mask is None else marked(mask).unsqueeze(1),
        care=None if request.counted is None else marked(request.counted),
        trained=trained,
        decide=setup.decide,
        black=along_channels(lows, model.image)
        if request.scan.parts
        else (most if negative else least),
        spacing=request.scan.grid.spacing,
    )
    if isinstance(request.region, str):
        region, inside = named_region(request.region, problem), request.within(None)
        if inside is not None:
            region = region & marked(inside).unsqueeze(1)
        return replace(problem, region=region)
    return problem


def asks(setup: Setup) -> bool:
    """Return whether a target asks for something: where it counts, the victim predicts another."""
    target, counted = setup.request.target, setup.request.counted
    if target is None:
        return False
    differs = target.array != setup.clean.array
    return bool((differs if counted is None else differs & (counted.array != 0)).any())


def _refuse_surrogate(setup: Setup) -> None:
    raise SegadvError(
        f"{setup.attacked.name}: predicts the target already where it counts, so an image made on "
        "it does not change; use another surrogate, or another target"
    )


def _refuse_nothing(setup: Setup) -> None:
    request = setup.request
    where = "in these slices" if request.slices is not None else ""
    if request.care is not None:
        where = "where the care mask counts" + (f" {where}" if where else "")
    remedy = "choose others, or another target" if where else "choose another target"
    raise SegadvError(
        f"{request.scan.name}: {setup.victim.name} predicts the target already"
        f"{f' {where}' if where else ''}, so there is nothing to change; {remedy}"
    )


def _refuse_pixels(setup: Setup) -> None:
    if setup.request.slices is not None:
        raise SegadvError(
            f"{setup.victim.name}: predicts nothing for single slices; attack the whole volume"
        )
    if setup.request.care is not None:
        raise SegadvError(
            f"{setup.request.care.path or 'care mask'}: marks pixels, but {setup.victim.name} "
            "predicts nothing for single pixels; remove the care mask"
        )


def _in_percent(
    setup: Setup, attack: Attack, problem: Problem
) -> tuple[Problem, float, tuple[str, ...]]:
    """Return the problem in percent of each channel's window, the budget asked for, and notes.

    A Linf budget is whole steps of each channel's file there; one of L2 stays as it is.
    """
    scan, scale = setup.request.scan, Scale.of(setup.channels)
    scaled = on_scale(problem, scan, scale)
    epsilon = attack.budget(scaled)
    if attack.norm != "linf":
        return scaled, epsilon, ()
    notes = [
        f"the budget of {limit:g} of {one.name} is below one step of its file "
        f"({part.storage.quantum:g} {part.units}), so this channel does not change"
        for one, part, limit in zip(setup.channels, scan.parts, scale.limits(epsilon), strict=True)
        if limit > 0 and not effective_epsilon(limit, part.storage)
    ]
    return on_scale(problem, scan, scale.whole_steps(scan, epsilon)), epsilon, tuple(notes)


def _whole_steps(
    setup: Setup, attack: Attack, problem: Problem
) -> tuple[Attack, float, tuple[str, ...]]:
    """Return the attack, its budget in whole steps of the file; the budget asked for; notes."""
    scan = setup.request.scan
    epsilon = attack.budget(problem)
    notes: list[str] = []
    if attack.norm == "linf" and scan.storage.integer:
        whole = effective_epsilon(epsilon, scan.storage)
        if whole > 0:
            return replace(attack, epsilon=whole), epsilon, tuple(notes)
        notes.append(
            f"the budget of {epsilon:g} is below one step of the file ({scan.storage.quantum:g} "
            f"{scan.units}), so the saved image equals the clean one"
        )
    return attack, epsilon, tuple(notes)
