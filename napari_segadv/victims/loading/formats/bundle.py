"""MONAI bundles: network, preprocessing and inferer are read as data from their configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from ....common.hashing import sha256_of
from ....errors import SegadvError
from ...decision import Decision, inverts, read_decision
from ...preprocessing.chain import Transform, from_monai
from ...tasks import task_in
from ...victim import Victim
from ...windows import SlidingWindows
from .. import consent
from ..bundle_config import BundleConfig, arguments_of, find, read_config
from ..network import build, load_weights
from ..own_pipeline import OwnPipeline
from ..registry import VictimFormat
from .torchscript import open_script

WHOLE_IMAGE = ("SimpleInferer",)


def claims(path: Path) -> bool:
    return path.is_dir() and (
        find(path / "configs", "inference") is not None
        or find(path / "configs", "evaluate") is not None
        or find(path / "configs", "metadata") is not None
    )


def load(path: Path, trusted_hash: str | None) -> Victim:
    config = read_config(path)
    weights = find_weights(path)
    script = weights.suffix == ".ts"
    runs = config.runs() + (("a TorchScript program",) if script else ())
    sha256 = sha256_of(path)
    consent.require(path, sha256, runs, trusted_hash)
    if script:
        network: nn.Module = open_script(weights)
    elif runs:
        network = config.evaluated_network().eval()
        load_weights(network, weights)
    else:
        target = str(config.network.get("_target_", ""))
        network = build(target, arguments_of(config.network), config.source)
        load_weights(network, weights)
    parts = Parts.evaluated(config) if config.runs() else Parts.read(config)
    victim = describe(config, network, parts)
    return replace(victim, path=path, sha256=sha256, trust="code" if runs else "data")


@dataclass(frozen=True)
class Parts:
    """Literals of a configuration: the network's arguments, the transforms, the inferer."""

    arguments: Mapping[str, Any]
    transforms: Sequence[Mapping[str, Any]]
    inferer: Mapping[str, Any]

    @classmethod
    def read(cls, config: BundleConfig) -> "Parts":
        """Take the literals as they are written."""
        return cls(arguments_of(config.network), config.transforms, config.inferer)

    @classmethod
    def evaluated(cls, config: BundleConfig) -> "Parts":
        """Evaluate the expressions among them. Only after consent."""
        network = config.evaluated(config.network_id)
        arguments = arguments_of(network) if isinstance(network, Mapping) else {}
        steps = config.evaluated("preprocessing") if config.transforms else {}
        inferer = config.evaluated("inferer") if config.inferer else {}
        return cls(arguments, list(steps.get("transforms", [])), inferer)


def find_weights(root: Path) -> Path:
    """Find the file with a bundle's weights.

    Raises:
        SegadvError: if there is none, or several without a usual name.
    """
    folder = root / "models"
    for name in ("model.safetensors", "model.pt", "model.ts"):
        if (folder / name).is_file():
            return folder / name
    found = sorted(p for p in folder.glob("*.pt")) if folder.is_dir() else []
    if len(found) == 1:
        return found[0]
    raise SegadvError(f"{folder}: no model.pt or model.safetensors; download the bundle's weights")


def describe(config: BundleConfig, network: nn.Module, parts: Parts) -> Victim:
    """Make a Victim from a configuration.

    Args:
        config: the configuration.
        network: with its weights.
        parts: its literals.
    """
    data = config.metadata.get("network_data_format", {})
    image: Mapping[str, Any] = next(iter(data.get("inputs", {}).values()), {})
    pred: Mapping[str, Any] = next(iter(data.get("outputs", {}).values()), {})
    arguments = parts.arguments
    steps = _steps(config, parts)
    channels = int(arguments.get("in_channels", image.get("num_channels", 1)))
    repeats = [int(s.arguments["repeats"]) for s in steps if s.name == "RepeatChannel"]
    dims = _dims(parts, image, config)
    task = task_in(f"{config.metadata.get('task', '')} {pred.get('format', '')}")
    classes = task.names(_classes(pred, config))
    outputs = arguments.get("out_channels", arguments.get("num_classes", len(classes) or 1))
    _refuse_multilabel(config, int(outputs))
    after = _afterwards(config)
    decision, notes = _decision(config)
    windows = windows_of(parts.inferer, dims, config) if parts.inferer else None
    return Victim(
        network,
        name=str(config.metadata.get("name", config.root.name)),
        dims=dims,
        channels=channels // (repeats[0] if repeats else 1),
        classes=classes,
        steps=steps,
        windows=windows,
        task=task,
        decision=decision if task.name == "segmentation" else Decision(),
        notes=notes if task.name == "segmentation" else (),
        own=OwnPipeline(parts.transforms, after, windows) if inverts(after) else None,
    )


def _decision(config: BundleConfig) -> tuple[Decision, tuple[str, ...]]:
    """Read the postprocessing, as it is written: none of it is evaluated."""
    try:
        return read_decision(_afterwards(config))
    except SegadvError as error:
        raise SegadvError(f"{config.source}: {error}") from None


def _afterwards(config: BundleConfig) -> list[Mapping[str, Any]]:
    """Return the transforms of the postprocessing, as data."""
    post = config.raw("postprocessing", {})
    listed = post.get("transforms", []) if isinstance(post, Mapping) else []
    return [step for step in listed if isinstance(step, Mapping)]


def _steps(config: BundleConfig, parts: Parts) -> tuple[Transform, ...]:
    key = next(iter(config.metadata.get("network_data_format", {}).get("inputs", {})), "image")
    try:
        return from_monai(parts.transforms, key)
    except SegadvError as error:
        raise SegadvError(f"{config.source}: {error}") from None
    except (KeyError, TypeError) as error:
        raise SegadvError(
            f"{config.source}: a preprocessing step is incomplete or invalid ({error}); correct it"
        ) from None


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


def _classes(pred: Mapping[str, Any], config: BundleConfig) -> tuple[str, ...]:
    """Read the class names from channel_def {"0": "background", ...}."""
    named = pred.get("channel_def", {})
    if not isinstance(named, Mapping):
        return ()
    numbers = [str(key) for key in named]
    if not all(number.isdecimal() for number in numbers):
        raise SegadvError(
            f'{config.source}: "channel_def" of the output must name channels by number, not '
            f"{next(n for n in numbers if not n.isdecimal())}"
        )
    return tuple(str(named[key]) for key in sorted(named, key=lambda k: int(str(k))))


def _refuse_multilabel(config: BundleConfig, channels: int) -> None:
    post = config.raw("postprocessing", {})
    listed = post.get("transforms", []) if isinstance(post, Mapping) else []
    sigmoid = any(
        "Activation" in str(t.get("_target_")) and t.get("sigmoid") is True
        for t in listed
        if isinstance(t, Mapping)
    )
    if sigmoid and channels > 1:
        raise SegadvError(
            f"{config.root}: predicts {channels} overlapping structures (sigmoid for each); only "
            "models with one class for each pixel or image are supported"
        )


def windows_of(
    inferer: Mapping[str, Any], dims: int, config: BundleConfig
) -> SlidingWindows | None:
    """Read the sliding window of an inferer's configuration; None for the whole image.

    Raises:
        SegadvError: if the inferer is of another kind, or invalid.
    """
    name = str(inferer.get("_target_", "")).rsplit(".", 1)[-1]
    if name in WHOLE_IMAGE:
        return None
    if not name.startswith("SlidingWindowInferer"):
        raise SegadvError(f"{config.source}: inferer {name} is not known; use SlidingWindowInferer")
    try:
        roi = inferer["roi_size"]
        roi = [roi] * dims if isinstance(roi, int) else list(roi)
        if len(roi) != dims:
            raise ValueError(f"roi_size {roi} for a {dims}-D network")
        overlap = inferer.get("overlap", 0.25)
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


FORMAT = VictimFormat("MONAI bundle", claims, load)
