"""The values of a bundle's configuration that make a victim, as far as they are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import SegadvError
from ..postprocessing import of_prediction, sigmoid_of
from .bundle_config import BundleConfig
from .evaluation import Evaluation
from .values import transforms_in


@dataclass(frozen=True)
class Parts:
    """The values of a configuration, with a `Code` in place of those that somebody must agree to.

    Attributes:
        target: the network's class.
        arguments: of the network.
        transforms: of the preprocessing.
        inferer: its class and arguments.
        postprocessing: transforms that act on the prediction, with their arguments for it;
            expressions among them are never evaluated.
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
        try:
            after = of_prediction(after)
        except SegadvError as error:
            raise SegadvError(f"{config.source}: {error}") from None
        return cls(evaluation.target(), arguments, transforms, inferer, after)

    @property
    def inferer_name(self) -> str:
        return str(self.inferer.get("_target_", "")).rsplit(".", 1)[-1]

    def afterwards(self, name: str, argument: str) -> bool:
        """Return whether a step after the network has an argument that is true."""
        return any(
            name in str(step.get("_target_"))
            and (bool(step.get(argument)) or (argument == "sigmoid" and sigmoid_of(step)))
            for step in self.postprocessing
            if isinstance(step, Mapping)
        )

    def after(self, name: str) -> bool:
        """Return whether there is a step of a name after the network."""
        steps = (step for step in self.postprocessing if isinstance(step, Mapping))
        return any(name in str(step.get("_target_")) for step in steps)

    @property
    def cuts(self) -> bool:
        """Whether a step after the network cuts each channel at a threshold."""
        return any(
            "AsDiscrete" in str(step.get("_target_")) and step.get("threshold") is not None
            for step in self.postprocessing
            if isinstance(step, Mapping)
        )

    @property
    def slices(self) -> int | None:
        """The axis along which a 2-D network sees slices of a volume; None if it does not."""
        if self.inferer_name != "SliceInferer":
            return None
        axis = self.inferer.get("spatial_dim", 0)
        return axis if isinstance(axis, int) and 0 <= axis <= 2 else 0
