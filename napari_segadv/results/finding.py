"""Where the files of a saved result are now: the image attacked, and the adversarial one."""

from collections.abc import Sequence
from pathlib import Path

from .. import io
from ..common.json_data import Entry
from ..common.whole_paths import whole
from ..data.scan import Scan
from ..errors import SegadvError
from ..io.output import of_channel
from ..io.place import SEPARATOR, split
from ..io.registry import formats, suffix
from ..samples import phantom
from .files import ADVERSARIAL

COPY = "restore it from a copy of the folder"


def file_now(folder: Path, place: str, remedy: str) -> str:
    """Return where a file is now: where it was, below a folder above the result, or beside it.

    Args:
        folder: of the result.
        place: a path, which may be relative to a folder that is not known; or PATH::WHICH.
        remedy: what to do if it is gone.

    Raises:
        SegadvError: if it is in none of these places.
    """
    path, which = split(place)
    above = whole(folder)
    # Before the working directory, which may be another one than then.
    near = [] if path.is_absolute() else [parent / path for parent in above.parents]
    for candidate in (*near, path, above / path.name, above.parent / path.name):
        if path.name and candidate.exists():
            return f"{candidate}{SEPARATOR}{which}" if which else str(candidate)
    raise SegadvError(f"{path}: is gone; {remedy}")


def image_now(result: Entry, folder: Path, gone: str, unknown: str) -> str | list[str] | Scan:
    """Return the place of the image, those of its channels, or itself if it is a phantom.

    Args:
        result: the contents of `result.json`.
        folder: that it lies in.
        gone: what to do if a file is gone.
        unknown: what to do if the record names no file.

    Raises:
        SegadvError: if the record names no file, or the file is gone.
    """
    image = result.entry("image")
    several = "channels" in image.values
    parts = image.entries("channels") if several else [image]
    if all(one.values.get("path") is not None for one in parts):
        found = [file_now(folder, one.text("path"), gone) for one in parts]
        return found if several else found[0]
    if "phantom" in image.values:
        return phantom(image.text("phantom"), image.whole("seed"))[0]
    raise SegadvError(f"{result.where}: its image was not read from a file; {unknown}")


def stored_names(result: Entry) -> tuple[str, ...]:
    """Return the recorded names of the adversarial image's files; none of a version without them.

    Raises:
        SegadvError: if they are no names.
    """
    if ADVERSARIAL not in result.values:
        return ()
    stored = result.entry(ADVERSARIAL)
    if "files" in stored.values:
        return stored.texts("files")
    return (stored.text("file"),) if "file" in stored.values else ()


def stored_hash(result: Entry) -> str | None:
    """Return the recorded hash of the adversarial image's files; None if there is none.

    Raises:
        SegadvError: if it is no text.
    """
    stored = result.entry(ADVERSARIAL) if ADVERSARIAL in result.values else None
    return stored.text("sha256") if stored is not None and "sha256" in stored.values else None


def adversarial_in(folder: Path, clean: Scan, names: Sequence[str] = ()) -> Path | list[Path]:
    """Find the adversarial image: as recorded, in the clean image's format, or in any other.

    Of several channels, there is one for each.

    Args:
        folder: of the result.
        clean: the image that was attacked.
        names: of the recorded files.

    Raises:
        SegadvError: if there is none.
    """
    if not clean.parts:
        return _adversarial(folder, ADVERSARIAL, clean, names)
    stems = [of_channel(Path(ADVERSARIAL), n).name for n in range(clean.channels)]
    pairs = zip(stems, clean.parts, strict=True)
    return [_adversarial(folder, stem, part, names) for stem, part in pairs]


def _adversarial(folder: Path, name: str, clean: Scan, names: Sequence[str]) -> Path:
    """Find an adversarial image of one channel by its name without a suffix."""
    known = {end for form in formats() if form.write is not None for end in form.suffixes}
    if (folder / name).is_dir():
        return folder / name
    found = [p for p in folder.glob(f"{name}.*") if p.is_file() and suffix(p) in known]
    try:
        best = f"{name}{io.output_format(clean)[0]}"
    except SegadvError:
        # The clean image's file is gone, and with it its format.
        best = ""
    if not found:
        raise SegadvError(f"{folder}: holds no adversarial image; {COPY}")
    return min(found, key=lambda path: (path.name not in names, path.name != best, path.name))
