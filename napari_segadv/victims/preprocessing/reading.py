"""Reads the preprocessing of a MONAI bundle: its steps, also on copies that become channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ...errors import SegadvError
from .chain import (
    ASKING,
    CONCATENATES,
    COPIES,
    CUT_OUT,
    DATA_DEPENDENT,
    GUIDING,
    KNOWN,
    MASKED,
    UNSEEN,
    Step,
    Transform,
    check_step,
    plain_name,
)
from .guidance import Guided, LabelChannel, Patches, Signals
from .joining import Concatenated, joined_images


def image_channels(seen: int, steps: Sequence[Step]) -> int:
    """Return how many channels an image has from which steps make those that a network sees.

    Raises:
        SegadvError: if they join several images, and the network sees another number of channels.
    """
    added = sum(step.added for step in steps if isinstance(step, Guided))
    made, images = channels_made(steps), joined_images(steps)
    if not images:
        return (seen - added) // (made or 1)
    if seen != made + added:
        raise SegadvError(
            f"preprocessing joins {', '.join(images)} to {made} channels, but the network sees "
            f"{seen}; each image must have one channel"
        )
    return len(images)


def channels_made(steps: Sequence[Step]) -> int:
    """Return how many channels steps make of one: of several images that they join, of one each."""
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
    return _steps(_entries(configs, key).of(key))


def sources(configs: Sequence[Mapping[str, Any]], key: str = "image") -> tuple[str, ...]:
    """Return the keys of the images, as they are loaded, that a network's input is made of.

    Args:
        configs: the transforms, as for `from_monai`.
        key: the dictionary key of the network's input.
    """
    return _entries(configs, key).of(key).sources


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A transform of one key, which is read only if the network's input went through it."""

    plain: str
    arguments: Mapping[str, Any]
    key: str
    place: int


@dataclass(frozen=True, eq=False)
class _Join:
    """Entries that are joined as channels."""

    joined: tuple["_Entry", ...]
    dim: int


@dataclass(frozen=True)
class _Entry:
    """What a key of the data holds: an image as it was loaded, and what it went through."""

    source: str
    steps: tuple[_Waiting | _Join, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The images that it is made of, in the order of their first channels."""
        found = [
            source
            for step in self.steps
            if isinstance(step, _Join)
            for one in step.joined
            for source in one.sources
        ]
        return tuple(dict.fromkeys(found)) or (self.source,)


class _Entries:
    """What each key of the data holds. A key that is met first holds an image as it was loaded."""

    def __init__(self) -> None:
        self._known: dict[str, _Entry] = {}

    def of(self, key: str) -> _Entry:
        return self._known.get(key, _Entry(key))

    def add(self, key: str, step: _Waiting) -> None:
        entry = self.of(key)
        self._known[key] = replace(entry, steps=(*entry.steps, step))

    def copy(self, keys: Sequence[str], names: Sequence[str]) -> None:
        """CopyItems: the copies have gone through the steps so far."""
        for number, name in enumerate(names):
            self._known[name] = self.of(keys[number % len(keys)])

    def join(self, keys: Sequence[str], name: str, dim: int) -> None:
        """ConcatItems: joins entries under a name."""
        self._known[name] = _Entry(name, (_Join(tuple(map(self.of, keys)), dim),))


def _entries(configs: Sequence[Mapping[str, Any]], default: str) -> _Entries:
    """Follow what each key holds through transforms, of which those without keys act on a default.

    Raises:
        SegadvError: if a transform is not known.
    """
    entries = _Entries()
    for config in configs:
        if config.get("_disabled_"):
            continue
        plain = plain_name(str(config["_target_"]), KNOWN)
        check_step(plain)
        if plain in UNSEEN or plain == ASKING or plain in GUIDING:
            continue
        arguments = {k: v for k, v in config.items() if not k.startswith("_")}
        given = arguments.pop("keys", default)
        keys = [given] if isinstance(given, str) else list(given)
        if plain == COPIES:
            names = arguments.get("names", ())
            entries.copy(keys, [names] if isinstance(names, str) else list(names or ()))
        elif plain == CONCATENATES:
            entries.join(keys, str(arguments.get("name", keys[0])), arguments.get("dim", 0))
        else:
            for place, one in enumerate(keys):
                entries.add(one, _Waiting(plain, arguments, one, place))
    return entries


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


def _steps(entry: _Entry) -> tuple[Step, ...]:
    """Return the steps that an entry has gone through."""
    steps: list[Step] = []
    several = len(entry.sources) > 1
    for one in entry.steps:
        steps += _joined(one, several) if isinstance(one, _Join) else [_transform(one)]
    return tuple(steps)


def _transform(one: _Waiting) -> Transform:
    by = one.arguments.get("source_key", one.key)
    if one.plain in DATA_DEPENDENT and by != one.key:
        raise SegadvError(
            f"preprocessing step {one.plain} crops {one.key} by the content of {by}, which is "
            "another image; let each be cropped by its own"
        )
    return Transform(one.plain, _of_key(one.plain, one.arguments, one.place))


def _joined(join: _Join, several: bool) -> list[Step]:
    """ConcatItems: what copies of one image have in common stays in front."""
    if join.dim != 0:
        raise SegadvError(f"preprocessing step {CONCATENATES} joins another axis than the channels")
    if any(isinstance(step, _Join) for entry in join.joined for step in entry.steps):
        raise SegadvError(f"preprocessing step {CONCATENATES} stands inside another; use one")
    listed = [entry.steps for entry in join.joined]
    shared = 0
    while not several and all(
        len(one) > shared and one[shared] is listed[0][shared] for one in listed
    ):
        shared += 1
    read = [[_transform(one) for one in steps if isinstance(one, _Waiting)] for steps in listed]
    rest = tuple(tuple(steps[shared:]) for steps in read)
    if not several:
        return [*read[0][:shared], Concatenated(rest)]
    images = tuple(dict.fromkeys(entry.source for entry in join.joined))
    begins = tuple(images.index(entry.source) for entry in join.joined)
    return [Concatenated(rest, begins, images)]
