"""BoundVictim: a victim on the grid of one Scan, as an attack sees it."""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..common.wording import class_name, in_percent, percent
from ..data.scan import Scan
from ..errors import SegadvError
from ..io import read
from .graphs import Graphs
from .heads import in_float32, leaves
from .pipeline import Pipeline, owner
from .precision import Reduced
from .prediction import Prediction
from .preprocessing.axes import Affine
from .preprocessing.chain import Space, bind
from .preprocessing.presenting import Presented, windows_seen
from .recall import Recall
from .scan_tensors import as_tensor, ras_affine, slice_affine
from .windows import Passes

# The share of their range by which two answers of a network may differ: GPUs add in any order.
UNSTEADY = 1e-3
# The share of the structures' pixels from which a victim counts as reproduced.
REPRODUCED = 0.999
OTHERWISE = (
    "of the structures' pixels are predicted as by the model's own pipeline: figures are of ours, "
    "and its own program may write another mask"
)
# Networks that have given the same answer twice.
_STEADY: "weakref.WeakSet[Any]" = weakref.WeakSet()


class BoundVictim(ABC):
    """A victim on a scan's grid, from images (N, C, *S) in the scan's units to logits (N, K, *S').

    Differentiable with respect to the images; see `attacks.problem.Model`. Each task has a
    subclass, which defines the cells S' and the meaning of the logits: see `Task.bind`.

    Class attributes of a subclass:
        differentiable: False if its logits have no gradient, since they come from a mask.

    Attributes:
        victim: the network with its preprocessing.
        scan: the image that gives the grid.
        device: where it computes.
        image: the scan as a tensor (1, C, *S), float32, on the device.
        by_slice: True for a 2-D network on a volume.
        chain: the preprocessing on the scan's grid.
        recall: skips pieces that have not changed since the first pass; None: all of them run.
        graphs: keeps graphs of pieces until the backward pass; None: each runs a second time.
        reduced: says whether the network computes in bfloat16 at the moment; None: in float32.
        passes: work done so far; `passes.on_piece` is called after each piece.
        presented: its first step, if the scan's intensities are not those it expects; None: none.
        window: intensity window (low, high) that the victim sees, in the scan's units.
        windows: the same for each channel, in its own units; of a colour image, one for all.
    """

    differentiable: ClassVar[bool] = True

    def __init__(
        self,
        victim: Pipeline,
        scan: Scan,
        device: torch.device,
        presented: Presented | None = None,
    ) -> None:
        _check_fit(victim, scan)
        victim.check_mode()
        self.check(victim, scan)
        self.victim, self.scan, self.device = victim, scan, device
        self.presented = presented
        self.passes = Passes()
        self.recall: Recall | None = None
        self.reduced: Reduced | None = None
        self.graphs: Graphs | None = None
        self._steady = _is_steady(victim.network)
        self.image = as_tensor(scan, device)
        self.by_slice = victim.dims == 2 and scan.grid.ndim == 3 and not victim.volumewise
        image, affine = self._framed()
        try:
            self.chain = bind(victim.steps, image.cpu(), Space(tuple(image.shape[1:]), affine))
        except SegadvError as error:
            raise SegadvError(f"{victim.name}: {error}") from None
        self.windows = windows_seen(scan, victim, presented)
        self.window = (0.0, 100.0) if scan.parts else self.windows[0]

    def _framed(self) -> tuple[Tensor, Affine]:
        """Return the scan (C, *S) as the victim's program reads it, with its affine to RAS.

        For a network that sees slices, it is the middle one.
        """
        image, affine = self._present(self.image)[0], ras_affine(self.scan)
        if self.by_slice:
            image, affine = image[:, image.shape[1] // 2], slice_affine(self.scan)
        if not self.victim.array_order:
            image = image.permute(0, *range(image.ndim - 1, 0, -1))
            affine = affine[:, [*range(len(affine) - 2, -1, -1), -1]]
        return image, affine

    @property
    def name(self) -> str:
        """The victim's name."""
        return self.victim.name

    @property
    def seen(self) -> tuple[str, ...]:
        """What a user should know: notes of the victim, and how the image is presented to it."""
        presented = self.presented
        shown = () if presented is None else (presented.describe(self.scan.units),)
        return (*self.victim.notes, *shown, *self._order())

    def _order(self) -> tuple[str, ...]:
        """Say which file is taken for which of the channels that the victim names."""
        names, parts = self.channel_names, self.scan.parts
        if not parts or not self.victim.channel_names:
            return ()
        pairs = ", ".join(f"{n} = {part.name}" for n, part in zip(names, parts, strict=True))
        return (f"channels, in the order in which they were given: {pairs}",)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the scan's channels: the victim's, or else by their files; () for one."""
        return (self.victim.channel_names or self.scan.channel_names) if self.scan.parts else ()

    @cached_property
    def deployed(self) -> "BoundVictim":
        """The victim as its own program runs it, on the same scan; itself if that is the same."""
        if self.victim.deployed is None:
            return self
        return type(self)(self.victim.deployed, self.scan, self.device, self.presented)

    @property
    def rough(self) -> bool:
        """Whether the network computes in bfloat16 at the moment."""
        return self.reduced is not None and self.reduced.on

    @property
    def recalled(self) -> Recall | None:
        """What is remembered of passes in the precision in which the network computes."""
        return None if self.recall is None else self.recall.of(self.rough)

    @property
    def about(self) -> Mapping[str, Any]:
        """What `result.json` says of the victim besides its description."""
        return {}

    def check(self, victim: Pipeline, scan: Scan) -> None:  # noqa: B027 - most have no such rule
        """Raise SegadvError if the victim or the scan breaks a rule of the task."""

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Return class logits (N, K, *S') for images (N, C, *S), with their gradient."""

    @abstractmethod
    def prediction(self, images: Tensor) -> Prediction:
        """Predict the first of the images (N, C, *S); called without a gradient."""

    @property
    def decides(self) -> bool:
        """Whether `decide` returns anything but the likeliest classes."""
        return False

    def decide(self, logits: Tensor) -> Tensor:
        """Return the classes (N, *S') that `prediction` would find in logits (N, K, *S')."""
        return logits.argmax(1)

    def agreement(self, prediction: Any) -> float | None:
        """Return the share in which the scan's prediction is that of the victim's own program.

        None: there is no such program to compare with.
        """
        return None

    def window_notes(self) -> tuple[str, ...]:
        """Say what a sliding window hides from the network: measured once, after a prediction."""
        return ()

    def agreement_notes(self, prediction: Any) -> tuple[str, ...]:
        """Say how well the victim's own program is reproduced on this scan, and by its windows."""
        return (*self._own_notes(prediction), *self.deployed.window_notes())

    def _own_notes(self, prediction: Any) -> tuple[str, ...]:
        try:
            share = self.agreement(prediction)
        except SegadvError as error:
            return (f"not compared with the model's own pipeline: {error}",)
        if share is None:
            return ()
        if share >= REPRODUCED:
            return (
                f"on this image, {percent(share)} of the structures' pixels are predicted as by "
                f"the model's own pipeline{self._until()}",
            )
        return (f"only {percent(share)} {OTHERWISE}{self._until()}",)

    def _until(self) -> str:
        """Say where the comparison with the victim's own program ends, if that is not its mask."""
        until = getattr(self.victim.own, "until", "")
        return f" (compared up to its step {until})" if until else ""

    def _files(self) -> tuple[Path, ...]:
        """Return the files that hold what the victim sees of the scan; () if there are none."""
        paths = [part.path for part in self.scan.singles]
        files = tuple(path for path in paths if path is not None and path.is_file())
        if self.presented is not None or len(files) != len(paths):
            return ()
        # They may have changed, or the scan, since it was read.
        with suppress(SegadvError):
            if all(
                read(file).same_as(part)
                for file, part in zip(files, self.scan.singles, strict=True)
            ):
                return files
        return ()

    def departures(self, prediction: Any) -> tuple[str, ...]:
        """Say so if the victim's own program predicts otherwise on an adversarial image.

        A change can lie where the two differ: what makes no difference on the clean image need not
        make none on this one.
        """
        try:
            share = self.agreement(prediction)
        except SegadvError:
            return ()
        if share is None or share >= REPRODUCED:
            return ()
        return (f"on the adversarial image, only {percent(share)} {OTHERWISE}",)

    def default_name(self, label: int) -> str:
        """Return the name of a class that the victim does not name."""
        return class_name(label)

    def __call__(self, images: Tensor, /) -> Tensor:
        # Contiguous, because a loss on permuted logits is slow.
        logits = self.logits(images).contiguous()
        if images.requires_grad and torch.is_grad_enabled() and not logits.requires_grad:
            raise SegadvError(
                f"{self.victim.name}: its output has no gradient (does it end in argmax or a "
                "threshold?); use the network without that step"
            )
        return logits

    def predict(self, images: Tensor | None = None) -> Any:
        """Predict the first of the images (N, C, *S); by default the scan.

        This is the mask that the victim's own program would write, see `Pipeline.deployed`.

        Raises:
            SegadvError: if the victim predicts NaN or infinity, or not the classes that it names.
        """
        deployed = self.deployed
        deployed.passes = self.passes
        with torch.no_grad():
            return deployed.prediction(self.image if images is None else images)

    def sample(self) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return a piece of what the network sees, and logits as a differentiable function of it.

        It is what a pass is made of: here the whole image.
        """
        return self.image, self.logits

    def prepared(self, images: Tensor) -> Tensor:
        """Preprocess images (N, C, *S) that have the network's number of dimensions."""
        images = self._present(images)
        if not self.victim.array_order:
            images = images.permute(0, 1, *range(images.ndim - 1, 1, -1))
        return self.chain.forward(images)

    def _present(self, images: Tensor) -> Tensor:
        return images if self.presented is None else self.presented(images)

    def output(self, x: Tensor) -> Any:
        """Return the network's output for preprocessed images; turn an error into one line."""
        try:
            x = x.contiguous()
            y = self._run(x)
            self._check_repeats(x, y)
            return y
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise SegadvError(
                f"{self.victim.name}: the network refuses an input of {tuple(x.shape)} ({reason}); "
                "check its channels, dimensions and roi_size"
            ) from error

    def _run(self, x: Tensor) -> Any:
        if not self.rough:
            return self.victim.run(x)
        with torch.autocast(x.device.type, torch.bfloat16):
            return in_float32(self.victim.run(x))

    def _check_repeats(self, x: Tensor, y: Any) -> None:
        """Ask a network that is new twice: what answers differently has no gradient to follow.

        Raises:
            SegadvError: if it does.
        """
        if self._steady:
            return
        with torch.no_grad():
            # A copy: a network may change its input.
            again = self._run(x.detach().clone())
            pairs = zip(leaves(y), leaves(again), strict=True)
            off = max((_departure(one, other) for one, other in pairs), default=0.0)
        if off > UNSTEADY:
            raise SegadvError(
                f"{self.victim.name}: answers differently when it sees the same image twice (by "
                f"{in_percent(off, 1)} of its range), so its gradient leads nowhere; call "
                "network.eval(), or use the network without its random step"
            )
        self._steady = True
        with suppress(TypeError):
            _STEADY.add(owner(self.victim.network))

    def checked(self, logits: Tensor) -> Tensor:
        """Return the logits if they are finite and there is one for each class.

        Raises:
            SegadvError: if not.
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
        """Return the victim's class names, or default names if it has none."""
        return self.victim.classes or tuple(
            self.default_name(label) for label in range(logits.shape[1])
        )


def _is_steady(network: Any) -> bool:
    """Return whether a network is known to give the same answer twice."""
    # Some objects can't be remembered: they are asked twice on each scan.
    with suppress(TypeError):
        return owner(network) in _STEADY
    return False


def _departure(one: Tensor, other: Tensor) -> float:
    """Return the largest difference as a share of the range; NaN counts as no difference."""
    one = one.detach()
    if not one.numel() or not one.is_floating_point():
        return 0.0
    span = float(one.amax() - one.amin())
    return float((one - other).abs().amax()) / span if span > 0 else 0.0


def _needed(victim: Pipeline) -> str:
    """Say what kind of image a victim needs."""
    kinds = {1: "a grey-scale image", 3: "a colour image"}
    if victim.channels in kinds and not victim.channel_names[1:]:
        return kinds[victim.channels]
    named = f" ({', '.join(victim.channel_names)})" if victim.channel_names else ""
    return f"{victim.channels} channels{named}"


def _found(scan: Scan) -> str:
    """Say of what kind an image is."""
    if scan.parts:
        return f"has {scan.channels}"
    return "is in colour" if scan.colour else "is in grey scale"


def _check_fit(victim: Pipeline, scan: Scan) -> None:
    if victim.channels != scan.channels:
        raise SegadvError(
            f"{victim.name} needs {_needed(victim)}; {scan.name} {_found(scan)}. Choose another "
            "model or image."
        )
    if victim.dims == 3 and scan.grid.ndim == 2:
        raise SegadvError(
            f"{victim.name} needs a volume; {scan.name} is a single image. Choose another model "
            "or image."
        )
