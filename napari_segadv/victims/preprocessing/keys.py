"""Under which key the transforms of a preprocessing have the network's input."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import SegadvError
from .chain import CONCATENATES, COPIES, KNOWN, SPATIAL, UNSEEN, plain_name
from .intensity import INTENSITY

# Arguments of MONAI's transforms that name what they act on, or make.
NAMING = ("keys", "name", "names")
PLAIN = INTENSITY.keys() | SPATIAL | {COPIES, CONCATENATES}


def input_key(configs: Sequence[Mapping[str, Any]], likely: Sequence[str]) -> str:
    """Return the key of the network's input.

    Args:
        configs: MONAI's `_target_` dictionaries, literals only.
        likely: keys that it may have, the likeliest first: the first that a transform acts on is
            it, or else the only key that there is.

    Raises:
        SegadvError: if no transform acts on one of them, but several act on others.
    """
    named: dict[str, None] = {}
    others: dict[str, None] = {}
    for config in configs:
        plain = plain_name(str(config.get("_target_", "")), KNOWN)
        if plain in UNSEEN or config.get("_disabled_"):
            continue
        if plain not in PLAIN:
            others |= dict.fromkeys(_texts(list(config.values())))
        elif "keys" not in config:
            # The transform of an array, which is the image.
            return likely[0]
        else:
            named |= dict.fromkeys(_texts([config.get(name) for name in NAMING]))
    found = next((key for key in likely if key in named or key in others), None)
    if found is not None or not named:
        return found or likely[0]
    if len(named) == 1:
        return next(iter(named))
    raise SegadvError(
        f"no preprocessing step acts on the network's input, {' or '.join(dict.fromkeys(likely))}, "
        f"but some act on {', '.join(named)}; name the input {likely[0]}"
    )


def _texts(values: Sequence[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (one for one in value if isinstance(one, str))
