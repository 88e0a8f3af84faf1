"""Masks: label maps of files and arrays, put on an image's grid, and written to files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..common.wording import class_name, in_percent
from ..data.labels import MOST_LABEL, label_array
from ..data.scan import Array, Grid, Mask, Scan, Storage
from ..errors import SegadvError
from .geometry import flat_grid
from .images import found_at, intensities, write
from .integrity import lossy, one_line
from .itk import image_of
from .pixels import Pixels
from .place import SEPARATOR

M = TypeVar("M", bound=Mask)

# Takes a mask whose file names another patient or image.
ANYWAY = "anyway"

# More of the labelled voxels outside the image than this: the mask belongs to something else.
MOST_OUTSIDE = 0.01
# An empty mask must share at least this much of its place, or of the image's, with the image.
LEAST_SHARED = 0.5
# Points an axis at which the place of an empty mask is looked at.
POINTS = 17
# Transfer syntaxes of DICOM that change numbers, or may.
LOSSY_DICOM = {
    **{f"1.2.840.10008.1.2.4.{end}": "JPEG" for end in (50, 51, 81, 111)},
    **{f"1.2.840.10008.1.2.4.{end}": "JPEG 2000" for end in (91, 93, 203)},
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}
# Slopes are kept as float32: values that should be whole come out this far from it, relatively ...
SLOPE_ROUNDING = 2.0**-22
# ... and never further than this.
MOST_ROUNDING = 1e-4
# The largest step between two values that a file can hold, if the nearest one stands for a class.
FINE_STEP = 0.1


def read_mask(path: str | Path, grid: Grid | None = None) -> Mask:
    """Read a label map or a segmentation, and put it on `grid` by its geometry if one is given.

    Args:
        path: a file; PATH::WHICH chooses segments by number, label or both, and + joins several.
            A DICOM segmentation, an RTSTRUCT and a 3D Slicer segmentation name their classes.
            PATH::anyway, or WHICH+anyway, takes a mask whose file names another patient or image.
        grid: of the image. Contours (RTSTRUCT) can't be read without it.

    Raises:
        SegadvError: if it can't be read, holds anything but whole numbers from 0 to 65535, or
            does not fit `grid` (see `to_grid`).
    """
    form, place, asked = found_at(path)
    which, anyway = without_check(asked)
    with one_line(place):
        if form.read_segments is not None:
            mask = form.read_segments(place, which, grid)
        else:
            found = pixels_of_classes(path)
            array = label_array(_class_numbers(found, place), str(place))
            mask = Mask(array, found.grid, path=place, which=which, notes=found.notes)
    mask = replace(mask, which=asked)
    if anyway:
        mask = _unchecked(mask, grid)
    return mask if grid is None else to_grid(mask, grid)


def pixels_of_classes(path: str | Path) -> Pixels:
    """Read the numbers of a file that holds classes, as they are stored.

    Where a slope made fractions of whole numbers, these are put right.

    Args:
        path: a file of an image format; PATH::WHICH chooses one of several images.

    Raises:
        SegadvError: if it can't be read, or was compressed by a method that changes numbers.
    """
    form, place, which = found_at(path)
    with one_line(place):
        found = (form.read if form.read_mask is None else form.read_mask)(place, which)
        kind = LOSSY_DICOM.get(str(found.meta.get("transfer_syntax", "")), "")
        if kind or found.meta.get("lossy") == "01":
            raise lossy(place, kind or "a lossy method, as its header says,")
        if found.meta.get("photometric") == "PALETTE COLOR":
            raise SegadvError(
                f"{place}: holds the colours of a palette; save class numbers as grey values"
            )
        return _whole(found)


def mask_for(given: Mask | Array | str | Path, scan: Scan, role: str) -> Mask:
    """Return a mask on a scan's grid, put there by its geometry.

    Args:
        given: a Mask, the path of one, or an array of the scan's shape. An array may have any
            type as long as its values are whole numbers from 0 to 65535.
        scan: the image.
        role: what the mask is for; error messages begin with it.

    Raises:
        SegadvError: if it is no mask or does not fit the scan.
    """
    if isinstance(given, (str, Path)):
        return read_mask(given, scan.grid)
    if isinstance(given, Mask):
        return to_grid(given, scan.grid)
    array = label_array(given, role)
    if array.shape != scan.grid.shape:
        raise SegadvError(
            f"{role}: an array of shape {array.shape} can't be a mask of {scan.name}; give whole "
            f"class numbers of shape {scan.grid.shape}"
        )
    return Mask(array, scan.grid)


def to_grid(mask: M, grid: Grid) -> M:
    """Put a mask on an image's grid by its geometry (nearest neighbour), not by its shape.

    What gets lost on the way is told in the notes of the mask.

    Raises:
        SegadvError: if the mask is a slice and the image a volume; if either has no geometry and
            their shapes differ; or if the mask lies elsewhere, or its file names another patient
            or image: then it belongs to something else.
    """
    odd = belonging(mask, grid)
    if odd:
        mask = replace(mask, notes=(*mask.notes, *odd))
    if mask.grid.same_as(grid):
        return replace(mask, grid=grid)
    name = mask.path or "the mask"
    if grid.ndim == 2 and mask.grid.ndim == 3 and mask.grid.shape[0] == 1:
        flat = replace(mask, array=mask.array[0], grid=flat_grid(mask.grid))
        return to_grid(flat, grid)
    if mask.grid.ndim != grid.ndim or not (mask.grid.physical and grid.physical):
        raise SegadvError(
            f"{name}: has {_pixels(mask.grid)} pixels but the image has {_pixels(grid)}, and they "
            "share no geometry; use the mask that was made for this image"
        )
    notes = [*mask.notes, *_outside(mask, grid, str(name))]
    moved = _resampled(mask, grid)
    gone = sorted(set(held(mask.array)) - set(held(moved)) - {0})
    if gone and not moved.any():
        raise SegadvError(
            f"{name}: no pixel of the image has its centre in the structures of the mask, which "
            "are too small for it; use a mask that was made for this image"
        )
    if gone:
        lost = ", ".join(class_name(number, mask.classes) for number in gone[:9])
        notes.append(f"{name}: no pixel of the image has its centre in {lost}, so it is left out")
    return replace(mask, array=moved, grid=grid, notes=tuple(notes))


def belonging(mask: Mask, grid: Grid) -> tuple[str, ...]:
    """Return what is odd about where a mask comes from, beside the image of a grid.

    Raises:
        SegadvError: if its file names another patient or another image.
    """
    own, other = mask.grid.subject, grid.subject
    if own is None or other is None:
        return ()
    name = mask.path or "the mask"
    wrong = own.contradiction(other)
    if wrong:
        place = f"{name}{SEPARATOR}{f'{mask.which}+' if mask.which else ''}{ANYWAY}"
        remedy = f"name {place}" if mask.path else "give its array"
        raise SegadvError(
            f"{name}: {wrong}; use the mask of this image, or {remedy} if it is of this image all "
            "the same, for example of an anonymised copy"
        )
    odd = own.remark(other)
    return (f"{name}: {odd}",) if odd else ()


def without_check(which: str) -> tuple[str, bool]:
    """Split what chooses segments from the wish to take them whatever patient their file names.

    Examples:
        >>> without_check("liver+anyway"), without_check("anyway"), without_check("liver")
        (('liver', True), ('', True), ('liver', False))
    """
    if which == ANYWAY:
        return "", True
    head, plus, tail = which.rpartition("+")
    return (head, True) if plus and tail == ANYWAY else (which, False)


def _unchecked(mask: Mask, grid: Grid | None) -> Mask:
    """Return a mask that belongs to any image, with a note if its file says otherwise."""
    own, other = mask.grid.subject, None if grid is None else grid.subject
    wrong = own.contradiction(other) if own is not None and other is not None else ""
    notes = (f"{mask.path}: {wrong}, and is used all the same, as asked",) if wrong else ()
    where = replace(mask.grid, subject=None)
    return replace(mask, grid=where, notes=(*mask.notes, *notes))


def renumbered(mask: Mask, classes: Sequence[str]) -> Mask:
    """Give the classes of a mask the numbers that a victim has for them, by their names.

    Args:
        mask: as read from a segmentation; one whose classes have no names is returned as it is.
        classes: those of the victim, background first.

    Returns:
        The mask with the victim's numbers and names if the victim knows all names in it; otherwise
        with its own numbers, and a note which says so.

    Examples:
        >>> grid = Grid.pixels((1, 3))
        >>> mask = Mask(np.array([[0, 1, 0]]), grid, ("background", "Liver"))
        >>> renumbered(mask, ("background", "spleen", "liver")).array
        array([[0, 2, 0]], dtype=uint8)
    """
    if not mask.classes or not classes or mask.classes == tuple(classes):
        return mask
    numbers = {name.casefold(): number for number, name in enumerate(classes)}
    own = [number for number in held(mask.array) if number]
    names = {number: class_name(number, mask.classes) for number in own}
    unknown = [name for name in names.values() if name.casefold() not in numbers]
    if unknown:
        note = (
            f"{mask.path or 'the mask'}: {unknown[0]} is no class of the model, so the numbers of "
            "the mask are used as they are"
        )
        return replace(mask, notes=(*mask.notes, note))
    table = np.zeros(MOST_LABEL + 1, np.uint16)
    for number in own:
        table[number] = numbers[names[number].casefold()]
    return replace(mask, array=table[mask.array], classes=tuple(classes))


def held(array: Array) -> list[int]:
    """Return the class numbers in an array, rising."""
    there = np.zeros(MOST_LABEL + 1, bool)
    # A plane at a time: sorting a whole volume takes seconds.
    for plane in array:
        there[plane] = True
    return [int(number) for number in np.flatnonzero(there)]


def save_mask(mask: Mask, path: str | Path) -> None:
    """Write a mask with its geometry, as uint8 if its numbers allow it, else as uint16.

    Raises:
        SegadvError: if the file can't be written.
    """
    kind = np.uint8 if mask.array.max(initial=0) < 256 else np.uint16
    array = mask.array.astype(kind)
    meta = {"classes": mask.classes}
    write(array, path, Scan(array, mask.grid, "class", Storage(kind.__name__), meta=meta))


def _whole(found: Pixels) -> Pixels:
    """Return numbers without the fractions that come from the slope of their file alone.

    nibabel spreads floats over the range of a type of whole numbers: of the classes 0 and 1 as
    bytes, 255 times the float32 nearest to 1/255 is 1.00000006; of 0, 1 and 2, the 1 lies between
    two steps and is 1.004. Such a number is the nearest to a whole one that its file can hold.
    """
    storage, array = found.storage, found.array
    scaled = storage is not None and (storage.slope, storage.intercept) != (1.0, 0.0)
    if storage is None or not scaled or array.dtype.kind != "f" or not np.isfinite(array).all():
        return found
    near = np.rint(array)
    off = max(float(np.abs(one - other).max()) for one, other in zip(array, near, strict=True))
    size = float(np.abs(near).max()) + 2 * abs(storage.intercept)
    step = storage.quantum if storage.quantum <= FINE_STEP else 0.0
    if off > step / 2 + min(MOST_ROUNDING, SLOPE_ROUNDING * size):
        return found
    if off <= MOST_ROUNDING:
        return replace(found, array=near)
    note = (
        f"Its header scales its class numbers, which are whole only to {off:.2g}, since it stores "
        f"steps of {step:.2g}; they are rounded."
    )
    return replace(found, array=near, notes=(*found.notes, note))


def _class_numbers(found: Pixels, path: Path) -> Array:
    """Return one number for each pixel of what a format has read.

    Raises:
        SegadvError: if a pixel has several that differ, or its transparency is what counts.
    """
    if found.components > 1 and found.grid.physical:
        if not (found.array == found.array[..., :1]).all():
            raise SegadvError(
                f"{path}: has {found.components} values per pixel, layers or colours; save one "
                "label map"
            )
        array, colour = np.ascontiguousarray(found.array[..., 0]), False
    else:
        array, colour = intensities(found, path)
    if colour:
        raise SegadvError(f"{path}: is a colour image; save class numbers as grey values")
    alpha = found.alpha
    if alpha is not None and (alpha != alpha.flat[0]).any() and not _opaque(array, alpha):
        raise SegadvError(
            f"{path}: is transparent where it holds class numbers, or holds none; save class "
            "numbers as grey values without transparency"
        )
    return array


def _opaque(array: Array, alpha: Array) -> bool:
    """Return whether there are class numbers, and none where nothing is seen of them."""
    return bool(array.any() and not array[alpha == 0].any())


def _pixels(grid: Grid) -> str:
    return " x ".join(map(str, grid.shape))


def _outside(mask: Mask, grid: Grid, name: str) -> list[str]:
    """Refuse a mask that lies elsewhere; return what is to be told of the part that does."""
    labelled, outside = _count_outside(mask, grid)
    if not labelled:
        if max(_shared(mask.grid, grid), _shared(grid, mask.grid)) < LEAST_SHARED:
            raise SegadvError(
                f"{name}: is empty and lies elsewhere than the image; it belongs to another image "
                "or patient, so use the mask that was made for this one"
            )
        return []
    lost = outside / labelled
    if lost > MOST_OUTSIDE:
        raise SegadvError(
            f"{name}: {in_percent(lost)} of its labelled voxels lie outside the image; it belongs "
            "to another image or patient, so use the mask that was made for this one"
        )
    if not outside:
        return []
    return [f"{name}: {outside} of its {labelled} labelled voxels lie outside the image"]


def _count_outside(mask: Mask, grid: Grid) -> tuple[int, int]:
    """Return how many voxels are labelled, and how many of their centres lie outside a grid."""
    labelled = outside = 0
    # One plane at a time: the positions of all voxels of a body would take gigabytes.
    for first, plane in enumerate(mask.array):
        index = np.stack(np.nonzero(np.atleast_1d(plane)))
        place = np.vstack([np.full((1, index.shape[1]), first), index])
        labelled += index.shape[1]
        outside += int((~_inside(place, mask.grid, grid)).sum())
    return labelled, outside


def _shared(one: Grid, other: Grid) -> float:
    """Return the share of one grid, looked at in some points, that lies inside another."""
    axes = [np.linspace(0, size - 1, min(size, POINTS)) for size in one.shape]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes)])
    return float(_inside(points, one, other).mean())


def _inside(points: npt.NDArray[Any], one: Grid, other: Grid) -> npt.NDArray[np.bool_]:
    """Return which points, as indices (ndim, n) into one grid, lie inside another."""
    there = np.linalg.inv(other.affine) @ one.affine @ np.vstack([points, np.ones(points.shape[1])])
    ends = np.array(other.shape)[:, None] - 0.5
    inside: npt.NDArray[np.bool_] = ((there[:-1] >= -0.5 - 1e-6) & (there[:-1] <= ends + 1e-6)).all(
        axis=0
    )
    return inside


def _resampled(mask: Mask, grid: Grid) -> Array:
    """Return the class numbers of a mask at the places of a grid, 0 outside."""
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(tuple(reversed(grid.shape)))
    resampler.SetOutputSpacing(tuple(reversed(grid.spacing)))
    resampler.SetOutputOrigin(tuple(reversed(grid.origin)))
    resampler.SetOutputDirection(grid.direction[::-1, ::-1].ravel().tolist())
    resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    moved: Array = sitk.GetArrayFromImage(resampler.Execute(image_of(mask.array, mask.grid)))
    return moved
