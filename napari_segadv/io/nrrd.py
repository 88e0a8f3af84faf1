"""Headers of NRRD files: fields, keys, where the data lie, and what each axis is."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SegadvError
from .detached import Data, Fields, header_text, listed_files, numbered_files
from .geometry import Matrix, millimetres

TYPES = {
    "int8": ("signed char", "int8", "int8_t"),
    "uint8": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "int16": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "uint16": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "int32": ("int", "signed int", "int32", "int32_t"),
    "uint32": ("uint", "unsigned int", "uint32", "uint32_t"),
    "int64": (
        *("longlong", "long long", "long long int", "signed long long"),
        *("signed long long int", "int64", "int64_t"),
    ),
    "uint64": (
        *("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    ),
    "float32": ("float",),
    "float64": ("double",),
}
DTYPES = {name: dtype for dtype, names in TYPES.items() for name in names}
ENCODINGS = {
    **{"raw": "raw", "gz": "gzip", "gzip": "gzip", "bz2": "bzip2", "bzip2": "bzip2"},
    **{"txt": "text", "text": "text", "ascii": "text", "hex": "hex"},
}
# Signs that take a space's axes to left, posterior, superior.
SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "lps": (1, 1, 1),
    "ras": (-1, -1, 1),
    "las": (1, -1, 1),
}
# Kinds of axes along which the image extends; others hold several values of a pixel.
DOMAIN = ("domain", "space")
COLOURS = {"rgb-color": 3, "rgba-color": 4, "3-color": 3, "4-color": 4}
SYNONYMS = {"datafile": "data file", "lineskip": "line skip", "byteskip": "byte skip"}
SYNONYMS |= {"axismins": "axis mins"}
SYNONYMS |= {"centers": "centerings", "labels": "labels"}
# A header that names a file of its own for the numbers may end without an empty line.
DATA_FILE = re.compile(rb"^data ?file:(?!=)", re.I | re.M)
VECTOR = re.compile(r"none|\([^()]*\)", re.I)


@dataclass(frozen=True)
class Header(Fields):
    """A header as written.

    Attributes:
        keys: the key/value pairs, which programs such as 3D Slicer add.
        end: byte behind the header, where attached data begin.
        listed: the lines behind `data file: LIST`.
    """

    keys: dict[str, str]
    end: int
    listed: tuple[str, ...] = ()

    def words(self, name: str) -> list[str]:
        """Return the words of a field, which may be in quotes."""
        return [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', self.fields.get(name, ""))]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The size of each axis, fastest first."""
        try:
            sizes = tuple(int(word) for word in self.words("sizes"))
        except ValueError:
            raise self.wrong("sizes") from None
        if not sizes or min(sizes) < 1 or len(sizes) > 16:
            raise self.wrong("sizes")
        if len(sizes) != self.whole("dimension", 0):
            raise self.wrong("dimension")
        return sizes

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The type of the numbers in their byte order."""
        name = " ".join(self.fields.get("type", "").split()).lower()
        if name not in DTYPES:
            raise self.wrong("type")
        dtype = np.dtype(DTYPES[name])
        endian = self.fields.get("endian", "").lower()
        if dtype.itemsize > 1 and self.encoding != "text":
            if endian not in ("little", "big"):
                raise self.wrong("endian")
            return dtype.newbyteorder("<" if endian == "little" else ">")
        return dtype

    @property
    def encoding(self) -> str:
        """How the numbers are written, a key of `detached.PACKINGS`."""
        found = ENCODINGS.get(self.fields.get("encoding", "").lower())
        if found is None:
            raise self.wrong("encoding")
        return found

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each axis, lower case, "" if the header does not say."""
        found = [word.lower() for word in self.words("kinds")]
        count = len(self.sizes)
        if not found:
            return ("",) * count
        if len(found) != count:
            raise self.wrong("kinds")
        return tuple("" if kind in ("???", "none") else kind for kind in found)

    @property
    def data(self) -> Data:
        """Where the numbers lie."""
        lines, skip = self.whole("line skip", 0), self.whole("byte skip", 0)
        if not 0 <= lines < 1 << 20 or not -1 <= skip < 1 << 62:
            raise self.wrong("byte skip" if lines == 0 else "line skip")
        place = self.fields.get("data file")
        if place is None:
            return Data((self.path,), self.encoding, self.end, lines, skip)
        words = place.split()
        if words and words[0].upper() == "LIST":
            parts = listed_files(self.path, list(self.listed))
        elif len(words) in (4, 5) and "%" in words[0]:
            parts = numbered_files(self.path, words[0], words[1:4])
        else:
            parts = listed_files(self.path, [place])
        return Data(parts, self.encoding, 0, lines, skip)

    @property
    def directions(self) -> tuple[tuple[float, ...] | None, ...]:
        """The vector from one pixel to the next along each axis, None for axes without one."""
        return self._vectors("space directions")

    def _vectors(self, name: str) -> tuple[tuple[float, ...] | None, ...]:
        found = []
        for word in VECTOR.findall(self.fields.get(name, "")):
            try:
                inner = None if word.lower() == "none" else word[1:-1].split(",")
                found.append(None if inner is None else tuple(float(n) for n in inner))
            except ValueError:
                raise self.wrong(name) from None
        lengths = {len(vector) for vector in found if vector is not None}
        if len(lengths) > 1 or (not found and self.fields.get(name)):
            raise self.wrong(name)
        return tuple(None if v is None or all(map(math.isnan, v)) else v for v in found)


@dataclass(frozen=True)
class Axes:
    """What the axes of a file are, by their number, fastest first.

    Attributes:
        image: those along which the image extends.
        others: those along which a pixel has several values.
        kind: the kind of the one of the others that is longer than 1, "" if there is none.
        count: its length.
    """

    image: tuple[int, ...]
    others: tuple[int, ...]
    kind: str = ""
    count: int = 1


@dataclass(frozen=True)
class Frame:
    """The affine to LPS, with notes on what had to be assumed."""

    affine: Matrix
    notes: tuple[str, ...] = field(default=())


def read_header(path: Path) -> Header:
    """Read a header, attached or detached.

    Raises:
        SegadvError: if it is none.
    """
    text = header_text(path)
    if not re.match(rb"NRRD000[1-9]\s", text):
        raise SegadvError(
            f"{path}: can't be read as an image (it does not begin as a NRRD file); check that it "
            "is of the type that its name says"
        )
    end = re.search(rb"\r?\n\r?\n", text)
    if end is None and not DATA_FILE.search(text):
        raise SegadvError(f"{path}: its header does not end; check that the file is complete")
    stop = len(text) if end is None else end.end()
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    listed: list[str] = []
    for line in text[:stop].decode("utf-8", "replace").splitlines()[1:]:
        if not line.strip() or line.startswith("#"):
            continue
        pair = re.match(r"([^:]+):(=| ?)(.*)", line)
        if fields.get("data file", "").upper().startswith("LIST"):
            listed.append(line.strip())
        elif pair is None:
            shown = line[:60].encode("unicode_escape").decode()
            raise SegadvError(f"{path}: its header is invalid ({shown}); correct it")
        elif pair[2] == "=":
            keys[pair[1]] = pair[3]
        else:
            name = pair[1].strip().lower()
            fields[SYNONYMS.get(name, name)] = pair[3].strip()
    return Header(path, fields, keys, stop, tuple(listed))


def axes_of(header: Header) -> Axes:
    """Tell the axes of the image from those of its values.

    Raises:
        SegadvError: if the image has not two or three.
    """
    sizes, kinds, directions = header.sizes, header.kinds, header.directions
    if directions and len(directions) != len(sizes):
        raise header.wrong("space directions")
    image = [
        n
        for n, kind in enumerate(kinds)
        if (directions[n] is not None if directions else kind in (*DOMAIN, ""))
    ]
    shown = " x ".join(map(str, sizes))
    others = [n for n in range(len(sizes)) if n not in image]
    if len(image) > 3 and not directions:
        # Nothing tells them apart: only a length of 1 leaves no doubt.
        others += [n for n in image[3:] if sizes[n] == 1]
        image = [n for n in image if n not in others]
    if len(image) not in (2, 3):
        raise SegadvError(
            f"{header.path}: has {len(sizes)} dimensions ({shown}), of which {len(image)} extend "
            "in space; save one 2-D or 3-D image"
        )
    longer = [n for n in others if sizes[n] > 1]
    if len(longer) > 1:
        raise SegadvError(f"{header.path}: has {len(sizes)} dimensions ({shown}); save one image")
    if not longer:
        return Axes(tuple(image), tuple(others))
    return Axes(tuple(image), tuple(others), kinds[longer[0]], sizes[longer[0]])


def frame_of(header: Header, axes: Axes) -> Frame:
    """Return where the image lies, in mm towards left, posterior, superior.

    Raises:
        SegadvError: if the header contradicts itself.
    """
    notes: list[str] = []
    count = len(axes.image)
    vectors = (
        [v for v in (header.directions[n] for n in axes.image) if v is not None]
        if header.directions
        else []
    )
    if not vectors:
        return _by_spacings(header, axes)
    space = header.fields.get("space", "").lower()
    length = len(vectors[0])
    timed = space.endswith("-time") or space in ("rast", "last", "lpst")
    if timed:
        space, length = space.removesuffix("-time").removesuffix("t"), length - 1
    if length not in (2, 3) or length < count:
        raise header.wrong("space directions")
    signs = SPACES.get(space)
    if signs is None and length == 3:
        named = f"its space ({space})" if space else "it names no space, which"
        notes.append(f"{named[0].upper()}{named[1:]} does not say where left is: LPS is assumed.")
    origin = header._vectors("space origin")
    place = np.array(origin[0] if origin and origin[0] is not None else [0.0] * length, np.float64)
    if len(place) < length:
        raise header.wrong("space origin")
    affine = np.eye(length + 1)
    affine[:length, :count] = np.array(vectors, np.float64).T[:length]
    if count < length:
        affine[:length, count:length] = 0.0
    affine[:length, -1] = place[:length]
    affine[:length] *= np.array((signs or (1, 1, 1))[:length])[:, None]
    factor, note = millimetres(header.words("space units"))
    affine[:length] *= factor
    return Frame(affine, (*notes, *note))


def _by_spacings(header: Header, axes: Axes) -> Frame:
    """Return the frame of a header without directions: only the spacing is known, if that."""
    try:
        spacings = [float(word) for word in header.words("spacings")]
    except ValueError:
        raise header.wrong("spacings") from None
    if spacings and len(spacings) != len(header.sizes):
        raise header.wrong("spacings")
    chosen = [spacings[n] if spacings else math.nan for n in axes.image]
    known = [n for n in chosen if math.isfinite(n)]
    notes = ["Its header does not say how it lies in the patient: LPS is assumed."]
    if len(known) < len(chosen):
        notes = ["Its header gives no spacing: 1 mm is assumed."]
    steps = [n if math.isfinite(n) else 1.0 for n in chosen]
    affine = np.diag([*steps, 1.0])
    affine[:-1, -1] = _first_pixel(header, axes, steps)
    units = header.words("units")
    factor, note = millimetres([units[n] for n in axes.image if units])
    affine[:-1] *= factor
    return Frame(affine, (*notes, *note))


def _first_pixel(header: Header, axes: Axes, steps: list[float]) -> list[float]:
    """Return the centre of the first pixel, from the edges (`axis mins`) as ITK does."""
    words, centres = header.words("axis mins"), header.words("centerings")
    if not words:
        return [0.0] * len(steps)
    try:
        edges = [float(words[n]) for n in axes.image]
        cells = [centres[n].lower() != "node" if centres else True for n in axes.image]
    except (ValueError, IndexError):
        raise header.wrong("axis mins") from None
    if not all(map(math.isfinite, edges)):
        return [0.0] * len(steps)
    halves = [step / 2 if cell else 0.0 for step, cell in zip(steps, cells, strict=True)]
    return [edge + half for edge, half in zip(edges, halves, strict=True)]
