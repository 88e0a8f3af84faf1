"""What determines a figure of a table: code, victim, case and setting, as plain data."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from torch import nn

from ..common.hashing import sha256_of_array
from ..data.boxes import Boxes
from ..data.grade import Grade
from ..io.cases import Case
from ..results.provenance import describe_versions, describe_victim, plain
from ..victims import Victim

HERE, PACKAGE = Path(__file__).parent, Path(__file__).parents[1]
# The rooms whose code decides what a figure is.
ROOMS = (
    *("attacks", "common", "crafting", "data", "io", "measures", "samples"),
    *("targets", "training", "victims"),
)
# The files here that only write a figure down: a table's words can change without its cells.
WRITERS = {"__init__.py", "command.py", "output.py", "report.py", "bortsova_table.py"}


@cache
def of_code() -> dict[str, Any]:
    """Describe the code that computes all figures: the hash of its files, and the libraries.

    A file that makes a table's cells comes on top, see `of_making` and `of_maker`.
    """
    # All that may be asked for, now: a file may be edited while a table is computed.
    for path in HERE.rglob("*.py"):
        _of_file(path)
    rooms = [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
    here = [path for path in sorted(HERE.glob("*.py")) if path.name not in WRITERS]
    return {"sha256": _of_files([*rooms, *here]), "versions": describe_versions()}


def of_making(paper: str) -> str:
    """Return the hash of the file in `making` for a table; "" if its cells are made elsewhere."""
    path = HERE / "making" / f"{paper.replace('-', '_')}.py"
    return _of_file(path) if path.exists() else ""


def of_maker(make: Callable[..., Any]) -> str:
    """Return the hash of the file in which a function is, which makes cells."""
    return _of_file(Path(inspect.getfile(make)))


def of_words(paper: Any) -> str:
    """Return the hash of the files that write a table down: its own, and what all of them share."""
    return _of_files([*(HERE / name for name in sorted(WRITERS)), Path(paper.__file__)])


def _of_files(paths: Sequence[Path]) -> str:
    return hashlib.sha256("".join(map(_of_file, paths)).encode()).hexdigest()


@cache
def _of_file(path: Path) -> str:
    inside = path.is_relative_to(PACKAGE)
    name = (path.relative_to(PACKAGE).as_posix() if inside else path.name).encode()
    return hashlib.sha256(name + b"\0" + path.read_bytes()).hexdigest()


def of_victim(victim: Victim) -> dict[str, Any]:
    """Describe a victim, wherever its file lies: what it does to an image, and its weights."""
    facts = describe_victim(victim, victim.classes)
    told = {name: value for name, value in facts.items() if name not in ("path", "name")}
    return {**told, "weights": _weights(victim)}


def of_case(case: Case) -> dict[str, Any]:
    """Describe a case by its pixels and its truth."""
    scan = case.scan
    return {
        "image": sha256_of_array(scan.array),
        "dtype": str(scan.array.dtype),
        "units": scan.units,
        "spacing": list(scan.grid.spacing),
        "presentation": repr(scan.presentation),
        "truth": _truth(case.mask),
    }


def of_setting(setting: Any) -> Any:
    """Return a setting as plain data: numbers, texts, sequences, and dataclasses of these."""
    if is_dataclass(setting) and not isinstance(setting, type):
        return {type(setting).__name__: plain(asdict(setting))}
    if isinstance(setting, (tuple, list)):
        return [of_setting(one) for one in setting]
    return plain(setting)


def _truth(truth: Any) -> Any:
    if isinstance(truth, Grade):
        return truth.label
    if isinstance(truth, Boxes):
        return [sha256_of_array(truth.corners), sha256_of_array(truth.labels)]
    return sha256_of_array(truth.array)


def _weights(victim: Victim) -> str:
    """Hash a victim's weights; without weights and a file, return what never fits."""
    network = victim.network
    if not isinstance(network, nn.Module):
        return "" if victim.sha256 else f"unknown {uuid4().hex}"
    digest = hashlib.sha256(str(network).encode())
    for name, value in network.state_dict().items():
        digest.update(name.encode() + b"\0")
        if isinstance(value, torch.Tensor):
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(str((value.shape, value.dtype)).encode())
            digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
