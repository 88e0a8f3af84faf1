"""Prompts: which of many structures a network is asked for, as VISTA3D is by their numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import SegadvError
from .tasks import DEFAULT, task_of

BACKGROUND = "background"


class Prompted(nn.Module):
    """A VISTA3D network that is asked for some classes: one logit for each, behind a 0.

    The likeliest class is therefore the one that its own program writes: a structure where its
    logit is above 0, and the one with the highest logit if several are.

    Attributes:
        network: MONAI's VISTA3D.
        names: of all classes, by number.
        parts: classes that stand for others, such as both kidneys.
        asked: the numbers that it is asked for.
    """

    def __init__(
        self,
        network: nn.Module,
        names: Mapping[int, str],
        parts: Mapping[int, Sequence[int]],
        asked: Sequence[int],
    ) -> None:
        super().__init__()
        self.network, self.names, self.parts, self.asked = network, names, parts, tuple(asked)
        self.register_buffer("numbers", torch.tensor(self.asked).unsqueeze(1), persistent=False)
        self.train(network.training)

    @classmethod
    def of(
        cls,
        network: nn.Module,
        names: Mapping[int, str],
        parts: Mapping[int, Sequence[int]],
        asked: Sequence[int | str],
    ) -> "Prompted":
        """Ask a network for classes by number or name.

        Raises:
            SegadvError: if it knows one of them only by clicks, or not at all.
        """
        numbers: list[int] = []
        folded = {name.casefold(): number for number, name in names.items()}
        last = _last(network, names)
        for one in asked:
            number = folded.get(one.casefold(), -1) if isinstance(one, str) else one
            if isinstance(number, bool) or number not in names or not 1 <= number <= last:
                raise SegadvError(
                    f"knows no class {str(one)[:40]}; ask for its names, or for numbers from 1 to "
                    f"{last}"
                )
            numbers.extend(parts.get(number, (number,)))
        if not numbers:
            raise SegadvError("is asked for no class; name at least one")
        return cls(network, names, parts, tuple(dict.fromkeys(numbers)))

    @property
    def known(self) -> dict[int, str]:
        """The names of all classes that it can be asked for, by number."""
        last = _last(self.network, self.names)
        return {n: name for n, name in sorted(self.names.items()) if 1 <= n <= last}

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that it predicts."""
        names = tuple(self.names[number] for number in self.asked)
        return task_of(DEFAULT).names((BACKGROUND, *names))

    def describe(self) -> str:
        """Say what it is asked for, in a line."""
        listed = ", ".join(f"{self.names[number]} ({number})" for number in self.asked)
        return f"the model is asked for {listed}"

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, 1 + K, *S) for images (N, C, *S)."""
        numbers: Any = self.numbers
        # It takes one image at a time.
        found = [
            self.network(one[None], class_vector=numbers, transpose=True) for one in x.unbind()
        ]
        logits = torch.cat(found)
        return torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1)


def _last(network: nn.Module, names: Mapping[int, str]) -> int:
    """Return the last class that a network knows by its number; others it knows only by clicks."""
    return int(getattr(getattr(network, "point_head", None), "last_supported", max(names)))


def prompts_in(
    names: Any, preprocessing: Sequence[Any], given: Any
) -> tuple[dict[int, str], dict[int, Sequence[int]], Sequence[int | str]]:
    """Read what a bundle of VISTA3D says of its prompts.

    Args:
        names: of its channels, by number.
        preprocessing: its transforms, as data.
        given: what its program is given beside the image.

    Returns:
        The names, classes that stand for others, and the classes that it asks for.

    Raises:
        SegadvError: if one is invalid.
    """
    pre: Any = next((t for t in preprocessing if "VistaPreTransform" in str(t.get("_target_"))), {})
    asked = given.get("label_prompt") if isinstance(given, Mapping) else None
    try:
        known = {int(number): str(name) for number, name in names.items()}
        listed = pre.get("subclass") or {}
        parts: dict[int, Sequence[int]] = {
            int(number): [int(n) for n in some] for number, some in listed.items()
        }
    except (TypeError, ValueError, AttributeError) as error:
        raise SegadvError(
            f"its classes or subclasses are invalid ({error}); correct them"
        ) from None
    if not isinstance(asked, (list, tuple)):
        # By default it is asked for everything.
        whole = set(known) - {0} - set(parts)
        asked = sorted(whole)
    return known, parts, list(asked)
