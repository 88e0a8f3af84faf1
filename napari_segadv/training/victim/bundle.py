"""Writes a trained network as a MONAI bundle, which both MONAI and this project open."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import SegadvError
from .fit import Trained

OVERLAP = 0.25


def write_bundle(
    trained: Trained, folder: Path, name: str, dice: Mapping[str, float], about: str
) -> Path:
    """Write configs/inference.json, configs/metadata.json and models/model.pt.

    Args:
        trained: the network and how it was trained.
        folder: must not exist.
        name: of the bundle.
        dice: Dice of each class, for the metadata.
        about: one sentence on the cases of its training and measurement.

    Raises:
        SegadvError: if the folder exists or can't be written.
    """
    metrics = {f"dice {label}": value for label, value in dice.items()}
    task = "segmentation of " + ", ".join(trained.classes[1:])
    shape = tuple(reversed(trained.recipe.patch))
    metadata = metadata_of(name, task, about, metrics, trained.classes, trained.channels, shape)
    return write_files(folder, _inference(trained), metadata, trained.network)


def write_files(
    folder: Path, inference: Mapping[str, Any], metadata: Mapping[str, Any], network: nn.Module
) -> Path:
    """Write a bundle's configurations and the network's weights, all or nothing.

    Raises:
        SegadvError: if the folder exists or can't be written.
    """
    if folder.exists():
        raise SegadvError(f"{folder}: exists already; name another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as half:
            new = Path(half) / "new"
            (new / "configs").mkdir(parents=True)
            (new / "models").mkdir()
            _write_json(new / "configs" / "inference.json", inference)
            _write_json(new / "configs" / "metadata.json", metadata)
            torch.save(network.state_dict(), new / "models" / "model.pt")
            new.rename(folder)
    except OSError as error:
        raise SegadvError(
            f"{folder}: can't be written ({error.strerror or error}); name another folder"
        ) from None
    return folder


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _inference(trained: Trained) -> dict[str, Any]:
    recipe = trained.recipe
    load = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
    ]
    inferer: dict[str, Any] = {"_target_": "SimpleInferer"}
    if recipe.dims == 3:
        inferer = {
            "_target_": "SlidingWindowInferer",
            "roi_size": list(reversed(recipe.patch)),
            "sw_batch_size": 1,
            "overlap": OVERLAP,
            "mode": "gaussian",
        }
    elif recipe.levels > 1:
        # The whole image, padded to a size that the network can halve at each level.
        divisible = {"_target_": "DivisiblePadd", "keys": "image", "k": 2 ** (recipe.levels - 1)}
        return _config(trained, [*load, *recipe.preprocessing(), divisible], inferer)
    return _config(trained, [*load, *recipe.preprocessing()], inferer)


def _config(
    trained: Trained, transforms: list[dict[str, Any]], inferer: dict[str, Any]
) -> dict[str, Any]:
    return {
        "network_def": trained.recipe.network_config(len(trained.channels), len(trained.classes)),
        "preprocessing": {"_target_": "Compose", "transforms": transforms},
        "inferer": inferer,
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "softmax": True},
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
            ],
        },
    }


def metadata_of(
    name: str,
    task: str,
    about: str,
    metrics: Mapping[str, float],
    classes: Sequence[str],
    channels: Sequence[str],
    shape: Sequence[int],
) -> dict[str, Any]:
    """Return the contents of metadata.json.

    Args:
        name: of the bundle.
        task: what the network does; its first word is the name of a task.
        about: one sentence on the cases of its training and measurement.
        metrics: the measured values by name.
        classes: names of the output's channels.
        channels: names of the image's channels.
        shape: pixels that the network sees at a time, in its axis order.
    """
    image = {"type": "image", "spatial_shape": list(shape), "dtype": "float32"}
    return {
        "version": "1.0.0",
        "name": name,
        "task": task,
        "description": about,
        "monai_version": version("monai"),
        "pytorch_version": version("torch").split("+")[0],
        "numpy_version": version("numpy"),
        "eval_metrics": {label: round(value, 4) for label, value in metrics.items()},
        "intended_use": "robustness research; not for diagnosis",
        "network_data_format": {
            "inputs": {
                "image": {
                    **image,
                    "num_channels": len(channels),
                    "value_range": [0, 1],
                    "is_patch_data": len(shape) == 3,
                    "channel_def": {str(n): c for n, c in enumerate(channels)},
                }
            },
            "outputs": {
                "pred": {
                    **image,
                    "format": task.split()[0],
                    "num_channels": len(classes),
                    "value_range": [0, 1],
                    "channel_def": {str(n): label for n, label in enumerate(classes)},
                }
            },
        },
    }
