"""Turns a network's output into class logits (N, K, *S) with K of at least 2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..errors import SegadvError

Activation = Literal["none", "softmax", "sigmoid"]

# Keys of the main output, in the order in which they are looked for: torchvision's is "out".
MAIN = ("out", "logits", "pred", "seg")
# Probabilities are kept this far from 0, where a logarithm has no finite gradient. float32 holds
# numbers as small: where a network is surer than that, it has no gradient.
SMALLEST = 1e-37
# The largest number below 1 that float32 holds lies this far from it.
NEXT_TO_ONE = 2.0**-24


@dataclass
class Head:
    """Turns a network's output into class logits.

    Attributes:
        activation: the network's last one. None: detected once, from the first output.
        output: which of several outputs it is, by place or name. None: the only one, or the main
            one of a dictionary.
        left_out: how many channels, from the first, are no structures, of those that may overlap.
    """

    activation: Activation | None = None
    output: int | str | None = None
    left_out: int = 0

    def __post_init__(self) -> None:
        if self.activation not in (None, *get_args(Activation)):
            known = ", ".join(get_args(Activation))
            raise SegadvError(f"activation {self.activation}: unknown; use one of {known}")

    def chosen(self, output: Any) -> Tensor:
        """Return the output that counts among those that a network returns.

        Raises:
            SegadvError: if it returns no tensor, or several of one shape and none is named.
        """
        if self.output is not None:
            return _named(output, self.output)
        return _only(output)

    def logits(self, output: Tensor) -> Tensor:
        """Return class logits (N, K, *S): raw ones unchanged, probabilities as their logarithm.

        A network with one channel z has two classes, with logits [0, z].
        """
        if self.activation is None:
            self.activation = detect(output.detach())
        if output.shape[1] == 1:
            if self.activation == "none":
                return torch.cat([torch.zeros_like(output), output], dim=1)
            p = output.clamp(SMALLEST, 1 - NEXT_TO_ONE)
            return torch.cat([torch.log1p(-p), p.log()], dim=1)
        if self.activation == "none":
            return output
        return output.clamp_min(SMALLEST).log()

    def of_images(self, scores: Tensor) -> Tensor:
        """Return class logits (N, K) of a classifier's numbers (N, K), or of one (N, 1) each.

        Raises:
            SegadvError: if there is one between 0 and 1, and nothing says whether it is a
                probability: 0.3 is the first class as one, and the second as a logit.
        """
        if self.activation is None and scores.shape[1] == 1:
            low, high = float(scores.detach().amin()), float(scores.detach().amax())
            if low >= 0 and high <= 1:
                raise SegadvError(
                    f"one number for two classes, here {low:.3g}, may be a probability or a logit; "
                    'set "activation" to "sigmoid" if the network ends in one, or else to "none" '
                    "(a bundle says so by an Activationsd step: then it is a logit)"
                )
        return self.logits(scores)

    def structure_logits(self, output: Tensor) -> Tensor:
        """Return a logit for each structure (N, K, *S) of a network with a sigmoid for each.

        Raises:
            SegadvError: if it ends in a softmax, so that its structures exclude one another.
        """
        if self.activation == "softmax":
            raise SegadvError(
                'structures that overlap have a sigmoid each, not a softmax; set "activation" to '
                '"sigmoid" or "none", or "task" to "segmentation"'
            )
        if self.activation is None:
            low, high = float(output.detach().amin()), float(output.detach().amax())
            self.activation = "sigmoid" if low >= 0 and high <= 1 else "none"
        output = output[:, self.left_out :]
        if self.activation == "none":
            return output
        p = output.clamp(SMALLEST, 1 - NEXT_TO_ONE)
        return p.log() - torch.log1p(-p)


def in_float32(output: Any) -> Any:
    """Return a network's output with its bfloat16 tensors in float32."""
    if isinstance(output, Tensor):
        return output.float() if output.dtype == torch.bfloat16 else output
    if isinstance(output, Mapping):
        return {key: in_float32(value) for key, value in output.items()}
    if isinstance(output, (list, tuple)):
        parts = [in_float32(value) for value in output]
        return parts if isinstance(output, list) else tuple(parts)
    return output


def _named(output: Any, name: int | str) -> Tensor:
    """Return an output by its place or name."""
    try:
        found = output[name]
    except (KeyError, IndexError, TypeError):
        found = None
    if not isinstance(found, Tensor):
        known = ", ".join(where for where, _ in _tensors(output)) or "none"
        raise SegadvError(f'the network has no output {name}; set "output" to one of: {known}')
    return found


def _only(output: Any) -> Tensor:
    """Return a network's only output, or its main one."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        main = next((key for key in MAIN if key in output), None)
        if main is not None:
            return _only(output[main])
    found = list(_tensors(output))
    if not found:
        raise SegadvError(f"the network returns a {type(output).__name__}; it must return a tensor")
    where, first = found[0]
    same = [name for name, tensor in found if tensor.shape == first.shape]
    if len(same) > 1:
        raise SegadvError(
            f"the network returns several outputs of {tuple(first.shape)}: {', '.join(same)}; say "
            f'which is its prediction, as in "output": {where}'
        )
    return first


def _tensors(output: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors that a network returns, each with its place or name, as JSON."""
    if isinstance(output, Mapping):
        places = [(f'"{key}"', value) for key, value in output.items()]
    elif isinstance(output, (list, tuple)):
        places = [(str(number), value) for number, value in enumerate(output)]
    else:
        places = []
    yield from ((where, value) for where, value in places if isinstance(value, Tensor))


def leaves(output: Any) -> Iterator[Tensor]:
    """Yield all tensors that a network returns, however deep."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from leaves(value)
    elif isinstance(output, (list, tuple)):
        for value in output:
            yield from leaves(value)


def detect(output: Tensor) -> Activation:
    """Detect probabilities: values in [0, 1] that, over several channels, sum to 1.

    Raises:
        SegadvError: if values of several channels lie in [0, 1] and do not sum to 1: structures
            that may overlap, which are no classes of a softmax.
    """
    low, high = float(output.amin()), float(output.amax())
    # NaN is neither, and is refused where the prediction is made.
    if not (low >= 0 and high <= 1):
        return "none"
    if output.shape[1] == 1:
        return "sigmoid"
    if float((output.sum(1) - 1).abs().amax()) < 1e-3:
        return "softmax"
    if low == high:
        return "none"
    raise SegadvError(
        "its output lies between 0 and 1 but does not sum to 1 over its channels: a sigmoid for "
        'each structure? If they may overlap, set "task" to "overlapping"; set "activation" to '
        '"none" if the output is one logit for each class'
    )
