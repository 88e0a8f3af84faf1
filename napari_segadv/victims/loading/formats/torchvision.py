"""Weights of torchvision's networks, with a JSON that names the architecture.

{"network": "torchvision.deeplabv3_resnet50", "classes": ["background", "polyp"],
 "resize": 520, "window": [0, 255], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
"""

import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from ....common.hashing import sha256_of_files
from ....common.json_data import read_json
from ....errors import SegadvError
from ...pipeline import BYTES
from ...preprocessing.pictures import ResizePicture, repeated
from ...victim import Victim
from ..contents import read_hashed
from ..description import beside, hashed_description, victim_fields
from ..network import built, fit_weights, read_weights
from ..offline import offline
from ..packages import needed
from ..registry import VictimFormat
from ..sizes import check_numbers, check_size
from .weights import SUFFIXES, holds_code

EXTRA = "torchvision"
NAME = re.compile(r"torchvision\.(?:models\.)?(?:segmentation\.)?(\w+)")
# Arguments that name weights to be fetched: the file has them all.
FETCHING = ("weights", "weights_backbone", "pretrained", "pretrained_backbone", "progress")
# Arguments of the networks that segment.
SEGMENTING = ("num_classes", "aux_loss")
COLOURS = 3


def claims(path: Path) -> bool:
    if not (path.is_file() and path.suffix in SUFFIXES) or holds_code(path):
        return False
    with suppress(SegadvError):
        described = read_json(beside(path)) if beside(path).is_file() else None
        named = described.get("network") if isinstance(described, Mapping) else None
        return isinstance(named, str) and NAME.fullmatch(named) is not None
    return False


def load(path: Path, trusted_hash: str | None) -> Victim:
    # Only torchvision's own networks are built, so nobody has to agree to anything.
    (description, described), source = hashed_description(path), beside(path)
    content, hashed = read_hashed(path)
    weights = read_weights(path, content)
    check_numbers(description, source)
    known, resized = _fields(description, source)
    known["name"] = known["name"] or path.stem
    with offline():
        network = _built(description, weights, source, known)
        fit_weights(network, weights, path)
    victim = Victim(
        network, **known, path=path, sha256=sha256_of_files([hashed, described]), trust="data"
    )
    return victim if resized is None else _resized(victim, resized)


def _fields(description: Mapping[str, Any], source: Path) -> tuple[dict[str, Any], Any]:
    """Return a victim's fields, and the step that resizes pictures first, if there is one."""
    described = {"dims": 2, "channels": COLOURS, "activation": "none", **description}
    described.pop("arguments", None)
    if not described.keys() & {"window", "preprocessing", "mean"}:
        raise SegadvError(
            f'{source}: does not say what the network sees; torchvision itself trains on "window": '
            '[0, 255], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]'
        )
    resized = None
    # torchvision resizes pictures before it scales them.
    if "resize" in described and "preprocessing" not in described:
        size, resample = described.pop("resize"), str(described.pop("resample", "bilinear"))
        if isinstance(size, list):
            size = tuple(size)
        resized = ResizePicture(size, resample)
    known = victim_fields(described, source)
    if known["dims"] != 2:
        raise SegadvError(f'{source}: its network is for pictures; set "dims" to 2')
    known["steps"] = (*repeated(known["channels"], COLOURS, source), *known["steps"])
    return known, resized


def _built(
    description: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    source: Path,
    known: Mapping[str, Any],
) -> nn.Module:
    """Build the network that a description names.

    Raises:
        SegadvError: if torchvision has none of this name, or it refuses the arguments.
    """
    name, models = _known(description, source)
    arguments = dict(description.get("arguments", {}))
    fetched = sorted(key for key in FETCHING if arguments.pop(key, None))
    if fetched:
        raise SegadvError(f"{source}: {fetched[0]} would fetch weights; remove the argument")
    task, table = (
        known["task"].name,
        "segmentation" in str(models.get_model_builder(name).__module__),
    )
    if table != (task == "segmentation"):
        raise SegadvError(
            f"{source}: {name} is a network for {'segmentation' if table else 'classification'}; "
            'set "task" to that'
        )
    arguments.setdefault("num_classes", len(known["classes"]) or None)
    if arguments["num_classes"] is None:
        del arguments["num_classes"]
    if table:
        # torchvision takes any others, and does nothing with them.
        odd = sorted(arguments.keys() - set(SEGMENTING))
        if odd:
            raise SegadvError(
                f"{source}: argument {odd[0]} of {name} is not known; use only "
                f"{' and '.join(SEGMENTING)}"
            )
        arguments.setdefault("aux_loss", any(key.startswith("aux_classifier.") for key in weights))
        arguments["weights_backbone"] = None
        if name.startswith("lraspp"):
            del arguments["aux_loss"]

    def make() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network: nn.Module = models.get_model(name, weights=None, **arguments)
        return network

    with built(name, source):
        check_size(make, weights, source)
        return make().eval()


def _known(description: Mapping[str, Any], source: Path) -> tuple[str, ModuleType]:
    models = needed("torchvision.models", EXTRA)
    found = NAME.fullmatch(str(description["network"]))
    name = found[1] if found is not None else ""
    known = [*models.list_models(models), *models.list_models(models.segmentation)]
    if name not in known:
        raise SegadvError(
            f"{source}: torchvision has no network {name} that segments or classifies pictures; "
            f"it has {', '.join(models.list_models(models.segmentation))} and others"
        )
    return name, models


def _resized(victim: Victim, resized: ResizePicture) -> Victim:
    """Resize pictures first; bytes by Pillow itself where the victim predicts."""
    smooth = replace(victim, steps=(resized, *victim.steps))
    if victim.window != BYTES:
        return smooth
    exact = (replace(resized, exact=True), *victim.steps)
    note = (
        "its pictures are resized as bytes, which rounds them, for each prediction; the gradient "
        "goes through the same weights without rounding"
    )
    return replace(smooth.predicting_by(exact), notes=(note,))


FORMAT = VictimFormat("weights of torchvision with a JSON", claims, load, suffixes=SUFFIXES)
