"""Fifth act: record how an example was made, for `result.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..attacks import Attack, Outcome
from ..attacks.base import DEFAULT_GOAL
from ..common.device import describe_processor
from ..common.parameters import values
from ..data.channels import Channel
from ..measures.labels import FIGURES_VERSION
from ..results.example import Example
from ..results.provenance import (
    describe_budget,
    describe_curve,
    describe_given,
    describe_image,
    describe_versions,
    describe_victim,
    plain,
)
from ..victims.victim import Victim
from .binding import Setup
from .problem import Prepared
from .request import Request


def describe_inputs(request: Request) -> dict[str, Any]:
    """Describe the image and the other inputs: their files and hashes."""
    roles = ("target", "truth", "region", "care")
    return {
        "image": describe_image(request.scan),
        "inputs": {role: describe_given(getattr(request, role)) for role in roles},
    }


def describe_settings(parameters: Any, seed: int, targeted: bool) -> dict[str, Any]:
    """Describe an attack: its declared parameters, its seed, and whether it has a target."""
    goal = "targeted" if targeted else "untargeted"
    return {"parameters": values(parameters), "seed": seed, "goal": goal}


def describe_machine(device: str) -> dict[str, Any]:
    """Describe what computed the example: device, processor, threads and versions."""
    return {
        "device": device,
        "processor": describe_processor(device),
        "threads": torch.get_num_threads(),
        "versions": describe_versions(),
    }


def describe_channels(channels: Sequence[Channel]) -> dict[str, Any]:
    """Describe the channels of an image of several: their windows and shares of the budget."""
    return {"channels": [one.data for one in channels]} if channels else {}


def record_of(
    setup: Setup,
    prepared: Prepared,
    outcome: Outcome,
    example: Example,
    *,
    attack: Attack,
    surrogates: Sequence[Victim],
    seed: int,
    inputs: Mapping[str, Any],
    asked: Mapping[str, Any],
    passes: Mapping[str, float],
) -> dict[str, Any]:
    """Return what `result.json` says of a run, except the seconds that it took.

    Args:
        setup, prepared, outcome, example: what the earlier acts returned.
        attack: the attack as asked for, before its budget was rounded.
        surrogates: the networks that stood in for the victim.
        seed: seed of all random numbers.
        inputs: what `describe_inputs` returned before the run.
        asked: how the image was to be presented and saved, as `craft_steps` takes it.
        passes: the passes that the attack took.
    """
    request, task, classes = setup.request, setup.victim.task, setup.clean.classes
    epsilon = None if attack.without_budget else prepared.epsilon
    record: dict[str, Any] = {
        "figures_version": FIGURES_VERSION,
        "method": attack.name,
        **describe_settings(attack, seed, request.target is not None),
        **inputs,
        **asked,
        "victim": {**describe_victim(setup.victim, classes), **setup.judge.about},
        "budget": describe_budget(request.scan, example.window, attack.norm, epsilon),
        **describe_channels(setup.channels),
        # The last steps are in float32: an attack of one or two has no others.
        "precision": "bfloat16" if passes.get("forward_bfloat16") else "float32",
        "passes": passes,
        "steps": outcome.steps,
        **describe_machine(str(setup.judge.device)),
        "curve": describe_curve(outcome),
    }
    if outcome.details:
        record["details"] = plain(outcome.details)
    if setup.judge.presented is not None:
        record["presentation"] = setup.judge.presented.data
    if prepared.problem.trained is not None:
        record["generator"] = dict(prepared.problem.trained.about)
    if request.slices is not None:
        record["slices"] = list(request.slices)
    if surrogates:
        record["surrogates"] = [describe_victim(s, classes) for s in surrogates]
    for name in ("target", "prediction_clean", "prediction_adversarial"):
        prediction = getattr(example, name)
        data = None if prediction is None else task.record(prediction)
        if data is not None:
            record[name] = data
    goal = getattr(attack, "goal", None)
    reached = min(example.measures[k] for k in ("moved", "kept") if example.measures[k] is not None)
    record["succeeded"] = reached >= (DEFAULT_GOAL if goal is None else goal)
    return record
