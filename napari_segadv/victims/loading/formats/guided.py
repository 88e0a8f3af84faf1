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
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from ....common.hashing import sha256_of, sha256_of_files
from ....common.json_data import bytes_of_json, parse_json
from ....errors import SegadvError
from ....io import read_mask
from ...preprocessing.guidance import Coordinates, Guidance, Guided, Points
from ...prompts import Prompted
from ...victim import Victim
from ..registry import VictimFormat, load_file

KEYS = frozenset({"model", "points", "coordinates", "mask", "classes"})
MOST_CLICKS = 1000


def claims(path: Path) -> bool:
    if not (path.suffix == ".json" and path.is_file()):
        return False
    try:
        content = parse_json(bytes_of_json(path), path)
    except SegadvError:
        return False
    return isinstance(content, Mapping) and "model" in content


def load(path: Path, trusted_hash: str | None) -> Victim:
    read = bytes_of_json(path)
    content = parse_json(read, path)
    if not isinstance(content, Mapping) or not isinstance(content.get("model"), str):
        raise SegadvError(f'{path}: has no "model"; name the model\'s file or folder there')
    unknown = sorted(content.keys() - KEYS)
    if unknown:
        raise SegadvError(f"{path}: unknown key {unknown[0]}; use only {', '.join(sorted(KEYS))}")
    inner = path.parent / content["model"]
    if claims(inner):
        raise SegadvError(f"{path}: its model is guided itself; name the model of {inner.name}")
    victim = load_file(inner, trusted_hash)
    if "classes" in content:
        asked = _asked(victim, content, path)
        sha256 = sha256_of_files([victim.sha256, hashlib.sha256(read).hexdigest()])
        return replace(asked, path=path, sha256=sha256)
    guided = [step for step in victim.steps if isinstance(step, Guided)]
    if not guided:
        what = "clicks, only classes" if isinstance(victim.network, Prompted) else "clicks"
        raise SegadvError(f"{path}: {victim.name} takes no {what}; use {inner.name} itself")
    guidance = _guidance(content, path, reverse=not victim.array_order)
    try:
        shown = {id(step): step.shown(guidance) for step in guided}
    except SegadvError as error:
        raise SegadvError(f"{path}: {victim.name} {error}") from None
    before = {step.describe() for step in guided}
    after = tuple(step.describe() for step in shown.values())
    parts = [victim.sha256, hashlib.sha256(read).hexdigest()]
    if guidance.mask is not None:
        parts.append(sha256_of(path.parent / content["mask"]))
    return replace(
        victim,
        steps=tuple(shown.get(id(step), step) for step in victim.steps),
        notes=(*(note for note in victim.notes if note not in before), *after),
        path=path,
        sha256=sha256_of_files(parts),
    )


def _asked(victim: Victim, content: Mapping[str, Any], path: Path) -> Victim:
    """Return a victim that is asked for the classes that a file names.

    Raises:
        SegadvError: if it can't be asked for them.
    """
    network, classes = victim.network, content["classes"]
    if not isinstance(network, Prompted):
        raise SegadvError(f'{path}: {victim.name} predicts all its classes; leave out "classes"')
    if content.keys() & {"points", "mask"}:
        raise SegadvError(f'{path}: {victim.name} takes no clicks here; give "classes" alone')
    if not isinstance(classes, list) or not all(isinstance(one, (int, str)) for one in classes):
        raise SegadvError(f'{path}: "classes" must be a list of names or numbers')
    try:
        asked = Prompted.of(network.network, network.names, network.parts, classes)
    except SegadvError as error:
        raise SegadvError(f"{path}: {victim.name} {error}") from None
    notes = tuple(note for note in victim.notes if note != network.describe())
    return replace(victim, network=asked, classes=asked.classes, notes=(*notes, asked.describe()))


def _guidance(content: Mapping[str, Any], path: Path, *, reverse: bool) -> Guidance:
    """Read what a file shows a model.

    Raises:
        SegadvError: if it is invalid.
    """
    coordinates = content.get("coordinates", "array")
    if coordinates not in get_args(Coordinates):
        known = ", ".join(get_args(Coordinates))
        raise SegadvError(f'{path}: "coordinates" must be one of {known}')
    mask = content.get("mask")
    if mask is not None and not isinstance(mask, str):
        raise SegadvError(f'{path}: "mask" must name a file')
    array = None if mask is None else read_mask(path.parent / mask).array
    return Guidance(_points(content.get("points", {}), path), coordinates, array, reverse)


def _points(listed: Any, path: Path) -> Mapping[str, Points]:
    named = listed if isinstance(listed, Mapping) else {"": listed}
    points: dict[str, Points] = {
        str(name): list(some) for name, some in named.items() if isinstance(some, Sequence)
    }
    every = [point for some in points.values() for point in some]
    if len(points) < len(named) or not all(_is_point(point) for point in every):
        raise SegadvError(
            f'{path}: "points" must be lists of points by structure, as in '
            '{"spleen": [[60, 210, 133]]}'
        )
    if len(every) > MOST_CLICKS:
        raise SegadvError(f"{path}: holds {len(every)} clicks; give at most {MOST_CLICKS}")
    return points


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and 2 <= len(point) <= 3
        and all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in point)
        and all(math.isfinite(n) for n in point)
    )


FORMAT = VictimFormat("model with clicks (JSON)", claims, load)
