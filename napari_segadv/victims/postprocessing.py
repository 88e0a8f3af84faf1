"""Reads the postprocessing of a MONAI bundle: how its program gets from an output to a mask.

Each step's arguments are read for the key of the prediction, and only those that are known. What
can't be followed is refused, or told in a note.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from ..errors import SegadvError
from .decision import CHOOSES, KNOWN, TIDYING, WITHOUT_EFFECT, Carried, Decision, Tidying
from .preprocessing.chain import COPIES, plain_name
from .preprocessing.without_effect import WIDE, dtype_name

# The key of the prediction, unless the steps call it otherwise.
PRED = "pred"
# Arguments of the dictionary form that may hold a value for each key.
ONE_EACH = frozenset(
    {
        *("argmax", "to_onehot", "threshold", "rounding", "softmax", "sigmoid", "other"),
        *("nearest_interp", "to_tensor", "device", "post_func", "orig_keys", "meta_keys"),
        *("orig_meta_keys", "meta_key_postfix", "dtype"),
    }
)
# Arguments that say where, not what.
NO_MATTER = frozenset(
    {
        *("keys", "allow_missing_keys", "meta_keys", "meta_key_postfix", "orig_keys", "transform"),
        *("orig_meta_keys", "to_tensor", "device", "n_classes", "num_classes"),
    }
)
# The other arguments of each step that are read here.
READ: dict[str, frozenset[str]] = {
    "Activations": frozenset({"sigmoid", "softmax", "other", "dim"}),
    "AsDiscrete": frozenset(
        {"argmax", "to_onehot", "threshold", "rounding", "dim", "keepdim", "dtype"}
    ),
    "Invert": frozenset({"nearest_interp", "post_func"}),
    "KeepLargestConnectedComponent": frozenset(
        {"applied_labels", "is_onehot", "independent", "connectivity", "num_components"}
    ),
    "FillHoles": frozenset({"applied_labels", "connectivity"}),
    "RemoveSmallObjects": frozenset(
        {"min_size", "connectivity", "independent_channels", "by_measure", "pixdim"}
    ),
}
# What those have to be that are not followed.
ALONE: dict[str, tuple[Any, ...]] = {
    "dim": (0,),
    "keepdim": (True,),
    "post_func": (None,),
    "rounding": (None, "torchrounding"),
}
SIGMOID = ("torch.sigmoid", "torch.nn.functional.sigmoid", "torch.special.expit")
# What the prediction is after a step: the network's own values, probabilities, a label map, or a
# binary map for each class.
Kind = Literal["values", "probabilities", "labels", "maps"]
BETWEEN = (
    "its own program interpolates between class numbers on the way back, which makes classes that "
    "are not there; here the nearest pixel's class is taken"
)
COPIED = (
    "its own program copies its mask (CopyItems), which is not followed here: if it goes on with "
    "the copy, it writes another mask"
)
SAVED = (
    "its own program resamples its mask to the image's grid when it saves it; here it is mapped "
    "back by the nearest pixel too, and what was cropped off is background"
)


def of_prediction(steps: Sequence[Any]) -> list[Any]:
    """Return the steps after a network that act on its prediction, with their arguments for it.

    Raises:
        SegadvError: if a step has lists of another length than its keys.
    """
    data = [step for step in steps if isinstance(step, Mapping)]
    named = {key for step in data for key in _keys(step)}
    found: list[Any] = []
    for step in steps:
        keys = _keys(step) if isinstance(step, Mapping) else []
        if not keys:
            found.append(step)
            continue
        if PRED in named and PRED not in keys:
            continue
        place = keys.index(PRED) if PRED in keys else 0
        found.append(_for_one(step, keys, place))
    return found


def _keys(step: Mapping[str, Any]) -> list[str]:
    keys = step.get("keys", [])
    named = [keys] if isinstance(keys, str) else [str(key) for key in keys or []]
    # Keys that are code may name the prediction.
    return [PRED if key.startswith("$") else key for key in named]


def _for_one(step: Mapping[str, Any], keys: Sequence[str], place: int) -> Mapping[str, Any]:
    # A component stays one.
    made = cast(dict[str, Any], copy(step))
    made["keys"] = keys[place]
    for name in ONE_EACH & step.keys():
        value = step[name]
        if not isinstance(value, (list, tuple)):
            continue
        if len(value) != len(keys):
            raise SegadvError(
                f"postprocessing step {_name(step)} has {len(value)} values of {name} for "
                f"{len(keys)} keys; give one for each"
            )
        made[name] = value[place]
    return made


def _copies(step: Mapping[str, Any]) -> bool:
    """Return whether a step copies the prediction to another key, or something else to its own."""
    names = step.get("names", [])
    named = [names] if isinstance(names, str) else [str(name) for name in names or []]
    return _name(step) == COPIES and PRED in (*_keys(step), *named)


def _name(step: Mapping[str, Any]) -> str:
    return plain_name(str(step.get("_target_", "")), KNOWN)


def sigmoid_of(step: Mapping[str, Any]) -> bool:
    """Return whether a step turns values into probabilities, each by itself."""
    other = str(step.get("other")).removeprefix("$").strip()
    return _name(step) == "Activations" and (bool(step.get("sigmoid")) or other in SIGMOID)


def read_decision(
    transforms: Sequence[Mapping[str, Any]], count: int | None = None
) -> tuple[Decision, tuple[str, ...]]:
    """Read the postprocessing of a MONAI bundle, literals only.

    Args:
        transforms: MONAI's `_target_` dictionaries, in order.
        count: how many channels the network has, if that is known.

    Returns:
        The decision, and notes on what it does not follow.

    Raises:
        SegadvError: if a known step does what can't be followed.
    """
    reading = _Reading(count)
    if any(_copies(config) for config in transforms):
        reading.notes.append(COPIED)
    for config in of_prediction(transforms):
        if not config.get("_disabled_"):
            reading.take(config)
    return reading.decision(), tuple(reading.notes)


@dataclass
class _Reading:
    """What is known of a postprocessing after each step.

    Attributes:
        count: how many channels the network has; None: not known.
        kind: what the prediction is.
        carried: what was mapped back; None: nothing was.
        as_given: whether that were the network's own values.
        threshold: where the prediction was cut.
        raw: whether it was cut while it was the network's own values.
        each: whether probabilities are those of a sigmoid for each class.
        single: whether a threshold decided on each channel.
    """

    count: int | None
    kind: Kind = "values"
    carried: Carried | None = None
    as_given: bool = False
    threshold: float = 0.5
    raw: bool = False
    each: bool = False
    single: bool = False
    notes: list[str] = field(default_factory=list)
    tidying: dict[bool, list[Tidying]] = field(default_factory=lambda: {False: [], True: []})

    def take(self, config: Mapping[str, Any]) -> None:
        """Follow a step."""
        name = _name(config)
        arguments = {
            key: value
            for key, value in config.items()
            if not key.startswith("_") and key not in NO_MATTER
        }
        if name in READ:
            _check(name, arguments)
        if name == "Activations":
            self._activated(config, arguments)
        elif name == CHOOSES:
            self.kind = "labels"
        elif name == "AsDiscrete":
            self._discrete(arguments)
        elif name == "Invert":
            self._inverted(arguments)
        elif name in TIDYING:
            self._tidied(name, arguments)
        elif name in WITHOUT_EFFECT:
            self._kept(name, arguments)
        else:
            self.notes.append(
                f"its postprocessing step {name} is not known and was not applied, so its own "
                "program may write another mask"
            )

    def _activated(self, config: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
        softmax, sigmoid = bool(arguments.get("softmax")), sigmoid_of(config)
        if not sigmoid and arguments.get("other") is not None:
            raise _refused("Activations", "other", arguments["other"])
        if not (softmax or sigmoid):
            return
        if softmax and sigmoid:
            raise SegadvError("postprocessing step Activations has two activations; choose one")
        if self.kind != "values":
            raise SegadvError(
                "postprocessing step Activations stands behind another or behind AsDiscrete; "
                "remove it"
            )
        if softmax and self.count == 1:
            raise SegadvError(
                "postprocessing step Activations: a softmax of one channel is 1 everywhere; use "
                "sigmoid"
            )
        self.kind, self.each = "probabilities", sigmoid and self.count not in (None, 1)

    def _discrete(self, arguments: Mapping[str, Any]) -> None:
        """Follow AsDiscrete: largest class, map for each class, threshold, rounding, in turn."""
        if arguments.get("argmax"):
            if self.count == 1 and self.kind in ("values", "probabilities"):
                raise SegadvError(
                    "postprocessing step AsDiscrete: argmax of one channel is background "
                    "everywhere; use threshold"
                )
            # The largest of a map for each class is the class again.
            self.kind = "labels"
        onehot = arguments.get("to_onehot")
        if onehot is not None and onehot is not False:
            if self.kind != "labels":
                raise _refused("AsDiscrete", "to_onehot", onehot)
            self.kind = "maps"
        threshold = arguments.get("threshold")
        if threshold is not None:
            self._cut(threshold)
        if arguments.get("rounding") and self.kind in ("values", "probabilities"):
            if self.kind == "values":
                raise _refused("AsDiscrete", "rounding", arguments["rounding"])
            self._cut(0.5)
        dtype = arguments.get("dtype")
        if dtype is not None and dtype_name(dtype) == "bool" and self.kind == "labels":
            raise _refused("AsDiscrete", "dtype", dtype)

    def _cut(self, threshold: Any) -> None:
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
            raise _refused("AsDiscrete", "threshold", threshold)
        if self.kind in ("values", "probabilities"):
            self.threshold, self.raw = float(threshold), self.kind == "values"
            self.single = True
            self.kind = "labels" if self.count in (None, 1) else "maps"
            if not self.raw and not 0 < threshold < 1:
                raise SegadvError(
                    f"postprocessing step AsDiscrete cuts probabilities at {threshold:g}, which "
                    "all or none reach; correct the threshold"
                )
        elif not 0 < threshold <= 1 or (self.kind == "labels" and self.count not in (1, 2, None)):
            raise SegadvError(
                f"postprocessing step AsDiscrete cuts class numbers at {threshold:g}, which makes "
                "one class of several; remove the threshold"
            )

    def _inverted(self, arguments: Mapping[str, Any]) -> None:
        if self.carried is not None:
            return  # A second one finds nothing left to undo.
        nearest = arguments.get("nearest_interp", True)
        if self.kind in ("labels", "maps"):
            if not nearest and self.kind == "labels":
                self.notes.append(BETWEEN)
            elif not nearest:
                self.notes.append(BETWEEN.replace("class numbers", "classes' maps"))
            self.carried = "labels"
        else:
            self.as_given = self.kind == "values"
            self.carried = "logits" if self.as_given else "probabilities"
            if nearest:
                # The nearest pixel's values have the nearest pixel's class.
                self.carried = "labels"

    def _tidied(self, name: str, arguments: Mapping[str, Any]) -> None:
        if self.kind in ("values", "probabilities"):
            raise SegadvError(
                f"postprocessing step {name} stands before AsDiscrete, so that it tidies up "
                "numbers that are no classes; move it behind"
            )
        # Overlapping structures have a map each anyway.
        classes = self.count if self.kind == "maps" and self.count else 0
        self.tidying[self.carried is not None].append(Tidying(name, arguments, classes))

    def _kept(self, name: str, arguments: Mapping[str, Any]) -> None:
        dtype = arguments.get("dtype")
        if name == "SaveImage":
            self._saved(arguments)
            return
        numbers = dtype is not None and self.kind in ("values", "probabilities")
        if numbers and (str(dtype).startswith("$") or dtype_name(dtype) not in WIDE):
            raise _refused(name, "dtype", dtype)

    def _saved(self, arguments: Mapping[str, Any]) -> None:
        """Follow SaveImage, which may resample the mask to the image's grid."""
        if not arguments.get("resample") or self.carried is not None:
            return
        if self.kind == "labels" and str(arguments.get("mode", "nearest")) != "nearest":
            self.notes.append(BETWEEN)
        elif self.kind in ("values", "probabilities"):
            raise SegadvError(
                f"postprocessing step SaveImage resamples {self.kind}, before a class was chosen; "
                "put AsDiscrete before it"
            )
        self.carried = "labels"
        self.notes.append(SAVED)

    def decision(self) -> Decision:
        """Return how the mask is made."""
        before, after = (tuple(self.tidying[late]) for late in (False, True))
        if self.carried is None:
            # Nothing is mapped back: the mask is the network's grid's.
            before, after = (), before
        found = Decision(self.carried or "logits", self.threshold, before, after)
        each = self.each and self.carried == "probabilities"
        as_given = self.as_given and self.carried is not None
        return replace(
            found, raw=self.raw, as_given=as_given, each=each, single=as_given and self.single
        )


def _check(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that are not read, or not followed."""
    for key, value in arguments.items():
        known: Collection[Any] | None = ALONE.get(key)
        code = isinstance(value, str) and value.startswith("$") and key != "other"
        if code or key not in READ[name] or (known is not None and value not in known):
            raise _refused(name, key, value)


def _refused(name: str, key: str, value: Any) -> SegadvError:
    text = " ".join(str(value).split())
    text = text if len(text) <= 60 else f"{text[:60]}..."
    return SegadvError(
        f"postprocessing step {name}: {key} = {text} is not followed here, so the mask would be "
        f"another than its program's; remove {key} if the model does not need it"
    )
