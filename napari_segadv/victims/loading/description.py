"""The small JSON beside a network file: its name, what the network sees, how it is built.

{
  "network": "UNet",                    class of monai.networks.nets (weights alone need it)
  "arguments": {"spatial_dims": 3, ...},
  "task": "segmentation",               or "classification", "detection"
  "classes": ["background", "spleen"],
  "channels": 1,                        of the image: 1 grey, 3 RGB; or a list of their names
  "dims": 3,
  "window": [-160, 240],                intensities in the image's units that become ...
  "scale": [0, 1],                      ... this range
  "orientation": "SPL",                 axis codes in the network's order
  "spacing": [3.0, 1.5, 1.5],           mm
  "preprocessing": [...],               MONAI transforms, in place of the four above
  "roi_size": [64, 96, 96], "overlap": 0.25, "mode": "gaussian",
  "axes": "zyx",                        or "xyz", as MONAI's loaders order them
  "activation": "none",                 or "softmax", "sigmoid"; detected if omitted
  "output": 1                           which of several outputs counts, by place or name
}
"""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...common.json_data import bytes_of_json, parse_json
from ...errors import SegadvError
from ..heads import Head
from ..preprocessing.chain import Step, Transform
from ..preprocessing.reading import from_monai
from ..tasks import DEFAULT, task_of
from ..windows import SlidingWindows

KEYS = frozenset(
    {
        "name",
        "task",
        "network",
        "arguments",
        "classes",
        "channels",
        "dims",
        "axes",
        "activation",
        "output",
        "window",
        "scale",
        "orientation",
        "spacing",
        "preprocessing",
        "roi_size",
        "overlap",
        "mode",
    }
)


def beside(path: Path) -> Path:
    """Return the path of a network file's description: the same name, ending in .json."""
    return path.with_suffix(".json")


def read_description(path: Path) -> dict[str, Any]:
    """Read the description of a network file and check its keys.

    Raises:
        SegadvError: if there is none, or it has an unknown key.
    """
    return hashed_description(path)[0]


def hashed_description(path: Path) -> tuple[dict[str, Any], str]:
    """Read a description as `read_description` does; return it with the sha256 of its bytes."""
    source = beside(path)
    if not source.exists():
        raise SegadvError(
            f"{path}: needs a description beside it, {source.name}, with at least "
            '{"classes": [...], "dims": 2, "window": [low, high]}; see docs/victims.md'
        )
    read = bytes_of_json(source)
    content = parse_json(read, source)
    if not isinstance(content, dict):
        raise SegadvError(f"{source}: holds no JSON object; it must start with a brace")
    unknown = sorted(content.keys() - KEYS)
    if unknown:
        raise SegadvError(f"{source}: unknown key {unknown[0]}; use only {', '.join(sorted(KEYS))}")
    return content, hashlib.sha256(read).hexdigest()


def victim_fields(description: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """Turn a description into keyword arguments of a Victim.

    Raises:
        SegadvError: if a value is invalid.
    """
    try:
        return _fields(description)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise SegadvError(f"{source}: a value is invalid ({error}); see docs/victims.md") from None


def _fields(description: Mapping[str, Any]) -> dict[str, Any]:
    arguments = description.get("arguments", {})
    if isinstance(description.get("classes"), str):
        raise ValueError('"classes" must be a list of names')
    dims = description.get("dims", arguments.get("spatial_dims"))
    if dims not in (2, 3):
        raise ValueError('"dims" must be 2 or 3')
    axes = str(description.get("axes", "zyx"))
    if axes not in ("zyx", "yx", "xyz", "xy"):
        raise ValueError('"axes" must be "zyx" or "xyz"')
    task = task_of(str(description.get("task", DEFAULT)))
    channels = description.get("channels", arguments.get("in_channels", 1))
    named = tuple(map(str, channels)) if isinstance(channels, list) else ()
    classes = tuple(str(name) for name in description.get("classes", ()))
    return {
        "name": str(description.get("name", "")),
        "dims": dims,
        "channels": len(named) or int(channels),
        "channel_names": named,
        "task": task,
        "classes": task.names(classes),
        "steps": _steps(description, dims),
        "array_order": axes in ("zyx", "yx"),
        "windows": _sliding_windows(description, dims),
        "head": Head(description.get("activation"), _output(description)),
    }


def _output(description: Mapping[str, Any]) -> int | str | None:
    output = description.get("output")
    if output is None or isinstance(output, str) or type(output) is int:
        return output
    raise ValueError('"output" must be a number from 0, or a name')


def _steps(description: Mapping[str, Any], dims: int) -> tuple[Step, ...]:
    if "preprocessing" in description:
        return from_monai(description["preprocessing"])
    steps: list[Step] = []
    if "orientation" in description:
        steps.append(Transform("Orientation", {"axcodes": str(description["orientation"])}))
    if "spacing" in description:
        spacing = [float(s) for s in description["spacing"]]
        if len(spacing) != dims or not all(0 < s < math.inf for s in spacing):
            raise ValueError(f'"spacing" needs {dims} lengths in mm')
        steps.append(Transform("Spacing", {"pixdim": spacing}))
    if "window" in description:
        (a_min, a_max), (b_min, b_max) = description["window"], description.get("scale", (0, 1))
        scaling = {"a_min": a_min, "a_max": a_max, "b_min": b_min, "b_max": b_max, "clip": True}
        steps.append(
            Transform(
                "ScaleIntensityRange",
                {k: v if k == "clip" else float(v) for k, v in scaling.items()},
            )
        )
    return tuple(steps)


def _sliding_windows(description: Mapping[str, Any], dims: int) -> SlidingWindows | None:
    if "roi_size" not in description:
        return None
    roi = tuple(int(n) for n in description["roi_size"])
    if len(roi) != dims:
        raise ValueError(f'"roi_size" needs {dims} numbers')
    overlap = float(description.get("overlap", 0.25))
    if not 0 <= overlap < 1:
        raise ValueError('"overlap" must be at least 0 and below 1')
    return SlidingWindows(roi, overlap=(overlap,), mode=str(description.get("mode", "gaussian")))
