"""Which file of weights a bundle's configuration loads, and what in it: read, and never run."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import SegadvError
from .bundle_config import NETWORK_KEYS, REFERENCE, BundleConfig, Place, place_of
from .bundle_places import EVALUATOR, handlers_of
from .evaluation import Evaluation
from .expressions import NotPlain
from .values import Code, is_true

# MONAI's handler that loads weights; others of that name are somebody's own.
LOADERS = tuple(
    f"{module}CheckpointLoader"
    for module in ("", "monai.handlers.", "monai.handlers.checkpoint_loader.")
)
LOADS = "load_state_dict"
ENDINGS = (".pt", ".pth", ".ckpt", ".safetensors", ".ts")
USUAL = ("model.safetensors", "model.pt", "model.ts")


@dataclass(frozen=True)
class Loading:
    """What a configuration loads into its network.

    Attributes:
        file: the file, by its path in the bundle; None: it names one that is not there.
        key: what is taken of its content, as CheckpointLoader does: all, if that is not in it.
        named: what the configuration calls the file.
        place: the list, or other part, that holds the loader.
    """

    file: str | None
    key: str | None
    named: str
    place: Place


@dataclass(frozen=True)
class Weights:
    """The file with a bundle's weights.

    Attributes:
        file: its path in the bundle.
        key: what is taken of its content; None: that is not said.
        notes: on how it was chosen.
        unsure: why the bundle's program may have other weights; "": it has these.
    """

    file: str
    key: str | None = None
    notes: tuple[str, ...] = ()
    unsure: str = ""


def find_weights(config: BundleConfig) -> Weights:
    """Find the file with a bundle's weights.

    That is the one that its configuration loads, or else one with a usual name, or the only one.

    Raises:
        SegadvError: if there is none, or nothing says which of several it is.
    """
    folder, root = config.contents.folder.folders.get("models"), config.contents.root
    held = sorted(f"models/{n}" for n in (folder.files if folder else ()) if n.endswith(ENDINGS))
    found, odd, unsure = _loadings(config)
    loads = _last(found, config)
    if loads is not None and loads.file is not None:
        return Weights(loads.file, loads.key, (), unsure)
    if not held:
        raise SegadvError(
            f"{root / 'models'}: no model.pt or model.safetensors; download the bundle's weights"
        )
    gone = f"its configuration loads {loads.named}, which is not there" if loads else ""
    if len(held) == 1:
        key = loads.key if loads else None
        return Weights(held[0], key, _loaded(gone, held[0]), unsure or gone)
    usual = [f"models/{name}" for name in USUAL if f"models/{name}" in held]
    if gone or odd or not usual:
        reason = gone or (odd and f"{odd} loads weights in a way that is not understood")
        raise SegadvError(
            f"{config.source}: {reason or 'names no weights'}, and {root / 'models'} holds several "
            f"files ({', '.join(name.removeprefix('models/') for name in held)}); leave the right "
            "one alone there"
        )
    several = "its configuration names none of its several files of weights"
    return Weights(usual[0], None, _loaded(several, usual[0]))


def _loaded(reason: str, file: str) -> tuple[str, ...]:
    return (f"{reason}; {file} was loaded",) if reason else ()


def _last(found: list[Loading], config: BundleConfig) -> Loading | None:
    """Return what is loaded in the end: the last of one list.

    Raises:
        SegadvError: if several parts of the configuration load different files.
    """
    if len({(one.file, one.key) for one in found}) > 1 and len({one.place for one in found}) > 1:
        names = ", ".join(dict.fromkeys(one.named for one in found))
        raise SegadvError(
            f"{config.source}: loads several files of weights ({names}) in different parts; keep "
            "one loader"
        )
    return found[-1] if found else None


def _loadings(config: BundleConfig) -> tuple[list[Loading], str, str]:
    """Return what a configuration loads into its network, and why that may be something else.

    Handlers run when the network does, after all calls that set it up; those that its evaluator
    does not name never do, and count only where nothing else loads.

    Returns:
        What is loaded; a loader that is not understood, or ""; why the program may have other
        weights, or "".
    """
    evaluation = Evaluation(config)
    # Where there is no evaluator, nothing says which handlers run.
    named = set(handlers_of(config)) if config.has(EVALUATOR[0]) else None
    by_handlers: list[Loading] = []
    by_calls: list[Loading] = []
    by_others: list[Loading] = []
    odd = ""
    for place, raw in _walked(config.content, evaluation):
        if isinstance(raw, str):
            loads, found = _of_call(raw, place, evaluation, config), by_calls
        else:
            loads = _of_handler(raw, place, evaluation, config)
            found = by_handlers if named is None or place in named else by_others
        if isinstance(loads, Loading):
            found.append(loads)
        elif loads:
            odd = loads
    _last([*by_handlers, *by_others], config)
    unsure = f"{odd} loads weights in a way that is not understood" if odd else ""
    if by_handlers and {one.file for one in by_calls} - {one.file for one in by_handlers[-1:]}:
        unsure = unsure or "its calls and its evaluator's handlers load different weights"
    if by_others and not (by_handlers or by_calls):
        unsure = unsure or (
            f"its evaluator does not name the handler that loads {by_others[-1].named}"
        )
    return by_handlers or by_calls or by_others, odd, unsure


def _walked(value: Any, evaluation: Evaluation, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield loaders, and expressions that load, with their places; none that is disabled."""
    if isinstance(value, str) and value.startswith("$") and LOADS in value:
        yield place, value
    elif isinstance(value, Mapping):
        if "_target_" in value and is_true(_value(value, "_disabled_", place, evaluation)):
            return
        if str(value.get("_target_", "")).endswith("CheckpointLoader") and "load_path" in value:
            yield place, value
        for key, one in value.items():
            yield from _walked(one, evaluation, (*place, str(key)))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _walked(one, evaluation, (*place, str(number)))


def _value(component: Mapping[Any, Any], key: str, place: Place, evaluation: Evaluation) -> Any:
    return evaluation.at((*place, key)) if key in component else None


def _of_handler(
    raw: Mapping[Any, Any], place: Place, evaluation: Evaluation, config: BundleConfig
) -> Loading | str:
    """Return what a CheckpointLoader loads into the network; "" if that is something else.

    If it is not understood: its place.
    """
    where = "::".join(place)
    into, at = raw.get("load_dict"), (*place, "load_dict")
    found = REFERENCE.fullmatch(into) if isinstance(into, str) else None
    if found is not None:
        at = place_of(found, at)
        into = config.at(at, str(into))
    path = evaluation.at((*place, "load_path"))
    if raw["_target_"] not in LOADERS or not isinstance(into, Mapping):
        return where
    keys = [str(key) for key, one in into.items() if _is_network(one, (*at, str(key)), config)]
    if not keys:
        return "" if all(REFERENCE.fullmatch(str(one)) for one in into.values()) else where
    if not isinstance(path, str) or isinstance(path, Code):
        return where
    return Loading(config.inside(path), keys[0], path, place[:-1])


def _is_network(raw: Any, place: Place, config: BundleConfig) -> bool:
    """Return whether a reference names the network, itself or by another reference."""
    for _ in range(len(NETWORK_KEYS)):
        text = str(raw).removeprefix("$").strip().split(".", 1)[0]
        found = REFERENCE.fullmatch(text)
        if found is None:
            return False
        place = place_of(found, place)
        if place == config.network_place or (len(place) == 1 and place[0] in NETWORK_KEYS):
            return True
        raw = config.at(place, text)
    return False


def _of_call(raw: str, place: Place, evaluation: Evaluation, config: BundleConfig) -> Loading | str:
    """Return what an expression as `@network.load_state_dict(torch.load(@path)["model"])` loads.

    If it is not understood: its place. "": it loads into something else.
    """
    where = "::".join(place)
    try:
        tree, references = evaluation.parsed(raw, place)
    except SegadvError:
        return where
    call = tree.body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
        return where
    into, key, what = call.func.value, None, call.args[0]
    named = references.get(into.id) if isinstance(into, ast.Name) else None
    if call.func.attr != LOADS or named is None:
        return where
    if not _is_network(named[1], place, config):
        return ""
    if isinstance(what, ast.Subscript) and isinstance(what.slice, ast.Constant):
        key, what = str(what.slice.value), what.value
    if not (isinstance(what, ast.Call) and ast.unparse(what.func) == "torch.load" and what.args):
        return where
    try:
        path = evaluation.plain(what.args[0], references)
    except NotPlain:
        return where
    if not isinstance(path, str):
        return where
    return Loading(config.inside(path), key or "", path, place[:-1])
