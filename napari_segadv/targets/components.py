"""Connected parts of a structure: "this kidney", found by a pixel in it or by its size.

Every shape can be restricted to one: `targets.erase(mask, label=2, component=(40, 80, 60))`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..common.hashing import sha256_of_array
from ..common.parameters import Param, parameters
from ..common.wording import class_name
from ..data.scan import Array, Grid, Mask
from ..errors import SegadvError
from .structure import Bool, around, relabel, structure

Component = Annotated[
    tuple[float, ...] | None,
    Param(
        "Change one connected part of the structure alone: a pixel in it (slice, row, column; "
        "2-D: row, column), or its rank by size (1: the largest); none: the whole structure",
        low=0,
    ),
]
NAME = "component"
# Parts below this share of the largest are specks.
SPECK = 0.05
# By patient axis (to the head, to the back, to the left), below and above the others.
IN_PATIENT = (
    ("nearer to the feet", "nearer to the head"),
    ("in front", "at the back"),
    ("on the patient's right", "on the patient's left"),
)
IN_IMAGE = (
    ("on an earlier slice", "on a later slice"),
    ("higher in the image", "lower in the image"),
    ("on the left of the image", "on the right of the image"),
)


@dataclass(frozen=True, eq=False)
class Part:
    """A connected part of a structure.

    Attributes:
        label: class number of the structure.
        point: a pixel of the part, in array order.
        pixels: how many it has.
        rank: by size, 1 is the largest.
        count: parts that the structure has.
        main: how many of them are more than specks: a network's prediction has some.
        side: where the part lies beside the main ones, in words; "" if there are no others.
        box: around it.
    """

    label: int
    point: tuple[int, ...]
    pixels: int
    rank: int
    count: int
    main: int
    side: str
    box: tuple[slice, ...]


def restricted(shape: Callable[..., Mask]) -> Callable[..., Mask]:
    """Give a shape the parameter `component`, and note in the mask how it was made.

    The other parts get a class number of their own while the shape works: it does not see them as
    its structure, and treats them like any other. Then they get their number back.
    """
    known = inspect.signature(shape)

    @wraps(shape)
    def changed(mask: Mask, *given: Any, component: Any = None, **settings: Any) -> Mask:
        arguments = known.bind(mask, *given, **settings).arguments
        steps = (*mask.made, _step(shape, mask, arguments, component))
        if component is None:
            return replace(shape(mask, *given, **settings), made=steps)
        label = int(arguments["label"])
        others = structure(mask, label) & ~component_of(mask, label, component)
        free = _unused(mask, arguments.values())
        aside = mask.with_array(relabel(mask.array.copy(), others, free))
        made = shape(aside, *given, **settings)
        array = np.asarray(made.array)
        array = relabel(array.copy(), array == free, label)
        if array.max(initial=0) <= np.iinfo(mask.array.dtype).max:
            array = array.astype(mask.array.dtype)
        return replace(made.with_array(array), made=steps)

    more = inspect.Parameter(
        NAME, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Component
    )
    # As if the function had declared it: forms and the command line look at these.
    declared = known.replace(parameters=[*known.parameters.values(), more])
    changed.__dict__["__signature__"] = declared
    changed.__annotations__ = {**inspect.get_annotations(shape), NAME: Component}
    return changed


def component_of(mask: Mask, label: int, component: Any) -> Bool:
    """Return the pixels of one connected part of a structure.

    Pixels that touch at a corner are connected.

    Args:
        mask: the label map.
        label: class number of the structure.
        component: a pixel in the part, in array order, or its rank by size.

    Raises:
        SegadvError: if there is no such part.
    """
    pixels = structure(mask, label)
    numbers = _numbers(component, mask.grid.ndim)
    if len(numbers) > 1:
        _check_point(mask, label, numbers)
    box, parts, sizes = _parts(pixels)
    if len(numbers) > 1:
        wanted = int(parts[tuple(n - side.start for n, side in zip(numbers, box, strict=True))])
    else:
        if not 1 <= numbers[0] <= len(sizes):
            raise SegadvError(
                f"component {numbers[0]}: class {label} has {_counted(len(sizes))}; "
                f"give a rank from 1 to {len(sizes)}"
            )
        wanted = int(_by_size(sizes)[numbers[0] - 1]) + 1
    found = np.zeros_like(pixels)
    found[box] = parts == wanted
    return found


def part_at(labels: Array, grid: Grid, point: tuple[int, ...]) -> Part | None:
    """Return the connected part that a pixel belongs to; None for background."""
    label = int(labels[point])
    if not label:
        return None
    box, parts, sizes = _parts(np.asarray(labels == label))
    number = int(parts[tuple(p - side.start for p, side in zip(point, box, strict=True))])
    order = _by_size(sizes)
    main = int((sizes >= SPECK * sizes.max()).sum())
    others = [n for n in order[:main].tolist() if n != number - 1]
    side = ""
    if others:
        wanted = [number, *(n + 1 for n in others)]
        places = np.array(ndimage.center_of_mass(parts > 0, parts, wanted))
        side = _side(grid, places[0] - np.average(places[1:], axis=0, weights=sizes[others]))
    (inner,) = ndimage.find_objects((parts == number).view(np.uint8))
    whole = tuple(
        slice(outer.start + own.start, outer.start + own.stop)
        for outer, own in zip(box, inner, strict=True)
    )
    rank = int(np.flatnonzero(order == number - 1)[0]) + 1
    return Part(label, point, int(sizes[number - 1]), rank, len(sizes), main, side, whole)


def describe(part: Part, name: str, size: str) -> str:
    """Return which part it is, in words: "kidneys, the one on the patient's left (150 ml)"."""
    if part.count == 1:
        return f"{name}, in one piece ({size})"
    if part.rank > part.main:
        return f"{name}, a small part, {part.side} ({size})"
    if part.main == 1:
        return f"{name}, the main part ({size})"
    if part.main == 2:
        return f"{name}, the one {part.side} ({size})"
    return f"{name}, number {part.rank} of {part.main} by size, {part.side} ({size})"


def _parts(pixels: Bool) -> tuple[tuple[slice, ...], Array, npt.NDArray[np.int64]]:
    """Return the box around a structure, its parts there numbered from 1, and their sizes."""
    box = around(pixels, 0)
    parts, count = ndimage.label(
        pixels[box], ndimage.generate_binary_structure(pixels.ndim, pixels.ndim)
    )
    return box, parts, np.bincount(parts.ravel(), minlength=count + 1)[1:]


def _by_size(sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the numbers of the parts, counted from 0, the largest first."""
    order: npt.NDArray[np.int64] = np.argsort(-sizes, kind="stable")
    return order


def _numbers(component: Any, ndim: int) -> tuple[int, ...]:
    given = component if isinstance(component, (tuple, list, np.ndarray)) else (component,)
    whole = tuple(int(n) for n in given if n == int(n))
    if len(whole) != len(given) or len(given) not in (1, ndim):
        axes = "slice, row, column" if ndim == 3 else "row, column"
        raise SegadvError(
            f"component {_text(given)}: give {ndim} whole numbers ({axes}), or one: the rank by "
            "size"
        )
    return whole


def _check_point(mask: Mask, label: int, point: tuple[int, ...]) -> None:
    if not all(0 <= p < n for p, n in zip(point, mask.grid.shape, strict=True)):
        raise SegadvError(
            f"component {_text(point)}: lies outside the image; give a pixel of class {label}"
        )
    there = int(mask.array[point])
    if there != label:
        name = "background" if not there else class_name(there, mask.classes)
        raise SegadvError(
            f"component {_text(point)}: the pixel is {name}; give one of "
            f"{class_name(label, mask.classes)}"
        )


def _side(grid: Grid, offset: npt.NDArray[np.float64]) -> str:
    """Say in which direction an offset in pixels goes, as the image is shown."""
    offset = offset * grid.spacing
    in_patient = grid.ndim == 3 and grid.physical
    # A turned image is shown along its own axes.
    if in_patient or (grid.physical and not grid.turned):
        offset = grid.direction @ offset
    axis = int(np.abs(offset).argmax())
    words = IN_PATIENT[axis] if in_patient else IN_IMAGE[axis - grid.ndim]
    return words[int(offset[axis] > 0)]


def _unused(mask: Mask, taken: Any) -> int:
    """Return a class number that neither the mask nor the arguments of a shape use."""
    named = {int(n) for n in taken if isinstance(n, (int, np.integer))}
    used = named | {int(mask.array.max(initial=0))}
    if max(used) < np.iinfo(np.uint16).max:
        return max(used) + 1
    held = named | set(np.unique(mask.array).tolist())
    return next(n for n in range(1, np.iinfo(np.uint16).max) if n not in held)


def _step(
    shape: Callable[..., Mask], mask: Mask, arguments: Mapping[str, Any], component: Any
) -> dict[str, Any]:
    """Return a shape and its parameters as plain data: they make the same change again.

    The first shape also tells, by its file and its hash, which label map it was applied to.
    """
    step: dict[str, Any] = {"shape": shape.__name__}
    if not mask.made:
        step |= {} if mask.path is None else {"mask": str(mask.path)}
        step["of"] = sha256_of_array(mask.array)
    step |= {p.name: p.default for p in parameters(shape) if not p.required}
    step |= {name: value for name, value in arguments.items() if value is not mask}
    if component is not None:
        step[NAME] = component
    return {name: _plain(value) for name, value in step.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def _counted(parts: int) -> str:
    return f"{parts} part" + ("" if parts == 1 else "s")


def _text(numbers: Any) -> str:
    return ",".join(f"{float(n):g}" for n in numbers)
