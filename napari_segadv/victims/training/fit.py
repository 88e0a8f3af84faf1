"""Fits a small MONAI network to cases and says how well it does."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import SegadvError
from ...measures import Overlap
from ..axes import Affine
from ..victim import Victim, as_tensor, ras_affine, slice_affine
from .cases import Case, ClassMap, counts
from .recipe import Recipe

# Places to choose patches from; all voxels of a class would fill the memory.
SAMPLES_PER_CLASS = 20_000


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
    """A fitted network with what is needed to write it as a bundle."""

    network: nn.Module
    recipe: Recipe
    classes: tuple[str, ...]
    channels: int
    losses: tuple[float, ...]
    cases: int


def train(
    cases: Sequence[Case], classes: ClassMap, recipe: Recipe
) -> Generator[Epoch, None, Trained]:
    """Fits a network; yields an Epoch after each and returns the result. Closing it stops.

    Args:
        cases: images of one kind with their masks.
        classes: which labels make which class.
        recipe: how.

    Raises:
        SegadvError: where a class does not occur, or images and `dims` do not fit.
    """
    for name, count in counts(cases, classes).items():
        if not count:
            raise SegadvError(f"class {name} does not occur in any mask; leave it out or add cases")
    if recipe.dims == 3 and cases[0].scan.grid.ndim == 2:
        raise SegadvError(f"{cases[0].scan.name}: is 2-D; train with --dims 2")
    recipe = recipe.completed(cases, classes)
    channels = cases[0].scan.channels
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = _build(recipe, channels, len(classes.names))
        losses = []
        steps = _steps(cases, classes, recipe, network)
        for number in range(1, recipe.epochs + 1):
            losses.append(next(steps))
            yield Epoch(number, recipe.epochs, losses[-1])
    return Trained(network.eval(), recipe, classes.names, channels, tuple(losses), len(cases))


def _build(recipe: Recipe, channels: int, classes: int) -> nn.Module:
    import monai.networks.nets

    config = recipe.network_config(channels, classes)
    network: nn.Module = getattr(monai.networks.nets, config.pop("_target_"))(**config)
    return network


def _steps(
    cases: Sequence[Case], classes: ClassMap, recipe: Recipe, network: nn.Module
) -> Generator[float, None, None]:
    """Runs epochs; yields the mean loss of each."""
    from monai.losses import DiceCELoss

    items = [item for case in cases for item in _items(case, classes, recipe)]
    crop = _augmentation(recipe, len(classes.names))
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
        for batch in _batches(items, crop, recipe):
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
    """Float32 convolutions take half the time in this order, in 3-D above all."""
    order = torch.channels_last if dims == 2 else torch.channels_last_3d
    for weights in network.parameters():
        if weights.ndim == dims + 2:
            weights.data = weights.data.contiguous(memory_format=order)


def _items(case: Case, classes: ClassMap, recipe: Recipe) -> list[dict[str, Any]]:
    """A case, or each of its slices that a 2-D network sees, preprocessed as the bundle will."""
    from monai.data import MetaTensor
    from monai.transforms import ClassesToIndicesd, Compose, SpatialPadd

    image = as_tensor(case.scan, "cpu")[0]
    labels = torch.from_numpy(classes(case.mask.array))[None].float()
    pairs: list[tuple[Tensor, Tensor, Affine]] = [(image, labels, ras_affine(case.scan))]
    if recipe.dims == 2 and case.scan.grid.ndim == 3:
        affine = slice_affine(case.scan)
        pairs = [(image[:, z], labels[:, z], affine) for z in range(image.shape[1])]
    prepare = Compose(
        [
            *_monai_steps(recipe),
            SpatialPadd(("image", "mask"), tuple(reversed(recipe.patch))),
            ClassesToIndicesd(
                "mask", num_classes=len(classes.names), max_samples_per_class=SAMPLES_PER_CLASS
            ),
        ]
    )
    found = []
    for x, y, affine in pairs:
        axes = (0, *range(x.ndim - 1, 0, -1))
        turned = torch.from_numpy(affine[:, [*range(len(affine) - 2, -1, -1), -1]])
        item = {
            "image": MetaTensor(x.permute(axes).contiguous(), affine=turned),
            "mask": MetaTensor(y.permute(axes).contiguous(), affine=turned),
        }
        found.append(prepare(item))
    return found


def _monai_steps(recipe: Recipe) -> list[Any]:
    """The preprocessing with MONAI's own transforms, spatial ones on the mask as well."""
    import monai.transforms

    steps = []
    for config in recipe.preprocessing():
        arguments = {k: v for k, v in config.items() if k != "_target_"}
        if "Intensity" not in config["_target_"]:
            arguments["keys"] = ("image", "mask")
        if "mode" in arguments:
            arguments["mode"] = (arguments["mode"], "nearest")
        if "anti_aliasing" in arguments:
            arguments["anti_aliasing"] = (True, False)
        steps.append(getattr(monai.transforms, config["_target_"])(**arguments))
    return steps


def _augmentation(recipe: Recipe, classes: int) -> Any:
    """Random patches, about as many around each class, bent and changed in intensity."""
    from monai.transforms import (
        Compose,
        RandAdjustContrastd,
        RandAffined,
        RandCropByLabelClassesd,
        RandGaussianNoised,
        RandGaussianSmoothd,
        RandScaleIntensityd,
        RandShiftIntensityd,
    )

    both, dims = ("image", "mask"), recipe.dims
    compose = Compose(
        [
            RandCropByLabelClassesd(
                both,
                "mask",
                spatial_size=tuple(reversed(recipe.patch)),
                num_classes=classes,
                num_samples=recipe.patches,
                indices_key="mask_cls_indices",
                warn=False,
            ),
            RandAffined(
                both,
                prob=0.5,
                rotate_range=[0.15] * (1 if dims == 2 else 3),
                scale_range=[0.15] * dims,
                mode=("bilinear", "nearest"),
                padding_mode="border",
            ),
            RandGaussianSmoothd("image", prob=0.15, sigma_x=(0.3, 1.0), sigma_y=(0.3, 1.0)),
            RandGaussianNoised("image", prob=0.3, std=0.03),
            RandScaleIntensityd("image", factors=0.15, prob=0.3),
            RandShiftIntensityd("image", offsets=0.1, prob=0.3),
            RandAdjustContrastd("image", prob=0.2, gamma=(0.7, 1.5)),
        ]
    )
    compose.set_random_state(recipe.seed)
    return compose


def _batches(items: Sequence[dict[str, Any]], augment: Any, recipe: Recipe) -> Any:
    """Batches (images, masks) of one epoch."""
    waiting: list[dict[str, Any]] = []
    for index in torch.randperm(len(items)).tolist():
        waiting += augment(items[index])
        while len(waiting) >= recipe.batch:
            batch, waiting = waiting[: recipe.batch], waiting[recipe.batch :]
            yield _stacked(batch)
    if waiting:
        yield _stacked(waiting)


def _stacked(batch: Sequence[dict[str, Any]]) -> tuple[Tensor, Tensor]:
    images, masks = (
        torch.stack([item[key].as_tensor() for item in batch]) for key in ("image", "mask")
    )
    return images, masks


def dice_table(victim: Victim, cases: Sequence[Case], classes: ClassMap) -> dict[str, float]:
    """Mean Dice of each class over cases, predicted through the victim's whole path."""
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
