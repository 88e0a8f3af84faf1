"""The values of a bundle's configuration that make a victim, as far as they are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..preprocessing.chain import is_monais, plain_name
from .bundle_config import BundleConfig
from .evaluation import Evaluation
from .values import transforms_in

PRED = "pred"


@dataclass(frozen=True)
class Parts:
    """The values of a configuration, with a `Code` in place of those that somebody must agree to.

    Attributes:
        target: the network's class.
        arguments: of the network.
        transforms: of the preprocessing.
        inferer: its class and arguments.
        postprocessing: transforms; expressions among them are never evaluated.
    """

    target: Any
    arguments: Mapping[str, Any]
    transforms: Sequence[Any]
    inferer: Mapping[str, Any]
    postprocessing: Sequence[Any]

    @classmethod
    def of(cls, evaluation: Evaluation, config: BundleConfig) -> "Parts":
        arguments, transforms = evaluation.arguments(), evaluation.transforms()
        inferer = evaluation.inferer()
        after = transforms_in(Evaluation(config).part("postprocessing"))
        return cls(evaluation.target(), arguments, transforms, inferer, after)

    @property
    def inferer_name(self) -> str:
        """The name of an inferer of MONAI's; of somebody's own its full path."""
        target = str(self.inferer.get("_target_", ""))
        return target.rsplit(".", 1)[-1] if is_monais(target) else target

    def afterwards(self, name: str, argument: str) -> bool:
        """Return whether a step after the network has an argument that is true."""
        return any(_for_pred(step, argument) is True for step in self.after(name))

    def after(self, name: str) -> list[Mapping[str, Any]]:
        """Return the steps of MONAI's of a name after the network."""
        steps = [step for step in self.postprocessing if isinstance(step, Mapping)]
        return [one for one in steps if plain_name(str(one.get("_target_")), {name}) == name]

    @property
    def cuts(self) -> bool:
        """Whether a step after the network cuts each channel at a threshold."""
        return any(_for_pred(step, "threshold") is not None for step in self.after("AsDiscrete"))

    @property
    def slices(self) -> int | None:
        """The axis along which a 2-D network sees slices of a volume; None if it does not."""
        if self.inferer_name != "SliceInferer":
            return None
        axis = self.inferer.get("spatial_dim", 0)
        return axis if isinstance(axis, int) and 0 <= axis <= 2 else 0


def _for_pred(step: Mapping[str, Any], argument: str) -> Any:
    """Return an argument of a step, which may have one for each of its keys."""
    value, keys = step.get(argument), step.get("keys", PRED)
    if not isinstance(value, (list, tuple)):
        return value
    place = keys.index(PRED) if isinstance(keys, (list, tuple)) and PRED in keys else 0
    return value[place] if place < len(value) else None
