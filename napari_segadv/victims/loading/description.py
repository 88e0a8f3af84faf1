"""The small JSON beside a network file: its name, what the network sees, how it is built.

{
  "network": "UNet",                    class of monai.networks.nets (weights alone need it)
  "arguments": {"spatial_dims": 3, ...},
  "task": "segmentation",               or "overlapping", "classification", "detection"
  "classes": ["background", "spleen"],
  "channels": 1,                        of the image: 1 grey, 3 RGB; or a list of their names
  "dims": 3,
  "window": [-160, 240],                intensities in the image's units that become ...
  "scale": [0, 1],                      ... this range
  "resize": [512, 512],                 pixels, or those of the shorter edge; "resample": "bilinear"
  "mean": [0.5], "std": [0.5],          of what has been scaled, for each channel
  "orientation": "SPL",                 axis codes in the network's order
  "spacing": [3.0, 1.5, 1.5],           mm
  "preprocessing": [...],               MONAI transforms, in place of the eight above
  "roi_size": [64, 96, 96], "overlap": 0.25, "mode": "gaussian",
  "axes": "zyx",                        or "xyz", as MONAI's loaders order them
  "activation": "none",                 or "softmax", "sigmoid"; detected if omitted
  "threshold": 0.5,                     probability from which a sigmoid's structure is there
  "regions": {"core": [1, 4], ...},     overlapping: the labels that each structure unites
  "output": 1                           which of several outputs counts, by place or name
}
"""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ...common.json_data import bytes_of_json, parse_json
from ...errors import NeedsDescription, SegadvError
from ..decision import Decision
from ..heads import Head
from ..preprocessing.chain import Step, Transform
from ..preprocessing.keys import input_key
from ..preprocessing.pictures import described_steps
from ..preprocessing.reading import from_monai
from ..tasks import DEFAULT, task_of
from ..windows import SlidingWindows
from .values import transforms_in

# What "preprocessing" takes the place of.
SHORT = ("window", "scale", "resize", "resample", "mean", "std", "orientation", "spacing")
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
        "threshold",
        "regions",
        "window",
        "scale",
        "resize",
        "resample",
        "mean",
        "std",
        "orientation",
        "spacing",
        "preprocessing",
        "roi_size",
        "overlap",
        "mode",
    }
)


# The path of a description that is not saved yet, and its bytes: see `drafted`.
_DRAFT: ContextVar[tuple[Path, bytes] | None] = ContextVar("draft", default=None)


def beside(path: Path) -> Path:
    """Return the path of a network file's description: the same name, ending in .json."""
    return path.with_suffix(".json")


@contextmanager
def drafted(path: Path, text: str) -> Iterator[None]:
    """Let a network file have a description that is not saved yet, in this thread.

    Args:
        path: the network file.
        text: the JSON.
    """
    token = _DRAFT.set((beside(path), text.encode()))
    try:
        yield
    finally:
        _DRAFT.reset(token)


def read_description(path: Path) -> dict[str, Any]:
    """Read the description of a network file and check its keys.

    Raises:
        NeedsDescription: if there is none.
        SegadvError: if it has an unknown key.
    """
    return hashed_description(path)[0]


def hashed_description(path: Path) -> tuple[dict[str, Any], str]:
    """Read a description as `read_description` does; return it with the sha256 of its bytes."""
    source = beside(path)
    draft = _DRAFT.get()
    if draft is not None and draft[0] == source:
        return _checked(draft[1], source, KEYS)
    if not source.exists():
        raise NeedsDescription(str(path), str(source))
    return _read(source, KEYS)


def beside_folder(folder: Path) -> Path:
    """Return the path of a folder's description: it lies beside it, and adds .json to its name."""
    folder = folder.absolute()
    return folder.parent / f"{folder.name}.json"


def folder_description(folder: Path, keys: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Read the description beside a folder that describes most of its network itself.

    Args:
        folder: the folder.
        keys: those that the description may have.

    Returns:
        The description, empty if there is none, and the sha256 of its bytes, if there is one.

    Raises:
        SegadvError: if it has another key.
    """
    source = beside_folder(folder)
    if not source.exists():
        return {}, []
    content, sha256 = _read(source, keys)
    return content, [sha256]


def _read(source: Path, keys: Collection[str]) -> tuple[dict[str, Any], str]:
    return _checked(bytes_of_json(source), source, keys)


def _checked(read: bytes, source: Path, keys: Collection[str]) -> tuple[dict[str, Any], str]:
    """Return a description and the sha256 of its bytes; refuse keys that it may not have."""
    content = parse_json(read, source)
    if not isinstance(content, dict):
        raise SegadvError(f"{source}: holds no JSON object; it must start with a brace")
    unknown = sorted(content.keys() - keys)
    if unknown:
        raise SegadvError(f"{source}: unknown key {unknown[0]}; use only {', '.join(sorted(keys))}")
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
    regions = _regions(description, task.name)
    classes = tuple(str(name) for name in description.get("classes", regions or ()))
    if regions is not None and tuple(regions) != classes:
        raise ValueError('"regions" must name the structures of "classes", in the same order')
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
        "decision": Decision(threshold=_threshold(description)),
        "regions": regions,
    }


def _threshold(description: Mapping[str, Any]) -> float:
    threshold = float(description.get("threshold", 0.5))
    if not 0 < threshold < 1:
        raise ValueError('"threshold" must be a probability between 0 and 1')
    return threshold


def _regions(description: Mapping[str, Any], task: str) -> dict[str, tuple[int, ...]] | None:
    if "regions" not in description:
        return None
    if task != "overlapping":
        raise ValueError('"regions" needs "task": "overlapping"')
    return {
        str(name): tuple(int(label) for label in ([labels] if isinstance(labels, int) else labels))
        for name, labels in description["regions"].items()
    }


def _output(description: Mapping[str, Any]) -> int | str | None:
    output = description.get("output")
    if output is None or isinstance(output, str) or type(output) is int:
        return output
    raise ValueError('"output" must be a number from 0, or a name')


def _steps(description: Mapping[str, Any], dims: int) -> tuple[Step, ...]:
    if "preprocessing" in description:
        unused = [key for key in SHORT if key in description]
        if unused:
            raise ValueError(
                f'"preprocessing" takes the place of "{unused[0]}"; write the steps of both there'
            )
        listed = description["preprocessing"]
        found = transforms_in(listed) if isinstance(listed, list) else listed
        return from_monai(found, input_key(found, ["image"]))
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
    steps += described_steps(description)
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
