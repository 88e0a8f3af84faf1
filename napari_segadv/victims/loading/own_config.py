"""The parts of a bundle that MONAI's own parser may build, for a comparison with what was read.

MONAI's parser runs every expression and import of a configuration. So it is given no more than the
transforms and the inferer, as the file has them, with values in place of expressions: those that
were computed without running Python, or that somebody has agreed to. Each class has to be one of
MONAI's that takes data alone.
"""

import pydoc
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import SegadvError
from ..preprocessing.chain import (
    CONCATENATES,
    COPIES,
    SPATIAL,
    WITHOUT_EFFECT,
    is_monais,
    plain_name,
)
from ..preprocessing.intensity import INTENSITY
from .bundle_config import MACRO, REFERENCE, BundleConfig, Place, place_of
from .bundle_inferer import WINDOWS
from .bundle_parts import DECIDING, of_pred
from .bundle_places import place_after, place_before, place_of_inferer
from .evaluation import Evaluation
from .expressions import Component
from .names import import_in
from .own_keys import LOADS, MISSING, without_others
from .values import COMPOSE, Code

BEFORE = frozenset(INTENSITY) | SPATIAL | WITHOUT_EFFECT | {COPIES, CONCATENATES}
AFTER = DECIDING | WITHOUT_EFFECT
INFERERS = ("SimpleInferer", *WINDOWS)
# Write the mask to a file, and leave it as it is.
WRITERS = frozenset({"SaveImage", "SaveClassification"})
KNOWN = BEFORE | AFTER | {COMPOSE, *INFERERS}
# Arguments of a loader that make no difference to an image that comes from no file.
NEUTRAL = frozenset(
    {
        *("keys", "reader", "dtype", "image_only", "ensure_channel_first", "simple_keys"),
        "allow_missing_keys",
    }
)
# The others that it may have: its reader may name any code, and the rest is given to that reader.
OF_LOADERS = NEUTRAL | {
    *("meta_keys", "meta_key_postfix", "overwriting", "as_closest_canonical"),
    *("squeeze_non_spatial_dims", "reverse_indexing", "affine_lps_to_ras"),
}
# NumpyReader is none of them: earlier releases of MONAI let it unpickle.
READERS = ("NibabelReader", "ITKReader", "PILReader", "NrrdReader", "PydicomReader")
# What stands in the place of a component that is not built.
LEFT_OUT = {"_target_": "Identity", "_disabled_": True}
SIGNS = re.compile(r"^\$|[@%]")
# What the copy itself refers to, and keys that mean something to MONAI's parser.
REFERRED, SPECIAL = re.compile(r"@\w+(::\w+)*"), re.compile(r"_\w+_")
# Arguments that make a class run what a file says: patterns, or names of code.
ODD_ARGUMENTS = frozenset({"use_re", "log_stats", "logger_handler", "writer", "func", "select_fn"})
# Arguments of steps that name classes, and most of them if it is not known how many there are.
ONE_HOT, MOST_CLASSES = "to_onehot", 256
OF_CLASSES = frozenset({ONE_HOT, "applied_labels", "argmax", "threshold", "rounding"})
# Most values that are copied: references and macros may stand for any number.
MOST_COPIED = 20_000


@dataclass(frozen=True)
class OwnConfig:
    """What MONAI's parser is given.

    Attributes:
        content: the configuration.
        before, after, inferer: the names of the transforms and of the inferer in it; None: none.
        until: the step after the network at which the comparison ends, since it is not known.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    before: str | None = None
    after: str | None = None
    inferer: str | None = None
    until: str = ""


def own_config(
    config: BundleConfig,
    evaluation: Evaluation,
    made: Mapping[Place, Any],
    painted: bool,
    keys: Sequence[str] = (),
    classes: int = 0,
) -> OwnConfig:
    """Return the parts of a bundle that MONAI's parser may build.

    Args:
        config: the bundle's.
        evaluation: with an agreement to what was listed.
        made: components that are built already, by their places.
        painted: whether a step that paints structures to a label map is left out: it is read.
        keys: under which its data have the network's input and the images that are loaded; steps
            on other keys alone are left out. (): not known, all are kept.
        classes: how many the network has; 0: not known.

    Raises:
        SegadvError: if one of them is, or holds, what MONAI's parser must not be given.
    """
    places = place_before(config), place_after(config), place_of_inferer(config)
    dropped, until = _dropped(config, places[1], painted)
    _check_classes(config, evaluation, places, max(classes, 2) if classes else MOST_CLASSES)
    instead = {**made, **dict.fromkeys(dropped, LEFT_OUT)}
    if keys:
        after_it = [] if places[1] is None else Evaluation(config).transforms_at(places[1])
        named = {text for step in after_it for text in _texts_in([*step.values()])}
        steps = Evaluation(config).transforms_at(places[0])
        instead |= without_others(steps, {*keys, *named}, BEFORE, LEFT_OUT)
    copy = _Copy(config, evaluation, instead)
    before, after, inferer = (None if place is None else copy.named(place) for place in places)
    content = copy.content()
    check_content(content, [*made.values()])
    return OwnConfig(content, before, after, inferer, until)


def _check_classes(
    config: BundleConfig, evaluation: Evaluation, places: Sequence[Place | None], most: int
) -> None:
    """Refuse steps that make a map of each class, of more classes than there are.

    Raises:
        SegadvError: if there is one.
    """
    for place in places[:2]:
        for step in Evaluation(config).transforms_at(place):
            if not isinstance(step, Component):
                continue
            for name in OF_CLASSES & step.keys():
                given = evaluation.at((*step.place, name))
                each = given if isinstance(given, (list, tuple)) else [given]
                numbers = [one for one in each if isinstance(one, (int, float))]
                if len(each) > most or (name == ONE_HOT and any(n > most for n in numbers)):
                    raise SegadvError(
                        f"{'::'.join(step.place)} has {name} for more than {most} classes"
                    )


def _texts_in(value: Any) -> Iterator[str]:
    """Yield a text, or those in a list; not those of components that a step is given."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts_in(one)


def check_content(value: Any, made: Sequence[Any], place: Place = ()) -> None:
    """Check, whatever the way by which it came, that MONAI's parser finds nothing to run in it.

    Args:
        value: the configuration that the parser is given, or a part of it.
        made: objects in it that somebody has agreed to.
        place: where the part stands.

    Raises:
        SegadvError: if it holds a class that is not known, an expression or import, a macro, or an
            object of any but the plain kinds.
    """
    import numpy as np
    import torch

    where = "::".join(place) or "the configuration"
    if any(value is one for one in made):
        return
    if type(value) is dict:
        for key, one in value.items():
            if type(key) is not str or SIGNS.search(key):
                raise SegadvError(f"{where} has the key {str(key)[:40]!r}")
            if SPECIAL.fullmatch(key) and key not in ("_target_", "_disabled_"):
                raise SegadvError(f"{where} has {key[:40]}")
            check_content(one, made, (*place, key))
        if "_target_" in value:
            _check_component(value, where)
    elif type(value) in (list, tuple):
        for number, one in enumerate(value):
            check_content(one, made, (*place, str(number)))
    elif type(value) is str:
        if SIGNS.search(value) and not REFERRED.fullmatch(value):
            raise SegadvError(f"{where} holds a sign that MONAI's parser may act on ({value[:40]})")
    elif not (
        value is None
        or type(value) in (bool, int, float, torch.Tensor, torch.dtype, torch.device)
        or (isinstance(value, type) and issubclass(value, np.generic))
    ):
        raise SegadvError(f"{where} is a {type(value).__name__}, which can't be given as it is")


def _check_component(value: Mapping[str, Any], where: str) -> None:
    """Check the class of a component and, as leaves may have come one by one, its arguments.

    Raises:
        SegadvError: if it is not known, or has what may name code.
    """
    target = value["_target_"]
    if not (type(target) is str and is_known(target)):
        raise SegadvError(f"{where} is {str(target)[:80]}, which can't be run as it is")
    odd = next((key for key in sorted(ODD_ARGUMENTS) if key in value), None)
    if odd is not None:
        raise SegadvError(f"{where} has {odd}")
    if plain_name(target, KNOWN) == LOADS:
        given = {key: one for key, one in value.items() if key not in ("_target_", "_disabled_")}
        problem = _of_loader(given)
        if problem:
            raise SegadvError(f"{where} {problem}")


def _of_loader(arguments: Mapping[str, Any]) -> str:
    """Return what of a loader's arguments may name code; "" if nothing may."""
    odd = next((key for key in arguments if key not in OF_LOADERS), None)
    if odd is not None:
        return f"has {odd}, which may name code"
    reader = arguments.get("reader")
    known = reader is None or (type(reader) is str and reader in READERS)
    return "" if known else f"has the reader {str(reader)[:80]}"


def is_known(target: str) -> bool:
    """Return whether a target is one of the classes of MONAI's that take data alone."""
    return plain_name(target, KNOWN) in KNOWN and _is_meant(target)


def _dropped(
    config: BundleConfig, after: Place | None, painted: bool
) -> tuple[Sequence[Place], str]:
    """Return the steps after the network that are left out, and the first that is not known."""
    dropped, until = [], ""
    for step in Evaluation(config).transforms_at(after):
        target = str(step["_target_"])
        name = plain_name(target, AFTER | WRITERS | {"Lambda"})
        if not (until or name in AFTER or name in WRITERS or (painted and name == "Lambda")):
            until = target
        if not until and name == COPIES:
            # The mask goes on under another key, or what had one becomes the mask.
            until = target
        if until or name not in AFTER or not of_pred(step):
            dropped.append(step.place)
    return dropped, until


class _Copy:
    """Copies parts of a configuration, and whatever they refer to.

    Args:
        config: the configuration.
        evaluation: gives the values of expressions.
        instead: what is put in the place of components.
    """

    def __init__(
        self, config: BundleConfig, evaluation: Evaluation, instead: Mapping[Place, Any]
    ) -> None:
        self._config, self._evaluation, self._instead = config, evaluation, instead
        self._found: dict[Place, Any] = {}
        self._copied = 0
        # The macros that are being copied.
        self._open: set[Place] = set()

    def named(self, place: Place) -> str:
        """Copy what stands at a place; return its name for MONAI's parser."""
        # What lies in a list comes with all of the list.
        lists = (
            place[:n] for n in range(1, len(place)) if isinstance(self._config.at(place[:n]), list)
        )
        whole = next(lists, place)
        if not all(re.fullmatch(r"\w+", key) for key in place):
            raise self._refused(place, "has a name that can't be referred to")
        if whole not in self._found:
            self._found[whole] = None
            self._found[whole] = self._of(self._config.at(whole), whole)
        return "::".join(place)

    def content(self) -> dict[str, Any]:
        """Return what was copied, each part at its place."""
        content: dict[str, Any] = {}
        for place in sorted(self._found, key=len):
            inside: Any = content
            for key in place[:-1]:
                inside = inside.setdefault(key, {})
                if not isinstance(inside, dict) or "_target_" in inside:
                    break
            else:
                inside[place[-1]] = self._found[place]
        return content

    def _refused(self, place: Place, why: str) -> SegadvError:
        return SegadvError(f"{'::'.join(place)} {why}")

    def _count(self, place: Place) -> None:
        self._copied += 1
        if self._copied > MOST_COPIED:
            raise self._refused(place, f"stands for more than {MOST_COPIED} values")

    def _of(self, raw: Any, place: Place) -> Any:
        self._count(place)
        if place in self._instead:
            return self._instead[place]
        if isinstance(raw, Mapping):
            if "_target_" in raw:
                return self._component(raw, place)
            return {self._text(k, place): self._of(v, (*place, str(k))) for k, v in raw.items()}
        if isinstance(raw, list):
            return [self._of(one, (*place, str(n))) for n, one in enumerate(raw)]
        return self._written(raw, place) if isinstance(raw, str) else raw

    def _written(self, raw: str, place: Place) -> Any:
        """Return what a text stands for."""
        # `$@x` is `@x`.
        found = REFERENCE.fullmatch(re.sub(r"^\$\s*", "", raw).strip())
        if found is not None:
            target = place_of(found, place)
            return self._config.at(target) if target == ("bundle_root",) else self._at(target)
        macro = MACRO.fullmatch(raw)
        if macro is not None:
            target = place_of(macro, place)
            if target in self._open:
                raise self._refused(place, "leads to itself")
            self._open.add(target)
            copied = self._of(self._config.at(target, raw), target)
            self._open.discard(target)
            return copied
        if not raw.startswith("$"):
            return self._text(raw, place)
        if import_in(raw) is not None:
            raise self._refused(place, "is an import")
        try:
            value = self._evaluation.at(place)
        except SegadvError:
            # Components in it may hold code that nobody was asked about: they are copied below.
            value = Evaluation(self._config).at(place)
        return self._value(value, place)

    def _at(self, place: Place) -> Any:
        return LEFT_OUT if self._instead.get(place) is LEFT_OUT else f"@{self.named(place)}"

    def _text(self, text: Any, place: Place) -> Any:
        """Return a text or a key as it is: MONAI's parser must find nothing to run in it."""
        if isinstance(text, str) and SIGNS.search(text):
            raise self._refused(place, f"holds a sign that MONAI's parser may act on ({text[:40]})")
        return text

    def _value(self, value: Any, place: Place) -> Any:
        """Return the value of an expression, with references to the components in it."""
        self._count(place)
        if isinstance(value, Component):
            return self._at(value.place)
        if isinstance(value, Code):
            raise self._refused(place, "is code that nobody was asked about")
        if isinstance(value, Mapping):
            odd = next((k for k in value if SPECIAL.fullmatch(str(k))), None)
            if odd is not None:
                # MONAI's parser would build what for the bundle's own program is a dictionary.
                raise self._refused(place, f"makes a dictionary with {odd}")
            return {self._text(k, place): self._value(v, place) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(one, place) for one in value]
        return self._text(value, place)

    def _component(self, raw: Mapping[Any, Any], place: Place) -> Any:
        if str(raw.get("_disabled_", "")).casefold().strip() == "true":
            return LEFT_OUT
        target = raw["_target_"]
        if not (isinstance(target, str) and is_known(target)):
            raise self._refused(place, f"is {str(target)[:80]}, which can't be run as it is")
        name = plain_name(target, KNOWN)
        odd = [key for key in ("_requires_", "_mode_", *sorted(ODD_ARGUMENTS)) if key in raw]
        if odd:
            raise self._refused(place, f"has {odd[0]}")
        kept = {key: value for key, value in raw.items() if key not in ("_target_", "_desc_")}
        copied = {
            self._text(key, place): self._of(value, (*place, str(key)))
            for key, value in kept.items()
        }
        if (*place, MISSING) in self._instead:
            copied[MISSING] = True
        if name == LOADS:
            problem = _of_loader(copied)
            if problem:
                raise self._refused(place, problem)
        return {"_target_": target, **copied}


def _is_meant(target: str) -> bool:
    """Return whether a target is the class of MONAI's that its name alone would be."""
    import monai.inferers
    import monai.transforms

    name = target.rsplit(".", 1)[-1]
    found = getattr(monai.transforms, name, None) or getattr(monai.inferers, name, None)
    if not is_monais(target) or found is None:
        return False
    if name == target:
        return True
    return re.fullmatch(r"monai(\.\w+)+", target) is not None and pydoc.locate(target) is found
