"""Reads the preprocessing of a MONAI bundle: its steps, also on copies that become channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SegadvError
from .chain import (
    ASKING,
    CONCATENATES,
    COPIES,
    CUT_OUT,
    GUIDING,
    KNOWN,
    MASKED,
    UNSEEN,
    BoundTransform,
    Space,
    Step,
    Transform,
    bind,
    check_step,
    plain_name,
    tells_zero,
)
from .guidance import Guided, LabelChannel, Patches, Signals


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

    @property
    def tells_zero(self) -> bool:
        """Whether a step of a copy depends on which pixels are exactly 0."""
        return any(tells_zero(one) for branch in self.branches for one in branch)

    def exactly(self) -> "Concatenated":
        """Return the same with MONAI's own values."""
        return replace(self, branches=tuple(tuple(s.exactly() for s in b) for b in self.branches))

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

        one = BoundTransform(forward, chains[0].backward)
        return one, forward(image[None])[0], after


def image_channels(seen: int, steps: Sequence[Step]) -> int:
    """Return how many channels an image has from which steps make those that a network sees."""
    added = sum(step.added for step in steps if isinstance(step, Guided))
    return (seen - added) // (channels_made(steps) or 1)


def channels_made(steps: Sequence[Step]) -> int:
    """Return how many channels steps make of one."""
    made = 1
    for step in steps:
        if isinstance(step, Concatenated):
            made *= sum(channels_made(branch) for branch in step.branches)
        elif isinstance(step, Guided):
            made *= channels_made(step.steps)
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
    names = [plain_name(str(config["_target_"]), KNOWN) for config in configs]
    if any(name in GUIDING for name in names):
        return (_guided(names, configs, key),)
    # The steps of the image, and of each copy of it, by key.
    steps: dict[str, list[Step]] = {key: []}
    for config in configs:
        if config.get("_disabled_"):
            continue
        plain = plain_name(str(config["_target_"]), KNOWN)
        check_step(plain)
        if plain in UNSEEN or plain == ASKING:
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
                    steps[one].append(Transform(plain, _of_key(plain, arguments, place)))
    return tuple(steps[key])


def _guided(names: Sequence[str], configs: Sequence[Mapping[str, Any]], key: str) -> Guided:
    """Return all steps of a preprocessing that adds guidance to the image."""
    adding = next((n for n, name in enumerate(names) if name in ADDING), None)
    if adding is None:
        odd = next(name for name in names if name in GUIDING)
        raise SegadvError(f"preprocessing step {odd} stands alone; guidance is added nowhere")
    first = next(n for n, name in enumerate(names) if name in GUIDING)
    late = [config for n, config in enumerate(configs) if n > adding and names[n] != "SqueezeDim"]
    if from_monai(late, key):
        raise SegadvError(f"preprocessing has steps behind {names[adding]}; put them before it")
    before, config = from_monai(configs[:first], key), configs[adding]
    if names[adding] == CUT_OUT:
        settings = {name: config[name] for name in PATCH_SETTINGS if name in config}
        return Patches(before, None, 1 + settings.get("add_exclusion_map", True), settings)
    if names[adding] == MASKED:
        return LabelChannel(before)
    between = range(first, adding)
    labels = next((configs[n]["label_names"] for n in between if "label_names" in configs[n]), ())
    return Signals(
        before,
        None,
        len(labels),
        tuple(str(label) for label in labels),
        from_monai([configs[n] for n in between if names[n] not in GUIDING], key),
        "ResizeGuidanceMultipleLabelDeepEdit" in names[first:adding],
        int(config.get("sigma", 3)),
    )


# The steps that make guidance channels of the image, and arguments of one that cuts out patches.
ADDING = ("AddGuidanceSignalDeepEdit", CUT_OUT, MASKED)
PATCH_SETTINGS = ("bb_size", "gaussian", "sigma", "truncated", "add_exclusion_map")


def _of_key(plain: str, arguments: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return the arguments of a transform for one of its keys, without those that only name."""
    left_out = ("allow_missing_keys", "source_key", "lazy", "meta_keys", "meta_key_postfix",
                "start_coord_key", "end_coord_key", "dtype")  # fmt: skip
    found = {name: value for name, value in arguments.items() if name not in left_out}
    for name in ("mode", "padding_mode", "align_corners"):
        if isinstance(found.get(name), list):
            found[name] = found[name][place]
    if plain == "Spacing" and "dtype" in arguments:
        # It decides which of two pixels is the nearer one: see `ties`.
        kind = arguments["dtype"]
        found["dtype"] = _dtype_name(kind[place] if isinstance(kind, list) else kind)
    return found


def _dtype_name(kind: Any) -> str | None:
    """Return the name of a number's type that MONAI takes, such as "float32"."""
    if kind is None:
        return None
    text = str(kind).removeprefix("torch.")
    try:
        return np.dtype(text if isinstance(kind, str | torch.dtype) else kind).name
    except TypeError:
        raise SegadvError(f"dtype {text} is no type of numbers; use torch.float32") from None


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
        if str(arguments.get("name", keys[0])) in steps:
            raise SegadvError(
                f"preprocessing step {CONCATENATES} makes the image of {', '.join(keys)}; only one "
                "image is supported"
            )
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
