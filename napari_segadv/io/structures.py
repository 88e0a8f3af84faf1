"""Overlapping structures in files: one file with a map for each, or one file a structure.

One file is what MONAI's SaveImage writes of several channels: a NIfTI of four dimensions, whose
last one counts the structures. In a name with `{structure}`, as in `seen_{structure}.nii.gz`, each
structure has a file of its own, in which its name stands there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np

from ..common.atomic_files import files_whole
from ..data.overlapping import MOST_STRUCTURES, Overlapping
from ..data.scan import Array, Grid, Mask
from ..errors import SegadvError
from .geometry import ras_of
from .images import found_at
from .integrity import one_line
from .masks import ANYWAY, pixels_of_classes, read_mask, save_mask, to_grid
from .nifti import header_of
from .place import SEPARATOR, split
from .registry import check_label_map
from .segments.choice import NoPixel

EACH = "{structure}"
TOGETHER = (".nii.gz", ".nii")


def check_structures(path: Path) -> None:
    """Raise SegadvError if overlapping structures can't be written to a file of this name."""
    if EACH in path.name:
        check_label_map(path)
    elif not path.name.lower().endswith(TOGETHER):
        raise SegadvError(
            f"{path}: can't hold structures that overlap; use .nii.gz for all of them, or a name "
            f"with {EACH} for a file each"
        )


def save_structures(mask: Overlapping, path: str | Path) -> None:
    """Write structures, 0 and 1 as uint8: a file with a map for each, or one file a structure.

    Raises:
        SegadvError: if they can't be written to a file of this name.
    """
    path = Path(path)
    check_structures(path)
    if EACH in path.name:
        _save_each(mask, path)
        return
    maps = mask.maps if mask.grid.ndim == 3 else mask.maps[:, None]
    image = nibabel.Nifti1Image(maps.astype(np.uint8).T, ras_of(mask.grid))
    image.header.set_xyzt_units("mm")
    with files_whole(path) as half:
        nibabel.save(image, half / path.name)


def _save_each(mask: Overlapping, path: Path) -> None:
    """Write a file for each structure: all of them beside their places, which are then moved."""
    with files_whole(path) as half:
        try:
            for place, file in enumerate(files_each(half / path.name, mask.structures)):
                save_mask(mask.structure(1 << place), file)
        except SegadvError as error:
            raise SegadvError(str(error).replace(str(half), str(path.parent))) from None


def save_any(mask: Mask, path: str | Path) -> None:
    """Write a label map, or overlapping structures, as what it is.

    Raises:
        SegadvError: if a file of this name can't hold it.
    """
    if isinstance(mask, Overlapping):
        save_structures(mask, path)
    else:
        check_label_map(Path(path))
        save_mask(mask, path)


def files_each(path: Path, structures: Sequence[str]) -> list[Path]:
    """Return the file of each structure, by a name with `{structure}`.

    Raises:
        SegadvError: if two structures would share a file.

    Examples:
        >>> [file.name for file in files_each(Path("{structure}.nii"), ["core", "whole tumour"])]
        ['core.nii', 'whole_tumour.nii']
    """
    names = [re.sub(r"[^\w-]+", "_", name) for name in structures]
    folded = [name.casefold() for name in names]
    if len(set(folded)) != len(folded):
        raise SegadvError(
            f"{path}: the names {', '.join(structures)} can't tell files apart; use one file for "
            "all structures"
        )
    return [path.with_name(path.name.replace(EACH, name)) for name in names]


def read_structures(
    path: str | Path, structures: Sequence[str] = (), grid: Grid | None = None
) -> Mask:
    """Read overlapping structures, put on `grid` by their geometry if one is given.

    Args:
        path: a file with a map for each structure (a NIfTI of four dimensions, or several values
            per pixel), a name with `{structure}`, or a segmentation whose segments have the
            structures' names.
        structures: their names, in order; empty: they are numbered, as the file has them.
        grid: of the image.

    Returns:
        Overlapping, or the Mask of a file that holds one label map.

    Raises:
        SegadvError: if it can't be read, holds another number of structures, or values that are
            not 0 or 1.
    """
    if EACH in Path(path).name:
        return _of_files(Path(path), structures, grid)
    form, place, which = found_at(path)
    if form.read_segments is not None and structures and which in ("", ANYWAY):
        return _of_segments(place, which, structures, grid)
    found = None if which else _maps(place, len(structures))
    if found is None:
        mask = read_mask(path, grid)
        if len(structures) != 1:
            return mask
        alone = Overlapping.of([mask.array], mask.grid, structures)
        return replace(alone, path=mask.path, which=mask.which, notes=mask.notes)
    maps, own, notes = found
    if structures and len(maps) != len(structures):
        raise SegadvError(
            f"{place}: holds {len(maps)} maps, but there are {len(structures)} structures "
            f"({', '.join(structures)}); give one map each, in this order"
        )
    mask = Overlapping.of(maps, own, structures or _numbered(len(maps)))
    mask = replace(mask, path=place, notes=notes)
    # A number is that of a combination: the nearest pixel's counts, as for a label map.
    return mask if grid is None else to_grid(mask, grid)


def _numbered(count: int) -> list[str]:
    return [f"structure {k + 1}" for k in range(count)]


def maps_in(place: str | Path) -> Overlapping | None:
    """Read a NIfTI whose volumes are all maps of structures, 0 and 1; None for any other file."""
    path, which = split(place)
    if which or not path.is_file():
        return None
    try:
        found = read_structures(path) if 1 < _volumes(path) <= MOST_STRUCTURES else None
    except SegadvError:
        return None
    return found if isinstance(found, Overlapping) else None


def _of_files(path: Path, structures: Sequence[str], grid: Grid | None) -> Overlapping:
    if not structures:
        raise SegadvError(
            f"{path}: the structures have no names, so {EACH} means nothing; use one "
            "file for all of them"
        )
    masks = [read_mask(file, grid) for file in files_each(path, structures)]
    first = masks[0].grid
    if not all(mask.grid.same_as(first) for mask in masks):
        raise SegadvError(f"{path}: its files lie on different grids; save them on the image's")
    notes = tuple(dict.fromkeys(note for mask in masks for note in mask.notes))
    found = Overlapping.of([mask.array for mask in masks], first, structures)
    return replace(found, path=path, notes=notes)


def _of_segments(
    path: Path, which: str, structures: Sequence[str], grid: Grid | None
) -> Overlapping:
    """Read the segments of a segmentation one after the other: they may overlap, or be empty."""
    end = f"+{which}" if which else ""
    masks: dict[str, Mask] = {}
    for name in structures:
        try:
            masks[name] = read_mask(f"{path}{SEPARATOR}{name}{end}", grid)
        except NoPixel as error:
            empty = error
    if not masks:
        raise empty
    first = next(iter(masks.values())).grid
    nothing = np.zeros(first.shape, bool)
    notes = tuple(dict.fromkeys(note for mask in masks.values() for note in mask.notes))
    maps = [masks[name].array != 0 if name in masks else nothing for name in structures]
    return replace(Overlapping.of(maps, first, structures), path=path, which=which, notes=notes)


def _maps(path: Path, expected: int) -> tuple[list[Array], Grid, tuple[str, ...]] | None:
    """Read the maps of a file, each (z, y, x) or (y, x), with notes; None if it is a label map.

    A label map that was saved in colour has equal values in each pixel.
    """
    count = _volumes(path)
    if count > MOST_STRUCTURES:
        raise SegadvError(
            f"{path}: holds {count} volumes; up to {MOST_STRUCTURES} structures are supported"
        )
    if count > 1:
        places = [f"{path}{SEPARATOR}{number + 1}" for number in range(count)]
        parts = [pixels_of_classes(place) for place in places]
        notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
        return [part.array for part in parts], parts[0].grid, notes
    found = pixels_of_classes(path)
    if found.components == 1 or not (found.grid.physical or found.vectors):
        return None
    if found.components != expected and (found.array == found.array[..., :1]).all():
        return None
    return list(_split(found.array)), found.grid, found.notes


def _split(array: Array) -> Iterator[Array]:
    for k in range(array.shape[-1]):
        yield np.ascontiguousarray(array[..., k])


def _volumes(path: Path) -> int:
    """Return how many volumes a NIfTI file holds; 1 for other formats."""
    if not path.name.lower().endswith(TOGETHER) or path.is_dir():
        return 1
    with one_line(path):
        size = header_of(path, []).size
    return size[3] if len(size) > 3 and int(np.prod(size[4:])) == 1 else 1
