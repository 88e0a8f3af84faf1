"""Decision: how a victim's logits become the mask that its own program would write.

Between the network's grid and the image's lies a resampling, and every pipeline has its own order:
it maps logits back and takes the likeliest class there, or probabilities, or the finished label
map. Some tidy up the mask before or after that. The gradient takes the same way as far as there is
one: tidying up has none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import SegadvError
from .heads import SMALLEST, Activation
from .preprocessing.axes import CERTAIN, Back
from .preprocessing.chain import WITHOUT_EFFECT as BEFORE
from .preprocessing.chain import BoundChain, plain_name

Carried = Literal["logits", "probabilities", "labels"]
# MONAI's transforms of label maps that are applied as they are, by name.
TIDYING = frozenset({"KeepLargestConnectedComponent", "FillHoles", "RemoveSmallObjects"})


@dataclass(frozen=True)
class Tidying:
    """A step that tidies up a label map: one of MONAI's transforms, by name.

    Attributes:
        name, arguments: MONAI's.
        classes: how many, if its program gives it a map for each; 0: it gives it the label map.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: int = 0

    def __call__(self, labels: Tensor, spacing: Sequence[float] = ()) -> Tensor:
        """Tidy label maps (N, *S), each by itself.

        Args:
            labels: in the victim's own order of axes: of parts of one size, the order decides.
            spacing: of the pixels, in mm; () for 1.

        Raises:
            SegadvError: if MONAI refuses the step's arguments.
        """
        if not self.classes:
            return self.together(labels[:, None], spacing)[:, 0]
        maps = F.one_hot(labels.long(), self.classes).movedim(-1, 1)
        # A pixel that is left without a class has the first one: the background.
        return self.together(maps.float(), spacing).argmax(1).to(labels)

    def together(self, maps: Tensor, spacing: Sequence[float] = ()) -> Tensor:
        """Tidy binary maps (N, K, *S) of K structures, as MONAI does: by a rule for all K channels.

        Raises:
            SegadvError: if MONAI refuses the step's arguments.
        """
        import monai.transforms

        arguments = dict(self.arguments)
        if arguments.get("by_measure"):
            # MONAI takes it from the image, whatever the step says.
            arguments["pixdim"] = tuple(spacing) or 1.0
        try:
            step = getattr(monai.transforms, self.name)(**arguments)
            tidied = [torch.as_tensor(step(one.clone())) for one in maps]
        except Exception as error:  # noqa: BLE001 - MONAI's classes raise anything
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
        raw: whether the threshold is one of the network's own values, be they logits or not.
        as_given: whether the network's own values are mapped back, be they logits or not.
        each: whether probabilities of several classes are those of a sigmoid for each.
        single: whether a threshold decides on each channel, not the largest of them.
        activation: the network's last one, once it is known.
    """

    carried: Carried = "logits"
    threshold: float = 0.5
    before: tuple[Tidying, ...] = ()
    after: tuple[Tidying, ...] = ()
    raw: bool = False
    as_given: bool = False
    each: bool = False
    single: bool = False
    activation: Activation | None = None

    @property
    def tidies(self) -> bool:
        """Whether steps without a gradient follow."""
        return bool(self.before or self.after)

    def of(self, activation: Activation | None) -> "Decision":
        """Return the decision for a network that ends in an activation."""
        return self if activation == self.activation else replace(self, activation=activation)

    @property
    def cut(self) -> float:
        """The logit from which a network with one channel predicts its structure.

        Raises:
            SegadvError: if the threshold is no probability, but the network's values are.
        """
        if self.raw and self.activation not in ("sigmoid", "softmax"):
            return self.threshold
        if not 0 < self.threshold < 1:
            raise SegadvError(
                f"its postprocessing cuts probabilities at {self.threshold:g}, which all or none "
                "reach; correct the threshold"
            )
        return math.log(self.threshold / (1 - self.threshold)) if self.threshold != 0.5 else 0.0

    def back(self, chain: BoundChain, z: Tensor) -> Tensor:
        """Map logits (N, K, *S) from the network's grid back to the image's; differentiable.

        The likeliest class there is the one that the victim's program writes, but for the steps
        that tidy up. The nearest logit has the likeliest class of the nearest label.
        """
        shares = self.carried == "probabilities"
        shares = shares or (self.as_given and self.activation in ("sigmoid", "softmax"))
        cut = self.cut if z.shape[1] == 2 else 0.0
        # Where a crop removed pixels, MONAI puts 0: what that is depends on what is mapped back.
        inside = self.as_given and self.single and not shares and cut <= 0
        certain = -CERTAIN if inside else CERTAIN
        if self.carried == "labels":
            found = chain.backward(z, Back(nearest=True, certain=certain))
        elif shares:
            of = z.sigmoid() if self.each else z.softmax(1)
            found = chain.backward(of, Back(certain=1.0)).clamp_min(SMALLEST).log()
        else:
            found = chain.backward(z, Back(certain=certain))
        return torch.cat([found[:, :1] + cut, found[:, 1:]], dim=1) if cut else found

    def mapped_labels(self, chain: BoundChain, z: Tensor) -> Tensor:
        """Map logits back as label maps (N, 1, *S), tidied up on the network's grid on the way."""
        labels, spacing = self._likeliest(z), spacing_of(chain)
        for step in self.before:
            labels = step(labels, spacing)
        return chain.backward(labels[:, None].to(z), Back(nearest=True, certain=0.0)).round()

    def _likeliest(self, z: Tensor) -> Tensor:
        if z.shape[1] == 2 and self.cut:
            return (z[:, 1] - z[:, 0] >= self.cut).long()
        return z.argmax(1)

    def tidied(self, labels: Tensor, spacing: Sequence[float] = ()) -> Tensor:
        """Tidy up label maps (N, *S) on the image's grid, in the victim's own order of axes."""
        for step in self.after:
            labels = step(labels, spacing)
        return labels

    def decided(self, logits: Tensor, spacing: Sequence[float] = ()) -> Tensor:
        """Return label maps (N, *S) of logits (N, K, *S) on the image's grid, tidied up there.

        While an attack runs, this stands for the way through the network's grid, which costs more.
        """
        labels = logits.argmax(1)
        for step in (*self.before, *self.after):
            labels = step(labels, spacing)
        return labels

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, for `result.json`."""
        return {
            "mapped_back": self.carried,
            "threshold": self.threshold,
            "tidied_up": [step.name for step in (*self.before, *self.after)],
            **({"threshold_of": "the network's own values"} if self.raw else {}),
        }


def spacing_of(chain: BoundChain) -> tuple[float, ...]:
    """Return the lengths of a pixel of the network's grid, in mm."""
    lengths = np.linalg.norm(chain.space.affine[:-1, :-1], axis=0)
    return tuple(float(length) for length in lengths)


def inverts(transforms: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a postprocessing maps its mask back to the image's grid."""
    return any(plain_name(str(c.get("_target_", "")), KNOWN) == "Invert" for c in transforms)


# Steps that leave the mask as it is.
WITHOUT_EFFECT = BEFORE | {"SaveImage", "SaveClassification"}
# Takes the highest logit of the classes that a network was asked for, if it is above 0.
CHOOSES = "VistaPostTransform"
KNOWN = WITHOUT_EFFECT | TIDYING | {"Activations", "AsDiscrete", "Invert", CHOOSES}
