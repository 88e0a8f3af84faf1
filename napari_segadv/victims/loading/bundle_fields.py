"""What a bundle's configuration says of its victim: classes, task, head, decision and more."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...data.overlapping import check_count, text_of
from ...errors import SegadvError
from ..decision import CHOOSES, TIDYING, Decision, inverts
from ..heads import Head
from ..postprocessing import read_decision
from ..preprocessing.chain import SPATIAL, Step, is_monais, plain_name
from ..preprocessing.guidance import Guided, Patches
from ..preprocessing.joining import joined_images
from ..preprocessing.keys import input_key
from ..preprocessing.reading import from_monai, image_channels, sources
from ..task import Task
from ..tasks import DEFAULT, task_in, task_named, task_of
from .bundle_config import BundleConfig
from .bundle_inferer import windows_of
from .bundle_parts import Parts
from .evaluation import Evaluation
from .own_config import OwnConfig, own_config
from .own_joins import OWN, PLACE
from .own_pipeline import IMAGE, OwnPipeline
from .own_program import painted_most, unfollowed
from .painted import painted_labels
from .values import holds_code

# Most channels that a network is taken to see.
MOST_CHANNELS = 10_000
# Networks whose in_channels are not those of the image.
ADAPTED = ("TorchVisionFCModel", "NetAdapter")
SEVERAL_AT_ONCE = (
    "its own program names every class whose probability reaches a threshold, several or none; "
    "here the likeliest class counts"
)
CUT_EACH = (
    "its own program keeps a class wherever its probability reaches a threshold, so that pixels "
    "may have none; here the likeliest class counts"
)
OVERLAPPING = "overlapping"
BACKGROUND = "background"
WITHOUT_BACKGROUND = "its channel background is no structure here: it counts nowhere"
# Formats of an output that name a task by another word than ours.
FORMATS = {"classes": "classification"}


def describe(
    config: BundleConfig, parts: Parts, evaluation: Evaluation | None = None
) -> dict[str, Any]:
    """Return the fields of a Victim that a configuration describes.

    Args:
        config: the configuration.
        parts: its values.
        evaluation: with an agreement to what they run, for a comparison with MONAI's own pipeline;
            None: none is made.

    Raises:
        SegadvError: if it describes none that is supported.
    """
    data = config.metadata.get("network_data_format", {})
    image: Mapping[str, Any] = next(iter(data.get("inputs", {}).values()), {})
    pred: Mapping[str, Any] = next(iter(data.get("outputs", {}).values()), {})
    arguments = parts.arguments
    steps = steps_of(config, parts)
    channels = _of_image(config, _channels(parts, image), steps)
    dims = 3 if parts.slices is not None else dims_of(parts, image, config)
    task = _task(pred, config)
    outputs, spare = arguments.get("out_channels", arguments.get("num_classes")), 0
    listed = _classes(pred, config, outputs)
    count = int(outputs or len(listed) or 1)
    if _overlap(parts, task, count):
        task = task_of(OVERLAPPING)
    overlap = task.name == OVERLAPPING
    if overlap:
        spare = _spare(parts, listed, count)
        listed = listed[spare:]
        check_count(count - spare, str(config.root))
    windows = windows_of(parts, dims, config) if parts.inferer else None
    head = _head(parts, spare)
    guided = next((step for step in steps if isinstance(step, Guided)), None)
    independent = not overlap and task.name != DEFAULT and count > 1
    independent = independent and parts.afterwards("Activations", "sigmoid")
    after = parts.postprocessing
    regions = painted_labels(after, listed) if overlap and listed else None
    known = int(outputs) if outputs else None
    try:
        decision, notes = _decided(task.name, after, known, regions, guided)
    except SegadvError as error:
        raise SegadvError(f"{config.source}: {error}") from None
    if task.name == DEFAULT and count > 2 and parts.cuts and not _largest(parts):
        notes = (*notes, CUT_EACH)
    if independent and any("threshold" in step for step in after):
        notes = (*notes, SEVERAL_AT_ONCE)
    if spare:
        notes = (*notes, WITHOUT_BACKGROUND)
    return {
        "name": str(config.metadata.get("name", config.root.name)),
        "dims": dims,
        "channels": channels,
        "channel_names": _channel_names(image, channels) or joined_images(steps),
        "classes": task.names(listed),
        "steps": steps,
        "array_order": _rows_first(config, parts),
        "windows": windows,
        "task": task,
        "decision": decision,
        "notes": notes,
        "regions": regions,
        "independent": independent,
        "head": head,
        "own": _own(config, parts, evaluation, (count, spare) if overlap else (0, 0), regions)
        if evaluation is not None and guided is None and _ends_on_image(parts)
        else None,
    }


def _ends_on_image(parts: Parts) -> bool:
    """Return whether a program ends in a mask on the image's grid: by a way back, or without."""
    if inverts(parts.postprocessing):
        return True
    names = [plain_name(str(step["_target_"]), SPATIAL) for step in parts.transforms]
    return bool(parts.after("AsDiscrete")) and SPATIAL.isdisjoint(names)


def _own(
    config: BundleConfig,
    parts: Parts,
    evaluation: Evaluation,
    maps: tuple[int, int],
    regions: Mapping[str, tuple[int, ...]] | None,
) -> OwnPipeline:
    """Return the bundle's own pipeline, as MONAI builds it; see `OwnPipeline` and `own_config`.

    Args:
        config: the bundle's.
        parts: its values.
        evaluation: with an agreement.
        maps: how many overlapping structures have a map each, and how many of these count nowhere.
        regions: the labels to which its program paints them.
    """
    key = image_key(config, parts.transforms)
    images = sources(parts.transforms, key)
    joined = images if len(images) > 1 else ()
    own = OwnPipeline(OwnConfig(), key, maps[0], joined, maps[1], images[0])
    outputs = parts.arguments.get("out_channels", parts.arguments.get("num_classes"))
    classes = outputs if isinstance(outputs, int) else 0
    reason = unfollowed(config, painted_most(regions, classes or 1))
    if reason:
        return replace(own, refused=reason)
    made = {one[PLACE]: one[OWN] for one in parts.transforms if OWN in one}
    try:
        found = own_config(config, evaluation, made, regions is not None, (key, *images), classes)
        return replace(own, config=found)
    except SegadvError as error:
        return replace(own, refused=str(error).removeprefix(f"{config.source}: "))


def _decided(
    task: str,
    after: Sequence[Mapping[str, Any]],
    count: int | None,
    regions: Mapping[str, tuple[int, ...]] | None,
    guided: Guided | None,
) -> tuple[Decision, tuple[str, ...]]:
    """Return how masks are made of the network's output, and notes on it for the user.

    Args:
        task: name of the task.
        after: the steps after the network.
        count: how many channels the network has, if that is known.
        regions: the labels to which the bundle's program paints overlapping structures, if it does.
        guided: the step that shows the network clicks or a mask, if there is one.
    """
    overlap = task == OVERLAPPING
    # Painted structures are the same ones: what is attacked and judged are their own masks.
    kept = [step for step in after if regions is None or not _is(step, "Lambda")]
    followed = overlap or task == DEFAULT
    decision, notes = read_decision(kept, count) if followed else (Decision(), ())
    # Each structure goes its way alone, as one of two classes.
    decision = replace(decision, each=decision.each and not overlap)
    if overlap and not any(_is(step, name) for step in after for name in ("AsDiscrete", CHOOSES)):
        notes = (*notes, "its own program writes probabilities; here a structure begins at 0.5")
    if regions is not None:
        notes = (*notes, f"its own program paints its structures to labels: {text_of(regions)}")
    if guided is not None:
        notes = (*notes, guided.describe())
    if isinstance(guided, Patches):
        # Each patch is tidied up by itself.
        decision = replace(decision, carried="labels", before=decision.after, after=())
    return decision, notes


def _channels(parts: Parts, image: Mapping[str, Any]) -> int:
    """Return how many channels the network sees.

    A network that is cut out of another one takes `in_channels` for those of its last layer.
    """
    adapted = is_monais(str(parts.target)) and str(parts.target).rsplit(".", 1)[-1] in ADAPTED
    given = None if adapted else parts.arguments.get("in_channels")
    return int(image.get("num_channels", 1) if given is None else given)


def _of_image(config: BundleConfig, seen: int, steps: Sequence[Step]) -> int:
    """Return how many channels the image has, of which steps make those that the network sees.

    Raises:
        SegadvError: if they don't fit, or are more than any image has.
    """
    if not 0 < seen <= MOST_CHANNELS:
        raise SegadvError(
            f"{config.source}: its network would see {seen} channels; 1 to {MOST_CHANNELS} are "
            "supported, so correct in_channels, or num_channels in the metadata"
        )
    try:
        return image_channels(seen, steps)
    except SegadvError as error:
        raise SegadvError(f"{config.source}: {error}") from None


def _rows_first(config: BundleConfig, parts: Parts) -> bool:
    """Return whether the network's first axis is the rows, as its program reads the images.

    MONAI's LoadImage puts the columns first; its readers of whole slides cut out patches as they
    are seen.
    """
    loads = any(_is(one, "LoadImage") for one in parts.transforms)
    return not loads and any(
        "WSI" in str(part.get("_target_"))
        for part in config.content.values()
        if isinstance(part, Mapping)
    )


def _keys(step: Mapping[str, Any]) -> list[str]:
    keys = step.get("keys", ())
    return [keys] if isinstance(keys, str) else [str(key) for key in keys or ()]


def _is(step: Any, name: str) -> bool:
    """Return whether a step is MONAI's of a name."""
    return isinstance(step, Mapping) and plain_name(str(step.get("_target_")), {name}) == name


def _activates(parts: Parts) -> bool:
    """Return whether a step after the network makes probabilities, so that it gives logits."""
    return any(parts.afterwards("Activations", name) for name in ("sigmoid", "softmax"))


def _channel_names(image: Mapping[str, Any], channels: int) -> tuple[str, ...]:
    """Return the names of an image's several channels, if the metadata number and name them all."""
    named = image.get("channel_def")
    if channels == 1 or not isinstance(named, Mapping) or len(named) != channels:
        return ()
    numbers = [str(number) for number in range(channels)]
    if set(map(str, named)) != set(numbers):
        return ()
    return tuple(str({str(key): name for key, name in named.items()}[n]) for n in numbers)


def image_key(config: BundleConfig, transforms: Sequence[Any]) -> str:
    """Return the key under which the transforms have the network's input.

    MONAI's evaluators take `image`, unless they are told how to prepare a batch.

    Raises:
        SegadvError: if no transform acts on it, but several act on other keys.
    """
    inputs = config.metadata.get("network_data_format", {}).get("inputs", {})
    likely = [IMAGE, str(next(iter(inputs), IMAGE))]
    if config.entry(("evaluator",), "prepare_batch") is not None:
        likely.reverse()
    loaded = any(_is(one, "LoadImage") and IMAGE in _keys(one) for one in transforms)
    try:
        found = input_key([one for one in transforms if isinstance(one, Mapping)], likely)
        return IMAGE if loaded and likely[0] == IMAGE else found
    except SegadvError as error:
        if holds_code(transforms):
            return likely[0]
        raise SegadvError(f"{config.source}: {error}") from None


def steps_of(config: BundleConfig, parts: Parts) -> tuple[Step, ...]:
    """Return the steps of a bundle's preprocessing.

    Raises:
        SegadvError: if one of them is not known.
    """
    whole = [isinstance(one, Mapping) and "_target_" in one for one in parts.transforms]
    if not all(whole):
        odd = parts.transforms[whole.index(False)]
        what = odd if isinstance(odd, str) else type(odd).__name__
        raise SegadvError(
            f"{config.source}: a preprocessing step is {str(what)[:80]}, not a transform with a "
            "_target_; write it out"
        )
    try:
        return from_monai(parts.transforms, image_key(config, parts.transforms))
    except SegadvError as error:
        raise SegadvError(f"{config.source}: {error}") from None
    except (KeyError, TypeError) as error:
        raise SegadvError(
            f"{config.source}: a preprocessing step is incomplete or invalid ({error}); correct it"
        ) from None


def _task(pred: Mapping[str, Any], config: BundleConfig) -> Task[Any]:
    """Return the task: that of the output's format, or else the first that the metadata names."""
    form = str(pred.get("format", ""))
    named = FORMATS.get(form.lower(), form)
    return task_named(named) or task_in(str(config.metadata.get("task", "")))


def dims_of(parts: Parts, image: Mapping[str, Any], config: BundleConfig) -> int:
    """Return how many dimensions a bundle's network has.

    Raises:
        SegadvError: if nothing says so.
    """
    shape = image.get("spatial_shape", ())
    arguments = parts.arguments
    dims = arguments.get("spatial_dims", arguments.get("dimensions", len(shape) or None))
    for sizes in (parts.inferer.get("roi_size"), arguments.get("img_size")):
        if dims is None and isinstance(sizes, Sequence):
            dims = len(sizes)
    if dims not in (2, 3):
        raise SegadvError(
            f'{config.source}: does not say whether the network is 2-D or 3-D; give "spatial_dims"'
        )
    return int(dims)


def _classes(pred: Mapping[str, Any], config: BundleConfig, outputs: Any) -> tuple[str, ...]:
    """Read the class names from channel_def {"0": "background", ...}, or from label_def.

    The latter names the values of a label map. It counts where the former is missing, or does not
    name as many channels as there are.
    """
    channels = _names(pred.get("channel_def", {}), "channel_def", config)
    labels = _names(
        pred.get("label_def", config.metadata.get("label_def", {})), "label_def", config
    )
    return labels if labels and (not channels or len(channels) != outputs) else channels


def _names(named: Any, key: str, config: BundleConfig) -> tuple[str, ...]:
    if not isinstance(named, Mapping):
        return ()
    if named and all(isinstance(n, int) and not isinstance(n, bool) for n in named.values()):
        # Some list the numbers by name.
        named = {number: name for name, number in named.items()}
    numbers = [str(number) for number in named]
    if not all(number.isdecimal() for number in numbers):
        raise SegadvError(
            f'{config.source}: "{key}" of the output must name channels by number, not '
            f"{next(n for n in numbers if not n.isdecimal())}"
        )
    return tuple(str(named[number]) for number in sorted(named, key=lambda n: int(str(n))))


def _largest(parts: Parts) -> bool:
    """Return whether a step after the network takes the largest class."""
    return parts.afterwards("AsDiscrete", "argmax") or bool(parts.after(CHOOSES))


def _overlap(parts: Parts, task: Task[Any], count: int) -> bool:
    """Return whether each of several channels is cut at a threshold, and not only the largest."""
    if task.name != DEFAULT or count < 2 or parts.afterwards("AsDiscrete", "argmax"):
        return False
    if parts.afterwards("Activations", "sigmoid"):
        return True
    return parts.cuts and not parts.afterwards("Activations", "softmax")


def _spare(parts: Parts, listed: Sequence[str], count: int) -> int:
    """Return how many of the first of several channels are no structures: 1, or else 0.

    A sigmoid of its own for the background says where nothing is, if it was trained at all. Where
    steps tidy up all channels together, it stays.
    """
    named = count > 1 and len(listed) == count and listed[0].casefold() == BACKGROUND
    return int(named and not any(parts.after(name) for name in TIDYING))


def _head(parts: Parts, left_out: int) -> Head:
    """Return the head: its values are logits if an activation follows, and else as they are."""
    return Head("none" if _activates(parts) else None, left_out=left_out)
