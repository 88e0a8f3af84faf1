"""Where an example comes from, as plain data for `result.json`."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..attacks import Outcome
from ..common.budgets import share_of_window
from ..common.hashing import sha256_of_all
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from ..victims.victim import Victim
from ..victims.windows import Passes

PACKAGES = ("napari-segadv", "torch", "monai", "numpy", "SimpleITK")


def describe_image(scan: Scan) -> dict[str, Any]:
    """File, hash and kind of a scan."""
    return {
        "path": None if scan.path is None else str(scan.path),
        "sha256": image_hash(scan),
        "shape": list(scan.array.shape),
        "spacing": list(scan.grid.spacing),
        "units": scan.units,
        "dtype": scan.storage.dtype,
    }


def image_hash(scan: Scan) -> str:
    """Hash of the scan's file, of its several files, or of its pixels if it has none.

    Raises:
        SegadvError: where a file is gone.
    """
    if scan.path is None:
        return hash_of(scan.array)
    files = [Path(name) for name in scan.meta.get("files", (scan.path,))]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise SegadvError(f"{missing}: is gone since it was read; put it back and try again")
    return sha256_of_all(files)


def describe_given(given: Any) -> Any:
    """What was given as target, truth, region or care: a name as it is, else its hash.

    Of a file its own, with its path; of a mask that was painted or computed that of its array.
    """
    if given is None or isinstance(given, str):
        return given
    path = given.path
    if path is not None and path.is_file():
        files = io.files_of(path) if isinstance(given, Mask) else [path]
        return {"path": str(path), "sha256": sha256_of_all(files)}
    pixels = given.array if isinstance(given, Mask) else None
    return {"path": None, "sha256": None if pixels is None else hash_of(pixels)}


def hash_of(array: Array) -> str:
    """Hash of an array's values, in memory order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def describe_victim(victim: Victim, classes: tuple[str, ...]) -> dict[str, Any]:
    """Source, hash and classes of a victim."""
    return {
        "path": victim.name if victim.trust == "built-in" else str(victim.path),
        "sha256": victim.sha256,
        "trust": victim.trust,
        "task": victim.task.name,
        "classes": list(classes),
    }


def describe_budget(
    scan: Scan, window: tuple[float, float], norm: str, epsilon: float | None
) -> dict[str, Any]:
    """A budget as asked for (None: none), and as a percentage of the window the victim sees."""
    width, size = window[1] - window[0], scan.array.size
    share = None if epsilon is None else share_of_window(norm, epsilon, width, size)
    return {
        "norm": norm,
        "epsilon": epsilon,
        "units": scan.units,
        "epsilon_percent_of_window": share,
    }


def describe_passes(before: Passes, after: Passes) -> dict[str, float]:
    """The work done between two counts, in passes over the whole image."""
    return {
        "forward": _tidy(after.forward - before.forward),
        "backward": _tidy(after.backward - before.backward),
    }


def describe_curve(outcome: Outcome) -> list[dict[str, float]]:
    """Loss, and success of the best so far, at each forward pass."""
    return [
        {"step": step, "loss": loss, "success": success}
        for step, (loss, success) in enumerate(outcome.curve)
    ]


def describe_versions() -> dict[str, str]:
    """Versions of this package, Python and what computes."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _tidy(count: float) -> float:
    """A pass count without the dust of adding thirds."""
    return round(count) if abs(count - round(count)) < 1e-6 else round(count, 3)
