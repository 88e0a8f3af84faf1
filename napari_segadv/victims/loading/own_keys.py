"""Which keys of a bundle's data its network's input is made of: the others are left out.

A bundle's preprocessing often prepares a label, too. In a comparison that label would be a copy of
the image, which costs time, and as much memory as the file likes.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..preprocessing.chain import CONCATENATES, COPIES, plain_name
from .bundle_config import Place
from .expressions import Component

# DeleteItems takes no note of a key that is missing, and can't be told to.
LOADS, DELETES = "LoadImage", "DeleteItems"
MISSING = "allow_missing_keys"
# Arguments of a loader that may be given for each of its keys.
EACH = ("keys", "meta_keys", "meta_key_postfix")


def without_others(
    steps: Sequence[Any], key: Collection[str], known: Collection[str], left_out: Any
) -> dict[Place, Any]:
    """Return what takes the place of steps, and of arguments of theirs, that act on other keys.

    Args:
        steps: before the network, as data.
        key: what counts: the network's input, and what else is taken from the data.
        known: names of MONAI's transforms.
        left_out: takes the place of a step.

    Returns:
        What to put at which place; nothing if one of the steps does not say on what it acts.
    """
    names = [_name(step, known) for step in steps]
    keys = [_texts(step.get("keys")) if isinstance(step, Component) else () for step in steps]
    if not all(names) or not all(keys):
        return {}
    counted = _counted(steps, names, keys, key)
    found: dict[Place, Any] = {}
    for step, name, acts_on in zip(steps, names, keys, strict=True):
        made = _made(step, name) or acts_on
        if counted.isdisjoint(made):
            found[step.place] = left_out
        elif counted.issuperset(acts_on):
            continue
        elif name == LOADS:
            for each in EACH:
                given = step.get(each)
                if isinstance(given, (list, tuple)) and len(given) == len(acts_on):
                    pairs = zip(acts_on, given, strict=True)
                    found[*step.place, each] = [one for on, one in pairs if on in counted]
        elif name != DELETES:
            found[*step.place, MISSING] = True
    return found


def _counted(
    steps: Sequence[Any],
    names: Sequence[str],
    keys: Sequence[Sequence[str]],
    key: Collection[str],
) -> set[str]:
    """Return the keys from which the input comes, from the last step to the first."""
    counted = set(key)
    # Twice: a key may be named again by an earlier step for what it held before.
    for _ in range(2):
        for step, name, acts_on in reversed(list(zip(steps, names, keys, strict=True))):
            made = _made(step, name)
            if made and not counted.isdisjoint(made):
                counted.update(acts_on)
            elif not made and not counted.isdisjoint(acts_on):
                given = [one for at, one in step.items() if str(at).endswith(("_key", "_keys"))]
                counted.update(text for one in given for text in _texts(one))
    return counted


def _made(step: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the keys that a step makes; (): it changes those on which it acts."""
    if name == COPIES:
        return _texts(step.get("names"))
    return _texts(step.get("name")) if name == CONCATENATES else ()


def _name(step: Any, known: Collection[str]) -> str:
    """Return the name of a step of MONAI's; "" if it is none."""
    target = str(step.get("_target_")) if isinstance(step, Component) else ""
    name = plain_name(target, known)
    return name if name in known else ""


def _texts(value: Any) -> tuple[str, ...]:
    """Return texts as they are listed; () if something else, or code, is among them."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)):
        return ()
    plain = all(type(one) is str and not one.startswith(("$", "@", "%")) for one in listed)
    return tuple(listed) if plain else ()
