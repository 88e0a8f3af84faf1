"""Decision: how a victim's logits become the mask that its own program would write.

Between the network's grid and the image's lies a resampling, and every pipeline has its own order:
it maps logits back and takes the likeliest class there, or probabilities, or the finished label
map. Some tidy up the mask before or after that. The gradient takes the same way as far as there is
one: tidying up has none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from ..errors import SegadvError
from .heads import SMALLEST
from .preprocessing.axes import CERTAIN, Back
from .preprocessing.chain import WITHOUT_EFFECT as BEFORE
from .preprocessing.chain import BoundChain, plain_name

Carried = Literal["logits", "probabilities", "labels"]
# MONAI's transforms of label maps that are applied as they are, by name.
TIDYING = frozenset({"KeepLargestConnectedComponent", "FillHoles", "RemoveSmallObjects"})


@dataclass(frozen=True)
class Tidying:
    """A step that tidies up a label map: one of MONAI's transforms, by name."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, labels: Tensor) -> Tensor:
        """Tidy label maps (N, *S), each by itself.

        Raises:
            SegadvError: if MONAI refuses the step's arguments.
        """
        return self.together(labels[:, None])[:, 0]

    def together(self, maps: Tensor) -> Tensor:
        """Tidy binary maps (N, K, *S) of K structures, as MONAI does: by a rule for all K channels.

        Raises:
            SegadvError: if MONAI refuses the step's arguments.
        """
        import monai.transforms

        try:
            step = getattr(monai.transforms, self.name)(**self.arguments)
            tidied = [torch.as_tensor(step(one.clone())) for one in maps]
        except (TypeError, ValueError, RuntimeError, IndexError) as error:
            reason = " ".join(str(error).split())[:160]
            raise SegadvError(
                f"postprocessing step {self.name} fails ({reason}); correct its arguments"
            ) from None
        return torch.stack(tidied).to(maps)


@dataclass(frozen=True)
class Decision:
    """How class logits on the network's grid become a label map on the image's.

    Attributes:
        carried: what is mapped back to the image's grid. "labels" are mapped by the nearest pixel.
        threshold: probability from which a network with one channel predicts its structure.
        before: steps that tidy up the label map on the network's grid.
        after: steps that tidy it up on the image's.
    """

    carried: Carried = "logits"
    threshold: float = 0.5
    before: tuple[Tidying, ...] = ()
    after: tuple[Tidying, ...] = ()

    @property
    def tidies(self) -> bool:
        """Whether steps without a gradient follow."""
        return bool(self.before or self.after)

    def back(self, chain: BoundChain, z: Tensor) -> Tensor:
        """Map logits (N, K, *S) from the network's grid back to the image's; differentiable.

        The likeliest class there is the one that the victim's program writes, but for the steps
        that tidy up. The nearest logit has the likeliest class of the nearest label.
        """
        if self.carried == "logits":
            found = chain.backward(z, Back(certain=CERTAIN))
        elif self.carried == "labels":
            found = chain.backward(z, Back(nearest=True, certain=CERTAIN))
        else:
            shares = chain.backward(z.softmax(1), Back(certain=1.0))
            found = shares.clamp_min(SMALLEST).log()
        if self.threshold != 0.5 and z.shape[1] == 2:
            shift = math.log(self.threshold / (1 - self.threshold))
            found = torch.cat([found[:, :1] + shift, found[:, 1:]], dim=1)
        return found

    def mapped_labels(self, chain: BoundChain, z: Tensor) -> Tensor:
        """Map logits back as label maps (N, 1, *S), tidied up on the network's grid on the way."""
        labels = self._likeliest(z)
        for step in self.before:
            labels = step(labels)
        return chain.backward(labels[:, None].to(z), Back(nearest=True, certain=0.0)).round()

    def _likeliest(self, z: Tensor) -> Tensor:
        if self.threshold != 0.5 and z.shape[1] == 2:
            return (torch.sigmoid(z[:, 1] - z[:, 0]) >= self.threshold).long()
        return z.argmax(1)

    def tidied(self, labels: Tensor) -> Tensor:
        """Tidy up label maps (N, *S) on the image's grid."""
        for step in self.after:
            labels = step(labels)
        return labels

    def decided(self, logits: Tensor) -> Tensor:
        """Return label maps (N, *S) of logits (N, K, *S) on the image's grid, tidied up there.

        While an attack runs, this stands for the way through the network's grid, which costs more.
        """
        labels = logits.argmax(1)
        for step in (*self.before, *self.after):
            labels = step(labels)
        return labels

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, for `result.json`."""
        return {
            "mapped_back": self.carried,
            "threshold": self.threshold,
            "tidied_up": [step.name for step in (*self.before, *self.after)],
        }


def read_decision(transforms: Sequence[Mapping[str, Any]]) -> tuple[Decision, tuple[str, ...]]:
    """Read the postprocessing of a MONAI bundle, literals only.

    Args:
        transforms: MONAI's `_target_` dictionaries, in order.

    Returns:
        The decision, and a note on each step that is not applied.
    """
    now: Carried = "logits"
    carried: Carried | None = None
    threshold, notes = 0.5, []
    tidying: dict[bool, list[Tidying]] = {False: [], True: []}
    for config in transforms:
        if config.get("_disabled_"):
            continue
        name = plain_name(str(config.get("_target_", "")), KNOWN)
        arguments = {
            k: v for k, v in config.items() if not k.startswith("_") and k not in NO_MATTER
        }
        if name == "Activations":
            now = "probabilities" if arguments.get("softmax") or arguments.get("sigmoid") else now
        elif name == CHOOSES:
            now = "labels"
        elif name == "AsDiscrete":
            if arguments.get("threshold") is not None:
                threshold = float(_first(arguments["threshold"]))
            if _first(arguments.get("argmax")) or arguments.get("threshold") is not None:
                now = "labels"
        elif name == "Invert":
            if now == "labels" and _first(config.get("nearest_interp", True)) is False:
                notes.append(
                    "its own program interpolates between class numbers on the way back, which "
                    "makes classes that are not there; here the nearest pixel's class is taken"
                )
            # A second one finds nothing left to undo.
            carried = now if carried is None else carried
        elif name in TIDYING:
            tidying[carried is not None].append(Tidying(name, arguments))
        elif name not in WITHOUT_EFFECT:
            notes.append(
                f"its postprocessing step {name} is not known and was not applied, so its own "
                "program may write another mask"
            )
    if carried is None:
        # Nothing is mapped back: the mask is the network's grid's.
        return Decision("logits", threshold, (), tuple(tidying[False])), tuple(notes)
    before, after = (tuple(tidying[late]) for late in (False, True))
    return Decision(carried, threshold, before, after), tuple(notes)


def inverts(transforms: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a postprocessing maps its mask back to the image's grid."""
    return any(plain_name(str(c.get("_target_", "")), KNOWN) == "Invert" for c in transforms)


# Arguments of the dictionary transforms that say where, not what.
NO_MATTER = frozenset(
    {"keys", "allow_missing_keys", "meta_keys", "meta_key_postfix", "orig_keys", "transform"}
)
# Steps that leave the mask as it is.
WITHOUT_EFFECT = BEFORE | {"SaveImage", "SaveClassification"}
# Takes the highest logit of the classes that a network was asked for, if it is above 0.
CHOOSES = "VistaPostTransform"
KNOWN = WITHOUT_EFFECT | TIDYING | {"Activations", "AsDiscrete", "Invert", CHOOSES}


def _first(value: Any) -> Any:
    """Return a value, or the first of a list with one for each key."""
    return value[0] if isinstance(value, (list, tuple)) and value else value
