"""MONAI bundles: network, preprocessing and inferer are read as data from their configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from ....data.overlapping import check_count, text_of
from ....errors import SegadvError
from ...decision import Decision, inverts, read_decision
from ...detector import Detector
from ...heads import Head
from ...members import OnSlices
from ...preprocessing.chain import KNOWN, Step, check_step, plain_name
from ...preprocessing.guidance import Guided, Patches
from ...preprocessing.reading import from_monai, image_channels
from ...prompts import Prompted, prompts_in
from ...task import Task
from ...tasks import DEFAULT, task_in, task_named, task_of
from ...victim import Victim
from ...windows import SlidingWindows
from .. import consent
from ..bundle_config import BundleConfig, find, read_config
from ..contents import Contents
from ..detector_config import DetectorConfig, detector_of
from ..evaluation import Evaluation
from ..names import check_class
from ..network import fit_weights, read_weights
from ..offline import offline
from ..own_pipeline import OwnPipeline
from ..painted import painted_labels
from ..registry import VictimFormat
from ..scripts import Scripts
from ..values import Code, holds_code, transforms_in
from .torchscript import SCRIPT, open_script

# The inferer of a RetinaNet's bundle is a script; its windows are those of its detector.
BY_DETECTOR = "RetinaNetInferer"
WHOLE_IMAGE = ("SimpleInferer", BY_DETECTOR)
DETECTION = "detection"
WINDOWS = ("SlidingWindowInferer", "SlidingWindowInfererAdapt", "SliceInferer")
# The inferer of VISTA3D, a script of its bundle: MONAI's sliding window with a Gaussian.
PROMPTING = "Vista3dInferer"
PADDED = re.compile(rb"""padding_mode\s*=\s*["'](\w+)["']""")
# Networks whose in_channels are not those of the image.
ADAPTED = ("TorchVisionFCModel", "NetAdapter")
SEVERAL_AT_ONCE = (
    "its own program names every class whose probability reaches a threshold, several or none; "
    "here the likeliest class counts"
)
OVERLAPPING = "overlapping"
# Formats of an output that name a task by another word than ours.
FORMATS = {"classes": "classification"}


def claims(path: Path) -> bool:
    return path.is_dir() and (
        find(path / "configs", "inference") is not None
        or find(path / "configs", "evaluate") is not None
        or find(path / "configs", "metadata") is not None
    )


def load(path: Path, trusted_hash: str | None) -> Victim:
    contents = Contents.of(path)
    config = read_config(contents)
    weights = find_weights(config)
    script = weights.endswith(".ts")
    listing = Evaluation(config)
    # The network first: the question lists what runs in this order.
    network = None if script else listing.network()
    parts = Parts.of(listing, config)
    # What is wrong is said before anybody is asked, as far as nothing has to run for that.
    if not script:
        check_class(listing.target(), config.source)
    _check(config, parts, listing)
    tensors = {} if script else read_weights(path / weights, contents.read(weights))
    runs = (*listing.runs, *((SCRIPT,) if script else ()))
    consent.require(path, contents.sha256, runs, trusted_hash)
    scripts, agreed = Scripts(contents), Evaluation(config, tuple(listing.runs))
    with scripts.present() if runs else offline():
        if script:
            network = open_script(path / weights, contents.read(weights))
        else:
            network = agreed.network()
        parts = Parts.of(agreed, config)
    if not isinstance(network, nn.Module):
        raise SegadvError(
            f"{config.source}: {config.network_id} is a {type(network).__name__}, not a network; "
            "name a class there"
        )
    fields = describe(config, parts)
    if not script:
        fit_weights(network.eval(), tensors, path / weights)
        scripts.beside(network)
    found = _detector(config, agreed, fields, network)
    if found is not None:
        network = found.made(network)
        notes = (*fields["notes"], found.describe())
        fields |= {"windows": found.windows, "notes": notes}
    if parts.inferer_name == PROMPTING:
        network, fields = _prompted(network, fields, parts, agreed, config)
    if parts.slices is not None:
        network = OnSlices(network, parts.slices)
    trust = "code" if runs else "data"
    return Victim(network, **fields, path=path, sha256=contents.sha256, trust=trust)


def _detector(
    config: BundleConfig, evaluation: Evaluation, fields: Mapping[str, Any], network: Any = None
) -> DetectorConfig | None:
    """Return how a bundle detects, if it does and its network has no anchors of its own."""
    if fields["task"].name != DETECTION or isinstance(network, Detector):
        return None
    return detector_of(config, evaluation, fields["dims"])


def _prompted(
    network: nn.Module,
    fields: dict[str, Any],
    parts: "Parts",
    agreed: Evaluation,
    config: BundleConfig,
) -> tuple[nn.Module, dict[str, Any]]:
    """Ask a network for the classes for which its program asks; return it with the fields."""
    outputs = config.metadata.get("network_data_format", {}).get("outputs", {})
    pred: Mapping[str, Any] = next(iter(outputs.values()), {})
    named = pred.get("channel_def", {})
    try:
        found = prompts_in(named, parts.transforms, agreed.part("input_dict"))
        asked = Prompted.of(network, *found)
    except SegadvError as error:
        raise SegadvError(f"{config.source}: {error}") from None
    notes = (*fields["notes"], asked.describe())
    more = {"classes": asked.classes, "head": Head("none"), "own": None, "notes": notes}
    return asked, fields | more


@dataclass(frozen=True)
class Parts:
    """The values of a configuration, with a `Code` in place of those that somebody must agree to.

    Attributes:
        target: the network's class.
        arguments: of the network.
        transforms: of the preprocessing.
        inferer: its class and arguments.
        postprocessing: transforms; expressions among them are never evaluated.
    """

    target: Any
    arguments: Mapping[str, Any]
    transforms: Sequence[Any]
    inferer: Mapping[str, Any]
    postprocessing: Sequence[Any]

    @classmethod
    def of(cls, evaluation: Evaluation, config: BundleConfig) -> "Parts":
        arguments, transforms = evaluation.arguments(), evaluation.transforms()
        inferer = evaluation.inferer()
        after = transforms_in(Evaluation(config).part("postprocessing"))
        return cls(evaluation.target(), arguments, transforms, inferer, after)

    @property
    def inferer_name(self) -> str:
        return str(self.inferer.get("_target_", "")).rsplit(".", 1)[-1]

    def afterwards(self, name: str, argument: str) -> bool:
        """Return whether a step after the network has an argument that is true."""
        return any(
            name in str(step.get("_target_")) and step.get(argument) is True
            for step in self.postprocessing
            if isinstance(step, Mapping)
        )

    @property
    def cuts(self) -> bool:
        """Whether a step after the network cuts each channel at a threshold."""
        return any(
            "AsDiscrete" in str(step.get("_target_")) and step.get("threshold") is not None
            for step in self.postprocessing
            if isinstance(step, Mapping)
        )

    @property
    def slices(self) -> int | None:
        """The axis along which a 2-D network sees slices of a volume; None if it does not."""
        if self.inferer_name != "SliceInferer":
            return None
        axis = self.inferer.get("spatial_dim", 0)
        return axis if isinstance(axis, int) and 0 <= axis <= 2 else 0


def find_weights(config: BundleConfig) -> str:
    """Find the file with a bundle's weights; return its path in the bundle.

    That is the one that its configuration loads, or else one with a usual name, or the only one.

    Raises:
        SegadvError: if there is none, or several without a usual name.
    """
    contents = config.contents
    named = Evaluation(config).checkpoint()
    usual = [f"models/{name}" for name in ("model.safetensors", "model.pt", "model.ts")]
    for file in (named, *usual):
        if file is not None and contents.hash_of(file) is not None:
            return file
    folder = contents.folder.folders.get("models")
    found = sorted(name for name in folder.files if name.endswith(".pt")) if folder else []
    if len(found) == 1:
        return f"models/{found[0]}"
    raise SegadvError(
        f"{contents.root / 'models'}: no model.pt or model.safetensors; download the bundle's "
        "weights"
    )


def _check(config: BundleConfig, parts: Parts, listing: Evaluation) -> None:
    """Refuse what can't be a victim, as far as that is known while nothing has run."""
    unknown = (parts.arguments, parts.transforms, parts.inferer, listing.target())
    if not holds_code(unknown):
        describe(config, parts)
        return
    plain = [one for one in parts.transforms if not holds_code(one)]
    _steps(config, replace(parts, transforms=plain))
    for one in parts.transforms:
        if isinstance(one, Mapping) and not isinstance(one.get("_target_"), Code):
            check_step(plain_name(str(one.get("_target_")), KNOWN))
    if parts.inferer and not isinstance(parts.inferer.get("_target_"), Code):
        _check_inferer(parts, config)
        if parts.inferer_name == BY_DETECTOR:
            detector_of(config, listing, _dims(parts, {}, config))


def describe(config: BundleConfig, parts: Parts) -> dict[str, Any]:
    """Return the fields of a Victim that a configuration describes.

    Args:
        config: the configuration.
        parts: its values.

    Raises:
        SegadvError: if it describes none that is supported.
    """
    data = config.metadata.get("network_data_format", {})
    image: Mapping[str, Any] = next(iter(data.get("inputs", {}).values()), {})
    pred: Mapping[str, Any] = next(iter(data.get("outputs", {}).values()), {})
    arguments = parts.arguments
    key = _image_key(config)
    steps = _steps(config, parts)
    channels = image_channels(_channels(parts, image), steps)
    dims = 3 if parts.slices is not None else _dims(parts, image, config)
    task = _task(pred, config)
    outputs = arguments.get("out_channels", arguments.get("num_classes"))
    listed = _classes(pred, config, outputs)
    count = int(outputs or len(listed) or 1)
    if _overlap(parts, task, count):
        task = task_of(OVERLAPPING)
    overlap = task.name == OVERLAPPING
    if overlap:
        check_count(count, str(config.root))
    windows = windows_of(parts, dims, config) if parts.inferer else None
    head = _head(parts, overlap)
    guided = next((step for step in steps if isinstance(step, Guided)), None)
    independent = not overlap and task.name != DEFAULT and count > 1
    independent = independent and parts.afterwards("Activations", "sigmoid")
    after = [step for step in parts.postprocessing if isinstance(step, Mapping)]
    regions = painted_labels(after, listed) if overlap and listed else None
    decision, notes = _decided(task.name, after, head, regions, guided)
    if independent and any("threshold" in step for step in after):
        notes = (*notes, SEVERAL_AT_ONCE)
    compared = inverts(after) and guided is None
    return {
        "name": str(config.metadata.get("name", config.root.name)),
        "dims": dims,
        "channels": channels,
        "channel_names": _channel_names(image, channels),
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
        "own": OwnPipeline(parts.transforms, after, windows, key, count if overlap else 0)
        if compared
        else None,
    }


def _decided(
    task: str,
    after: Sequence[Mapping[str, Any]],
    head: Head,
    regions: Mapping[str, tuple[int, ...]] | None,
    guided: Guided | None,
) -> tuple[Decision, tuple[str, ...]]:
    """Return how masks are made of the network's output, and notes on it for the user.

    Args:
        task: name of the task.
        after: the steps after the network.
        head: the network's.
        regions: the labels to which the bundle's program paints overlapping structures, if it does.
        guided: the step that shows the network clicks or a mask, if there is one.
    """
    overlap = task == OVERLAPPING
    # Painted structures are the same ones: what is attacked and judged are their own masks.
    kept = [step for step in after if regions is None or "Lambda" not in str(step["_target_"])]
    decision, notes = read_decision(kept) if overlap or task == DEFAULT else (Decision(), ())
    if head.activation == "sigmoid" and decision.carried == "logits":
        decision = replace(decision, carried="probabilities")
    if overlap and not any("AsDiscrete" in str(step.get("_target_")) for step in after):
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
    name = str(parts.target).rsplit(".", 1)[-1]
    given = None if name in ADAPTED else parts.arguments.get("in_channels")
    return int(image.get("num_channels", 1) if given is None else given)


def _rows_first(config: BundleConfig, parts: Parts) -> bool:
    """Return whether the network's first axis is the rows, as its program reads the images.

    MONAI's LoadImage puts the columns first; its readers of whole slides cut out patches as they
    are seen.
    """
    loads = any("LoadImage" in str(one.get("_target_")) for one in parts.transforms)
    return not loads and any(
        "WSI" in str(part.get("_target_"))
        for part in config.content.values()
        if isinstance(part, Mapping)
    )


def _activates(parts: Parts) -> bool:
    """Return whether a step after the network makes probabilities, so that it gives logits."""
    return any(parts.afterwards("Activations", name) for name in ("sigmoid", "softmax"))


def _channel_names(image: Mapping[str, Any], channels: int) -> tuple[str, ...]:
    """Return the names of an image's several channels, if the metadata number and name them all."""
    named = image.get("channel_def")
    numbers = [str(number) for number in range(channels)]
    if channels == 1 or not isinstance(named, Mapping) or sorted(map(str, named)) != numbers:
        return ()
    return tuple(str({str(key): name for key, name in named.items()}[n]) for n in numbers)


def _image_key(config: BundleConfig) -> str:
    """Return the key under which the transforms have the image."""
    inputs = config.metadata.get("network_data_format", {}).get("inputs", {})
    return next(iter(inputs), "image")


def _steps(config: BundleConfig, parts: Parts) -> tuple[Step, ...]:
    odd = next((one for one in parts.transforms if not isinstance(one, Mapping)), None)
    if odd is not None:
        what = odd if isinstance(odd, str) else type(odd).__name__
        raise SegadvError(
            f"{config.source}: a preprocessing step is {str(what)[:80]}, not a transform with a "
            "_target_; write it out"
        )
    try:
        return from_monai(parts.transforms, _image_key(config))
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


def _dims(parts: Parts, image: Mapping[str, Any], config: BundleConfig) -> int:
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


def _overlap(parts: Parts, task: Task[Any], count: int) -> bool:
    """Return whether each of several channels is cut at a threshold, and not only the largest."""
    if task.name != DEFAULT or count < 2 or parts.afterwards("AsDiscrete", "argmax"):
        return False
    if parts.afterwards("Activations", "sigmoid"):
        return True
    return parts.cuts and not parts.afterwards("Activations", "softmax")


def _head(parts: Parts, overlap: bool) -> Head:
    """Return the head: of overlapping structures, what the bundle's own steps take the output for.

    Whatever its values: they are logits if a sigmoid follows, and else compared as they are.
    """
    if not overlap:
        return Head("none" if _activates(parts) else None)
    return Head("none" if parts.afterwards("Activations", "sigmoid") else "sigmoid")


def _check_inferer(parts: Parts, config: BundleConfig) -> None:
    name = parts.inferer_name
    if name not in (*WHOLE_IMAGE, *WINDOWS, PROMPTING):
        known = ", ".join(("SimpleInferer", *WINDOWS))
        raise SegadvError(f"{config.source}: inferer {name} is not known; use one of {known}")


def windows_of(parts: Parts, dims: int, config: BundleConfig) -> SlidingWindows | None:
    """Read the sliding window of an inferer's configuration; None for the whole image.

    Raises:
        SegadvError: if the inferer is of another kind, or invalid.
    """
    inferer = parts.inferer
    _check_inferer(parts, config)
    if parts.inferer_name in WHOLE_IMAGE:
        return None
    try:
        roi = inferer["roi_size"]
        roi = [roi] * (dims if parts.slices is None else 2) if isinstance(roi, int) else list(roi)
        if parts.slices is not None:
            if len(roi) != 2 or inferer.get("spatial_dim", 0) != parts.slices:
                raise ValueError("a SliceInferer needs two sizes, and a spatial_dim from 0 to 2")
            roi.insert(parts.slices, 1)
        if len(roi) != dims:
            raise ValueError(f"roi_size {roi} for a {dims}-D network")
        overlap = inferer.get("overlap", 0.25)
        if parts.inferer_name == PROMPTING:
            inferer = {**inferer, "mode": "gaussian", "padding_mode": _padding_mode(config)}
        return SlidingWindows(
            tuple(int(n) for n in roi),
            int(inferer.get("sw_batch_size", 1)),
            (float(overlap),) if isinstance(overlap, (int, float)) else tuple(overlap),
            str(inferer.get("mode", "constant")),
            float(inferer.get("sigma_scale", 0.125)),
            str(inferer.get("padding_mode", "constant")),
            float(inferer.get("cval", 0.0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SegadvError(
            f"{config.source}: the inferer is incomplete or invalid ({error}); correct it"
        ) from None


def _padding_mode(config: BundleConfig) -> str:
    """Return how a bundle's own inferer pads an image that is smaller than its window."""
    file = "scripts/inferer.py"
    if config.contents.hash_of(file) is None:
        return "constant"
    found = PADDED.search(config.contents.read(file))
    return found[1].decode() if found else "constant"


FORMAT = VictimFormat("MONAI bundle", claims, load)
