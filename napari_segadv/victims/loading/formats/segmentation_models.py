"""Folders of segmentation-models-pytorch: config.json and model.safetensors.

What the network sees is what its encoder was pretrained on, unless a JSON beside the folder, of
its name with .json, says something else.
"""

import inspect
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ....common.hashing import sha256_of_files
from ....errors import SegadvError
from ...heads import Head
from ...preprocessing.chain import Step
from ...preprocessing.pictures import Standardise, repeated
from ...victim import Victim
from ..description import KEYS, beside_folder, folder_description, victim_fields
from ..folders import SavedFolder, peek
from ..network import built, fit_weights
from ..offline import offline
from ..packages import needed
from ..registry import VictimFormat
from ..sizes import check_numbers, check_size

PACKAGE, EXTRA = "segmentation_models_pytorch", "smp"
# Arguments for the encoder that its class does not declare. Others could name files to be read.
ENCODERS = frozenset({"drop_path_rate", "drop_rate", "img_size", "output_stride"})
# Mean and deviation of the pretrained encoders, by patterns of "NAME WEIGHTS": the library
# fetches them, and earlier versions had them in their code.
HALF, IMAGENET = ((0.5,) * 3, (0.5,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
DPN = ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3)
MEANS = (
    (r"dpn\d+b? .*", DPN),
    (r"(inceptionv4|inceptionresnetv2|xception) .*", HALF),
    (r".* advprop", HALF),
    (r"timm-tf_efficientnet_lite\d .*", HALF),
)
# What a JSON beside the folder may say without replacing the encoder's preprocessing.
BESIDES = frozenset({"name", "classes", "channels", "dims", "task", "activation", "output"}) | {
    "window",
    "roi_size",
    "overlap",
    "mode",
}
TAKEN = KEYS - {"network", "arguments", "axes"}


def claims(path: Path) -> bool:
    return "_model_class" in peek(path)


def load(path: Path, trusted_hash: str | None) -> Victim:
    # Nothing in such a folder runs, so nobody has to agree to it.
    folder = SavedFolder.read(path)
    source = folder.path / "config.json"
    config = dict(folder.config)
    described, hashes = folder_description(folder.path, TAKEN)
    folder.hashes.extend(hashes)
    with offline(), _unwarned():
        library = needed(PACKAGE, EXTRA)
        name, arguments = _arguments(config, library, source)
        file, weights = folder.weights()
        network = _built(library, name, arguments, source, weights)
        fit_weights(network, weights, file)
        seen = _seen_by_encoder(config)
    inputs = arguments.get("in_channels", 3)
    given = {"dims": 2, "channels": inputs, "activation": _activation(config), **described}
    known = victim_fields(given, beside_folder(folder.path))
    known["name"] = known["name"] or folder.path.absolute().name
    if arguments.get("aux_params") and known["head"].output is None:
        known["head"] = Head(known["head"].activation, 0)
    steps, notes = _steps(known, described, seen, inputs, folder.path)
    return Victim(
        network,
        **{**known, "steps": steps},
        notes=notes,
        path=path,
        sha256=sha256_of_files(folder.hashes),
    )


def _arguments(
    config: Mapping[str, Any], library: ModuleType, source: Path
) -> tuple[str, dict[str, Any]]:
    """Return the class and the arguments of a configuration's network, without weights to fetch.

    Raises:
        SegadvError: if it names another class or encoder, or an argument that is not known.
    """
    check_numbers(config, source)
    name, encoder = str(config["_model_class"]), str(config.get("encoder_name", "resnet34"))
    networks = {cls.__name__: cls for cls in library.MODEL_ARCHITECTURES_MAPPING.values()}
    if name not in networks:
        raise SegadvError(
            f"{source}: {name} is no network of {PACKAGE}; these are: {', '.join(networks)}"
        )
    if not re.fullmatch(r"(tu|timm)-[\w.-]+", encoder) and encoder not in library.encoders.encoders:
        raise SegadvError(
            f"{source}: encoder {encoder[:80]} is none of {PACKAGE}'s own, so it is not looked up"
        )
    declared = inspect.signature(networks[name].__init__).parameters.values()
    known = {p.name for p in declared if p.kind is not p.VAR_KEYWORD} | ENCODERS
    given = {key: value for key, value in config.items() if not key.startswith("_")}
    odd = sorted(given.keys() - known)
    if odd:
        raise SegadvError(
            f"{source}: argument {odd[0]} of {name} is not known, so it is not passed on; remove it"
        )
    return name, {**given, "encoder_weights": None}


def _built(
    library: ModuleType,
    name: str,
    arguments: Mapping[str, Any],
    source: Path,
    weights: Mapping[str, Any],
) -> nn.Module:
    with built(name, source):
        check_size(lambda: _made(library, name, arguments), weights, source)
        return _made(library, name, arguments).eval()


def _made(library: ModuleType, name: str, arguments: Mapping[str, Any]) -> nn.Module:
    network: nn.Module = getattr(library, name)(**arguments)
    return network


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keep timm from warning of names that it has renamed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _activation(config: Mapping[str, Any]) -> str | None:
    """Return the head's activation; None: it is found from the output."""
    named = config.get("activation")
    known = {None: "none", "identity": "none", "sigmoid": "sigmoid", "softmax2d": "softmax"}
    return known.get(named)


def _seen_by_encoder(
    config: Mapping[str, Any],
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and deviation of a configuration's pretrained encoder; None if it has none."""
    weights, encoder = config.get("encoder_weights"), str(config.get("encoder_name", "resnet34"))
    if not weights:
        return None
    if encoder.startswith("tu-"):
        found = needed("timm.models", EXTRA).get_pretrained_cfg(encoder.removeprefix("tu-"))
        return None if found is None else (tuple(found.mean), tuple(found.std))
    for pattern, values in MEANS:
        if re.fullmatch(pattern, f"{encoder} {weights}"):
            return values
    return IMAGENET


def _steps(
    known: Mapping[str, Any],
    described: Mapping[str, Any],
    seen: tuple[tuple[float, ...], tuple[float, ...]] | None,
    inputs: int,
    root: Path,
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the steps of the preprocessing, and notes on them."""
    beside = beside_folder(root)
    before = repeated(known["channels"], inputs, beside)
    if described.keys() - BESIDES or (seen is None and "window" in described):
        return (*before, *known["steps"]), ()
    if seen is None or inputs != len(seen[0]):
        raise SegadvError(
            f"{root}: does not say what its network sees; write {beside.name} beside the folder "
            'with {"window": [0, 255], "mean": [...], "std": [...]}, see docs/victims.md'
        )
    note = (
        "its folder does not say how images were prepared in training: taken as its encoder's "
        "authors did, with their mean and deviation"
    )
    if "window" in described:
        return (*before, *known["steps"], Standardise(1.0, *seen, of_bytes=False)), (note,)
    return (*before, Standardise(1 / 255, *seen)), (note,)


FORMAT = VictimFormat("segmentation-models-pytorch folder", claims, load)
