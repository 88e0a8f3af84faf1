"""Target shapes of overlapping structures: one changes on its own map, the others stay."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from ..common.hashing import sha256_of_array
from ..data.overlapping import Overlapping
from ..data.scan import Mask
from ..errors import SegadvError


def each_alone(
    shape: Callable[..., Mask], both: Callable[[Overlapping, int, int], Overlapping] | None = None
) -> Callable[..., Mask]:
    """Let a shape change a structure of an Overlapping mask by itself.

    Its label is then the class number of a single structure: 1, 2, 4, 8 and so on. The shape sees
    that structure's own map, in which all else is background.

    Args:
        shape: a shape of label maps.
        both: what it does to two structures, if its parameter `to` names another one.
    """
    known = inspect.signature(shape)

    @wraps(shape)
    def changed(mask: Mask, *given: Any, **settings: Any) -> Mask:
        if not isinstance(mask, Overlapping):
            return shape(mask, *given, **settings)
        arguments = dict(known.bind(mask, *given, **settings).arguments)
        first, label = next(iter(arguments)), int(arguments["label"])
        alone = replace(mask.structure(label), path=mask.path, made=mask.made)
        to = arguments.get("to")
        if to and both is not None:
            mask.structure(int(to))
            found = both(mask, label, int(to))
            step = {"shape": shape.__name__, "label": label, "to": int(to)}
            return replace(found, made=(*mask.made, step))
        if to:
            raise SegadvError(
                f"{mask.path or 'the mask'}: its structures may overlap, so none gives its pixels "
                f"up to another; leave out --to {to}"
            )
        made = shape(**{**arguments, first: alone, "label": 1})
        step = {**made.made[-1], "label": label}
        if "of" in step:
            step["of"] = sha256_of_array(mask.array)
        return replace(mask.with_structure(label, made.array == 1), made=(*mask.made, step))

    changed.__dict__["__signature__"] = known
    return changed
