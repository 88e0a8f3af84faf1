"""Where an example comes from, as plain data for `result.json`."""

import math
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..attacks import Outcome
from ..common.budgets import share_of_window
from ..common.hashing import sha256_of_all, sha256_of_array, sha256_of_files
from ..data.boxes import Boxes
from ..data.grade import Grade
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from ..io.place import split
from ..victims.precision import Reduced
from ..victims.victim import Victim
from ..victims.windows import Passes

PACKAGES = ("napari-segadv", "torch", "monai", "numpy", "SimpleITK")


def describe_image(scan: Scan) -> dict[str, Any]:
    """Describe a scan: its file, or the phantom that it was drawn as, its hash and kind."""
    found = {
        "path": None if scan.path is None else place_of(scan),
        "sha256": image_hash(scan),
        "shape": list(scan.array.shape),
        "spacing": list(scan.grid.spacing),
        "units": scan.units,
        "dtype": scan.storage.dtype,
    }
    if scan.parts:
        return {**found, "channels": [describe_image(part) for part in scan.parts]}
    drawn = {name: scan.meta[name] for name in ("phantom", "seed") if name in scan.meta}
    return found if scan.path is not None or len(drawn) < 2 else {**found, **drawn}


def place_of(scan: Scan) -> str:
    """Return what reads a scan again: its path, or PATH::WHICH if it is one of several images."""
    place = str(scan.meta.get("place", ""))
    return place if split(place)[0] == scan.path else str(scan.path)


def image_hash(scan: Scan) -> str:
    """Hash a scan's file, its several files, or its pixels if it has no file.

    Of several channels, the hashes of all are hashed.

    Raises:
        SegadvError: if a file is gone.
    """
    if scan.parts:
        return sha256_of_files([image_hash(part) for part in scan.parts])
    if scan.path is None:
        return hash_of(scan.array)
    files = [Path(name) for name in scan.meta.get("files", (scan.path,))]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise SegadvError(f"{missing}: is gone; put it back and try again")
    return sha256_of_all(files)


def describe_given(given: Any) -> Any:
    """Describe what was given as target, truth, region or care: a name by itself, else a hash.

    A class that comes from no file has its number, boxes to erase what names them.

    The hash of a file comes with its path, and with what was chosen from it; a painted or computed
    mask has that of its array, and the target shapes that made it.
    """
    if given is None or isinstance(given, str):
        return given
    path = given.path
    if path is not None and path.is_file():
        files = io.files_of(path) if isinstance(given, Mask) else [path]
        found = {"path": str(path), "sha256": sha256_of_all(files)}
        which = given.which if isinstance(given, Mask) else ""
        return {**found, "segments": which} if which else found
    if isinstance(given, Boxes) and (name := given.named_as):
        return name
    if isinstance(given, Grade):
        return str(given.label)
    if not isinstance(given, Mask):
        return {"path": None, "sha256": None}
    made = {"made": [dict(step) for step in given.made]} if given.made else {}
    return {"path": None, "sha256": hash_of(given.array), **made}


def hash_of(array: Array) -> str:
    """Hash an array's values, in memory order."""
    return sha256_of_array(array)


def describe_victim(victim: Victim, classes: tuple[str, ...]) -> dict[str, Any]:
    """Describe a victim: its source, hash, task and classes, and what it does to an image first."""
    windows = victim.windows
    shown = {"shown": plain(victim.shown)} if victim.shown else {}
    return {
        "path": victim.name if victim.trust == "built-in" else str(victim.path),
        "sha256": victim.sha256,
        "trust": victim.trust,
        **shown,
        "task": victim.task.name,
        "classes": list(classes),
        "name": victim.name,
        "dims": victim.dims,
        "preprocessing": [
            {"step": step.name, "arguments": plain(step.arguments)} for step in victim.steps
        ],
        "decision": victim.decision.data,
        "patches": None
        if windows is None
        else {"size": list(windows.roi_size), "overlap": list(windows.overlap)},
    }


def describe_budget(
    scan: Scan, window: tuple[float, float], norm: str, epsilon: float | None
) -> dict[str, Any]:
    """Describe a budget as asked for (None: none) and in percent of the victim's window."""
    width, size = window[1] - window[0], scan.array.size
    share = None if epsilon is None else share_of_window(norm, epsilon, width, size)
    return {
        "norm": norm,
        "epsilon": epsilon,
        "units": scan.units,
        "epsilon_percent_of_window": share,
    }


def describe_passes(
    before: Passes, after: Passes, reduced: Reduced | None = None
) -> dict[str, float]:
    """Describe the work done between two counts, in passes over the whole image.

    Args:
        before, after: the counts.
        reduced: how many of the passes were in bfloat16; None: none.
    """
    found = {
        "forward": after.forward - before.forward,
        "backward": after.backward - before.backward,
    }
    if reduced is not None:
        found["forward_bfloat16"] = reduced.forward
        found["backward_bfloat16"] = reduced.backward
    return {name: _tidy(count) for name, count in found.items()}


def describe_curve(outcome: Outcome) -> list[dict[str, float]]:
    """List the loss, and the success of the best so far, at each forward pass."""
    return [
        {"step": step, "loss": loss, "success": success}
        for step, (loss, success) in enumerate(outcome.curve)
    ]


def describe_versions() -> dict[str, str]:
    """Return the versions of Python, this package and the libraries that it computes with."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def plain(value: Any) -> Any:
    """Return a value as data that JSON holds; whatever it can't hold becomes text.

    Examples:
        >>> plain({"pixdim": (1.5, float("inf")), "mode": "bilinear"})
        {'pixdim': [1.5, 'inf'], 'mode': 'bilinear'}
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _tidy(count: float) -> float:
    """Round a pass count, since sums of fractions such as thirds are inexact."""
    return round(count) if abs(count - round(count)) < 1e-6 else round(count, 3)
