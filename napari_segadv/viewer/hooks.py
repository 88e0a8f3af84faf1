"""What napari calls by the manifest: reader, writers, sample data. Light to import."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data.scan import Array, Mask
    from .layers.names import LayerTuple

# A label map has few different numbers; an 8-bit image nearly always has more.
MOST_LABELS = 128
# Of neighbouring pixels of structures, in a label map: thin ones have many edges.
SAME = 0.6


def get_reader(path: str | list[str]) -> "Callable[[Any], list[LayerTuple]] | None":
    """A reader for a path that holds a medical image; None for others."""
    paths = [path] if isinstance(path, str) else list(path)
    from ..io.registry import formats

    if not all(any(form.fits(Path(p)) for form in formats()) for p in paths):
        return None
    return read


def read(path: str | list[str]) -> "list[LayerTuple]":
    """Image or labels layers of files or DICOM folders."""
    from .. import io
    from .layers.convert import image_tuple, mask_tuple
    from .layers.series import one_series

    layers = []
    for name in [path] if isinstance(path, str) else path:
        chosen = one_series(Path(name))
        if chosen is None:
            continue
        mask = labels_in(chosen)
        layers.append(
            image_tuple(io.read(chosen)) if mask is None else mask_tuple(mask, chosen.name)
        )
    return layers


def labels_in(path: Path) -> "Mask | None":
    """The label map in a file with geometry, if its numbers look like one."""
    import numpy as np

    from .. import io
    from ..errors import SegadvError
    from ..io.formats.dicom import is_dicom

    if path.is_dir() or is_dicom(path):
        return None
    try:
        mask = io.read_mask(path)
    except SegadvError:
        return None
    few = len(np.unique(mask.array)) <= MOST_LABELS
    return mask if few and in_patches(mask.array) else None


def in_patches(array: "Array") -> bool:
    """Whether neighbours are mostly equal where there is anything: so in labels, not in images.

    Along one axis at least: layers may be thin.
    """
    return any(_equal(array.swapaxes(axis, -1)) >= SAME for axis in range(array.ndim))


def _equal(array: "Array") -> float:
    """Share of the neighbours along the last axis that are equal, where there is anything."""
    one, other = array[..., :-1], array[..., 1:]
    both = (one != 0) & (other != 0)
    return float((one[both] == other[both]).mean()) if both.any() else 1.0


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Writes an image layer with the geometry and storage type of its scan."""
    from .layers.saving import save_image

    return [save_image(Path(path), data, attributes)]


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Writes a labels layer with its geometry."""
    from .layers.saving import save_labels

    return [save_labels(Path(path), data, attributes)]


def chest_xray() -> "list[LayerTuple]":
    return _sample("chest-xray")


def abdomen_ct() -> "list[LayerTuple]":
    return _sample("abdomen-ct")


def fundus() -> "list[LayerTuple]":
    return _sample("fundus")


def endoscopy() -> "list[LayerTuple]":
    return _sample("endoscopy")


def fundus_grade() -> "list[LayerTuple]":
    return _sample("fundus-grade")


def _sample(name: str) -> "list[LayerTuple]":
    from ..samples import DEMO_SEED, phantom
    from .layers.convert import image_tuple

    scan, _ = phantom(name, DEMO_SEED)
    return [image_tuple(scan)]
