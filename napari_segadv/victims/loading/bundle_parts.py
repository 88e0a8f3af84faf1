"""The values of a bundle's configuration that make a victim, as far as they are known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import SegadvError
from ..decision import TIDYING
from ..postprocessing import NO_MATTER, PRED, of_prediction, sigmoid_of
from ..preprocessing.chain import is_monais, plain_name
from .bundle_config import BundleConfig
from .bundle_places import place_after
from .evaluation import Evaluation
from .expressions import Component
from .values import Code, holds_code, is_true

DISABLED = "_disabled_"
# Steps after the network whose arguments decide the mask, and arguments of theirs that do not.
DECIDING = TIDYING | {"Activations", "AsDiscrete", "Invert"}
FUNCTIONS = ("other", "post_func")
INDIFFERENT = NO_MATTER | {"_target_"}


@dataclass(frozen=True)
class Parts:
    """The values of a configuration, with a `Code` in place of those that somebody must agree to.

    Attributes:
        target: the network's class.
        arguments: of the network.
        transforms: of the preprocessing.
        inferer: its class and arguments.
        postprocessing: transforms that act on the prediction, with their arguments for it; of code
            in them only what decides the mask is evaluated.
        decided: whether nothing that decides the mask waits for an agreement.
    """

    target: Any
    arguments: Mapping[str, Any]
    transforms: Sequence[Any]
    inferer: Mapping[str, Any]
    postprocessing: Sequence[Mapping[str, Any]]
    decided: bool = True

    @classmethod
    def of(cls, evaluation: Evaluation, config: BundleConfig) -> "Parts":
        arguments, transforms = evaluation.arguments(), evaluation.transforms()
        inferer = evaluation.inferer()
        found = [one for one in _after(evaluation, config) if not is_true(one.get(DISABLED))]
        try:
            after = of_prediction(found)
        except SegadvError as error:
            raise SegadvError(f"{config.source}: {error}") from None
        decided = not any(holds_code(value) for one in after for value in _deciding(one).values())
        return cls(evaluation.target(), arguments, transforms, inferer, after, decided)

    @property
    def inferer_name(self) -> str:
        """The name of an inferer of MONAI's; of somebody's own its full path."""
        target = str(self.inferer.get("_target_", ""))
        return target.rsplit(".", 1)[-1] if is_monais(target) else target

    def afterwards(self, name: str, argument: str) -> bool:
        """Return whether a step after the network has an argument that is true."""
        return any(
            _holds(step.get(argument)) or (argument == "sigmoid" and sigmoid_of(step))
            for step in self.after(name)
        )

    def after(self, name: str) -> list[Mapping[str, Any]]:
        """Return the steps of MONAI's of a name after the network."""
        found = self.postprocessing
        return [one for one in found if plain_name(str(one.get("_target_")), {name}) == name]

    @property
    def cuts(self) -> bool:
        """Whether a step after the network cuts each channel at a threshold."""
        return any(step.get("threshold") is not None for step in self.after("AsDiscrete"))

    @property
    def slices(self) -> int | None:
        """The axis along which a 2-D network sees slices of a volume; None if it does not."""
        if self.inferer_name != "SliceInferer":
            return None
        axis = self.inferer.get("spatial_dim", 0)
        return axis if isinstance(axis, int) and 0 <= axis <= 2 else 0


def _holds(value: Any) -> bool:
    """Return whether an argument is true; of code that has not run, nobody knows."""
    return not isinstance(value, Code) and bool(value)


def _after(evaluation: Evaluation, config: BundleConfig) -> Iterator[Mapping[str, Any]]:
    """Yield the transforms after the network.

    Code among them stays as it is, such as the folder in which a mask is saved, and runs for no
    victim. What decides the mask is evaluated with the network and the preprocessing.

    Raises:
        SegadvError: if one is no transform with a class.
    """
    for step in Evaluation(config).transforms_at(place_after(config)):
        if not isinstance(step, Component) or not isinstance(step["_target_"], str):
            what = step if isinstance(step, str) else type(step).__name__
            raise SegadvError(
                f"{config.source}: a postprocessing step is {str(what)[:80]}, not a transform with "
                "a _target_; write it out"
            )
        if isinstance(step["_target_"], Code):
            raise SegadvError(
                f"{config.source}: the class of a postprocessing step is {step['_target_'][:80]}, "
                "which is code; name the class"
            )
        named = plain_name(step["_target_"], DECIDING) in DECIDING
        known_one = {"other"} if sigmoid_of(step) else set()
        functions = [name for name in FUNCTIONS if named and name not in known_one]
        own = next((name for name in functions if _given(step.get(name))), None)
        if own is not None:
            raise SegadvError(
                f"{config.source}: {'::'.join(step.place)} applies a function of its own ({own}), "
                "which is not reproduced; use MONAI's own steps"
            )
        waiting = {key for key, value in _deciding(step).items() if holds_code(value)}
        known = {key: value for key, value in step.items() if key != DISABLED}
        yield known | {key: evaluation.at((*step.place, key)) for key in waiting}


def _given(value: Any) -> bool:
    """Return whether an argument is given, for one of a step's keys at least."""
    each = value if isinstance(value, (list, tuple)) else [value]
    return any(one is not None for one in each)


def _deciding(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a step after the network that decide the mask."""
    if plain_name(str(step["_target_"]), DECIDING) not in DECIDING:
        return {}
    left = INDIFFERENT | ({"other"} if sigmoid_of(step) else set())
    return {key: value for key, value in step.items() if key not in left}


def of_pred(step: Mapping[str, Any]) -> bool:
    """Return whether a step may change the mask: not if it is one that acts on other keys alone."""
    keys = step.get("keys", PRED)
    if holds_code(keys) or plain_name(str(step["_target_"]), DECIDING) not in DECIDING:
        return True
    return PRED in ([keys] if isinstance(keys, str) else keys)
