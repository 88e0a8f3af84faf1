"""Victim: a network under attack, with its task and where it came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import torch

from ..data.scan import Scan
from ..errors import SegadvError
from .bound import BoundVictim
from .clean_predictions import KNOWN
from .pipeline import Pipeline
from .preprocessing.chain import Step
from .preprocessing.presenting import Presented
from .preprocessing.presenting import present as choose_presented
from .task import Task
from .tasks import DEFAULT, task_of


@dataclass(frozen=True, eq=False)
class Victim(Pipeline):
    """A network under attack with its preprocessing.

    Attributes, besides those of `Pipeline`:
        task: what its predictions are; may be given by name.
        path, sha256: the file or folder that it was loaded from, and the hash of its contents.
        trust: the tier: "data" (no code in the file runs), "code" (it runs, as somebody agreed)
            or "built-in".
        shown: what it is shown beside the image, or asked for, that its file does not say, as
            `shown.shown_to` takes it.

    Examples:
        A network of your own, here two classes by a threshold at 100 grey levels.

        >>> import numpy as np
        >>> import torch
        >>> from napari_segadv import Scan
        >>> from napari_segadv.victims import Victim
        >>> victim = Victim(
        ...     lambda x: torch.cat([100 - x, x - 100], dim=1),
        ...     name="threshold",
        ...     dims=2,
        ...     classes=("background", "bright"),
        ...     array_order=True,
        ... )
        >>> scan = Scan.from_array(np.array([[50, 120], [130, 90]], np.uint8))
        >>> victim.predict(scan).array
        array([[0, 1],
               [1, 0]], dtype=uint8)
    """

    task: Task[Any] = field(default_factory=lambda: task_of(DEFAULT))
    path: Path | None = None
    sha256: str = ""
    trust: str = "data"
    shown: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.task, str):
            object.__setattr__(self, "task", task_of(self.task))

    @property
    def binding(self) -> type[BoundVictim]:
        """What puts it on the grid of a scan: for a network, what its task names."""
        return self.task.bound

    def require_gradient(self) -> None:
        """Raise SegadvError if it has no gradient, so that only its predictions can be used."""
        if not self.binding.differentiable:
            raise SegadvError(
                f"{self.name}: is a program, which has no gradient; craft on a network that stands "
                "in for it (--surrogate), or use method square, without a receptive field"
            )

    def predicting_by(self, steps: Sequence[Step]) -> Self:
        """Return the victim whose predictions go through other steps than its gradient."""
        shared = {one.name: getattr(self, one.name) for one in fields(Pipeline)}
        return replace(self, deployed=Pipeline(**{**shared, "steps": tuple(steps)}))

    def on(
        self,
        scan: Scan,
        device: str | torch.device = "cpu",
        present: str | Presented | None = "auto",
    ) -> BoundVictim:
        """Bind the victim to a scan's grid.

        Args:
            scan: the image.
            device: where to compute.
            present: how the image is presented to the victim: "auto", "header", "percentiles",
                "none", a window "LOW:HIGH" (see `preprocessing.presenting.present`), or the
                Presented of an earlier call; None: as it is.

        Raises:
            SegadvError: if the scan is not of the kind that the victim was made for.
        """
        presented = choose_presented(scan, self, present) if isinstance(present, str) else present
        return self.binding(self.to(device), scan, torch.device(device), presented)

    def predict(
        self,
        scan: Scan,
        device: str | torch.device = "cpu",
        poll: Callable[[], None] | None = None,
        present: str | Presented | None = "auto",
    ) -> Any:
        """Predict a scan; for segmentation, return the Mask of the likeliest classes.

        Args:
            scan: the image.
            device: where to compute.
            poll: called after each patch or group of slices; it may raise to stop.
            present: how the image is presented to the victim, see `on`.

        Raises:
            SegadvError: if the scan is not of the kind that the victim was made for.
        """
        bound = self.on(scan, device, present)
        if poll is not None:
            bound.passes.on_piece = poll
        known = KNOWN.get(self, bound)
        if known is not None:
            return known.prediction
        prediction = bound.predict()
        # Of others the notes, which take passes, are not known yet.
        if self.windows is None and self.own is None and self.deployed is None:
            KNOWN.put(self, bound, prediction, bound.agreement_notes(prediction))
        return prediction
