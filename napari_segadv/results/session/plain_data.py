"""What `session.json` says of an image, a label map and a victim: plain data, there and back.

Pixels are in files of their own; geometry, units and storage stand here, since a file's header
rounds the one and knows nothing of the others.
"""

import hashlib
from typing import Any

import numpy as np

from ...common.json_data import Entry
from ...common.wording import can_be_written
from ...data.scan import Array, Grid, Scan, Storage

KINDS = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64"),
)


def grid_data(grid: Grid) -> dict[str, Any]:
    """A grid as plain data, exactly."""
    return {
        "shape": list(grid.shape),
        "spacing": [float(s) for s in grid.spacing],
        "origin": [float(o) for o in grid.origin],
        "direction": grid.direction.astype(np.float64).ravel().tolist(),
        "physical": grid.physical,
    }


def read_grid(entry: Entry, shape: tuple[int, ...]) -> Grid:
    """A grid from plain data, of pixels of a shape.

    Raises:
        SegadvError: where it is none, or of another shape.
    """
    count = len(shape)
    if entry.numbers("shape", count) != shape:
        raise entry.wrong(f'"shape" is not {list(shape)}, as the file has it')
    spacing, origin = entry.numbers("spacing", count), entry.numbers("origin", count)
    direction = np.array(entry.numbers("direction", count**2)).reshape(count, count)
    if min(spacing) <= 0:
        raise entry.wrong('"spacing" has to be above 0')
    if not np.allclose(direction.T @ direction, np.eye(count), atol=1e-3):
        raise entry.wrong('"direction" has to be axes at right angles')
    return Grid(shape, spacing, origin, direction, entry.flag("physical"))


def scan_data(scan: Scan) -> dict[str, Any]:
    """A scan without its pixels as plain data."""
    kinds = (str, int, float, bool)
    return {
        "grid": grid_data(scan.grid),
        "units": scan.units,
        "dtype": str(scan.array.dtype),
        "storage": {
            "dtype": scan.storage.dtype,
            "slope": float(scan.storage.slope),
            "intercept": float(scan.storage.intercept),
        },
        "colour": scan.colour,
        "from_file": scan.path is not None,
        "meta": {k: v for k, v in scan.meta.items() if isinstance(v, kinds)},
    }


def read_scan(entry: Entry, read: Scan) -> Scan:
    """A scan whose pixels were read from a session's file.

    It counts as a file of the session's: its own may be gone, or on another computer.

    Args:
        entry: what `scan_data` gave.
        read: its file.

    Raises:
        SegadvError: where they don't fit each other.
    """
    if entry.flag("colour") != read.colour:
        raise entry.wrong('"colour" is not as the file has it')
    storage = entry.entry("storage")
    kind = storage.text("dtype")
    slope, intercept = storage.number("slope"), storage.number("intercept")
    if kind not in KINDS or not slope:
        raise storage.wrong(f"{kind[:20]} and slope {slope:g} can store no image")
    meta = {name: v for name, v in entry.entry("meta").values.items() if _plain(name, v)}
    kept = entry.flag("from_file")
    if kept and "files" in read.meta:
        meta["files"] = read.meta["files"]
    return Scan(
        typed(read.array, entry),
        read_grid(entry.entry("grid"), read.grid.shape),
        entry.text("units"),
        Storage(kind, slope, intercept),
        read.colour,
        read.path if kept else None,
        meta,
    )


def typed(array: Array, entry: Entry) -> Array:
    """An array as the type that it had, which no file need keep.

    Raises:
        SegadvError: where it does not fit.
    """
    kind = entry.text("dtype")
    if kind not in KINDS:
        raise entry.wrong(f'"dtype" {kind[:20]} is no type of pixels')
    with np.errstate(over="ignore", invalid="ignore"):
        changed = array.astype(kind, copy=False)
    if not np.array_equal(changed, array):
        raise entry.wrong(f'"dtype" {kind} can\'t hold what the file has')
    return changed


def same_as(scan: Scan) -> tuple[Any, ...]:
    """What two scans of the same image have in common."""
    pixels = hashlib.sha256(np.ascontiguousarray(scan.array).data).hexdigest()
    facts = scan_data(scan)
    return pixels, repr(facts), str(scan.path)


def _plain(name: str, value: Any) -> bool:
    """Whether an entry of a scan's metadata is one that the viewer can use."""
    if name.startswith("window_"):
        try:
            return bool(np.isfinite(float(str(value).split("\\")[0])))
        except ValueError:
            return False
    told = str(value)
    plain = isinstance(value, (str, int, float, bool))
    return plain and len(told) < 1000 and can_be_written(name + told)
