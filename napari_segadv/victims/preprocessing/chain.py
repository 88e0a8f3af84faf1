"""A victim's preprocessing as a differentiable chain, checked step by step against MONAI's own."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import SegadvError
from .axes import PAD_MODES, Affine, AxesMap, between
from .intensity import INTENSITY

SPATIAL = frozenset(
    {
        "Orientation",
        "Spacing",
        "Resize",
        "Flip",
        "Rotate90",
        "SpatialPad",
        "BorderPad",
        "DivisiblePad",
        "ResizeWithPadOrCrop",
        "CropForeground",
        "CenterSpatialCrop",
        "SpatialCrop",
    }
)
# Steps that change neither values nor pixels once a Scan has become a float tensor.
WITHOUT_EFFECT = frozenset(
    {
        "LoadImage",
        "EnsureChannelFirst",
        "AddChannel",
        "AsChannelFirst",
        "EnsureType",
        "ToTensor",
        "CastToType",
        "ToDevice",
        "Identity",
        "SelectItems",
        "DeleteItems",
        "CopyItems",
    }
)
# Joins copies of the image that other steps have made, such as three windows of a CT.
CONCATENATES = "ConcatItems"
# Those among them whose arguments say nothing of the pixels either.
COPIES = "CopyItems"
UNSEEN = WITHOUT_EFFECT - {COPIES}
DATA_DEPENDENT = frozenset({"CropForeground"})
# MONAI computes some steps in float64; a ten-thousandth of the image's range is no difference.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Space:
    """A grid as MONAI knows it: shape, and affine from index to RAS world."""

    shape: tuple[int, ...]
    affine: Affine


@dataclass(frozen=True)
class Transform:
    """One transform: its MONAI name (without the d of the dictionary form) and arguments."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in INTENSITY and self.name not in SPATIAL:
            check_step(self.name)
            raise SegadvError(f"preprocessing step {self.name} changes nothing; leave it out")
        if self.window is not None and not -math.inf < self.window[0] < self.window[1] < math.inf:
            low, high = self.window
            raise SegadvError(
                f"the intensity window from {low:g} to {high:g} is empty or has no end; give two "
                "finite numbers, the lower first"
            )

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensity window that this step lets through; None if it names none."""
        if self.name != "ScaleIntensityRange":
            return None
        return float(self.arguments["a_min"]), float(self.arguments["a_max"])

    @property
    def rescales(self) -> bool:
        """Whether this step changes the units of the intensities."""
        return self.name.startswith("ScaleIntensity") or self.name == "NormalizeIntensity"


@dataclass(frozen=True)
class BoundTransform:
    """A step on a given grid: images forward, logits back."""

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class BoundChain:
    """A chain on a given grid.

    `forward` maps images (N, C, *S) to the network's grid and intensities; `backward` maps class
    logits from there back to S. Both are differentiable.
    """

    steps: tuple[BoundTransform, ...]
    space: Space

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step.forward(x)
        return x

    def backward(self, z: Tensor) -> Tensor:
        for step in reversed(self.steps):
            z = step.backward(z)
        return z


def bind(steps: "Sequence[Step]", image: Tensor, space: Space) -> BoundChain:
    """Fix a chain's geometry on the grid of an image.

    Crops that depend on the content are those of this image. MONAI itself runs each step once: this
    shows where the step puts the pixels, and that ours does the same.

    Args:
        steps: the chain.
        image: (C, *S) on `space`.
        space: the image's grid.

    Raises:
        SegadvError: if MONAI refuses the image, or the result of a step differs from MONAI's.
    """
    from monai.data import MetaTensor

    bound = []
    image = image.detach()
    for step in steps:
        if isinstance(step, Concatenated):
            one, image, space = step.bound(image, space)
            bound.append(one)
            continue
        theirs = _monai(step, MetaTensor(image.clone(), affine=torch.from_numpy(space.affine)))
        after = Space(tuple(theirs.shape[1:]), _square(theirs.affine, len(space.shape)))
        one = _bind_step(step, space, after)
        ours = one.forward(image.unsqueeze(0))[0]
        _compare(step, ours, theirs.as_tensor())
        bound.append(one)
        image, space = ours, after
    return BoundChain(tuple(bound), space)


def _bind_step(step: Transform, before: Space, after: Space) -> BoundTransform:
    if step.name in INTENSITY:
        function, arguments = INTENSITY[step.name], dict(step.arguments)
        return BoundTransform(lambda x: function(x, **arguments), lambda z: z)
    axes = between(before.affine, before.shape, after.affine, after.shape)
    if axes is None:
        raise SegadvError(
            f"preprocessing step {step.name} rotates the image; first resample the image to a "
            "grid that is parallel to the patient's axes"
        )
    value = step.arguments.get("value", step.arguments.get("constant_values", 0.0))
    if step.name == "Resize":
        axes = replace(axes, matrices=_resize_matrices(axes, step.arguments))
    elif "Pad" in step.name:
        mode = str(step.arguments.get("mode", "constant"))
        if mode not in PAD_MODES:
            raise SegadvError(
                f"preprocessing step {step.name}: mode {mode} is not known; use one of "
                + ", ".join(PAD_MODES)
            )
        axes = replace(axes, pad_mode=PAD_MODES[mode], pad_value=value)
    return BoundTransform(axes.forward, axes.backward)


def _resize_matrices(axes: AxesMap, arguments: Mapping[str, Any]) -> dict[int, Tensor]:
    """Return torch's interpolation along each axis as a matrix: what it makes of unit vectors."""
    mode = str(arguments.get("mode", "area"))
    mode = "bilinear" if mode in ("linear", "trilinear") else mode
    corners = arguments.get("align_corners")
    matrices = {}
    for i, axis in enumerate(axes.axes):
        if axis.whole:
            continue
        units = torch.eye(axis.size_in)
        if arguments.get("anti_aliasing"):
            units = _smoothed(units, axis.size_in / axis.size_out, arguments)
        size = (axis.size_in, axis.size_out)
        rows = F.interpolate(units[None, None], size=size, mode=mode, align_corners=corners)
        matrices[i] = rows[0, 0].T.contiguous()
    return matrices


def _smoothed(units: Tensor, factor: float, arguments: Mapping[str, Any]) -> Tensor:
    """Blur unit vectors (rows) as MONAI does before it shrinks an axis by a factor."""
    from monai.networks.layers import GaussianFilter

    sigma = arguments.get("anti_aliasing_sigma")
    if sigma is None:
        sigma = max(0.0, (factor - 1) / 2)
    if factor <= 1 or not sigma:
        return units
    blurred: Tensor = GaussianFilter(1, float(sigma))(units.unsqueeze(1))
    return blurred.squeeze(1)


def _monai(step: Transform, image: Any) -> Any:
    """Run MONAI's own transform."""
    import monai.transforms

    try:
        with warnings.catch_warnings():
            # MONAI warns of defaults that will change; its result is compared anyway.
            warnings.simplefilter("ignore", FutureWarning)
            return getattr(monai.transforms, step.name)(**step.arguments)(image)
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise SegadvError(
            f"preprocessing step {step.name} does not fit this image ({reason}); use an image of "
            "the kind the model was made for"
        ) from None


def _compare(step: Transform, ours: Tensor, theirs: Tensor) -> None:
    span = float(theirs.max() - theirs.min()) or 1.0
    if ours.shape == theirs.shape:
        off = float((ours - theirs).abs().max()) / span
        if off <= TOLERANCE:
            return
        found = f"differs by {off:.2%} of the range"
    else:
        found = f"gives shape {tuple(ours.shape)} instead of {tuple(theirs.shape)}"
    raise SegadvError(
        f"preprocessing step {step.name}({dict(step.arguments)}) can't be reproduced: it {found}; "
        "use simpler arguments"
    )


def _square(affine: Any, ndim: int) -> Affine:
    from monai.data.utils import to_affine_nd

    return np.asarray(to_affine_nd(ndim, np.asarray(affine, dtype=np.float64)))


def check_step(name: str) -> None:
    """Refuse a step of a preprocessing that is not known, by its plain name.

    Raises:
        SegadvError: if it is not.
    """
    if name not in INTENSITY.keys() | SPATIAL | WITHOUT_EFFECT | {CONCATENATES}:
        known = ", ".join(sorted([*INTENSITY, *SPATIAL, CONCATENATES]))
        raise SegadvError(
            f"preprocessing step {name} is not known, so it has no gradient here; use "
            f"only these: {known}"
        )


def plain_name(target: str) -> str:
    """Return the array transform's name for any of MONAI's spellings of the dictionary form."""
    name = target.rsplit(".", 1)[-1]
    known = INTENSITY.keys() | SPATIAL | WITHOUT_EFFECT | {CONCATENATES}
    for ending in ("", "d", "D", "Dict"):
        if name.endswith(ending) and name.removesuffix(ending) in known:
            return name.removesuffix(ending)
    return name


@dataclass(frozen=True)
class Concatenated:
    """Copies of an image, each with steps of its own, joined along the channels.

    Attributes:
        branches: the steps of each copy.
    """

    branches: tuple[tuple[Transform, ...], ...]

    @property
    def name(self) -> str:
        return CONCATENATES

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The steps of each copy, for records."""
        return {
            f"copy {number}": [{"step": one.name, "arguments": one.arguments} for one in branch]
            for number, branch in enumerate(self.branches)
        }

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensity window that at least one copy lets through; None if one names none."""
        first = [next((one for one in branch if one.rescales), None) for branch in self.branches]
        found = [None if one is None else one.window for one in first]
        known = [window for window in found if window is not None]
        if len(known) < len(found):
            return None
        return min(low for low, _ in known), max(high for _, high in known)

    @property
    def rescales(self) -> bool:
        return any(one.rescales for branch in self.branches for one in branch)

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        """Fix the geometry on the grid of an image (C, *S); all copies must have the same.

        Raises:
            SegadvError: if they have not, or a step of one differs from MONAI's.
        """
        chains = [bind(branch, image, space) for branch in self.branches]
        after = chains[0].space
        if any(
            chain.space.shape != after.shape or not np.allclose(chain.space.affine, after.affine)
            for chain in chains
        ):
            raise SegadvError(
                f"preprocessing step {CONCATENATES} joins images of different grids; resample them "
                "to one"
            )

        def forward(x: Tensor) -> Tensor:
            return torch.cat([chain.forward(x) for chain in chains], dim=1)

        return BoundTransform(forward, chains[0].backward), forward(image[None])[0], after


# One step of a victim's preprocessing.
Step = Transform | Concatenated


def channels_made(steps: Sequence[Step]) -> int:
    """Return how many channels steps make of one."""
    made = 1
    for step in steps:
        if isinstance(step, Concatenated):
            made *= sum(channels_made(branch) for branch in step.branches)
        elif step.name == "RepeatChannel":
            made *= int(step.arguments["repeats"])
    return made


def from_monai(configs: Sequence[Mapping[str, Any]], key: str = "image") -> tuple[Step, ...]:
    """Return the steps in the `transforms` list of a bundle's preprocessing.

    Args:
        configs: MONAI's `_target_` dictionaries, literals only.
        key: the dictionary key of the image; transforms that act on other keys only are skipped.

    Raises:
        SegadvError: if a transform is not known.
    """
    # The steps of the image, and of each copy of it, by key.
    steps: dict[str, list[Step]] = {key: []}
    for config in configs:
        if config.get("_disabled_"):
            continue
        plain = plain_name(str(config["_target_"]))
        check_step(plain)
        if plain in UNSEEN:
            continue
        arguments = {k: v for k, v in config.items() if not k.startswith("_")}
        keys = arguments.pop("keys", key)
        keys = [keys] if isinstance(keys, str) else list(keys)
        if plain == COPIES:
            _copy(steps, keys, arguments)
        elif plain == CONCATENATES:
            _concatenate(steps, keys, arguments)
        else:
            for place, one in enumerate(keys):
                if one in steps:
                    steps[one].append(Transform(plain, _of_key(arguments, place)))
    return tuple(steps[key])


def _of_key(arguments: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return the arguments of a transform for one of its keys, without those that only name."""
    left_out = ("allow_missing_keys", "source_key", "lazy", "meta_keys", "meta_key_postfix",
                "start_coord_key", "end_coord_key", "dtype")  # fmt: skip
    found = {name: value for name, value in arguments.items() if name not in left_out}
    for name in ("mode", "padding_mode", "align_corners"):
        if isinstance(found.get(name), list):
            found[name] = found[name][place]
    return found


def _copy(steps: dict[str, list[Step]], keys: Sequence[str], arguments: Mapping[str, Any]) -> None:
    """CopyItems: the copies have gone through the steps so far."""
    names = arguments.get("names", ())
    names = [names] if isinstance(names, str) else list(names or ())
    for number, name in enumerate(names):
        one = keys[number % len(keys)]
        if one in steps:
            steps[str(name)] = list(steps[one])


def _concatenate(
    steps: dict[str, list[Step]], keys: Sequence[str], arguments: Mapping[str, Any]
) -> None:
    """ConcatItems: joins copies of the image; what they have in common stays in front."""
    foreign = [one for one in keys if one not in steps]
    if not any(one in steps for one in keys):
        return
    if foreign:
        raise SegadvError(
            f"preprocessing step {CONCATENATES} joins the image with {foreign[0]}, which is no "
            "copy of it; only one image is supported"
        )
    if arguments.get("dim", 0) != 0:
        raise SegadvError(f"preprocessing step {CONCATENATES} joins another axis than the channels")
    branches = [steps[one] for one in keys]
    shared = 0
    while all(len(one) > shared for one in branches) and all(
        one[shared] is branches[0][shared] for one in branches
    ):
        shared += 1
    rest = tuple(_transforms(one[shared:]) for one in branches)
    joined: list[Step] = [*branches[0][:shared], Concatenated(rest)]
    steps[str(arguments.get("name", keys[0]))] = joined


def _transforms(steps: Sequence[Step]) -> tuple[Transform, ...]:
    if not all(isinstance(one, Transform) for one in steps):
        raise SegadvError(f"preprocessing step {CONCATENATES} stands inside another; use one")
    return tuple(one for one in steps if isinstance(one, Transform))
