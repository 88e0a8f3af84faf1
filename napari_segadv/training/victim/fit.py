"""Trains a small MONAI network on cases and measures how well it does."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ...data.scan import Scan
from ...errors import SegadvError
from ...io.cases import Case, ClassMap, counts
from ...measures.labels import Overlap
from ...victims.victim import Victim
from .patches import augmentation, batches, prepared
from .recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """Progress of a training: the mean loss of an epoch, counted from 1."""

    step: int
    steps: int
    loss: float

    def __str__(self) -> str:
        return f"epoch {self.step}, loss {self.loss:.4g}"


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with what is needed to write it as a bundle."""

    network: nn.Module
    recipe: Recipe
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    losses: tuple[float, ...]
    cases: int


def train(
    cases: Sequence[Case], classes: ClassMap, recipe: Recipe
) -> Generator[Epoch, None, Trained]:
    """Train a network; yield an Epoch after each and return the result. Closing it stops.

    Args:
        cases: images of one kind with their masks.
        classes: which labels form which class.
        recipe: how to train.

    Raises:
        SegadvError: if a class does not occur, or the images do not fit `dims`.
    """
    for name, count in counts(cases, classes).items():
        if not count:
            raise SegadvError(f"class {name} does not occur in any mask; remove it or add cases")
    if recipe.dims == 3 and cases[0].scan.grid.ndim == 2:
        raise SegadvError(f"{cases[0].scan.name}: is 2-D; train with --dims 2")
    recipe = recipe.completed(cases, classes)
    channels = _channels([case.scan for case in cases])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = _build(recipe, len(channels), len(classes.names))
        losses = []
        steps = _steps(cases, classes, recipe, network)
        for number in range(1, recipe.epochs + 1):
            losses.append(next(steps))
            yield Epoch(number, recipe.epochs, losses[-1])
    return Trained(network.eval(), recipe, classes.names, channels, tuple(losses), len(cases))


def _channels(scans: Sequence[Scan]) -> tuple[str, ...]:
    """Return the names of the images' channels: those of their files, if these are alike."""
    first = scans[0]
    if not first.parts:
        return ("red", "green", "blue") if first.colour else ("grey",)
    if all(scan.channel_names == first.channel_names for scan in scans):
        return first.channel_names
    return tuple(str(number) for number in range(1, first.channels + 1))


def _build(recipe: Recipe, channels: int, classes: int) -> nn.Module:
    import monai.networks.nets

    config = recipe.network_config(channels, classes)
    network: nn.Module = getattr(monai.networks.nets, config.pop("_target_"))(**config)
    return network


def _steps(
    cases: Sequence[Case], classes: ClassMap, recipe: Recipe, network: nn.Module
) -> Generator[float, None, None]:
    """Run epochs; yield the mean loss of each."""
    from monai.losses import DiceCELoss

    items = [item for case in cases for item in prepared(case, classes, recipe)]
    crop = augmentation(recipe, len(classes.names))
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True, smooth_nr=1e-5, smooth_dr=1e-5)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-4)
    each = max(1, math.ceil(len(items) * recipe.patches / recipe.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=each * recipe.epochs + 1
    )
    network.train()
    if not recipe.bfloat16:
        _put_channels_last(network, recipe.dims)
    for _ in range(recipe.epochs):
        total, done = 0.0, 0
        for batch in batches(items, crop, recipe):
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
                logits = network(batch[0])
            loss = loss_of(logits.float(), batch[1])
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            if done < each:
                schedule.step()
            total, done = total + float(loss.detach()), done + 1
        yield total / done


def _put_channels_last(network: nn.Module, dims: int) -> None:
    """Store weights channels last, which speeds float32 training up, in 3-D above all."""
    order = torch.channels_last if dims == 2 else torch.channels_last_3d
    for weights in network.parameters():
        if weights.ndim == dims + 2:
            weights.data = weights.data.contiguous(memory_format=order)


def dice_table(victim: Victim, cases: Sequence[Case], classes: ClassMap) -> dict[str, float]:
    """Return the mean Dice of each class over cases, predicted by the victim as a whole."""
    scores: dict[str, list[float]] = {name: [] for name in classes.names[1:]}
    for case in cases:
        truth = classes(case.mask.array)
        overlap = Overlap.of(np.asarray(victim.predict(case.scan).array), truth)
        for number, name in enumerate(classes.names[1:], start=1):
            if number < len(overlap.counts) and (truth == number).any():
                scores[name].append(overlap.dice(number))
            elif (truth == number).any():
                scores[name].append(0.0)
    return {name: float(np.mean(values)) for name, values in scores.items() if values}
