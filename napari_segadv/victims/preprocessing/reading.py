"""Reads the preprocessing of a MONAI bundle: its steps, also on copies that become channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
from .without_effect import PLACED, Stored, check_whole, check_wide, checked, dtype_name, of_key


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

    def like(self, other: "_Entry") -> bool:
        """Return whether it holds the same as another one: a copy that went through the same."""
        pairs = zip(self.steps, other.steps, strict=False)
        same = (self.source, len(self.steps)) == (other.source, len(other.steps))
        return same and all(one is two or _alike(one, two) for one, two in pairs)


def _alike(one: _Waiting | _Join, two: _Waiting | _Join) -> bool:
    """Return whether two steps are one transform, that of two keys."""
    if isinstance(one, _Join) or isinstance(two, _Join) or one.arguments is not two.arguments:
        return False
    each = [one.arguments.get(name) for name in (*BY_KEY, "dtype")]
    return all(str(of_key(value, one.place)) == str(of_key(value, two.place)) for value in each)


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
        if plain == ASKING or plain in GUIDING or plain in KEEPING:
            continue
        arguments = {k: v for k, v in config.items() if not k.startswith("_")}
        given = arguments.pop("keys", default)
        keys = [given] if isinstance(given, str) else list(given)
        if plain in UNSEEN and any(str(one).startswith("$") for one in keys):
            keys = [default]  # keys that are code: they may name the image
        if plain == COPIES:
            names = arguments.get("names", ())
            entries.copy(keys, [names] if isinstance(names, str) else list(names or ()))
        elif plain == CONCATENATES:
            entries.join(keys, str(arguments.get("name", keys[0])), arguments.get("dim", 0))
        else:
            _check_source(plain, arguments, keys, entries)
            for place, one in enumerate(keys):
                entries.add(one, _Waiting(plain, arguments, one, place))
    return entries


def _check_source(
    plain: str, arguments: Mapping[str, Any], keys: Sequence[str], entries: _Entries
) -> None:
    """Refuse a crop by the content of something else than the image that is cropped.

    Raises:
        SegadvError: if it is one.
    """
    by = arguments.get("source_key")
    if plain not in DATA_DEPENDENT or by is None:
        return
    for key in keys:
        if by != key and not entries.of(by).like(entries.of(key)):
            raise _cropped_by_another(plain, key, by)


def _cropped_by_another(plain: str, key: str, by: Any) -> SegadvError:
    return SegadvError(
        f"preprocessing step {plain} crops {key} by the content of {by}, which is another image; "
        "let each be cropped by its own"
    )


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
    found = {name: value for name, value in arguments.items() if name not in LEFT_OUT}
    for name in BY_KEY:
        if isinstance(found.get(name), list):
            found[name] = found[name][place]
    if plain != "Spacing":
        check_wide(plain, arguments, place)
    elif "dtype" in arguments:
        # It decides which of two pixels is the nearer one: see `ties`.
        found["dtype"] = dtype_name(of_key(arguments["dtype"], place))
    return found


# Arguments that may be lists with a value for each key.
BY_KEY = ("mode", "padding_mode", "align_corners")
# Arguments that name something; `dtype` and `source_key` are looked at by themselves.
LEFT_OUT = ("allow_missing_keys", "source_key", "lazy", "meta_keys", "meta_key_postfix",
            "start_coord_key", "end_coord_key", "dtype")  # fmt: skip
# Steps that keep the image, whatever their arguments.
KEEPING = frozenset({"ToDevice", "Identity", "SelectItems", "DeleteItems"})


def _steps(entry: _Entry) -> tuple[Step, ...]:
    """Return the steps that an entry has gone through."""
    steps: list[Step] = []
    several = len(entry.sources) > 1
    for one in entry.steps:
        if isinstance(one, _Join):
            steps += _joined(one, several)
    alone = [one for one in entry.steps if isinstance(one, _Waiting)]
    return (*steps, *_transforms(alone, several, begun=bool(steps)))


def _transforms(
    waiting: Sequence[_Waiting], several: bool, begun: bool = False
) -> list[Transform | Stored]:
    """Return the transforms among steps, once those without an effect were found to have none.

    Args:
        waiting: the steps.
        several: whether the network's input is made of several images.
        begun: whether transforms stand before them.

    Raises:
        SegadvError: if a step does what can't be reproduced.
    """
    found: list[Transform | Stored] = []
    whole = lost = None
    for one in waiting:
        if one.plain in UNSEEN:
            dtype = checked(one.plain, one.arguments, one.place)
            if dtype is not None and (found or begun):
                raise SegadvError(
                    f"preprocessing step {one.plain} turns what the steps before it made into "
                    f"{dtype}, which rounds it or cuts it off; use float32"
                )
            if dtype is not None:
                found.append(Stored(one.plain, dtype))
            if "dtype" in one.arguments and of_key(one.arguments["dtype"], one.place) is not None:
                whole = dtype
            lost = one.plain if one.arguments.get("track_meta") is False else lost
            continue
        if whole is not None:
            check_whole(one.plain, one.arguments, whole)
            whole = None
        if lost is not None and one.plain in PLACED:
            raise SegadvError(
                f"preprocessing step {one.plain} needs the image's place, which {lost} with "
                "track_meta = False throws away; leave track_meta out"
            )
        found.append(_transform(one, several))
    return found


def _transform(one: _Waiting, several: bool) -> Transform:
    by = one.arguments.get("source_key", one.key)
    if several and one.plain in DATA_DEPENDENT and by != one.key:
        raise _cropped_by_another(one.plain, one.key, by)
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
    waiting = [[one for one in steps if isinstance(one, _Waiting)] for steps in listed]
    front = _transforms(waiting[0][:shared], several)
    rest = tuple(tuple(_transforms(w[shared:], several, begun=bool(front))) for w in waiting)
    if not several:
        return [*front, Concatenated(rest)]
    images = tuple(dict.fromkeys(entry.source for entry in join.joined))
    begins = tuple(images.index(entry.source) for entry in join.joined)
    return [Concatenated(rest, begins, images)]
