"""What a victim's file would run on loading, and whether somebody has agreed to that.

Data alone (safetensors, a state dict, the literals of a bundle) needs no agreement. Everything
else needs one to the hash of the whole file or folder, which can be remembered. The question lists
all that would run: what is not in a list of harmless classes, with its arguments.
"""

import contextlib
import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from ...common.atomic_files import write_text
from ...errors import NeedsTrust, SegadvError
from .written_out import written_out

_NETWORKS = "monai.networks.nets"
# Classes of this package that a file may name as well: they take literals and run nothing.
_OWN = ("napari_segadv.victims.detector.SmallRetinaNet",)
# Networks of MONAI that look their parts up by name in other packages, or fetch them.
_BY_NAME = frozenset(
    {
        "TorchVisionFCModel",
        "MILModel",
        "NetAdapter",
        "Transchex",
        "MultiModal",
        "BertPreTrainedModel",
        "BertAttention",
        "BertMixedLayer",
        "BertOutput",
        "Pooler",
        "CellSamWrapper",
    }
)
# Arguments of networks that name weights to be fetched, beside those called pretrained.
_FETCHING = ("weights", "checkpoint")
# More than this is not shown in a question, so nobody can agree to it: pieces, letters of one.
MOST_PIECES, LONGEST_PIECE = 500, 20_000


def _store() -> Path:
    return Path(platformdirs.user_config_dir("napari-segadv", appauthor=False)) / "trusted.json"


def remembered() -> dict[str, str]:
    """Return the hashes that somebody agreed to permanently, each with its path at that time."""
    try:
        known = json.loads(_store().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(sha256: str, path: Path) -> None:
    """Agree to a hash permanently.

    Raises:
        SegadvError: if the agreement can't be written.
    """
    store = _store()
    with contextlib.suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
    write_text(store, json.dumps({**remembered(), sha256: str(path)}, indent=1))


def require(path: Path, sha256: str, runs: Sequence[str], trusted_hash: str | None) -> None:
    """Let loading go on if nothing would run, or somebody agreed to the hash.

    Args:
        path: the file or folder.
        sha256: its hash.
        runs: what would run; empty for data alone.
        trusted_hash: the hash that somebody agreed to this time; remembered ones count as well.

    Raises:
        NeedsTrust: otherwise.
        SegadvError: if there is more than a question can show.
    """
    if len(runs) > MOST_PIECES or any(len(run) > LONGEST_PIECE for run in runs):
        raise SegadvError(
            f"{path}: loading it would run more code than a question can show; use a simpler file"
        )
    if runs and sha256 != (trusted_hash or "").lower() and sha256 not in remembered():
        raise NeedsTrust(str(path), sha256, tuple(runs))


def harmless(target: str) -> bool:
    """Return whether a target is a network that computes and looks nothing up by a name.

    That is a class of `monai.networks.nets`. Its arguments may still fetch weights: see `fetches`.
    """
    if target in _OWN:
        return True
    found = _network_class(target)
    return found is not None and found.__name__ not in _BY_NAME


def is_short(target: str) -> bool:
    """Return whether a target is no more than the name of a class."""
    return re.fullmatch(r"\w+", target) is not None


def _network_class(target: str) -> type | None:
    """Return the class of `monai.networks.nets` that a target names; None if it names another."""
    from torch import nn

    if not is_short(target) and not re.fullmatch(rf"{re.escape(_NETWORKS)}(\.\w+)+", target):
        return None
    where, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(where or _NETWORKS), name, None)
    except ImportError:
        return None
    own = inspect.isclass(found) and issubclass(found, nn.Module)
    return found if own and f"{found.__module__}.".startswith(f"{_NETWORKS}.") else None


def fetches(target: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments, given or by default, with which a network of MONAI fetches weights.

    `pretrained=True` fetches none, see `network.without_fetching`.
    """
    found = _network_class(target)
    declared = inspect.signature(found).parameters.values() if found is not None else ()
    default = {p.name: p.default for p in declared if "pretrained" in p.name and p.default is True}
    for key, value in {**default, **arguments}.items():
        replaced = found is not None and key == "pretrained" and value is True
        if ("pretrained" in key or key in _FETCHING) and _given(value) and not replaced:
            yield f"{key}: {written_out(value, LONGEST_PIECE, key)} (fetches weights)"


def _given(value: Any) -> bool:
    try:
        return bool(value)
    except (RuntimeError, ValueError):
        return True  # a tensor, or an array


def network_runs(target: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what building a network of literals would run: another class, a download of weights."""
    if not harmless(target) and not _unknown(target):
        yield f"_target_ {target}"
        for key, value in arguments.items():
            yield f"{key}: {written_out(value, LONGEST_PIECE, key)}"
    yield from fetches(target, arguments)


def _unknown(target: str) -> bool:
    """Return whether a target is a name that MONAI's networks don't have, so that it can't run."""
    import monai.networks.nets

    return is_short(target) and not hasattr(monai.networks.nets, target)
