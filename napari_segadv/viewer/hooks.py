"""The functions that the manifest names: reader, writers, sample data. Light to import."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data.scan import Array, Mask
    from .layers.names import LayerTuple

# The largest number of distinct values in a label map; an 8-bit image nearly always has more.
MAX_LABELS = 128
# Least share of equal neighbours in a label map, background not counted: narrow structures have
# many edges.
SAME = 0.6


@contextmanager
def told_in_plain_text() -> Iterator[None]:
    """Reword errors for napari, which shows them in labels that guess whether a text is HTML."""
    from ..common.screen import MESSAGE, untagged
    from ..errors import SegadvError

    try:
        yield
    except SegadvError as error:
        raise SegadvError(untagged(error, MESSAGE)) from error


def get_reader(path: str | list[str]) -> "Callable[[Any], list[LayerTuple]] | None":
    """Return a reader for paths of medical images; None for other paths."""
    paths = [path] if isinstance(path, str) else list(path)
    from ..io.registry import formats

    if not all(any(form.fits(Path(p)) for form in formats()) or _holds_channels(p) for p in paths):
        return None
    return read


def _holds_channels(path: str) -> bool:
    """Return whether a folder holds files of channels, as nnU-Net names them."""
    from ..io.channels import cases_in

    return bool(cases_in(Path(path)))


@told_in_plain_text()
def read(path: str | list[str]) -> "list[LayerTuple]":
    """Read files or DICOM folders as image or labels layers.

    Structures that may overlap get a labels layer each, which belong together. Images that are
    opened together, as a stack, are the channels of one image.
    """
    from .. import io
    from ..data.scan import Scan
    from .layers.convert import channel_tuples, image_tuple, mask_tuple
    from .layers.series import one_series
    from .layers.structure_layers import split

    layers, images = [], []
    for name in [path] if isinstance(path, str) else path:
        chosen = one_series(Path(name))
        if chosen is None:
            continue
        mask = labels_in(chosen)
        if mask is None:
            images.append(io.read(chosen))
        else:
            layers += split(mask_tuple(mask, Path(name).name))
    parts = [part for scan in images for part in scan.singles]
    for scan in [Scan.of_parts(parts)] if parts else []:
        layers = [image_tuple(scan), *channel_tuples(scan), *layers]
    return layers


def labels_in(place: str | Path) -> "Mask | None":
    """Return the label map in a file with geometry, if its numbers look like one."""
    import numpy as np

    from .. import io
    from ..errors import SegadvError
    from ..io.channels import channel_files
    from ..io.formats.dicom import is_dicom
    from ..io.place import split
    from ..io.registry import format_of
    from ..io.structures import maps_in

    if channel_files(place):
        return None
    path, _ = split(place)
    if path.exists() and format_of(path).read_segments is not None:
        return io.read_mask(place)
    if path.is_dir() or is_dicom(path):
        return None
    structures = maps_in(place)
    if structures is not None:
        return structures
    try:
        mask = io.read_mask(place)
    except SegadvError:
        return None
    few = len(np.unique(mask.array)) <= MAX_LABELS
    return mask if few and in_patches(mask.array) else None


def in_patches(array: "Array") -> bool:
    """Return whether most neighbours that are not 0 are equal, as in labels but not in images.

    Along one axis is enough, since structures may be a single slice deep.
    """
    return any(_equal(array.swapaxes(axis, -1)) >= SAME for axis in range(array.ndim))


def _equal(array: "Array") -> float:
    """Return the share of equal pairs among neighbours along the last axis that are not 0."""
    one, other = array[..., :-1], array[..., 1:]
    both = (one != 0) & (other != 0)
    return float((one[both] == other[both]).mean()) if both.any() else 1.0


@told_in_plain_text()
def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer with the geometry and storage type of its scan."""
    from .layers.saving import save_image

    return [save_image(Path(path), data, attributes)]


@told_in_plain_text()
def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer with its geometry."""
    from .layers.saving import save_labels

    return [save_labels(Path(path), data, attributes)]


@told_in_plain_text()
def write_structures(path: str, layers: "list[LayerTuple]") -> list[str]:
    """Write the layers of a target of overlapping structures into one file."""
    from .layers.saving import save_together

    return [save_together(Path(path), layers)]


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
