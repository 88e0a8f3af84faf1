"""Where the parts of a bundle stand: those that its evaluator and its dataset refer to.

Most bundles name them `preprocessing`, `postprocessing` and `inferer`, but what counts is what
their program runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import SegadvError
from ..preprocessing.chain import is_monais, plain_name
from .bundle_config import BundleConfig, Place

DATASET, EVALUATOR = ("dataset",), ("evaluator",)
BEFORE, AFTER, INFERER = "preprocessing", "postprocessing", "inferer"
# Transforms of which some stand in nearly every preprocessing, or postprocessing.
TELLING = {
    BEFORE: ("LoadImage", "EnsureChannelFirst"),
    AFTER: ("Activations", "AsDiscrete", "Invert"),
}


def place_before(config: BundleConfig) -> Place | None:
    """Return where the transforms before the network stand; None if there are none.

    Raises:
        SegadvError: if what is referred to is missing, or it is unclear which ones count.
    """
    loader = config.entry(EVALUATOR, "val_data_loader")
    loaded = None if loader is None else config.entry(loader, "dataset")
    for dataset in (loaded, DATASET):
        place = None if dataset is None else config.entry(dataset, "transform")
        if place is not None:
            return config.followed(place)
    return _named(config, BEFORE)


def place_after(config: BundleConfig) -> Place | None:
    """Return where the transforms after the network stand; None if there are none.

    Raises:
        SegadvError: if what is referred to is missing, or it is unclear which ones count.
    """
    place = config.entry(EVALUATOR, AFTER)
    return _named(config, AFTER) if place is None else config.followed(place)


def place_of_inferer(config: BundleConfig) -> Place | None:
    """Return where the inferer stands; None if there is none, so that the image is seen whole.

    An evaluator that names none has MONAI's SimpleInferer, whatever else the configuration holds.

    Raises:
        SegadvError: if the one that is referred to is missing.
    """
    if config.has(EVALUATOR[0]):
        place = config.entry(EVALUATOR, INFERER)
    else:
        place = (INFERER,) if config.has(INFERER) else None
    return None if place is None else config.followed(place)


def handlers_of(config: BundleConfig, names: Sequence[str] = ("val_handlers",)) -> Iterator[Place]:
    """Yield where the evaluator's handlers stand: each of a list, or of a dictionary.

    Raises:
        SegadvError: if what is referred to is missing.
    """
    for name in names:
        place = config.entry(EVALUATOR, name)
        if place is None:
            continue
        place = config.followed(place)
        raw = config.at(place)
        if isinstance(raw, list):
            yield from (config.followed((*place, str(n))) for n in range(len(raw)))
        elif isinstance(raw, Mapping) and "_target_" not in raw:
            yield from (config.followed((*place, str(key))) for key in raw)
        else:
            yield place


def _named(config: BundleConfig, part: str) -> Place | None:
    if config.has(part):
        return config.followed((part,))
    known = TELLING[part]
    for place, component in components(config.content):
        target = str(component["_target_"])
        if is_monais(target) and plain_name(target, known) in known:
            raise SegadvError(
                f"{config.source}: {'::'.join(place)} is a {target}, but neither its evaluator nor "
                f'its dataset refers to it; name the transforms "{part}"'
            )
    return None


def components(value: Any, place: Place = ()) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yield the components anywhere in a value, with their places."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield place, value
        for key, one in value.items():
            yield from components(one, (*place, str(key)))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from components(one, (*place, str(number)))
