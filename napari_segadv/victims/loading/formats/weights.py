"""Weights only, safetensors or a state dict, with the JSON that describes their network."""

import contextlib
import zipfile
from pathlib import Path
from typing import Any

from ....common.hashing import sha256_of_files
from ....errors import SegadvError
from ...victim import Victim
from .. import consent
from ..contents import read_hashed
from ..description import beside, hashed_description, victim_fields
from ..network import build, load_weights, read_weights
from ..offline import offline
from ..registry import VictimFormat
from ..shapes import told_by_shapes

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt")


def claims(path: Path) -> bool:
    if path.suffix == ".json":
        return any(path.with_suffix(suffix).exists() for suffix in SUFFIXES)
    return path.is_file() and path.suffix in SUFFIXES and not holds_code(path)


def holds_code(path: Path) -> bool:
    """Return True for a TorchScript archive, which shares its suffix with plain weights."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def load(path: Path, trusted_hash: str | None) -> Victim:
    if path.suffix == ".json":
        path = next(p for s in SUFFIXES if (p := path.with_suffix(s)).exists())
    (description, described), source = hashed_description(path), beside(path)
    content, weights = read_hashed(path)
    # Reading them runs nothing, so what is wrong with them is said before any question.
    read_weights(path, content)
    if "network" not in description:
        raise SegadvError(
            f'{source}: weights need "network" (a class of monai.networks.nets) and "arguments"'
        )
    target, arguments = str(description["network"]), dict(description.get("arguments", {}))
    fields = victim_fields(description, source)
    fields["name"] = fields["name"] or path.stem
    runs = tuple(consent.network_runs(target, arguments))
    # The description says what would run, so it is part of what is agreed to.
    sha256 = sha256_of_files([weights, described]) if runs else weights
    consent.require(path, sha256, runs, trusted_hash)
    with contextlib.nullcontext() if runs else offline():
        network = build(target, arguments, source, len(content))
    load_weights(network, path, content)
    return Victim(network, **fields, path=path, sha256=sha256, trust="code" if runs else "data")


def told(path: Path) -> dict[str, Any]:
    """Return what the shapes of the weights tell of their network, whose class has to be known."""
    weights = {name: tuple(tensor.shape) for name, tensor in read_weights(path).items()}
    # safetensors are sorted by name.
    found = told_by_shapes(weights, in_order=path.suffix != ".safetensors")
    return {"network": "", "arguments": {}, **found}


FORMAT = VictimFormat(
    "weights with a JSON (safetensors, state dict)",
    claims,
    load,
    told=told,
    suffixes=(*SUFFIXES, ".json"),
)
