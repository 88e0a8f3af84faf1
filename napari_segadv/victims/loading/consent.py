"""What a victim's file would run on loading, and whether somebody has agreed to that.

Data alone (safetensors, a state dict, the literals of a bundle) needs no agreement. Everything
else needs one to the hash of the whole file or folder, which can be remembered.
"""

import contextlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from ...common.atomic_files import write_text
from ...errors import NeedsTrust

_NETWORKS = "monai.networks.nets"
_COMPUTE = ("monai.networks", "monai.transforms", "monai.inferers")
# Classes of this package that a file may name as well: they take literals and run nothing.
_OWN = ("napari_segadv.victims.detector.SmallRetinaNet",)


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
    """
    if runs and sha256 != (trusted_hash or "").lower() and sha256 not in remembered():
        raise NeedsTrust(str(path), sha256, tuple(runs))


def runs_in(config: Any, place: str = "", seen: set[int] | None = None) -> Iterator[str]:
    """Yield what evaluating part of a MONAI configuration would run, beyond MONAI's own classes.

    That is each `$` expression, each `%` macro, and each `_target_` outside MONAI.
    """
    seen = set() if seen is None else seen
    if isinstance(config, (Mapping, list)):
        # Aliases in YAML turn a few lines into a tree of billions of nodes.
        if id(config) in seen:
            return
        seen.add(id(config))
    if isinstance(config, Mapping):
        target = config.get("_target_")
        if isinstance(target, str) and not _is_monai(target):
            yield f"{place}_target_ {target}"
        for key, value in config.items():
            if key != "_target_":
                yield from runs_in(value, f"{place}{key}: ", seen)
    elif isinstance(config, list):
        for value in config:
            yield from runs_in(value, place, seen)
    elif isinstance(config, str) and config[:1] in ("$", "%"):
        yield f"{place}{config}"


def _is_monai(target: str) -> bool:
    """Return whether a target is a class of MONAI that computes; functions can run other code."""
    *module, name = target.split(".")
    where = ".".join(module)
    computes = not where or any(f"{where}.".startswith(f"{known}.") for known in _COMPUTE)
    return computes and bool(re.fullmatch(r"[A-Z]\w*", name))


def _fetching_defaults(target: str) -> dict[str, Any]:
    """Return the default arguments with which a network of MONAI fetches weights."""
    import monai.networks.nets

    found = getattr(monai.networks.nets, target.rsplit(".", 1)[-1], None)
    if not isinstance(found, type):
        return {}
    declared = inspect.signature(found).parameters.values()
    return {p.name: p.default for p in declared if "pretrained" in p.name and p.default is True}


def network_runs(target: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what building a network would run: a class outside MONAI, or a download of weights."""
    monai = re.fullmatch(rf"{re.escape(_NETWORKS)}(\.\w+)+", target)
    if "." in target and not monai and target not in _OWN:
        yield f"_target_ {target}"
    given = {**_fetching_defaults(target), **arguments}
    for key, value in given.items():
        if value and ("pretrained" in key or key == "weights"):
            yield f"{key}: {value} (fetches weights)"
    yield from runs_in(dict(arguments))
