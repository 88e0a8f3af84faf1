"""Trains a generator against a victim on images, with a checkpoint after each epoch."""

import hashlib
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...attacks.fields.critic import Critic
from ...attacks.fields.networks import Generator as Network
from ...attacks.fields.networks import Scale
from ...attacks.fields.recipe import Recipe
from ...attacks.fields.synthesiser import Synthesiser
from ...attacks.fields.training import Step, Training
from ...common.atomic_files import check_place
from ...data.scan import Scan
from ...errors import SegadvError
from ...io.cases import check_alike, refuse_channels
from ...results.provenance import describe_victim
from ...victims import Victim
from ...victims.windows import Passes
from . import load_training, only_begun, read_json, save_training
from .pieces import Piece, pieces


@dataclass(frozen=True)
class Preparing:
    """Progress before the first step, while the victim predicts the images."""

    step: int
    steps: int

    def __str__(self) -> str:
        return f"predicting image {self.step}"


def train(
    scans: Sequence[Scan],
    victim: Victim,
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
) -> Generator[Step | Preparing, None, dict[str, Any]]:
    """Train a generator; yield progress and return the contents of `generator.json`.

    Closing it stops the training. The checkpoint of the last complete epoch stays, and `resume`
    continues from there to the recipe's last epoch, bit for bit as if nothing had stopped it.

    Args:
        scans: images of one kind.
        victim: a segmentation network; the generator learns to move away from what it predicts.
        recipe: how to train; on resuming, only its `epochs` counts.
        out: folder for the checkpoint.
        resume: continue the training in `out`.
        device: "cpu" or "cuda".

    Raises:
        SegadvError: if the folder exists (or, on resuming, does not fit), the images don't fit the
            victim or each other, or the victim finds no structure in any of them.
    """
    if out.exists() and not resume and not only_begun(out):
        raise SegadvError(f"{out}: exists already; name another folder or add --resume")
    check_place(out)
    if not scans:
        raise SegadvError("there are no images to train on; list some")
    refuse_channels(scans, "a generator is trained on single channels alone")
    check_alike(scans)
    resumed = load_training(out, device) if resume else None
    if resumed is not None:
        recipe = replace(resumed[0].recipe, epochs=recipe.epochs)
    found: list[Piece] = []
    for number, scan in enumerate(scans, start=1):
        yield Preparing(number, len(scans))
        found += [p for p in pieces([scan], victim, recipe, device) if p is not None]
    if not found:
        raise SegadvError(f"{victim.name}: finds no structure in any image; use images that fit it")
    about: dict[str, Any] = {
        "victim": describe_victim(victim, victim.classes),
        "images": [fingerprint(scan) for scan in scans],
        "pieces": len(found),
    }
    if resumed is None:
        training, spent = begin(found, victim, recipe, device), Spent()
    else:
        training, before = resumed
        training.recipe = recipe
        spent = Spent(**before.pop("spent"))
        differs = next((what for what in about if before.get(what) != about[what]), None)
        if differs is not None:
            raise SegadvError(f"{out}: was trained with other {differs}; resume with the same")
    passes = [piece.model.passes for piece in found]
    spent = spent.plus(passes, -1)
    complete = training.epoch
    for step in training.run([piece.problem for piece in found]):
        if step.epoch > complete:
            complete = step.epoch
            save_training(training, out, about | {"spent": asdict(spent.plus(passes))})
        yield step
    return read_json(out)


@dataclass(frozen=True)
class Spent:
    """Work that a training has taken: passes of the victim over whole images, and seconds."""

    forward: float = 0.0
    backward: float = 0.0
    seconds: float = 0.0

    def plus(self, passes: Sequence[Passes], sign: int = 1) -> "Spent":
        """Add the passes and the time until now, or subtract them with a `sign` of -1."""
        return Spent(
            self.forward + sign * sum(p.forward for p in passes),
            self.backward + sign * sum(p.backward for p in passes),
            self.seconds + sign * time.perf_counter(),
        )


def begin(found: Sequence[Piece], victim: Victim, recipe: Recipe, device: str) -> Training:
    """Set up a training, with networks of a size that fits the images."""
    clean = [piece.problem.clean for piece in found]
    channels, dims = clean[0].shape[1], victim.dims
    size = [max(n) for n in zip(*(image.shape[-dims:] for image in clean), strict=True)]
    low, high = found[0].model.window
    layout = recipe.layout(dims, channels, size)
    smallest = min(min(image.shape[-dims:]) for image in clean)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network, critic = Network(layout), Critic(layout, smallest)
    limits = recipe.limits(layout, high - low)
    scale = Scale.of(clean, low, high)
    synthesiser = Synthesiser(network.to(device), scale, *limits, recipe.xi)
    return Training(synthesiser, critic.to(device), recipe)


def fingerprint(scan: Scan) -> dict[str, str]:
    """Return the name and hash of an image, to recognise it later."""
    digest = hashlib.sha256(np.ascontiguousarray(scan.array).tobytes()).hexdigest()
    return {"name": scan.name, "sha256": digest}
