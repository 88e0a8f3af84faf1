"""The numbers behind a text header, in its own file or in others of its folder."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.scan import Array
from ..errors import SegadvError
from .integrity import beside, check_claim, damaged, opened, size_of, truncated
from .streams import PLENTY, Stream

# A text header longer than this is none.
MOST_HEADER = 1 << 20
MOST_FILES = 1 << 16
# Characters that a number in a text takes at least, with what separates it from the next.
LEAST_TEXT = 2
PACKINGS = {"raw": "", "gzip": "zlib", "zlib": "zlib", "bzip2": "bzip2", "text": "", "hex": ""}
PATTERN = re.compile(r"%(0?\d{0,3})d")


@dataclass(frozen=True)
class Fields:
    """What a text header says.

    Attributes:
        path: its file.
        fields: by lower-case name.
    """

    path: Path
    fields: dict[str, str]

    def wrong(self, name: str) -> SegadvError:
        """Return the error for a field that makes no sense."""
        shown = self.fields.get(name, "missing")[:60].encode("unicode_escape").decode()
        return SegadvError(f"{self.path}: its header is invalid ({name}: {shown}); correct it")

    def whole(self, name: str, default: int) -> int:
        """Return a whole number."""
        try:
            return int(self.fields.get(name, default))
        except ValueError:
            raise self.wrong(name) from None


@dataclass(frozen=True)
class Data:
    """Where the numbers of a header lie, and how.

    Attributes:
        parts: the files, each with an equal share of the numbers; the header's own, if they follow
            it there.
        encoding: a key of PACKINGS.
        start: byte at which they begin, in the file as stored.
        lines: lines to pass over there.
        skip: bytes to pass over then, unpacked; -1: the numbers are the last bytes of the file.
    """

    parts: tuple[Path, ...]
    encoding: str
    start: int = 0
    lines: int = 0
    skip: int = 0

    def files(self, header: Path) -> list[Path]:
        """List the header, and the files of the numbers if they are others."""
        return list(dict.fromkeys((header, *self.parts)))


def header_text(path: Path) -> bytes:
    """Return the first bytes of a file, in which its text header has to end."""
    with opened(path) as file:
        return file.read(MOST_HEADER)


def listed_files(header: Path, names: list[str]) -> tuple[Path, ...]:
    """Return the files that a header lists, all of which have to lie in its folder."""
    if not 0 < len(names) <= MOST_FILES:
        raise SegadvError(
            f"{header}: lists {len(names)} data files; name between 1 and {MOST_FILES}"
        )
    return tuple(beside(header, name) for name in names)


def numbered_files(header: Path, pattern: str, numbers: list[str]) -> tuple[Path, ...]:
    """Return the files of a pattern such as `slice%03d.raw`, from the first to the last number.

    Raises:
        SegadvError: if the pattern or the numbers make no sense.
    """
    try:
        first, last, step = (int(n) for n in numbers[:3])
        count = (last - first) // step + 1 if step else 0
    except ValueError:
        count = 0
    holes = PATTERN.findall(pattern)
    if count < 1 or count > MOST_FILES or len(holes) != 1 or pattern.count("%") != 1:
        raise SegadvError(
            f"{header}: names its data files in a way that makes no sense "
            f"({' '.join([pattern, *numbers])[:80]}); correct it"
        )
    every = range(first, first + count * step, step)
    return listed_files(header, [PATTERN.sub(f"%{holes[0]}d", pattern) % n for n in every])


def read_data(
    data: Data, dtype: "np.dtype[np.generic]", shape: tuple[int, ...], path: Path
) -> tuple[Array, tuple[str, ...]]:
    """Read an array, and return it with notes.

    Args:
        data: where it lies.
        dtype: of the numbers, with their byte order.
        shape: slowest axis first.
        path: the header, for messages.

    Raises:
        SegadvError: if the files do not hold exactly as much, or are damaged.
    """
    count = 1
    for size in shape:
        count *= size
    share, rest = divmod(count, len(data.parts))
    if rest:
        raise SegadvError(
            f"{path}: {len(data.parts)} data files can't hold equal parts of {count} numbers; "
            "correct its header"
        )
    held = sum(part.stat().st_size for part in data.parts)
    least = {"text": LEAST_TEXT, "hex": 2 * dtype.itemsize}.get(data.encoding, dtype.itemsize)
    check_claim(path, count * least, held + 1, PACKINGS[data.encoding], count * dtype.itemsize)
    array = np.empty(count, dtype)
    notes: dict[str, None] = {}
    for number, part in enumerate(data.parts):
        piece = array[number * share : (number + 1) * share]
        notes |= dict.fromkeys(_fill(piece, part, data, path))
    native = array.dtype.newbyteorder("=")
    return array.astype(native, copy=False).reshape(shape), tuple(notes)


def _fill(piece: Array, part: Path, data: Data, path: Path) -> tuple[str, ...]:
    """Fill an array with the numbers of one file; return notes."""
    with opened(part) as file:
        file.seek(data.start)
        for _ in range(data.lines):
            if not file.readline(MOST_HEADER).endswith(b"\n"):
                raise truncated(path, size_of(file), piece.nbytes)
        if data.skip < 0 and data.encoding == "raw":
            if size_of(file) - file.tell() < piece.nbytes:
                raise truncated(path, size_of(file) - file.tell(), piece.nbytes)
            file.seek(size_of(file) - piece.nbytes)
        stream = Stream(file, PACKINGS[data.encoding], path)
        stream.skip(max(0, data.skip))
        if data.encoding in ("text", "hex"):
            _parse(piece, _tokens(stream) if data.encoding == "text" else _pairs(stream), path)
            return ()
        found = stream.fill(piece)
        if found < piece.nbytes:
            raise truncated(path, found, piece.nbytes)
        stream.finish()
        return stream.notes


def _tokens(stream: Stream) -> Iterator[list[bytes]]:
    """Yield the words of a text, a piece of it at a time."""
    rest = b""
    while text := stream.read(PLENTY):
        *words, rest = _cut(rest + text)
        yield words
    if rest.strip():
        yield rest.split()


def _cut(text: bytes) -> list[bytes]:
    """Return the whole words of a text, and last what may be the beginning of another."""
    ends = text[-1:].isspace()
    words = text.split()
    return [*words, b""] if ends or not words else words


def _pairs(stream: Stream) -> Iterator[bytes]:
    """Yield bytes from their hexadecimal digits."""
    rest = b""
    while text := stream.read(PLENTY):
        digits = rest + b"".join(text.split())
        even = len(digits) // 2 * 2
        rest = digits[even:]
        yield bytes.fromhex(digits[:even].decode("ascii"))


def _parse(piece: Array, parts: Iterator[list[bytes]] | Iterator[bytes], path: Path) -> None:
    """Fill an array with numbers from a text."""
    done, target = 0, piece
    try:
        for part in parts:
            if isinstance(part, bytes):
                target = piece.view(np.uint8)
                values: Array = np.frombuffer(part, np.uint8)
            elif piece.dtype.kind == "f":
                values = np.array([float(word) for word in part], piece.dtype)
            else:
                values = np.array([int(word) for word in part], piece.dtype)
            room = len(target) - done
            target[done : done + min(room, len(values))] = values[:room]
            done += min(room, len(values))
            if done == len(target):
                return
    except (ValueError, OverflowError) as error:
        raise damaged(path, str(error)[:80]) from None
    if done < len(target):
        raise truncated(path, done, len(target))
