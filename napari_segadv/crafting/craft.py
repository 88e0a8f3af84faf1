"""A scan, a victim, an attack and a target become an example, in five acts."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..attacks import Attack, Progress
from ..common.device import pick_device
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from ..results.example import Example
from ..results.provenance import describe_passes
from ..victims.victim import Victim
from ..victims.wrappers import Watch
from .binding import bind
from .measuring import measure
from .problem import pose
from .record import describe_inputs, record_of
from .request import Request, check_tasks

Crafting = Generator[Progress, None, Example]


def craft(scan: Scan, victim: Victim, attack: Attack, **options: Any) -> Example:
    """Makes an adversarial example and measures it from its file.

    Args:
        scan: the image.
        victim: what is attacked.
        attack: how, with its budget in the scan's units.
        options: as `craft_steps` takes them, `target=` above all.

    Raises:
        SegadvError: if the parts do not fit each other.
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
    request = Request.of(
        scan, victim, target=target, truth=truth, region=region, care=care, slices=slices
    )
    surrogates = (surrogate,) if isinstance(surrogate, Victim) else tuple(surrogate or ())
    check_tasks(attack, victim, surrogates)
    where = pick_device(device)

    def acts() -> Crafting:
        started = time.perf_counter()
        # Before the run, during which a file may change: the record names what was read.
        inputs = describe_inputs(request)
        bound = bind(victim, request, surrogates, where, poll or (lambda: None))
        before = replace(bound.attacked.passes)
        posed = pose(bound, attack, watch)
        outcome = yield from posed.attack.run(posed.problem, seed)
        passes = describe_passes(before, bound.attacked.passes)
        example = measure(bound, posed, outcome)
        record = record_of(
            bound,
            posed,
            outcome,
            example,
            attack=attack,
            surrogates=surrogates,
            seed=seed,
            inputs=inputs,
            passes=passes,
        )
        record["seconds"] = round(time.perf_counter() - started, 3)
        return replace(example, record=record)

    return _guarded(acts(), scan.name, where)


def _guarded(run: Crafting, name: str, device: str) -> Crafting:
    """A run, with its memory given back and running out of it explained."""
    try:
        return (yield from run)
    except torch.OutOfMemoryError:
        raise SegadvError(
            f"{name}: out of GPU memory; use a victim with smaller windows, or compute on the cpu "
            "(--device cpu)"
        ) from None
    finally:
        if device == "cuda":
            torch.cuda.empty_cache()
