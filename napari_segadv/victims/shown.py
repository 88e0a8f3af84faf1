"""What a victim is shown beside the image, as plain data: clicks, a mask, or what it is asked for.

The same data stands in the JSON of a model with clicks, in a result's record and in a session.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from ..data.scan import Array, Scan
from ..errors import SegadvError
from .preprocessing.chain import Space
from .preprocessing.guidance import Coordinates, Guidance, Guided, Points, is_shown
from .prompts import Prompted
from .scan_tensors import ras_affine
from .victim import Victim

POINTS, CLASSES, MASK, COORDINATES = "points", "classes", "mask", "coordinates"
KEYS = frozenset({POINTS, COORDINATES, MASK, CLASSES})
MOST_CLICKS = 1000


@dataclass(frozen=True)
class Takes:
    """What a victim can be shown beside the image.

    Attributes:
        structures: what clicks may lie on; one without a name if all clicks are of one kind.
        mask: whether it takes the mask of an object.
        needed: whether it can't be used without.
        asked: the classes that it can be asked for, by number.
    """

    structures: tuple[str, ...] = ()
    mask: bool = False
    needed: bool = False
    asked: Mapping[int, str] | None = None

    @classmethod
    def of(cls, victim: Victim) -> "Takes":
        """Return what a victim takes; an empty one for most."""
        if isinstance(victim.network, Prompted):
            return cls(asked=victim.network.known)
        step = _step_of(victim)
        if step is None:
            return cls()
        return cls(step.structures, not step.structures, not step.optional)


def shown_to(victim: Victim, content: Mapping[str, Any], mask: Array | None = None) -> Victim:
    """Return a victim that is shown something, instead of what it was shown before.

    Args:
        victim: one that takes it.
        content: with the keys of `KEYS`, as in the JSON of a model with clicks.
        mask: the pixels of the file that `content` names as its mask.

    Raises:
        SegadvError: if it does not take that.
    """
    if CLASSES in content:
        return replace(_asked(victim, content), shown=dict(content))
    steps = [step for step in victim.steps if isinstance(step, Guided)]
    if not steps:
        what = "clicks, only classes" if isinstance(victim.network, Prompted) else "clicks"
        raise SegadvError(f"{victim.name} takes no {what}")
    guidance = _guidance(content, mask, reverse=not victim.array_order)
    try:
        shown = {id(step): step.shown(guidance) for step in steps}
    except SegadvError as error:
        raise SegadvError(f"{victim.name} {error}") from None
    before = {step.describe() for step in steps}
    after = tuple(step.describe() for step in shown.values())
    return replace(
        victim,
        steps=tuple(shown.get(id(step), step) for step in victim.steps),
        notes=(*(note for note in victim.notes if note not in before), *after),
        shown=dict(content),
    )


def clicks_on(victim: Victim, scan: Scan) -> dict[str, list[list[int]]]:
    """Return the clicks that a victim is shown by its file, in pixels of an image.

    Raises:
        SegadvError: if one lies outside the image.
    """
    step = _step_of(victim)
    if step is None or step.guidance is None:
        return {}
    # In the array's own order, whatever that of the network is.
    guidance = replace(step.guidance, reversed=False)
    space = Space(scan.grid.shape, ras_affine(scan))
    return {name: guidance.placed(points, space, space) for name, points in guidance.points.items()}


def points_in(content: Mapping[str, Any], ndim: int) -> dict[str, list[list[float]]]:
    """Return the clicks of plain data that may come from anywhere.

    Args:
        content: as `shown_to` takes it.
        ndim: of the image.

    Raises:
        SegadvError: if they are no clicks in the pixels of such an image.
    """
    points = _points(content.get(POINTS, {}))
    found = {name: [list(map(float, one)) for one in some] for name, some in points.items()}
    odd = any(len(one) != ndim for some in found.values() for one in some)
    if odd or content.get(COORDINATES, "array") != "array":
        raise SegadvError(f'"points" must be pixels of an image of {ndim} dimensions')
    return found


def is_guided(victim: Victim) -> bool:
    """Return whether a victim is shown clicks or a mask by its file."""
    return is_shown(victim.steps)


def _step_of(victim: Victim) -> Guided | None:
    return next((step for step in victim.steps if isinstance(step, Guided)), None)


def _asked(victim: Victim, content: Mapping[str, Any]) -> Victim:
    """Return a victim that is asked for the classes that are named.

    Raises:
        SegadvError: if it can't be asked for them.
    """
    network, classes = victim.network, content[CLASSES]
    if not isinstance(network, Prompted):
        raise SegadvError(f'{victim.name} predicts all its classes; leave out "classes"')
    if content.keys() & {POINTS, MASK}:
        raise SegadvError(f'{victim.name} takes no clicks here; give "classes" alone')
    if not isinstance(classes, list) or not all(isinstance(one, (int, str)) for one in classes):
        raise SegadvError('"classes" must be a list of names or numbers')
    try:
        asked = Prompted.of(network.network, network.names, network.parts, classes)
    except SegadvError as error:
        raise SegadvError(f"{victim.name} {error}") from None
    notes = tuple(note for note in victim.notes if note != network.describe())
    return replace(victim, network=asked, classes=asked.classes, notes=(*notes, asked.describe()))


def _guidance(content: Mapping[str, Any], mask: Array | None, *, reverse: bool) -> Guidance:
    """Return guidance from plain data.

    Raises:
        SegadvError: if it is invalid.
    """
    coordinates = content.get(COORDINATES, "array")
    if coordinates not in get_args(Coordinates):
        known = ", ".join(get_args(Coordinates))
        raise SegadvError(f'"coordinates" must be one of {known}')
    return Guidance(_points(content.get(POINTS, {})), coordinates, mask, reverse)


def _points(listed: Any) -> Mapping[str, Points]:
    named = listed if isinstance(listed, Mapping) else {"": listed}
    points: dict[str, Points] = {
        str(name): list(some) for name, some in named.items() if isinstance(some, Sequence)
    }
    every = [point for some in points.values() for point in some]
    if len(points) < len(named) or not all(_is_point(point) for point in every):
        raise SegadvError(
            '"points" must be lists of points by structure, as in {"spleen": [[60, 210, 133]]}'
        )
    if len(every) > MOST_CLICKS:
        raise SegadvError(f"there are {len(every)} clicks; give at most {MOST_CLICKS}")
    return points


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and 2 <= len(point) <= 3
        and all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in point)
        and all(math.isfinite(n) for n in point)
    )
