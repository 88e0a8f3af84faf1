"""Victim: a network with its preprocessing, and Model: the same on the grid of one Scan."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import SegadvError
from ..scan import Scan
from .axes import Affine
from .chain import Space, Step, bind
from .heads import Head
from .recall import Recall
from .task import Task, task_of
from .windows import Passes, WindowSpec


@dataclass(frozen=True, eq=False)
class Victim:
    """A network under attack with its preprocessing.

    Attributes:
        network: in evaluation mode where it has one, its parameters frozen.
        name: what to call it.
        dims: 2 or 3; a 2-D network sees a volume slice by slice.
        channels: of the image that the preprocessing starts from (1 grey, 3 RGB).
        classes: names, of a segmentation background first; empty until known.
        steps: preprocessing.
        array_order: True if the network's axes are (z, y, x) or (y, x), False if (x, y, z) as
            MONAI reads files.
        windows: how it is slid over an image; None: the whole image at once.
        head: what it ends in.
        task: name of a task, see `task.tasks`.
        path, sha256: the file or folder it came from and the hash of all of it.
        trust: "data" (nothing of the file runs), "code" (agreed to) or "built-in".
    """

    network: nn.Module | Callable[[Tensor], Any]
    name: str
    dims: int
    channels: int = 1
    classes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    array_order: bool = False
    windows: WindowSpec | None = None
    head: Head = field(default_factory=Head)
    task: str = "segmentation"
    path: Path | None = None
    sha256: str = ""
    trust: str = "data"

    def __post_init__(self) -> None:
        task_of(self.task)
        if isinstance(self.network, nn.Module):
            for parameter in self.network.parameters():
                parameter.requires_grad_(False)

    def to(self, device: str | torch.device) -> "Victim":
        """The same victim with its network on a device."""
        if isinstance(self.network, nn.Module):
            return replace(self, network=self.network.to(device))
        return self

    def on(self, scan: Scan, device: str | torch.device = "cpu") -> "Model":
        """The victim on a scan's grid.

        Raises:
            SegadvError: where the scan is of another kind than the victim was made for.
        """
        return Model(self.to(device), scan, torch.device(device))

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
        model = self.on(scan, device)
        if poll is not None:
            model.passes.on_piece = poll
        return model.predict()

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensities that the preprocessing lets through, if it says so."""
        # Behind a first scaling intensities are no longer in the scan's units.
        first = next((step for step in self.steps if step.rescales), None)
        return None if first is None else first.window


class Model:
    """A victim on one scan's grid: images (N, C, *S) in the scan's units to logits (N, K, *S').

    Differentiable with respect to the images; see `attacks.problem.Model`. What S' is, is the
    victim's task's choice.

    Attributes:
        task: the victim's.
        image: the scan as a tensor (1, C, *S), float32, on the device.
        by_slice: True for a 2-D network on a volume.
        chain: the preprocessing on the scan's grid.
        recall: spares pieces that are as they were in the first pass; None: all of them run.
        passes: work done so far; `passes.on_piece` is called after each piece of it.
        window: (low, high) of the intensities that the victim sees, in the scan's units.
    """

    def __init__(self, victim: Victim, scan: Scan, device: torch.device) -> None:
        self.task: Task[Any] = task_of(victim.task)
        _check_fit(victim, scan)
        self.task.check(victim, scan)
        self.victim, self.scan, self.device = victim, scan, device
        self.passes = Passes()
        self.recall: Recall | None = None
        self.image = as_tensor(scan, device)
        self.by_slice = victim.dims == 2 and scan.grid.ndim == 3
        image, affine = self.image[0], ras_affine(scan)
        if self.by_slice:
            image, affine = image[:, image.shape[1] // 2], slice_affine(scan)
        if not victim.array_order:
            image = image.permute(0, *range(image.ndim - 1, 0, -1))
            affine = affine[:, [*range(len(affine) - 2, -1, -1), -1]]
        try:
            self.chain = bind(victim.steps, image.cpu(), Space(tuple(image.shape[1:]), affine))
        except SegadvError as error:
            raise SegadvError(f"{victim.name}: {error}") from None
        low, high = victim.window or scan.bounds
        self.window = (float(low), float(high))

    def __call__(self, images: Tensor) -> Tensor:
        # In memory order: a loss on logits of another order reads them with strides, slowly.
        logits = self.task.logits(self, images).contiguous()
        if images.requires_grad and torch.is_grad_enabled() and not logits.requires_grad:
            raise SegadvError(
                f"{self.victim.name}: its output has no gradient (does it end in argmax or a "
                "threshold?); use the network before that step"
            )
        return logits

    def predict(self, images: Tensor | None = None) -> Any:
        """The task's prediction for the first of some images (N, C, *S), by default the scan.

        Raises:
            SegadvError: where the victim predicts no numbers or other classes than it names.
        """
        with torch.no_grad():
            return self.task.predict(self, self.image if images is None else images)

    def prepared(self, images: Tensor) -> Tensor:
        """Images of the network's dimension as the network takes them."""
        if not self.victim.array_order:
            images = images.permute(0, 1, *range(images.ndim - 1, 1, -1))
        return self.chain.forward(images)

    def output(self, x: Tensor) -> Any:
        """What the network returns for prepared images; a refusal becomes one line."""
        try:
            return self.victim.network(x.contiguous())
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise SegadvError(
                f"{self.victim.name}: the network refuses an input of {tuple(x.shape)} ({reason}); "
                "check its channels, dimensions and window size"
            ) from error

    def checked(self, logits: Tensor) -> Tensor:
        """The logits, once it is clear that they are numbers and as many as there are classes.

        Raises:
            SegadvError: where they are not.
        """
        named = len(self.victim.classes)
        if named and named != logits.shape[1]:
            raise SegadvError(
                f"{self.victim.name}: names {named} classes but predicts {logits.shape[1]}; "
                "correct the class names in its description"
            )
        if not bool(torch.isfinite(logits).all()):
            raise SegadvError(
                f"{self.victim.name}: predicts NaN or infinity on {self.scan.name}; check its "
                "weights and its preprocessing"
            )
        return logits

    def class_names(self, logits: Tensor) -> tuple[str, ...]:
        """The victim's class names, or numbers where it has none."""
        return self.victim.classes or tuple(
            self.task.default_name(label) for label in range(logits.shape[1])
        )


def as_tensor(scan: Scan, device: str | torch.device) -> Tensor:
    """A scan as (1, C, *S) float32; a copy, so the caller's array never changes."""
    x = torch.from_numpy(np.array(scan.array, dtype=np.float32))
    x = x.movedim(-1, 0) if scan.colour else x.unsqueeze(0)
    return x.unsqueeze(0).contiguous().to(device)


def as_array(images: Tensor, scan: Scan) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The first of images (N, C, *S) as an array of a scan's shape."""
    x = images[0].detach().float().cpu()
    return np.ascontiguousarray((x.movedim(0, -1) if scan.colour else x[0]).numpy())


def field_array(field: Tensor, scan: Scan) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The first of fields (N, K, *S), components last unless there is one for a grey image."""
    if field.shape[1] == scan.channels:
        return as_array(field, scan)
    return np.ascontiguousarray(field[0].detach().float().movedim(0, -1).cpu().numpy())


def ras_affine(scan: Scan) -> Affine:
    """Index in array order, (z, y, x), to RAS world, (x, y, z); without geometry just pixels."""
    affine = scan.grid.affine.copy()
    if scan.grid.physical:
        affine[-3:-1] *= -1.0
    return np.vstack([affine[-2::-1], affine[-1:]])


def slice_affine(scan: Scan) -> Affine:
    """The affine of one slice: index (y, x) to (x, y), with the volume's spacing and flips.

    Slices are those of the array's first axis whatever their plane, and counted as axial.
    """
    affine = np.eye(3)
    whole = ras_affine(scan)[:3, 1:3]
    y, x = (float(np.sign(whole[np.abs(whole[:, i]).argmax(), i])) for i in (0, 1))
    affine[:2, :2] = [[0, x * scan.grid.spacing[2]], [y * scan.grid.spacing[1], 0]]
    return affine


def _check_fit(victim: Victim, scan: Scan) -> None:
    if victim.channels != scan.channels:
        kinds = {1: "a grey image", 3: "an RGB image"}
        wanted = kinds.get(victim.channels, f"{victim.channels} channels")
        raise SegadvError(
            f"{scan.name}: is {kinds[scan.channels]} but {victim.name} takes {wanted}; "
            "use an image of that kind or another victim"
        )
    if victim.dims == 3 and scan.grid.ndim == 2:
        raise SegadvError(
            f"{scan.name}: is a 2-D image but {victim.name} takes volumes; use a volume or a 2-D "
            "victim"
        )
