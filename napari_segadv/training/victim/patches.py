"""What a network sees in training: preprocessed cases, random patches of them, and batches."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...io.cases import Case, ClassMap
from ...victims.preprocessing.axes import Affine
from ...victims.scan_tensors import as_tensor, ras_affine, slice_affine
from .recipe import Recipe

# Most voxels of a class to choose patches around; all of them would fill the memory.
SAMPLES_PER_CLASS = 20_000


def prepared(case: Case, classes: ClassMap, recipe: Recipe) -> list[dict[str, Any]]:
    """Preprocess a case, or each of its slices for a 2-D network, as the bundle will."""
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
            *_monai_steps(recipe, len(classes.names)),
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


def _monai_steps(recipe: Recipe, classes: int) -> list[Any]:
    """Return the preprocessing as MONAI's own transforms; spatial ones act on the mask as well.

    In 2-D the mask is resampled as shares of its classes, and the largest share wins: the nearest
    label would be off by up to half a pixel, which is much of a narrow vessel. In 3-D the shares
    would fill the memory.
    """
    import monai.transforms
    from monai.transforms import AsDiscreted

    shares = recipe.dims == 2
    steps = [AsDiscreted("mask", to_onehot=classes)] if shares else []
    for config in recipe.preprocessing():
        arguments = {k: v for k, v in config.items() if k != "_target_"}
        if "Intensity" not in config["_target_"]:
            arguments["keys"] = ("image", "mask")
        if "mode" in arguments:
            arguments["mode"] = (arguments["mode"], arguments["mode"] if shares else "nearest")
        if "anti_aliasing" in arguments:
            arguments["anti_aliasing"] = (True, shares)
        steps.append(getattr(monai.transforms, config["_target_"])(**arguments))
    return [*steps, AsDiscreted("mask", argmax=True)] if shares else steps


def augmentation(recipe: Recipe, classes: int) -> Any:
    """Return the transform that cuts random patches out of a case and augments them.

    About as many patches lie around each class. Geometry and intensity change at random.
    """
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
                prob=recipe.bend,
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


def batches(items: Sequence[dict[str, Any]], augment: Any, recipe: Recipe) -> Any:
    """Yield the batches (images, masks) of one epoch."""
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
