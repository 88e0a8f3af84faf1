"""MetaImage: values and geometry as ITK takes them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...data.scan import Array, Grid, Scan
from ...errors import SegadvError
from ..detached import Data, Fields, header_text, listed_files, numbered_files, read_data
from ..geometry import Matrix, grid_from_lps, millimetres
from ..itk import write_image
from ..pixels import Pixels, component, is_colour, without_alpha
from ..registry import Format

TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"long": "i4", "ulong": "u4", "long_long": "i8", "ulong_long": "u8"},
    **{"float": "f4", "double": "f8"},
}
# ITK takes either sign, the first one of a line.
FIELD = re.compile(r"([^=:]{1,79})[=:](.*)", re.S)
ORIGIN = ("offset", "position", "origin")
AXES = ("transformmatrix", "rotation", "orientation")
SPACING = ("elementspacing", "elementsize")
ORDER = ("binarydatabyteordermsb", "elementbyteordermsb")
SCALING = ("elementtointensityfunctionslope", "elementtointensityfunctionoffset")


@dataclass(frozen=True)
class Header(Fields):
    """A header as written; its last field, `elementdatafile`, says where the pixels are.

    Attributes:
        end: byte behind the header.
        listed: the lines behind `ElementDataFile = LIST`.
    """

    end: int
    listed: tuple[str, ...]

    def true(self, *names: str, default: bool = False) -> bool:
        """Return a yes or no."""
        for name in names:
            if name in self.fields:
                return self.fields[name].lower() in ("true", "t", "1", "yes")
        return default

    def numbers(self, names: tuple[str, ...], count: int, default: Sequence[float]) -> Matrix:
        """Return the numbers of the first of some fields that is there."""
        name = next((name for name in names if name in self.fields), None)
        if name is None:
            return np.array(default, np.float64)
        try:
            found = np.array(self.fields[name].split(), np.float64)
        except ValueError:
            raise self.wrong(name) from None
        if len(found) != count:
            raise self.wrong(name)
        return found

    @property
    def size(self) -> tuple[int, ...]:
        """The size of each axis, x first."""
        try:
            size = tuple(int(word) for word in self.fields.get("dimsize", "").split())
        except ValueError:
            raise self.wrong("dimsize") from None
        if not size or min(size) < 1 or len(size) > 10:
            raise self.wrong("dimsize")
        if len(size) != self.whole("ndims", 0):
            raise self.wrong("ndims")
        return size

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The type of the numbers in their byte order."""
        name = self.fields.get("elementtype", "").lower().removeprefix("met_")
        kind = TYPES.get(name.removesuffix("_array"))
        if kind is None:
            raise self.wrong("elementtype")
        return np.dtype(kind).newbyteorder(">" if self.true(*ORDER) else "<")

    @property
    def data(self) -> Data:
        """Where the numbers lie."""
        place, skip = self.fields["elementdatafile"], self.whole("headersize", 0)
        if not -1 <= skip < 1 << 62:
            raise self.wrong("headersize")
        encoding = "raw" if self.true("binarydata", default=True) else "text"
        if self.true("compresseddata"):
            encoding = "zlib"
        if place.upper() == "LOCAL":
            if skip > 0:
                raise self.wrong("headersize")
            return Data((self.path,), encoding, self.end, skip=skip)
        words = place.split()
        if words and words[0].upper() == "LIST":
            parts = listed_files(self.path, list(self.listed))
        elif len(words) in (3, 4) and "%" in words[0]:
            step = words[3] if len(words) == 4 else "1"
            parts = numbered_files(self.path, words[0], [*words[1:3], step])
        else:
            parts = listed_files(self.path, [place])
        return Data(parts, encoding, 0, skip=skip)


def read_header(path: Path) -> Header:
    """Read a header.

    Raises:
        SegadvError: if it is none.
    """
    text = header_text(path)
    fields: dict[str, str] = {}
    end = 0
    while end < len(text) and "elementdatafile" not in fields:
        stop = text.find(b"\n", end) + 1 or len(text)
        line = text[end:stop].decode("utf-8", "replace")
        end = stop
        found = FIELD.match(line)
        if found is not None:
            fields[found[1].strip().lower()] = found[2].strip()
        elif line.strip():
            break
    if not {"ndims", "dimsize"} & fields.keys():
        raise SegadvError(
            f"{path}: can't be read as an image (it does not begin as a MetaImage file); check "
            "that it is of the type that its name says"
        )
    if "elementdatafile" not in fields:
        raise SegadvError(
            f"{path}: its header ends before it says where the pixels are; check that the file is "
            "complete and of the type that its name says"
        )
    listed = [line.strip() for line in text[end:].decode("utf-8", "replace").splitlines()]
    return Header(path, fields, end, tuple(line for line in listed if line))


def read(path: Path, which: str) -> Pixels:
    """Read an image; `meta["files"]` lists header and pixel files if they are separate."""
    header = read_header(path)
    size, count = header.size, header.whole("elementnumberofchannels", 1)
    if not 1 <= count < 1 << 16:
        raise header.wrong("elementnumberofchannels")
    ndim = min(len(size), 3)
    if ndim < 2 or any(n > 1 for n in size[3:]):
        shown = " x ".join(map(str, size))
        raise SegadvError(
            f"{path}: has {len(size)} dimensions ({shown}); save one 2-D or 3-D image"
        )
    affine, found_notes = _affine(header, len(size), ndim)
    shape = size[:ndim][::-1]
    grid = grid_from_lps(affine, shape, path)
    data = header.data
    whole = (*size[::-1], count)
    array, notes = read_data(data, header.dtype, whole, path)
    array = array.reshape((*shape, count) if count > 1 else shape)
    meta: dict[str, Any] = {}
    if data.parts != (path,):
        meta["files"] = [str(file) for file in data.files(path)]
    vectors = count > 1 and not is_colour(array.dtype, count)
    found = Pixels(array, grid, meta=meta, notes=(*found_notes, *notes), vectors=vectors)
    if which:
        return component(found, path, which)
    return found if vectors else without_alpha(found)


def _affine(header: Header, count: int, ndim: int) -> tuple[Matrix, tuple[str, ...]]:
    """Return the affine to LPS of the first `ndim` of `count` axes, with notes."""
    spacing = header.numbers(SPACING, count, [1.0] * count)
    origin = header.numbers(ORIGIN, count, [0.0] * count)
    axes = header.numbers(AXES, count * count, np.eye(count).ravel().tolist())
    columns = axes.reshape(count, count).T
    factor, found = millimetres([header.fields.get("distanceunits", "").lower()])
    notes = list(found)
    scaling = header.numbers(SCALING[:1], 1, [1.0]), header.numbers(SCALING[1:], 1, [0.0])
    if (float(scaling[0][0]), float(scaling[1][0])) != (1.0, 0.0):
        notes.append("Its header names a slope for its values, which is left out, as by ITK.")
    if not any(name in header.fields for name in SPACING):
        notes.append("Its header gives no spacing: 1 mm is assumed.")
    affine = np.eye(ndim + 1)
    affine[:ndim, :ndim] = (columns * spacing)[:ndim, :ndim] * factor
    affine[:ndim, ndim] = origin[:ndim] * factor
    return affine, tuple(notes)


def files(path: Path) -> Sequence[Path]:
    """List the header, and the pixel files if they are separate."""
    return read_header(path).data.files(path)


def write(stored: Array, grid: Grid, path: Path, scan: Scan) -> None:
    write_image(stored, grid, path, stored.ndim > grid.ndim)


FORMATS = (Format("MetaImage", (".mha", ".mhd"), read, write, saved_as=".mha", files=files),)
