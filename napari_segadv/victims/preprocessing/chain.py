"""A victim's preprocessing as a differentiable chain; MONAI's steps are checked against MONAI."""

import math
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...common.screen import one_line
from ...common.wording import in_percent
from ...errors import SegadvError
from .axes import PAD_MODES, Affine, AxesMap, Back, between
from .bound_chain import BoundChain as BoundChain
from .bound_chain import BoundTransform as BoundTransform
from .bound_chain import Space as Space
from .exact import exactly
from .intensity import INTENSITY
from .ties import Ties, Undo

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
# Copies the image, and joins such copies as channels: see `reading`.
COPIES, CONCATENATES = "CopyItems", "ConcatItems"
# Add what a user shows the network, as channels: see `guidance`.
CLICKED = frozenset(
    {
        "OrientationGuidanceMultipleLabelDeepEdit",
        "AddGuidanceFromPointsDeepEdit",
        "ResizeGuidanceMultipleLabelDeepEdit",
        "AddGuidanceSignalDeepEdit",
    }
)
CUT_OUT, MASKED = "AddClickSignals", "AddLabelAsGuidance"
# Scripts of published bundles that are known by their full path, and do what MONAI's would.
SCRIPTS = frozenset({"scripts.transforms.OrientationGuidanceMultipleLabelDeepEditd"})
GUIDING = CLICKED | {CUT_OUT, MASKED, "SqueezeDim"}
# Acts on the numbers of the classes that the network is asked for: see `prompts`.
ASKING = "VistaPreTransform"
KNOWN = INTENSITY.keys() | SPATIAL | WITHOUT_EFFECT | {CONCATENATES, ASKING} | GUIDING
# Steps whose arguments say nothing of the pixels either.
UNSEEN = WITHOUT_EFFECT - {COPIES}
DATA_DEPENDENT = frozenset({"CropForeground", "CropToNonzero"})
# Steps whose values ours meet but for rounding; spatial ones if they interpolate.
ROUNDED = frozenset(
    {
        "Spacing",
        "Resize",
        "ScaleIntensity",
        "ScaleIntensityRangePercentiles",
        "NormalizeIntensity",
    }
)
# MONAI computes some steps in float64; a ten-thousandth of the image's range is no difference.
TOLERANCE = 1e-4


class Step(Protocol):
    """One step of a victim's preprocessing; `Transform` is one of MONAI's.

    Attributes:
        name: for messages and records.
        arguments: for records.
        window: the intensity window that it lets through; None if it names none.
        rescales: whether it changes the units of the intensities.
    """

    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> Mapping[str, Any]: ...
    @property
    def window(self) -> tuple[float, float] | None: ...
    @property
    def rescales(self) -> bool: ...

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        """Fix the step's geometry on the grid of an image (C, *S).

        Returns:
            The step on this grid, and the image and its grid after the step.

        Raises:
            SegadvError: if the step can't be reproduced on this image.
        """


@dataclass(frozen=True)
class Transform:
    """One transform: its MONAI name (without the d of the dictionary form) and arguments.

    Attributes:
        name, arguments: MONAI's.
        exact: whether its values are those that MONAI computes, to the last bit.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False

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

    @property
    def tells_zero(self) -> bool:
        """Whether what it does to a pixel, or to all, depends on which pixels are exactly 0."""
        return self.name == "NormalizeIntensity" and bool(self.arguments.get("nonzero"))

    def exactly(self) -> "Transform":
        """Return the same step with MONAI's own values."""
        return replace(self, exact=True)

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        """Fix the geometry on the grid of an image (C, *S).

        MONAI itself runs once: this shows where it puts the pixels, and that ours does the same.

        Raises:
            SegadvError: if MONAI refuses the image, or our result differs from MONAI's.
        """
        transform, theirs = _monai(self, image, space)
        after = Space(tuple(theirs.shape[1:]), _square(theirs.affine, len(space.shape)))
        one = _bind_step(
            self, space, after, Undo(transform, list(theirs.applied_operations), after.affine)
        )
        found = theirs.as_tensor()
        _compare(self, one.forward(image.unsqueeze(0))[0], found)
        if self.exact and self._rounds(space, after):
            # The same object, which has warned of what there is: filters belong to all threads.
            forward = exactly(lambda x: transform(_placed(x, space)).as_tensor(), one.forward)
            one = replace(one, forward=forward)
        return one, found, after

    def _rounds(self, before: Space, after: Space) -> bool:
        """Return whether our values on these grids are MONAI's but for rounding."""
        if self.name in SPATIAL:
            axes = between(before.affine, before.shape, after.affine, after.shape)
            if axes is None or all(axis.whole for axis in axes.axes):
                return False
        return self.name in ROUNDED


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps, and those that they are made of."""
    for step in steps:
        yield step
        yield from all_steps(getattr(step, "steps", ()))


def bind(steps: Sequence[Step], image: Tensor, space: Space) -> BoundChain:
    """Fix a chain's geometry on the grid of an image.

    Crops that depend on the content are those of this image.

    Args:
        steps: the chain.
        image: (C, *S) on `space`.
        space: the image's grid.

    Raises:
        SegadvError: if a step can't be reproduced on this image.
    """
    bound = []
    image = image.detach()
    for step in with_exact_zeros(steps):
        one, image, space = step.bound(image, space)
        bound.append(one)
    return BoundChain(tuple(bound), space)


def with_exact_zeros(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return steps of which those in front of the last one that tells 0 apart are MONAI's own.

    So the same pixels are 0 there as in MONAI's pipeline, whatever the image.
    """
    last = max((n for n, step in enumerate(steps) if tells_zero(step)), default=0)
    front = [step.exactly() if hasattr(step, "exactly") else step for step in steps[:last]]
    return (*front, *steps[last:])


def tells_zero(step: Step) -> bool:
    """Return whether a step, or one that it is made of, depends on which pixels are exactly 0."""
    return bool(getattr(step, "tells_zero", False))


def _bind_step(step: Transform, before: Space, after: Space, undo: Undo) -> BoundTransform:
    if step.name in INTENSITY:
        function, arguments = INTENSITY[step.name], dict(step.arguments)
        return BoundTransform(lambda x: function(x, **arguments), lambda z, way: z)
    axes = between(before.affine, before.shape, after.affine, after.shape)
    if axes is None:
        raise SegadvError(
            f"preprocessing step {step.name} rotates the image; first resample the image to a "
            "grid that is parallel to the patient's axes"
        )
    value = step.arguments.get("value", step.arguments.get("constant_values", 0.0))
    if step.name == "Resize":
        axes = replace(
            axes,
            matrices=_resize_matrices(axes, step.arguments),
            inverses=_resize_inverses(axes, step.arguments),
        )
    elif "Pad" in step.name:
        mode = str(step.arguments.get("mode", "constant"))
        if mode not in PAD_MODES:
            raise SegadvError(
                f"preprocessing step {step.name}: mode {mode} is not known; use one of "
                + ", ".join(PAD_MODES)
            )
        axes = replace(axes, pad_mode=PAD_MODES[mode], pad_value=value)
    backward: Callable[[Tensor, Back], Tensor] = axes.backward
    if step.name == "Spacing" and any(not axis.whole and axis.ties for axis in axes.axes):
        backward = Ties(axes, before.shape, after.shape, undo)
    if not axes.interpolates:
        return BoundTransform(axes.forward, backward, axes.cuts)

    def exactly_back(z: Tensor, way: Back) -> Tensor:
        if way.nearest:
            return backward(z, way)
        return exactly(undo.values, lambda x: backward(x, way))(z)

    return BoundTransform(axes.forward, backward, axes.cuts, True, exactly_back)


def _resize_matrices(axes: AxesMap, arguments: Mapping[str, Any]) -> dict[int, Tensor]:
    """Return torch's interpolation along each axis as a matrix: what it makes of unit vectors."""
    mode = _torch_mode(arguments)
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


def _resize_inverses(axes: AxesMap, arguments: Mapping[str, Any]) -> dict[tuple[int, bool], Tensor]:
    """Return torch's interpolation back along each axis; MONAI keeps the mode of the way there."""
    found = {}
    for i, axis in enumerate(axes.axes):
        if not axis.whole:
            for nearest in (False, True):
                mode = "nearest" if nearest else _torch_mode(arguments)
                corners = None if nearest else arguments.get("align_corners")
                units = torch.eye(axis.size_out)
                size = (axis.size_out, axis.size_in)
                rows = F.interpolate(units[None, None], size=size, mode=mode, align_corners=corners)
                found[i, nearest] = rows[0, 0].T.contiguous()
    return found


def _torch_mode(arguments: Mapping[str, Any]) -> str:
    mode = str(arguments.get("mode", "area"))
    return "bilinear" if mode in ("linear", "trilinear") else mode


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


def _monai(step: Transform, image: Tensor, space: Space) -> tuple[Any, Any]:
    """Run MONAI's own transform; return it, and what it makes of an image (C, *S) on a grid."""
    import monai.transforms

    try:
        with warnings.catch_warnings():
            # MONAI warns of defaults that will change; its result is compared anyway.
            warnings.simplefilter("ignore", FutureWarning)
            transform = getattr(monai.transforms, step.name)(**step.arguments)
            return transform, transform(_placed(image, space))
    except Exception as error:  # noqa: BLE001 - MONAI's classes raise anything
        reason = " ".join(str(error).split())[:160]
        raise SegadvError(
            f"preprocessing step {step.name} does not fit this image ({reason}); use an image of "
            "the kind the model was made for"
        ) from None


def _placed(image: Tensor, space: Space) -> Any:
    """Return a copy of an image (C, *S) that lies on a grid, as MONAI's transforms take it."""
    from monai.data import MetaTensor

    return MetaTensor(image.clone(), affine=torch.from_numpy(space.affine))


def _compare(step: Transform, ours: Tensor, theirs: Tensor) -> None:
    span = float(theirs.max() - theirs.min()) or 1.0
    if ours.shape == theirs.shape:
        off = float((ours - theirs).abs().max()) / span
        if off <= TOLERANCE:
            return
        found = f"differs by {in_percent(off, 2)} of the range"
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
    if name not in KNOWN:
        known = ", ".join(sorted([*INTENSITY, *SPATIAL, CONCATENATES]))
        raise SegadvError(
            f"preprocessing step {one_line(name, 80)} is not known, so it has no gradient here; "
            f"use only these: {known}"
        )


def is_monais(target: str) -> bool:
    """Return whether a target names something of MONAI's, not a class of somebody's own."""
    return "." not in target or target.startswith("monai.")


def plain_name(target: str, known: Collection[str]) -> str:
    """Return the array transform's name for any of MONAI's spellings of the dictionary form.

    A class of somebody's own keeps its full path: it may do anything, whatever its name.
    """
    if not is_monais(target) and target not in SCRIPTS:
        return target
    name = target.rsplit(".", 1)[-1]
    for ending in ("", "d", "D", "Dict"):
        if name.endswith(ending) and name.removesuffix(ending) in known:
            return name.removesuffix(ending)
    return name
