"""What the panels do, without a window: victims, predictions, targets, runs and their layers.

One controller belongs to a viewer and outlives the panels that show it. Layers are touched on
the main thread only; jobs get copies, so that painting in mid-run changes nothing.
"""

import weakref
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from psygnal import Signal

from ..errors import NeedsTrust, SegadvError
from ..scan import Mask, Scan
from .drawing import keep_current
from .jobs import Jobs
from .layers import (
    CLEAN,
    TARGET,
    LayerTuple,
    example_tuples,
    mask_of,
    mask_tuple,
    scan_of,
)
from .results import Results, unwrapped
from .runner import Poll, Runner
from .runs import Run, Runs
from .task_view import view_of
from .upright import keep_upright


class Controller(Jobs):
    """Actions and state of one viewer.

    Signals besides those of Jobs, all on the main thread:
        prepared: the attacks by name, once torch is loaded.
        victim_changed: the Victim, or None.
        predicted: the clean prediction, of a segmentation a Mask.
        target_made: the target's Labels layer.
        finished: the Example.
        choice_opened: the choice that an opened session has brought.

    Attributes:
        choice: of a target that is no layer, as a session keeps it; None: none.
    """

    prepared = Signal(object)
    victim_changed = Signal(object)
    predicted = Signal(object)
    target_made = Signal(object)
    finished = Signal(object)
    choice_opened = Signal(object)

    _known: ClassVar[dict[int, "Controller"]] = {}

    def __init__(self, viewer: ViewerModel, runner: Runner | None = None) -> None:
        super().__init__(runner)
        self.attacks: dict[str, Any] = {}
        self.victim: Any = None
        self.source = ""
        self.choice: int | str | None = None
        self.runs = Runs()
        self._results = Results(viewer)
        self._claimed: NeedsTrust | None = None
        self._prediction: tuple[Scan, Any, Any] | None = None

    @classmethod
    def of(cls, viewer: ViewerModel) -> "Controller":
        """The viewer's controller, made when it is first asked for."""
        viewer = unwrapped(viewer)
        key = id(viewer)
        if key not in cls._known:
            cls._known[key] = cls(viewer)
            keep_current(viewer)
            keep_upright(viewer)
            weakref.finalize(viewer, cls._known.pop, key, None)
        return cls._known[key]

    @property
    def layers(self) -> Any:
        """The viewer's layers. The viewer itself is not held: it may be closed at any time."""
        return self._results.layers

    @property
    def closed(self) -> bool:
        """Whether the viewer is gone."""
        return self._results.closed

    @property
    def task(self) -> str:
        """The victim's task."""
        return "segmentation" if self.victim is None else str(self.victim.task)

    def made(self, layer: Layer) -> bool:
        """Whether a layer is a result of this controller's, the target left out."""
        return layer in self._results and layer is not self._results.get(TARGET)

    def prepare(self) -> None:
        """Imports torch and MONAI, which takes seconds, off the main thread; ends in `prepared`."""

        def work(poll: Poll) -> Any:
            # To have them imported; torch itself imports the first in the middle of a step.
            from torch.fx.experimental import symbolic_shapes  # noqa: F401

            from .. import attacks, crafting, victims  # noqa: F401

            return attacks.available()

        def done(attacks: dict[str, Any]) -> None:
            self.attacks = attacks
            self.prepared.emit(attacks)

        self.start("loading torch and MONAI", work, done, can_cancel=False)

    def load_victim(self, source: str, trust: str | None = None) -> None:
        """Loads a victim; ends in `victim_changed`, `trust_asked` or `failed`."""

        def work(poll: Poll) -> Any:
            from ..victims import load_victim

            return load_victim(source, trust)

        def done(victim: Any) -> None:
            self.victim, self.source, self._prediction = victim, source, None
            self.victim_changed.emit(victim)

        self.start(f"loading {source}", work, done)

    def claim(self, question: NeedsTrust) -> bool:
        """Whether a question is still to be asked: several panels hear of it, one asks."""
        first, self._claimed = question is not self._claimed, question
        return first

    def consent(self, question: NeedsTrust) -> None:
        """Agrees to a file's code for good, and loads the victim.

        Raises:
            SegadvError: while another job is running.
        """
        from ..victims.trust import remember

        self.load_victim(question.path, question.sha256)
        try:
            remember(question.sha256, Path(question.path))
        except SegadvError as error:
            self.failed.emit(f"{error}; it will be asked again")

    def predict(self, layer: Image, device: str = "auto") -> None:
        """Shows what the victim predicts on an image; ends in `predicted` or `failed`."""
        scan, victim = self._checked(layer)

        def done(prediction: Any) -> None:
            self._show_prediction(layer, scan, victim, prediction)

        self.start("predicting", lambda poll: self._predict(scan, victim, device, poll), done)

    def make_target(
        self,
        layer: Image,
        shape: str,
        settings: dict[str, Any],
        start: Labels | None = None,
        device: str = "auto",
    ) -> None:
        """Makes a target layer; ends in `target_made` or `failed`.

        Args:
            layer: the image.
            shape: name of a target shape; "copy" for the start as it is.
            settings: its parameters.
            start: labels to change; None: the victim's clean prediction.
            device: for the prediction.
        """
        scan, victim = self._checked(layer)
        if not view_of(victim.task).paints:
            raise SegadvError(f"{victim.name}: predicts no structures to change; choose its target")
        painted = None if start is None else mask_of(start, layer, scan.grid)

        def work(poll: Poll) -> tuple[Mask, LayerTuple]:
            from .. import targets

            clean = self._predict(scan, victim, device, poll)
            mask = clean if painted is None else Mask(painted.array, scan.grid, clean.classes)
            target = mask if shape == "copy" else targets.get(shape)(mask, **settings)
            return clean, mask_tuple(target, TARGET)

        def done(made: tuple[Mask, LayerTuple]) -> None:
            clean, target = made
            self._show_prediction(layer, scan, victim, clean)
            self.show_target(layer, target)

        self.start("making the target", work, done)

    def show_target(self, layer: Image, target: LayerTuple) -> None:
        """Shows a target beside its image, in the place of the last; ends in `target_made`."""
        if layer in self.layers:
            shown = self._results.show_beside(layer, TARGET, target)
            shown.contour = 2
            self._results.select(shown)
            self.target_made.emit(shown)

    def attack(
        self,
        layer: Image,
        method: str,
        settings: dict[str, Any],
        target: Any,
        device: str = "auto",
        seed: int = 0,
        region: Labels | str | None = None,
        slices: tuple[int, int] | None = None,
        watch: Any = None,
        opening: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        """Runs an attack; ends in `finished`, `stopped` or `failed`.

        Args:
            layer: the image.
            method: name of an attack.
            settings: its parameters.
            target: what is to be predicted, one of the task's choices; None: untargeted.
            device, seed, slices, watch: as for `craft_steps`.
            region: a painted layer or a name that `craft` knows; None: everywhere.
            opening: what is to be shown first; it calls what it is given when that is done.
        """
        scan, victim = self._checked(layer)
        where = mask_of(region, layer, scan.grid) if isinstance(region, Labels) else region
        wanted = None if target is None else view_of(victim.task).wanted(target, layer, scan)

        def work(poll: Poll) -> Generator[Any, None, Any]:
            from .. import attacks
            from ..crafting import craft_steps

            attack = attacks.get(method)(**settings)
            limits: dict[str, Any] = {"target": wanted, "region": where, "slices": slices}
            example = yield from craft_steps(
                scan, victim, attack, device=device, seed=seed, poll=poll, watch=watch, **limits
            )
            return example, example_tuples(example)

        def done(found: tuple[Any, dict[str, LayerTuple]]) -> None:
            example, shown = found
            self._prediction = (scan, victim, example.prediction_clean)
            run = self.runs.add(example, layer)

            def ready() -> None:
                if isinstance(target, Layer):
                    self._results.select(target, on_top=True)
                self.runs.current = run
                self.finished.emit(example)

            pieces = self._results.show_example(layer, example, shown)
            self.unfold("showing the result", pieces, ready)

        begin = partial(self.start, "attacking", work, done)
        begin() if opening is None else opening(begin)

    def show_run(self, run: Run) -> None:
        """Shows an earlier run beside its image, which is opened again where it was closed."""

        def work(poll: Poll) -> dict[str, LayerTuple]:
            return example_tuples(run.example)

        def done(shown: dict[str, LayerTuple]) -> None:
            layer = self._results.image_of(run)
            pieces = self._results.show_example(layer, run.example, shown)
            self.unfold(title, pieces, lambda: setattr(self.runs, "current", run))

        title = f"showing {run.name}"
        self.start(title, work, done, can_cancel=False)

    def delete_run(self, run: Run) -> None:
        """Forgets a run; the layers that show it go with it.

        Raises:
            SegadvError: where it is shown while a job is running, which may use them.
        """
        if run is not self.runs.current:
            self.runs.remove(run)
            return
        if self.busy:
            raise SegadvError(f"still {self.busy}; delete {run.name}, which is shown, after that")
        # First: who compares the run puts its layers back as they were.
        self.runs.remove(run)
        self._results.remove_example()

    @property
    def example(self) -> Any:
        """The Example that is shown, or None."""
        return None if self.runs.current is None else self.runs.current.example

    def shown(self, name: str) -> Layer | None:
        """The layer of the run that is shown, by its name in `viewer.layers`."""
        return self._results.get(name)

    def show_beside(
        self, image: Image, name: str, made: LayerTuple, below: Layer | None = None
    ) -> Layer:
        """Shows a panel's own layer where an image is; it counts as made by this controller.

        A new one comes right below another, if that lies above the image, or on top.
        """
        return self._results.show_beside(image, name, made, below=below)

    def hide(self, *names: str) -> None:
        """Takes away layers that `show_beside` has shown."""
        self._results.remove(*names)

    def _checked(self, layer: Image | None) -> tuple[Scan, Any]:
        if self.victim is None:
            raise SegadvError("no victim is loaded; choose one first")
        if layer is None or layer not in self.layers:
            raise SegadvError("no image is chosen; open one first")
        return scan_of(layer), self.victim

    def _predict(self, scan: Scan, victim: Any, device: str, poll: Poll) -> Any:
        """The clean prediction, computed once for an image and a victim."""
        from ..request import pick_device

        known = self._prediction
        if known is not None and known[1] is victim and known[0].same_as(scan):
            return known[2]
        return victim.predict(scan, pick_device(device), poll)

    def _show_prediction(self, layer: Image, scan: Scan, victim: Any, prediction: Any) -> None:
        self._prediction = (scan, victim, prediction)
        if layer in self.layers:
            self._results.show_beside(layer, CLEAN, view_of(victim.task).clean(prediction, scan))
        self.predicted.emit(prediction)
