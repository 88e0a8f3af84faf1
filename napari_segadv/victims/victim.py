"""Victim: a network under attack, with its task and where it came from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..data.scan import Scan
from .bound import BoundVictim
from .pipeline import Pipeline
from .task import Task
from .tasks import DEFAULT, task_of


@dataclass(frozen=True, eq=False)
class Victim(Pipeline):
    """A network under attack with its preprocessing.

    Attributes besides those of `Pipeline`:
        task: what its predictions are; may be given by name.
        path, sha256: the file or folder it came from and the hash of all of it.
        trust: "data" (nothing of the file runs), "code" (agreed to) or "built-in".
    """

    task: Task[Any] = field(default_factory=lambda: task_of(DEFAULT))
    path: Path | None = None
    sha256: str = ""
    trust: str = "data"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.task, str):
            object.__setattr__(self, "task", task_of(self.task))

    def on(self, scan: Scan, device: str | torch.device = "cpu") -> BoundVictim:
        """The victim on a scan's grid.

        Raises:
            SegadvError: if the scan is of another kind than the victim was made for.
        """
        return self.task.bind(self.to(device), scan, torch.device(device))

    def predict(
        self,
        scan: Scan,
        device: str | torch.device = "cpu",
        poll: Callable[[], None] | None = None,
    ) -> Any:
        """What the victim says of a scan: of a segmentation the Mask of the likeliest classes.

        Args:
            scan: the image.
            device: to compute on.
            poll: called after each window or group of slices; it may raise, to stop.

        Raises:
            SegadvError: as `on`.
        """
        bound = self.on(scan, device)
        if poll is not None:
            bound.passes.on_piece = poll
        return bound.predict()
