"""Images and label maps as plain data in `session.json`, and back.

Pixels are in separate files; geometry, units and storage are in the JSON, since a file's header
rounds the geometry and does not know the other two.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ...common.json_data import Entry
from ...common.wording import can_be_written
from ...data.presentation import Presentation
from ...data.scan import Array, Grid, Scan, Storage

KINDS = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    "float16",
    "float32",
    "float64",
)


def grid_data(grid: Grid) -> dict[str, Any]:
    """Return a grid as plain data, exactly."""
    return {
        "shape": list(grid.shape),
        "spacing": [float(s) for s in grid.spacing],
        "origin": [float(o) for o in grid.origin],
        "direction": grid.direction.astype(np.float64).ravel().tolist(),
        "physical": grid.physical,
    }


def read_grid(entry: Entry, shape: tuple[int, ...]) -> Grid:
    """Read the grid of pixels of a shape from plain data.

    Raises:
        SegadvError: if it is no grid, or has another shape.
    """
    count = len(shape)
    if entry.numbers("shape", count) != shape:
        raise entry.wrong(f'"shape" must be {list(shape)}, as in the file')
    spacing, origin = entry.numbers("spacing", count), entry.numbers("origin", count)
    direction = np.array(entry.numbers("direction", count**2)).reshape(count, count)
    if min(spacing) <= 0:
        raise entry.wrong('"spacing" must be above 0')
    if not np.allclose(direction.T @ direction, np.eye(count), atol=1e-3):
        raise entry.wrong('"direction" must hold axes at right angles')
    return Grid(shape, spacing, origin, direction, entry.flag("physical"))


def scan_data(scan: Scan) -> dict[str, Any]:
    """Return a scan without its pixels as plain data."""
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
        "presentation": None if scan.presentation is None else asdict(scan.presentation),
        "notes": list(scan.notes),
    }


def read_scan(entry: Entry, read: Scan) -> Scan:
    """Make a scan of its entry and its pixels, which were read from the session's file.

    Its path is that file, since the original one may be gone or on another computer.

    Args:
        entry: what `scan_data` returned.
        read: the scan as read from the session's file.

    Raises:
        SegadvError: if the two do not match.
    """
    if entry.flag("colour") != read.colour:
        raise entry.wrong('"colour" must be as in the file')
    storage = entry.entry("storage")
    kind = storage.text("dtype")
    slope, intercept = storage.number("slope"), storage.number("intercept")
    if kind not in KINDS or not slope:
        raise storage.wrong(f"{kind[:20]} with slope {slope:g} can't store an image")
    meta = {name: v for name, v in entry.entry("meta").values.items() if _plain(name, v)}
    from_file = entry.flag("from_file")
    if from_file and "files" in read.meta:
        meta["files"] = read.meta["files"]
    return Scan(
        typed(read.array, entry),
        replace(read_grid(entry.entry("grid"), read.grid.shape), subject=read.grid.subject),
        entry.text("units"),
        Storage(kind, slope, intercept),
        read.colour,
        read.path if from_file else None,
        meta,
        _presentation(entry, meta),
        entry.texts("notes") if "notes" in entry.values else (),
    )


def _presentation(entry: Entry, meta: Mapping[str, Any]) -> Presentation | None:
    """Return how a scan is shown; sessions of earlier versions hold the header's window alone."""
    if "presentation" not in entry.values:
        return _header_window(meta)
    if entry.values["presentation"] is None:
        return None
    shown = entry.entry("presentation")
    points = shown.numbers("intensities"), shown.numbers("brightness")
    try:
        return Presentation(*points, shown.text("source"))
    except ValueError as error:
        raise shown.wrong(str(error)) from None


def _header_window(meta: Mapping[str, Any]) -> Presentation | None:
    try:
        centre, width = (
            float(str(meta[key]).split("\\")[0]) for key in ("window_center", "window_width")
        )
    except (KeyError, ValueError):
        return None
    if not (width > 0 and math.isfinite(centre) and math.isfinite(width)):
        return None
    shown = Presentation.window(centre, width, "window of the header")
    return shown.inverted if meta.get("photometric") == "MONOCHROME1" else shown


def typed(array: Array, entry: Entry) -> Array:
    """Convert an array to the type that it had, which a file may not keep.

    Raises:
        SegadvError: if the type can't hold its values.
    """
    kind = entry.text("dtype")
    if kind not in KINDS:
        raise entry.wrong(f'"dtype" {kind[:20]} is no pixel type')
    with np.errstate(over="ignore", invalid="ignore"):
        changed = array.astype(kind, copy=False)
    if not np.array_equal(changed, array):
        raise entry.wrong(f'"dtype" {kind} can\'t hold the values in the file')
    return changed


def image_key(scan: Scan) -> tuple[Any, ...]:
    """Return a key that is equal for two scans of the same image."""
    pixels = hashlib.sha256(np.ascontiguousarray(scan.array).data).hexdigest()
    facts = scan_data(scan)
    return pixels, repr(facts), str(scan.path), *map(image_key, scan.parts)


def _plain(name: str, value: Any) -> bool:
    """Return whether the viewer can use an entry of a scan's metadata."""
    if name.startswith("window_"):
        try:
            return bool(np.isfinite(float(str(value).split("\\")[0])))
        except ValueError:
            return False
    text = str(value)
    plain = isinstance(value, (str, int, float, bool))
    return plain and len(text) < 1000 and can_be_written(name + text)
