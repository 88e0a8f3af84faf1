"""The panels' actions, without a window: a viewer's victim, its runs, and their layers.

One controller belongs to a viewer and outlives the panels that show it.
"""

import weakref
from collections.abc import Callable, Generator
from typing import Any, ClassVar

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from psygnal import Signal

from ...errors import SegadvError
from ..layers.convert import mask_of
from ..layers.example import example_tuples
from ..layers.gl_context import keep_current
from ..layers.names import LayerTuple
from ..layers.task_view import view_of
from ..layers.upright import keep_upright
from ..notices import complain
from .jobs import Jobs
from .runner import Poll, Runner
from .runs import Run, Runs
from .shown_layers import ShownLayers, unwrapped
from .victim_jobs import Predicted, VictimJobs


class Controller:
    """Actions and state of one viewer.

    Signals, all on the main thread:
        finished: the Example.
        choice_opened: the target chosen in an opened session, if it is not a layer.

    Attributes:
        jobs: one at a time; every action runs in one.
        victims: the victim, and the actions that need nothing but it.
        runs: the history.
        choice: the chosen target if it is not a layer, as a session stores it; None: none.
        targeted: whether the last attack that was started has a target.
    """

    finished = Signal(object)
    choice_opened = Signal(object)

    _known: ClassVar[dict[int, "Controller"]] = {}

    def __init__(self, viewer: ViewerModel, runner: Runner | None = None) -> None:
        self.jobs = Jobs(runner)
        self._shown = ShownLayers(viewer)
        self.victims = VictimJobs(self.jobs, self._shown)
        self.runs = Runs()
        self.choice: int | str | None = None
        self.targeted = True

    @classmethod
    def of(cls, viewer: ViewerModel) -> "Controller":
        """Return the viewer's controller; make it on the first call."""
        viewer = unwrapped(viewer)
        key = id(viewer)
        if key not in cls._known:
            cls._known[key] = cls(viewer)
            # Here, not in a panel: errors are shown once, whichever panels are open.
            cls._known[key].jobs.failed.connect(complain)
            # napari's private attribute: there is no public way to a canvas.
            keep_current(viewer, lambda: viewer.window._qt_viewer)
            keep_upright(viewer)
            weakref.finalize(viewer, cls._known.pop, key, None)
        return cls._known[key]

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
        """Run an attack; ends in `finished`, `stopped` or `failed`.

        Args:
            layer: the image.
            method: name of an attack.
            settings: its parameters.
            target: one of the task's choices; None: untargeted.
            device, seed, slices, watch: as for `craft_steps`.
            region: a painted layer or a name that `craft` knows; None: everywhere.
            opening: shows something first, then calls its argument, which starts the attack.

        Raises:
            SegadvError: if image, victim, target and region do not fit each other, or another job
                is running.
        """
        scan, victim = self.victims.checked(layer)
        present = self.victims.presented(layer)
        painted = isinstance(region, Labels)
        where = mask_of(region, layer, scan.grid, "region") if painted else region
        wanted = None if target is None else view_of(victim.task.name).wanted(target, layer, scan)

        def work(poll: Poll) -> Generator[Any, None, Any]:
            from ... import attacks
            from ...crafting import craft_steps

            attack = attacks.get(method)(**settings)
            limits: dict[str, Any] = {"target": wanted, "region": where, "slices": slices}
            ways: dict[str, Any] = {"present": present, "device": device, "seed": seed}
            example = yield from craft_steps(
                scan, victim, attack, poll=poll, watch=watch, **ways, **limits
            )
            return example, example_tuples(example)

        def done(found: tuple[Any, dict[str, LayerTuple]]) -> None:
            example, shown = found
            self.victims.keep(Predicted(scan, victim, present, example.prediction_clean))
            run = self.runs.add(example, layer)

            def ready() -> None:
                if isinstance(target, Layer):
                    self._shown.select(target, on_top=True)
                self.runs.current = run
                self.finished.emit(example)

            pieces = self._shown.show_example(layer, example, shown)
            self.jobs.unfold("showing the result", pieces, ready)

        def begin() -> None:
            self.targeted = target is not None
            self.jobs.start("attacking", work, done)

        begin() if opening is None else opening(begin)

    def show_run(self, run: Run) -> None:
        """Show an earlier run beside its image, which is opened again if it was closed."""

        def work(poll: Poll) -> dict[str, LayerTuple]:
            return example_tuples(run.example)

        def done(shown: dict[str, LayerTuple]) -> None:
            if self.closed:
                return
            layer = self._shown.image_of(run)
            pieces = self._shown.show_example(layer, run.example, shown)
            self.jobs.unfold(title, pieces, lambda: setattr(self.runs, "current", run))

        title = f"showing {run.name}"
        self.jobs.start(title, work, done, can_cancel=False)

    def delete_run(self, run: Run) -> None:
        """Delete a run, and the layers that show it.

        Raises:
            SegadvError: if the run is shown while a job is running, which may use the layers.
        """
        if run is not self.runs.current:
            self.runs.remove(run)
            return
        if self.jobs.busy:
            raise SegadvError(
                f"still {self.jobs.busy}; wait for it before you delete {run.name}, which is shown"
            )
        # First, so that a comparison of this run can put its layers back as they were.
        self.runs.remove(run)
        self._shown.remove_example()

    @property
    def layers(self) -> Any:
        """The viewer's layers. The viewer itself is not kept: it may be closed at any time."""
        return self._shown.layers

    @property
    def closed(self) -> bool:
        """Whether the viewer is gone."""
        return self._shown.closed

    def made(self, layer: Layer) -> bool:
        """Return whether a layer is a result of this controller. A target is not."""
        return self._shown.made(layer)

    @property
    def example(self) -> Any:
        """The Example that is shown, or None."""
        return None if self.runs.current is None else self.runs.current.example

    def shown(self, name: str) -> Layer | None:
        """Return the layer of the run that is shown, by its name in `layers.names`."""
        return self._shown.get(name)

    def show_beside(
        self, image: Image, name: str, made: LayerTuple, below: Layer | None = None
    ) -> Layer:
        """Show a panel's own layer where an image is; it counts as made by this controller.

        A new layer comes right below `below` if that lies above the image, else on top.
        """
        return self._shown.show_beside(image, name, made, below=below)

    def hide(self, *names: str) -> None:
        """Remove layers that `show_beside` has shown."""
        self._shown.remove(*names)
