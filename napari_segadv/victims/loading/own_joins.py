"""A bundle's own transform that joins images as channels: recognised by what it does.

MONAI has `ConcatItemsd` for that, and some bundles bring a script instead. It runs after a yes to
it, on random images: what comes out has to be these images as channels, bit by bit. It is then
read as the same step of MONAI's, and MONAI's own pipeline, with which each run is compared, goes
through the script itself.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SegadvError
from ..preprocessing.chain import CONCATENATES, KNOWN, is_monais, plain_name
from .bundle_parts import Parts
from .evaluation import Evaluation
from .expressions import Component
from .network import cause

# The entry of a step's data under which the script itself stands.
OWN = "_own_"
# The entry under which its place in the configuration stands.
PLACE = "_place_"
# Images of random numbers on which a script is tried: those of a CT and those of a network.
RANGES = ((-2000.0, 3000.0), (0.0, 1.0))


@dataclass(frozen=True)
class OwnJoin:
    """A bundle's own transform, which runs among the bundle's modules.

    Attributes:
        transform: called with a dictionary of images.
        present: lets Python import the bundle's modules.
    """

    transform: Callable[[dict[str, Any]], Any]
    present: Callable[[], AbstractContextManager[None]]

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        with self.present():
            return dict(self.transform(dict(data)))


def joins(step: Any, key: str) -> tuple[str, ...]:
    """Return the images that a step seems to join, from its arguments; () if it does not.

    That is a class of somebody's own, with one list of names, and the name of the network's input.

    Args:
        step: of the preprocessing, as data.
        key: the network's input.
    """
    if not isinstance(step, Component):
        return ()
    target = str(step.get("_target_"))
    if is_monais(target) or plain_name(target, KNOWN) in KNOWN:
        return ()
    given = [value for name, value in step.items() if name != "_target_"]
    lists = [value for value in given if isinstance(value, (list, tuple)) and len(value) > 1]
    if key not in [value for value in given if isinstance(value, str)] or len(lists) != 1:
        return ()
    names = tuple(name for name in lists[0] if isinstance(name, str) and name != key)
    return names if len(set(names)) == len(lists[0]) else ()


def with_joins(
    parts: Parts,
    evaluation: Evaluation,
    key: str,
    present: Callable[[], AbstractContextManager[None]] | None = None,
) -> Parts:
    """Return parts with MONAI's step in place of each of the bundle's own that joins images.

    Args:
        parts: of a bundle.
        evaluation: lists what would run, or has an agreement to it.
        key: the network's input.
        present: lets Python import the bundle's modules, once somebody has agreed; None: nothing
            runs, and the images count in the order of the arguments.

    Raises:
        SegadvError: if such a transform does more than join them.
    """
    found = []
    for step in parts.transforms:
        names = joins(step, key)
        if names:
            made, place = evaluation.made(step), step.place
            step = {"_target_": f"{CONCATENATES}d", "keys": list(names), "name": key, "dim": 0}
            if present is not None:
                own = OwnJoin(made, present)
                step |= {"keys": tried(own, names, key), OWN: own, PLACE: place}
        found.append(step)
    return replace(parts, transforms=found)


def tried(own: OwnJoin, names: Sequence[str], key: str) -> list[str]:
    """Run a join on random images; return the names of those that become channels, in order.

    Args:
        own: the transform.
        names: of the images.
        key: under which it puts the result.

    Raises:
        SegadvError: if it fails, or the result is anything but these images.
    """
    orders = []
    for seed, (low, high) in enumerate(RANGES):
        generator = torch.Generator().manual_seed(seed)
        size = (1, 5, 4, 3)
        images = {n: low + (high - low) * torch.rand(size, generator=generator) for n in names}
        try:
            made = torch.as_tensor(np.asarray(own(with_meta(images))[key]), dtype=torch.float32)
        except Exception as error:  # noqa: BLE001 - it is somebody else's code that runs here
            kind = type(own.transform).__name__
            raise SegadvError(f"preprocessing step {kind} fails ({cause(error)})") from None
        orders.append(_order(made, images))
    if not orders[0] or orders[0] != orders[1]:
        raise SegadvError(
            f"preprocessing step {type(own.transform).__name__} does more than join "
            f"{', '.join(names)} as channels, so it has no gradient here; use MONAI's own steps"
        )
    return orders[0]


def _order(made: Tensor, images: Mapping[str, Tensor]) -> list[str]:
    """Return which image each channel is; [] if one is none of them."""
    sizes = {tuple(image.shape[1:]) for image in images.values()}
    if made.ndim < 2 or tuple(made.shape[1:]) not in sizes:
        return []
    found = [[n for n, image in images.items() if torch.equal(c, image[0])] for c in made]
    return [names[0] for names in found] if all(found) else []


def with_meta(images: Mapping[str, Tensor], affine: Tensor | None = None) -> dict[str, Any]:
    """Return images (1, *S) as MONAI's loader gives them, each with its metadata beside it.

    Args:
        images: by name.
        affine: from index to RAS world; None: in pixels.
    """
    from monai.data import MetaTensor

    found: dict[str, Any] = {}
    for name, image in images.items():
        placed = torch.eye(image.ndim, dtype=torch.float64) if affine is None else affine
        found[name] = MetaTensor(image.clone(), affine=placed.clone())
        found[f"{name}_meta_dict"] = dict(found[name].meta)
    return found
