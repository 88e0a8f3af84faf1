"""Phantoms that look like the real thing, and the small victims that were trained on them."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..common.discovery import Registry
from ..data.boxes import Boxes
from ..data.grade import Grade
from ..data.scan import Grid, Mask, Scan, Storage
from . import phantoms

BUNDLES = Path(__file__).parent / "bundles"
# Prefix of the names of built-in victims.
DEMO = "demo:"

# Seed of the phantom that the demo and File > Open Sample show; no victim was trained on it.
DEMO_SEED = 20_001


def _phantom_in(module: ModuleType) -> list[tuple[str, ModuleType]]:
    return [(module.NAME, module)] if hasattr(module, "draw") else []


PHANTOMS: Registry[ModuleType] = Registry("phantom", phantoms, _phantom_in)


def phantom_modules() -> dict[str, ModuleType]:
    """Return the modules that draw phantoms, by the name of what they draw."""
    return PHANTOMS.all()


def bundles() -> dict[str, Path]:
    """Return the bundles of the built-in victims by name, which is that of their phantom."""
    return {path.name: path for path in sorted(BUNDLES.iterdir()) if path.is_dir()}


def fitting(scan: Scan) -> str | None:
    """Return the name of the built-in victim that segments images like a scan, or None."""
    for name, path in bundles().items():
        meta = json.loads((path / "configs" / "metadata.json").read_text(encoding="utf-8"))
        (image,) = meta["network_data_format"]["inputs"].values()
        drawn = phantom_modules()[name]
        facts = (len(drawn.SPACING), drawn.UNITS, image["num_channels"] == 3)
        own = (scan.grid.ndim, scan.units, scan.colour)
        if facts == own and meta["task"].startswith("segmentation"):
            return name
    return None


@dataclass(frozen=True)
class BundleFacts:
    """What the bundle of a built-in victim says about it."""

    task: str
    description: str
    measured: dict[str, float]

    @property
    def dice(self) -> dict[str, float]:
        """Dice of each class; empty for a victim that does not segment."""
        prefix = "dice "
        found = self.measured.items()
        return {k.removeprefix(prefix): v for k, v in found if k.startswith(prefix)}


def bundle_facts() -> dict[str, BundleFacts]:
    """Return the task, description and measured figures of the built-in victims, by name."""
    found = {}
    for name, path in bundles().items():
        meta = json.loads((path / "configs" / "metadata.json").read_text(encoding="utf-8"))
        measured = {k: float(v) for k, v in meta["eval_metrics"].items()}
        found[name] = BundleFacts(meta["task"], meta["description"], measured)
    return found


def phantom(name: str, seed: int = 0) -> tuple[Scan, Any]:
    """Draw a phantom and its truth, a Mask, a Grade or Boxes; the same seed gives the same phantom.

    Raises:
        SegadvError: if there is no phantom of that name.
    """
    module = PHANTOMS.get(name)
    image, truth = module.draw(np.random.default_rng(seed))
    spacing = tuple(float(s) for s in module.SPACING)
    ndim = len(spacing)
    shape, colour = image.shape[:ndim], image.ndim > ndim
    grid = Grid.pixels(shape) if ndim == 2 else Grid(shape, spacing, (0.0,) * ndim, np.eye(ndim))
    storage = Storage(str(image.dtype))
    meta = {"title": module.TITLE, "phantom": name, "seed": seed}
    scan = Scan(image, grid, module.UNITS, storage, colour, None, meta)
    if isinstance(truth, tuple):
        corners, labels = truth
        return scan, Boxes.of(corners, labels, grid, module.CLASSES)
    graded = np.ndim(truth) == 0
    return scan, Grade(truth, module.CLASSES) if graded else Mask(truth, grid, module.CLASSES)
