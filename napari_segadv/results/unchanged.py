"""Whether the files of a saved result are still those that were recorded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..common.json_data import Entry
from ..data.scan import Array, Scan
from ..errors import SegadvError
from ..io.output import read_values
from .example import stored_as
from .files import NOISE
from .finding import stored_hash
from .provenance import hash_of, image_hash

OTHER_FILE = (
    "the image was given, and its file is another one than result.json records (sha256); the "
    "pixels are the same"
)
UNKNOWN_FILE = (
    "the image was given, and its file is another one than result.json records (sha256); whether "
    "the pixels are the same can't be said without the file of the noise"
)


def told_of_given(
    image: Entry,
    given: Scan | str | Path | Sequence[str | Path],
    scan: Scan,
    folder: Path,
    noise: Array,
) -> tuple[str, ...]:
    """Compare a given image with the recorded one: it may be a copy in another file.

    Args:
        image: the recorded description.
        given: as the caller gave it.
        scan: that image.
        folder: of the result.
        noise: by which the adversarial image differs from it.

    Returns:
        A note if it was read from another file than the recorded one.

    Raises:
        SegadvError: if its pixels are others: the saved noise does not lead to them.
    """
    # That of its pixels is recorded of an image without a file.
    hashes = {hash_of(scan.array)}
    if not isinstance(given, Scan):
        hashes.add(image_hash(scan))
    if image.text("sha256") in hashes:
        return ()
    saved = read_values(folder / NOISE, scan)
    if saved is not None and not np.array_equal(saved, noise.astype(np.float32)):
        raise SegadvError(
            f"{scan.name}: is not the image that {folder.name} was made from (its adversarial "
            f"image less its {NOISE} is another); open it with the image that was attacked"
        )
    if isinstance(given, Scan) or image.values.get("path") is None:
        return ()
    return (OTHER_FILE if saved is not None else UNKNOWN_FILE,)


def changed_since(result: Entry, place: Path | list[Path]) -> SegadvError | None:
    """Return what is wrong if the adversarial image's files are not those that were saved.

    Args:
        result: the contents of `result.json`.
        place: of the adversarial image, or of each channel.
    """
    recorded = stored_hash(result)
    paths = [place] if isinstance(place, Path) else place
    try:
        if recorded is None or stored_as(paths)["sha256"] == recorded:
            return None
    except OSError as error:
        reason = error.strerror or error
        return SegadvError(f"{paths[0]}: can't be read ({reason}); restore it from a copy")
    shown = paths[0] if len(paths) == 1 else f"{paths[0]} to {paths[-1].name}"
    return SegadvError(
        f"{shown}: has changed since the result was saved (sha256); restore it from a copy"
    )
