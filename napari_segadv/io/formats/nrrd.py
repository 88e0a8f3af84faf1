"""NRRD: any encoding, attached or detached, its geometry taken to LPS."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...data.scan import Array, Grid, Scan
from ...errors import SegadvError
from ..detached import read_data
from ..geometry import grid_from_lps
from ..nrrd import COLOURS, DTYPES, Axes, Header, axes_of, frame_of, read_header
from ..pixels import Pixels, component, is_colour, without_alpha
from ..place import number_of
from ..registry import Format
from ..streams import LEVEL

NAMES = {dtype: name for name, dtype in reversed(DTYPES.items())}
# In these spaces red, green and blue are other numbers.
OTHER_COLOURS = ("hsv-color", "xyz-color")


def read(path: Path, which: str) -> Pixels:
    """Read an image; `meta["files"]` lists header and pixel files if they are separate."""
    header = read_header(path)
    axes = axes_of(header)
    _check_values(header, axes, which)
    found = read_values(header)
    if which:
        return component(found, path, which)
    return found if found.vectors else without_alpha(found)


def read_values(header: Header) -> Pixels:
    """Read all values of all pixels, whatever they mean."""
    path, axes = header.path, axes_of(header)
    frame = frame_of(header, axes)
    data = header.data
    array, notes = read_data(data, header.dtype, header.sizes[::-1], path)
    # In array order the axes are counted from the other end.
    last = len(header.sizes) - 1
    order = [last - n for n in (*axes.image[::-1], *axes.others)]
    shape = tuple(header.sizes[n] for n in axes.image[::-1])
    array = np.ascontiguousarray(array.transpose(order)).reshape(
        (*shape, axes.count) if axes.count > 1 else shape
    )
    meta: dict[str, Any] = {}
    if data.parts != (path,):
        meta["files"] = [str(file) for file in data.files(path)]
    return Pixels(
        array,
        grid_from_lps(frame.affine, shape, path),
        meta=meta,
        notes=(*frame.notes, *notes),
        vectors=_vectors(axes, array),
    )


def _check_values(header: Header, axes: Axes, which: str) -> None:
    """Refuse what is neither grey nor red, green and blue."""
    if axes.count == 1:
        return
    if axes.kind in OTHER_COLOURS:
        raise SegadvError(f"{header.path}: holds colours as {axes.kind}; convert it to RGB")
    if axes.kind == "time":
        number_of(which, axes.count, header.path, f"holds {axes.count} points in time")
    if axes.kind == "complex":
        raise SegadvError(f"{header.path}: holds complex numbers; save their magnitude")
    if axes.kind in COLOURS and axes.count != COLOURS[axes.kind]:
        raise header.wrong("kinds")


def _vectors(axes: Axes, array: Array) -> bool:
    """Return whether the values of a pixel are no colour, from their kind or else their type.

    ITK writes colours as vectors, and 3D Slicer the layers of a segmentation as a list.
    """
    if axes.count == 1 or axes.kind in COLOURS:
        return False
    return axes.kind != "vector" or not is_colour(array.dtype, axes.count)


def files(path: Path) -> Sequence[Path]:
    """List the header, and the pixel files if they are separate."""
    return read_header(path).data.files(path)


def write(stored: Array, grid: Grid, path: Path, scan: Scan) -> None:
    """Write one file, or a header and its pixel file for `.nhdr`."""
    if stored.dtype in (np.bool_, np.float16):
        stored = stored.astype(np.uint8 if stored.dtype == np.bool_ else np.float32)
    components = stored.ndim > grid.ndim
    kinds, sizes = ["domain"] * grid.ndim, [*grid.shape[::-1]]
    vectors = [_vector(column) for column in grid.affine[:-1, :-1].T[::-1]]
    if components:
        colour = scan.colour and stored.shape[-1] == 3
        kinds.insert(0, "RGB-color" if colour else "vector")
        sizes.insert(0, stored.shape[-1])
        vectors.insert(0, "none")
    fields = {
        "type": NAMES[stored.dtype.name],
        "dimension": len(sizes),
        **({"space": "left-posterior-superior"} if grid.ndim == 3 else {"space dimension": 2}),
        "sizes": " ".join(map(str, sizes)),
        "space directions": " ".join(vectors),
        "kinds": " ".join(kinds),
        "endian": "little",
        "encoding": "gzip",
        "space origin": _vector(np.array(grid.origin)),
    }
    apart = path.name.lower().endswith(".nhdr")
    pixels = path.with_suffix(".raw.gz") if apart else path
    if apart:
        fields["data file"] = pixels.name
    lines = ["NRRD0004", *(f"{name}: {value}" for name, value in fields.items())]
    text = ("\n".join(lines) + "\n\n").encode()
    with path.open("wb") as file:
        file.write(text)
    with (
        pixels.open("wb" if apart else "ab") as file,
        gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed,
    ):
        for slab in stored:
            packed.write(np.ascontiguousarray(slab, stored.dtype.newbyteorder("<")).data)


def _vector(column: Array) -> str:
    """Write a vector in world order, x first."""
    return "(" + ",".join(repr(float(n)) for n in column[::-1]) + ")"


FORMATS = (Format("NRRD", (".nrrd", ".nhdr"), read, write, saved_as=".nrrd", files=files),)
