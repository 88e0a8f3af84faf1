"""The panels' actions on a victim, without a window: load it, predict, make targets.

Layers are touched on the main thread only. Jobs get copies, so painting during a job does not
affect it.
"""

from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from psygnal import Signal

from ...data.scan import Mask, Scan
from ...errors import NeedsTrust, SegadvError
from ..layers.convert import mask_of, mask_tuple, scan_of
from ..layers.names import CLEAN, TARGET, LayerTuple
from ..layers.task_view import view_of
from .jobs import Jobs
from .runner import Poll
from .shown_layers import ShownLayers


class VictimJobs:
    """Jobs of one viewer and its victim.

    Signals, all on the main thread:
        prepared: the attacks by name, once torch is loaded.
        victim_changed: the Victim, or None.
        predicted: the clean prediction, a Mask for segmentation.
        target_made: the target's Labels layer.

    Attributes:
        attacks: by name, once torch is loaded.
        victim: the one that is loaded, or None.
        source: what it was loaded from, as `load_victim` takes it.
    """

    prepared = Signal(object)
    victim_changed = Signal(object)
    predicted = Signal(object)
    target_made = Signal(object)

    def __init__(self, jobs: Jobs, shown: ShownLayers) -> None:
        self.attacks: dict[str, Any] = {}
        self.victim: Any = None
        self.source = ""
        self._jobs, self._shown = jobs, shown
        self._claimed: NeedsTrust | None = None
        self._prediction: tuple[Scan, Any, Any] | None = None

    @property
    def task(self) -> str:
        """The victim's task."""
        return "segmentation" if self.victim is None else str(self.victim.task.name)

    def prepare(self) -> None:
        """Import torch and MONAI off the main thread, which takes seconds; ends in `prepared`."""

        def work(poll: Poll) -> Any:
            # Imported in advance: torch itself would import the first in the middle of a step.
            from torch.fx.experimental import symbolic_shapes  # noqa: F401

            from ... import attacks, crafting, victims  # noqa: F401

            return attacks.available()

        def done(attacks: dict[str, Any]) -> None:
            self.attacks = attacks
            self.prepared.emit(attacks)

        self._jobs.start("loading torch and MONAI", work, done, can_cancel=False)

    def load_victim(self, source: str, trust: str | None = None) -> None:
        """Load a victim; ends in `victim_changed`, `trust_asked` or `failed`."""

        def work(poll: Poll) -> Any:
            from ...victims import load_victim

            return load_victim(source, trust)

        def done(victim: Any) -> None:
            self.victim, self.source, self._prediction = victim, source, None
            self.victim_changed.emit(victim)

        self._jobs.start(f"loading {source}", work, done)

    def claim(self, question: NeedsTrust) -> bool:
        """Return whether a question is still to be asked: several panels hear of it, one asks."""
        first, self._claimed = question is not self._claimed, question
        return first

    def consent(self, question: NeedsTrust) -> None:
        """Remember that the user agrees to a file's code, and load the victim.

        Raises:
            SegadvError: if another job is running.
        """
        from ...victims.loading.consent import remember

        self.load_victim(question.path, question.sha256)
        try:
            remember(question.sha256, Path(question.path))
        except SegadvError as error:
            self._jobs.failed.emit(f"{error}; you will be asked again")

    def predict(self, layer: Image, device: str = "auto") -> None:
        """Show what the victim predicts on an image; ends in `predicted` or `failed`."""
        scan, victim = self.checked(layer)

        def done(prediction: Any) -> None:
            self._show_prediction(layer, scan, victim, prediction)

        self._jobs.start("predicting", lambda poll: self._predict(scan, victim, device, poll), done)

    def make_target(
        self,
        layer: Image,
        shape: str,
        settings: dict[str, Any],
        start: Labels | None = None,
        device: str = "auto",
    ) -> None:
        """Make a target layer; ends in `target_made` or `failed`.

        Args:
            layer: the image.
            shape: name of a target shape; "copy" for an unchanged copy.
            settings: its parameters.
            start: the labels to change; None: the victim's clean prediction.
            device: for the prediction.

        Raises:
            SegadvError: if image, victim and labels do not fit each other, or another job is
                running.
        """
        scan, victim = self.checked(layer)
        if not view_of(victim.task.name).paints:
            raise SegadvError(
                f"{victim.name}: predicts no structures to change; choose its target in the list"
            )
        painted = None if start is None else mask_of(start, layer, scan.grid)

        def work(poll: Poll) -> tuple[Mask, LayerTuple]:
            from ... import targets

            clean = self._predict(scan, victim, device, poll)
            mask = clean if painted is None else Mask(painted.array, scan.grid, clean.classes)
            target = mask if shape == "copy" else targets.get(shape)(mask, **settings)
            return clean, mask_tuple(target, TARGET)

        def done(made: tuple[Mask, LayerTuple]) -> None:
            clean, target = made
            self._show_prediction(layer, scan, victim, clean)
            self.show_target(layer, target)

        self._jobs.start("making the target", work, done)

    def show_target(self, layer: Image, target: LayerTuple) -> None:
        """Show a target beside its image, in place of the one before; ends in `target_made`."""
        if layer in self._shown.layers:
            shown = self._shown.show_beside(layer, TARGET, target)
            shown.contour = 2
            self._shown.select(shown)
            self.target_made.emit(shown)

    def checked(self, layer: Image | None) -> tuple[Scan, Any]:
        """Return the scan of an image layer, and the victim.

        Raises:
            SegadvError: if either is missing.
        """
        if self.victim is None:
            raise SegadvError("no model is loaded; choose one first")
        if layer is None or layer not in self._shown.layers:
            raise SegadvError("no image is chosen; open one first")
        return scan_of(layer), self.victim

    def _predict(self, scan: Scan, victim: Any, device: str, poll: Poll) -> Any:
        """Return the clean prediction, computed once for an image and a victim."""
        from ...common.device import pick_device

        known = self._prediction
        if known is not None and known[1] is victim and known[0].same_as(scan):
            return known[2]
        return victim.predict(scan, pick_device(device), poll)

    def keep(self, scan: Scan, victim: Any, prediction: Any) -> None:
        """Keep a clean prediction, so that it is not computed again."""
        self._prediction = (scan, victim, prediction)

    def _show_prediction(self, layer: Image, scan: Scan, victim: Any, prediction: Any) -> None:
        self.keep(scan, victim, prediction)
        if layer in self._shown.layers:
            self._shown.show_beside(layer, CLEAN, view_of(victim.task.name).clean(prediction, scan))
        self.predicted.emit(prediction)
