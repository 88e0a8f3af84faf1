"""Phantoms that look like the real thing, and the small victims that were trained on them."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from .. import discovery
from ..errors import SegadvError
from ..scan import Grid, Mask, Scan, Storage

BUNDLES = Path(__file__).parent / "bundles"

# Of the phantom that the demo and File > Open Sample show; no victim was trained on it.
DEMO_SEED = 20_001


@cache
def generators() -> dict[str, ModuleType]:
    """The modules that draw phantoms, by the name of what they draw."""
    from . import phantoms

    found = [m for m in discovery.modules(phantoms) if hasattr(m, "draw")]
    return {module.NAME: module for module in found}


def bundles() -> dict[str, Path]:
    """The built-in victims' bundles by name: those of the phantoms that have one."""
    return {path.name: path for path in sorted(BUNDLES.iterdir()) if path.is_dir()}


@dataclass(frozen=True)
class BundleFacts:
    """What a built-in victim says of itself."""

    task: str
    description: str
    dice: dict[str, float]


def bundle_facts() -> dict[str, BundleFacts]:
    """Task and measured Dice of the built-in victims, by name."""
    found = {}
    for name, path in bundles().items():
        meta = json.loads((path / "configs" / "metadata.json").read_text(encoding="utf-8"))
        dice = {k.removeprefix("dice "): float(v) for k, v in meta["eval_metrics"].items()}
        found[name] = BundleFacts(meta["task"], meta["description"], dice)
    return found


def phantom(name: str, seed: int = 0) -> tuple[Scan, Mask]:
    """A phantom and the truth about it; the same seed gives the same one.

    Raises:
        SegadvError: where nothing of that name can be drawn.
    """
    known = generators()
    if name not in known:
        raise SegadvError(f"{name}: no such phantom; there are {', '.join(known)}")
    module = known[name]
    image, labels = module.draw(np.random.default_rng(seed))
    spacing = tuple(float(s) for s in module.SPACING)
    grid = Grid(labels.shape, spacing, (0.0,) * labels.ndim, np.eye(labels.ndim))
    if labels.ndim == 2:
        grid = Grid.pixels(labels.shape)
    colour = image.ndim > labels.ndim
    storage = Storage(str(image.dtype))
    meta = {"title": module.TITLE, "phantom": name, "seed": seed}
    scan = Scan(image, grid, module.UNITS, storage, colour, None, meta)
    return scan, Mask(labels, grid, module.CLASSES)
