"""Folders of Hugging Face's transformers: config.json, model.safetensors, preprocessor_config.json.

A JSON beside the folder, of its name with .json, adds what the folder does not say: class names,
the window of a CT, grey images; or all of the preprocessing in place of the folder's.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ....common.hashing import sha256_of_files
from ....errors import SegadvError
from ...heads import Head
from ...preprocessing.axes import BACK
from ...preprocessing.chain import Step, Transform
from ...preprocessing.image_processor import ImageProcessor, steps_of
from ...preprocessing.pictures import BYTES, enlarged, repeated
from ...victim import Victim
from ..description import KEYS, beside_folder, folder_description, victim_fields
from ..folders import SavedFolder, peek
from ..offline import offline
from ..registry import VictimFormat
from ..transformers_network import build_saved, image_processor, task_and_class

PROCESSOR = "preprocessor_config.json"
# What a JSON beside the folder may say besides its preprocessor_config.json; any other key
# describes all of the preprocessing in its place.
BESIDES = frozenset({"name", "classes", "channels", "window", "dims"})
TAKEN = KEYS - {"network", "arguments", "task", "activation", "output", "axes"}
ROUNDED = (
    "its image processor resizes bytes, which rounds them: so it does for each prediction, while "
    "the gradient goes through the same weights without rounding"
)


def claims(path: Path) -> bool:
    config = peek(path)
    return "model_type" in config and "architectures" in config


def load(path: Path, trusted_hash: str | None) -> Victim:
    # Nothing in such a folder runs, so nobody has to agree to it.
    folder = SavedFolder.read(path)
    root = folder.path
    described, hashes = folder_description(root, TAKEN)
    folder.hashes.extend(hashes)
    with offline():
        task, name = task_and_class(folder.config, root / "config.json")
        made = int(folder.config.get("num_channels") or 3)
        own = not described.keys() - BESIDES and (root / PROCESSOR).is_file()
        steps = _processor(folder, described) if own else ()
        file, weights = folder.weights()
        network = build_saved(name, folder.config, weights, file)
    given = {"dims": 2, "channels": made, "classes": _classes(folder.config), **described}
    if not own and not described.keys() & {"window", "preprocessing", "mean"}:
        raise SegadvError(
            f"{root}: what its network sees is not known; copy {PROCESSOR} into it, or write "
            f'{beside_folder(root).name} beside it with "window", "mean" and "std", see '
            "docs/victims.md"
        )
    if given["dims"] != 2:
        raise SegadvError(f'{beside_folder(root)}: its network is for pictures; set "dims" to 2')
    known = victim_fields({**given, "task": task}, beside_folder(root))
    known["name"] = known["name"] or root.absolute().name
    before = repeated(known["channels"], made, beside_folder(root))
    victim = Victim(
        network if own or task != "segmentation" else Enlarged(network),
        **{**known, "head": Head("none", "logits" if own or task != "segmentation" else None)},
        independent=folder.config.get("problem_type") == "multi_label_classification",
        notes=(ROUNDED,) if steps and steps[0].resizes else (),
        path=path,
        sha256=sha256_of_files(folder.hashes),
    )
    if not own:
        return replace(victim, steps=(*before, *victim.steps))
    return _as_deployed(replace(victim, coarse=True), (*_windowed(described), *before), steps)


class Enlarged(nn.Module):
    """A network whose logits are brought to the size of its input."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(self, x: Tensor) -> Tensor:
        return enlarged(self.network(x).logits, x.shape[2:], BACK)


def _processor(folder: SavedFolder, described: Mapping[str, Any]) -> tuple[ImageProcessor, ...]:
    """Return the image processor twice: with a gradient, and as its own program runs it."""
    source = folder.path / PROCESSOR
    settings, itself = image_processor(
        folder.json(PROCESSOR), str(folder.config["model_type"]), source
    )
    try:
        steps = steps_of(settings)
    except SegadvError as error:
        raise SegadvError(f"{source}: {error}") from None
    return tuple(ImageProcessor(settings, steps, itself, exact) for exact in (False, True))


def _as_deployed(
    victim: Victim, before: tuple[Step, ...], steps: tuple[ImageProcessor, ...]
) -> Victim:
    """Give a victim the processor with a gradient, and the processor itself for predictions."""
    smooth, exact = steps
    victim = replace(victim, steps=(*before, smooth))
    return victim.predicting_by((*before, exact))


def _windowed(described: Mapping[str, Any]) -> list[Step]:
    """Return the step from the window of a JSON beside the folder to bytes, if it has one."""
    if "window" not in described:
        return []
    low, high = (float(v) for v in described["window"])
    ends = {"a_min": low, "a_max": high, "b_min": BYTES[0], "b_max": BYTES[1], "clip": True}
    return [Transform("ScaleIntensityRange", ends)]


def _classes(config: Mapping[str, Any]) -> list[str]:
    """Return the class names of a configuration, in their order."""
    named = config.get("id2label")
    if not isinstance(named, Mapping) or not named:
        return []
    numbers = {int(key): str(name) for key, name in named.items()}
    if sorted(numbers) != list(range(len(numbers))):
        return []
    return [numbers[n] for n in range(len(numbers))]


FORMAT = VictimFormat("Hugging Face folder (config.json, model.safetensors)", claims, load)
