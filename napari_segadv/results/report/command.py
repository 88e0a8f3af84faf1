"""The commands that make a run's image again."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ...data.scan import Scan
from ...io.place import SEPARATOR, split
from ..example import Example
from .privacy import from_dicom, is_place, last_part, path_parameters, shown_name

TARGET = "TARGET"
# Letters of what a model was shown that are written out.
LONGEST = 400


def repeat_command() -> str:
    """Return the command that repeats a saved run, in its folder."""
    return "segadv repeat result.json"


def attack_command(example: Example) -> str:
    """Return the command that makes the same image from its inputs; capitals stand for files."""
    record, clean = example.record, example.clean
    images = [
        "IMAGE" if one.path is None else shown_name(one.path, clean, "IMAGE")
        for one in clean.singles
    ]
    if clean.parts and not from_dicom(clean):
        pairs = zip(images, clean.parts, strict=True)
        images = [_with_which(part, name) for name, part in pairs]
    words = ["segadv", "attack", *images, "--victim", _network(record["victim"], "MODEL")]
    words += ["--target", _target(record)] if _targeted(record) else ["--untargeted"]
    for role, given in record.get("inputs", {}).items():
        if given is not None and role != "target":
            shown = given if isinstance(given, str) else role.upper()
            words += [f"--{role}", str(shown)]
    words += ["--method", str(record["method"])]
    paths = path_parameters(record)
    for name, value in record["parameters"].items():
        given = name.upper() if name in paths else _value(value)
        words += ["--set", f"{name}={given}"]
    if any(one.share != 1 for one in example.channels):
        for number, one in enumerate(example.channels, start=1):
            words += ["--channel", f"{number}={one.share:g}"]
    if "slices" in record:
        first, last = record["slices"]
        words += ["--slices", f"{first}:{last}"]
    for one in record.get("surrogates", ()):
        words += ["--surrogate", _network(one, "SURROGATE")]
    for option in ("present", "save_as"):
        if option in record:
            words += [f"--{option.replace('_', '-')}", str(record[option])]
    if record.get("deidentify"):
        words += ["--deidentify"]
    words += ["--device", str(record.get("device", "auto")).partition(":")[0]]
    # As `repeat` has it: runs that do not name it are of versions without a choice.
    words += ["--precision", str(record.get("precision", "float32"))]
    words += ["--seed", str(record["seed"]), "--out", "DIR"]
    return shlex.join(words)


def _with_which(scan: Scan, name: str) -> str:
    """Return the name of a channel's file with what chooses the channel in it."""
    _, which = split(str(scan.meta.get("place", "")))
    return f"{name}{SEPARATOR}{which}" if which else name


def _targeted(record: Mapping[str, Any]) -> bool:
    return bool(record["goal"] == "targeted")


def _target(record: Mapping[str, Any]) -> str:
    """Return the target by its number or name, which needs no file, or else a word."""
    given, written = record.get("inputs", {}).get("target"), record.get("target")
    if isinstance(given, str):
        return given
    return str(written.get("label", TARGET)) if isinstance(written, Mapping) else TARGET


def _network(entry: Any, word: str) -> str:
    """Return a built-in network by its name, and any other by a word."""
    path = str(entry.get("path") or "")
    return path if entry.get("trust") == "built-in" else word


def _value(value: Any) -> str:
    """Return a parameter as `--set` takes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)


def files_to_give(example: Example) -> str:
    """Say what the capitals of the command stand for, in one sentence."""
    record = example.record
    clean = example.clean
    private = any(one.path is None for one in clean.singles) or from_dicom(clean)
    networks = [("MODEL", record["victim"])]
    networks += [("SURROGATE", one) for one in record.get("surrogates", ())]
    roles = [
        (role.upper(), given)
        for role, given in record.get("inputs", {}).items()
        if role != "target"
    ]
    words = [
        *(["IMAGE"] if private else []),
        *(word for word, one in networks if one.get("trust") != "built-in"),
        *([TARGET] if _targeted(record) and _target(record) == TARGET else []),
        *(word for word, given in roles if given is not None and not isinstance(given, str)),
        *map(str.upper, path_parameters(record)),
    ]
    found = list(dict.fromkeys(words))
    if not found:
        return "DIR is a new folder."
    listed = " and ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else found[0]
    verb = "stand for the files" if len(found) > 1 else "stands for the file"
    kept = "; the target lies in the folder of the saved run" if TARGET in found else ""
    known = "" if found == [TARGET] and not _hashed(record) else " with the hashes below"
    return f"{listed} {verb}{known}{kept}. {_shown(record)}DIR is a new folder."


def _hashed(record: Mapping[str, Any]) -> bool:
    """Return whether the hash of the target is known: boxes that were painted have none."""
    given = record.get("inputs", {}).get("target")
    return isinstance(given, Mapping) and bool(given.get("sha256"))


def _shown(record: Mapping[str, Any]) -> str:
    """Say how a model gets what it was shown beside the image, if its file does not say that."""
    shown = record["victim"].get("shown")
    if not isinstance(shown, Mapping):
        return ""
    told = {k: last_part(v) if is_place(v) else v for k, v in shown.items()}
    text = json.dumps({"model": "…", **told}, ensure_ascii=False)
    if len(text) > LONGEST:
        text = '{"model": "…"} with what stands under victim, shown in its record'
    return f"In place of MODEL, give a JSON file: {text}. "
