"""A model with what a user shows it: a JSON file that names the model, and clicks or a mask.

{
  "model": "spleen_deepedit/",               the model's file or folder, from this file's folder
  "points": {"spleen": [[60, 210, 133]]},    clicks by structure; or a list, if there is one alone
  "coordinates": "array",                    or "lps", "ras": mm, as (x, y, z)
  "mask": "nucleus.png",                     in place of points: an object in the image
  "classes": ["spleen", 1]                   of VISTA3D: what it is asked for
}
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ....common.atomic_files import write_text
from ....common.hashing import sha256_of_files
from ....common.json_data import bytes_of_json, parse_json
from ....data.scan import Array
from ....errors import SegadvError
from ....io import files_of, read_mask
from ....io.images import found_at
from ...shown import KEYS, MASK, Takes, shown_to
from ...victim import Victim
from ..contents import read_hashed
from ..registry import VictimFormat, load_file

MODEL = "model"


def claims(path: Path) -> bool:
    if not (path.suffix == ".json" and path.is_file()):
        return False
    try:
        content = parse_json(bytes_of_json(path), path)
    except SegadvError:
        return False
    return isinstance(content, Mapping) and MODEL in content


def load(path: Path, trusted_hash: str | None) -> Victim:
    read = bytes_of_json(path)
    content = parse_json(read, path)
    if not isinstance(content, Mapping) or not isinstance(content.get(MODEL), str):
        raise SegadvError(f'{path}: has no "model"; name the model\'s file or folder there')
    known = KEYS | {MODEL}
    unknown = sorted(content.keys() - known)
    if unknown:
        raise SegadvError(f"{path}: unknown key {unknown[0]}; use only {', '.join(sorted(known))}")
    inner = path.parent / content[MODEL]
    if claims(inner):
        raise SegadvError(f"{path}: its model is guided itself; name the model of {inner.name}")
    victim = load_file(inner, trusted_hash)
    shown = {name: value for name, value in content.items() if name != MODEL}
    mask, hashes = _mask(shown.get(MASK), path)
    if Takes.of(victim) == Takes() and "classes" not in shown:
        raise SegadvError(f"{path}: {victim.name} takes no clicks; use {inner.name} itself")
    try:
        guided = shown_to(victim, shown, mask)
    except SegadvError as error:
        raise SegadvError(f"{path}: {error}") from None
    parts = [victim.sha256, hashlib.sha256(read).hexdigest(), *hashes]
    # What it is shown is part of the file.
    return replace(guided, path=path, sha256=sha256_of_files(parts), shown={})


def _mask(name: Any, path: Path) -> tuple[Array | None, list[str]]:
    """Return the mask that a file names, and the hashes of the bytes that it was read from.

    It is read from a copy of those bytes: its own file may change in between.
    """
    if name is None:
        return None, []
    if not isinstance(name, str):
        raise SegadvError(f'{path}: "mask" must name a file')
    _, place, which = found_at(path.parent / name)
    folder = place if place.is_dir() else place.parent
    files = sorted(f for f in place.rglob("*") if f.is_file()) if place.is_dir() else None
    hashes = []
    with TemporaryDirectory() as temporary:
        held = Path(temporary)
        for file in files_of(place) if files is None else files:
            content, sha256 = read_hashed(file)
            hashes.append(sha256)
            copy = held / (file.relative_to(folder) if file.is_relative_to(folder) else "..")
            if ".." in copy.parts:
                raise SegadvError(f"{place}: {file} lies elsewhere; put it beside the mask")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        copied = held if place.is_dir() else held / place.name
        try:
            mask = read_mask(f"{copied}::{which}" if which else copied)
        except SegadvError as error:
            raise SegadvError(str(error).replace(str(copied), str(place))) from None
    return mask.array, hashes


def write(path: Path, model: Path, shown: Mapping[str, Any]) -> None:
    """Write what a model is shown as a file that takes the model's place.

    Args:
        path: the file.
        model: the model's file or folder, or a file of this format, whose model is taken.
        shown: as `shown_to` takes it.

    Raises:
        SegadvError: if the file can't be written.
    """
    model = model.absolute()
    if claims(model):
        model = model.parent / parse_json(bytes_of_json(model), model)[MODEL]
    # A folder that holds both can be moved.
    inside = model.is_relative_to(path.absolute().parent)
    name = model.relative_to(path.absolute().parent) if inside else model
    text = json.dumps({MODEL: name.as_posix(), **shown}, indent=1, ensure_ascii=False)
    write_text(path, text + "\n")


FORMAT = VictimFormat("model with clicks (JSON)", claims, load, suffixes=(".json",))
