"""The panels' actions, without a window: a viewer's victim, its runs, and their layers.

One controller belongs to a viewer and outlives the panels that show it.
"""

import weakref
from collections.abc import Callable, Generator, Mapping
from typing import Any, ClassVar, TypeVar

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from psygnal import Signal

from ...common import memory
from ...data.channels import in_view, shares_of
from ...errors import SegadvError
from ..layers.camera import keep_looking
from ..layers.convert import mask_of, scan_of
from ..layers.example import example_tuples
from ..layers.gl_context import keep_current
from ..layers.names import CLEAN, TARGET, LayerTuple, is_target
from ..layers.structure_layers import set_of
from ..layers.task_view import view_of
from ..layers.upright import keep_upright
from ..notices import complain, warn
from .clicks import Clicks
from .descriptions import Descriptions
from .jobs import Jobs
from .results import Results
from .runner import Poll, Runner
from .runs import Run, Runs
from .shown_layers import ShownLayers, unwrapped
from .victim_jobs import Predicted, VictimJobs
from .visibility import Visibility

L = TypeVar("L", bound=Layer)


class Controller:
    """Actions and state of one viewer.

    Signals, all on the main thread:
        finished: the Example.
        choice_opened: the target chosen in an opened session, if it is not a layer.
        image_chosen: the image that is worked on from now on, or None.
        session_saved: what a session on the disk holds, a `runs.kept.Kept`.
        warned: something that is not as the user may expect, in one line.

    Attributes:
        jobs: one at a time; every action runs in one.
        victims: the victim, and the actions that need nothing but it.
        clicks: on the images, which an interactive victim is shown.
        descriptions: of models that do not describe themselves, tried and saved.
        runs: the history.
        visibility: how visible each run's change is in every window.
        choice: the chosen target if it is not a layer, as a session stores it; None: none.
        targets: what was last chosen as the target of each image.
        targeted: whether the last attack that was started has a target.
    """

    finished = Signal(object)
    choice_opened = Signal(object)
    image_chosen = Signal(object)
    session_saved = Signal(object)
    warned = Signal(str)

    _known: ClassVar[dict[int, "Controller"]] = {}

    def __init__(self, viewer: ViewerModel, runner: Runner | None = None) -> None:
        self.jobs = Jobs(runner)
        self._shown = shown = ShownLayers(viewer)
        self._results = Results(viewer, shown)
        self.jobs.open = lambda: not shown.closed
        self.clicks = Clicks(viewer, shown, self.jobs.soon)
        self.victims = VictimJobs(self.jobs, shown, self.clicks)
        self.descriptions = Descriptions(self.jobs, self.victims)
        self.runs = Runs()
        self.visibility = Visibility(self.runs, runner)
        self.choice: int | str | None = None
        self.targets: weakref.WeakKeyDictionary[Image, Any] = weakref.WeakKeyDictionary()
        self.targeted = True
        groups = self._shown.groups
        groups.leaving.connect(self._leave)
        groups.chosen.connect(self._enter)
        groups.replaced.connect(self._replaced)

    @property
    def image(self) -> Image | None:
        """The chosen image: panels work on it, and only its layers are visible."""
        return self._shown.groups.image

    @property
    def read(self) -> Image | None:
        """The chosen image; of several channels, the layer of the one that its run shows."""
        run = self.runs.current
        ours = run is not None and run.image is self.image
        return (self.clean_of(run) if run is not None and ours else None) or self.image

    @property
    def images(self) -> list[Image]:
        """The images that can be chosen, bottom to top; results and noise are none."""
        return self._shown.groups.images()

    def choose(self, image: Image | None) -> None:
        """Show an image with its layers and its run, and hide those of the others."""
        self._shown.groups.choose(image)

    def image_of(self, layer: Layer) -> Image | None:
        """Return the image that a layer belongs to; None: to none, or it has been closed."""
        group = self._shown.groups.find(layer)
        return None if group is None else group.image

    def here(self, kind: type[L]) -> list[L]:
        """List the layers of a kind that lie on the chosen image or on none, bottom to top."""
        return [x for x in self.layers if isinstance(x, kind) and self.on_chosen(x)]

    def on_chosen(self, layer: Layer) -> bool:
        """Return whether a layer lies on the chosen image or on none."""
        groups = self._shown.groups
        return groups.find(layer) in (None, groups.current)

    def title(self, layer: Layer) -> str:
        """Return what a layer is to the chosen image, else its name.

        One of several layers of a target stands for all of them.
        """
        group, found = self._shown.groups.current, set_of(layer)
        role = None if group is None else group.role_of(layer)
        if found is None:
            return role or str(layer.name)
        return TARGET if is_target(role) and found.whole else found.name

    def own(self, layer: Layer, image: Image) -> None:
        """Let a layer of the user's belong to an image; call it before the layer is added."""
        self._shown.groups.own(layer, image)

    def _leave(self) -> None:
        # Before layers are hidden, so that a comparison can put them back as they were.
        if self.runs.current is not None:
            self.runs.current = None

    def _enter(self, image: Image | None) -> None:
        group = self._shown.groups.current
        if group is not None and group.image is not None and group.run in list(self.runs):
            # The image may have been closed and opened again, as another layer.
            group.run.image = group.image
            self.runs.current = group.run
        self.image_chosen.emit(image)

    def _replaced(self, image: Image) -> None:
        """Take away the results of an image whose pixels are others now; targets stay."""
        group = self._shown.groups.at(image)
        if group is None:
            return
        if self.runs.current is not None and self.runs.current is group.run:
            # First, so that a comparison can put its layers back as they were.
            self.runs.current = None
        if self._shown.remove_example(group, CLEAN):
            self.warned.emit(
                f"{image.name}: its pixels have changed, so its results were taken away; its "
                "target stays, and Runs shows each run beside the image as it was"
            )

    @classmethod
    def of(cls, viewer: ViewerModel) -> "Controller":
        """Return the viewer's controller; make it on the first call."""
        viewer = unwrapped(viewer)
        key = id(viewer)
        if key not in cls._known:
            cls._known[key] = cls(viewer)
            # Here, not in a panel: errors are shown once, whichever panels are open.
            cls._known[key].jobs.failed.connect(complain)
            cls._known[key].visibility.failed.connect(complain)
            cls._known[key].warned.connect(warn)
            # napari's private attribute: there is no public way to a canvas.
            keep_current(viewer, lambda: viewer.window._qt_viewer)
            keep_looking(viewer)
            controller = weakref.ref(cls._known[key])
            turned = keep_upright(viewer, lambda: getattr(controller(), "image", None))
            # Weakly: it holds the viewer, which holds it.
            turn = weakref.ref(turned)
            cls._known[key].image_chosen.connect(lambda image: (turn() or str)())
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
        channels: Any = None,
    ) -> None:
        """Run an attack; ends in `finished`, `stopped` or `failed`.

        Args:
            layer: the image.
            method: name of an attack.
            settings: its parameters.
            target: one of the task's choices; None: untargeted.
            device, seed, slices, watch: as for `craft_steps`.
            region: a painted layer or a name that `craft` knows; None: everywhere.
            channels: of an image of several, as for `craft_steps`.
            opening: shows something first, then calls its argument, which starts the attack.

        Raises:
            SegadvError: if image, victim, target and region do not fit each other, or another job
                is running.
        """
        scan, victim = self.victims.checked(layer)
        present = self.victims.presented(layer)
        painted = isinstance(region, Labels)
        where = mask_of(region, layer, scan.grid, "region", alone=True) if painted else region
        wanted = None if target is None else view_of(victim.task.name).wanted(target, layer, scan)

        def work(poll: Poll) -> Generator[Any, None, Any]:
            from ... import attacks
            from ...crafting import craft_steps

            attack = attacks.get(method)(**settings)
            limits: dict[str, Any] = {"target": wanted, "region": where, "slices": slices}
            limits["channels"] = channels
            ways: dict[str, Any] = {"present": present, "device": device, "seed": seed}
            try:
                example = yield from craft_steps(
                    scan, victim, attack, poll=poll, watch=watch, **ways, **limits
                )
            finally:
                # Between attacks, a desktop has other uses for the memory of their steps.
                memory.give_back()
            return example, example_tuples(example)

        def done(found: tuple[Any, dict[str, LayerTuple]]) -> None:
            example, shown = found
            self.victims.keep(Predicted(scan, victim, present, example.prediction_clean))
            self._show_result(layer, target, example, shown)

        def begin() -> None:
            self.targeted = target is not None
            self.jobs.start("attacking", work, done)

        begin() if opening is None else opening(begin)

    def _show_result(
        self, layer: Image, target: Any, example: Any, shown: dict[str, LayerTuple]
    ) -> None:
        """Add a run that has ended, and show it if its image still has the pixels attacked."""
        still = self._shown.still(layer, example.clean)
        run = self.runs.add(example, layer if still or layer not in self.layers else None)
        group = self._shown.groups.at(layer)
        before = None if group is None else group.run
        if before is not None and before.channels == run.channels:
            run.channel = in_view([one.share for one in example.channels], before.channel)

        def ready() -> None:
            if isinstance(target, Layer):
                self._shown.select(target, on_top=True)
            if run.image is not None:
                self._now_shown(layer, run)
            else:
                self.warned.emit(
                    f"{layer.name}: its pixels have changed since the attack began; show "
                    f"{run.name} in Runs to see it beside the image as it was"
                )
            self.finished.emit(example)

        pieces = self._shown.show_example(layer, example, shown) if still else iter(())
        self.jobs.unfold("showing the result", pieces, ready)

    def show_run(self, run: Run) -> None:
        """Show an earlier run beside its image, which is opened again if it was closed."""

        def work(poll: Poll) -> dict[str, LayerTuple]:
            return example_tuples(run.example)

        def done(shown: dict[str, LayerTuple]) -> None:
            if self.closed:
                return
            layer = self._shown.image_of(run)
            self.choose(layer)

            def ready() -> None:
                self._now_shown(layer, run)
                if layer in self.layers:
                    self.clicks.restore(layer, _victim_of(run).get("shown"))

            pieces = self._shown.show_example(layer, run.example, shown)
            self.jobs.unfold(title, pieces, ready)

        title = f"showing {run.name}"
        self.jobs.start(title, work, done, can_cancel=False, wanted=False)

    def _now_shown(self, layer: Image, run: Run) -> None:
        """Note which run an image's layers show; it is the current one if the image is chosen."""
        if layer not in self.layers:
            return
        group = self._shown.groups.of(layer)
        if run.channels and group.chosen and self.runs.current is not None:
            # First, so that a comparison of the one before can put its layers back as they were.
            self.runs.current = None
        group.run = run
        if self.clean_of(run) is None:
            run.channel = 0
        self._shown.see_channel(run)
        victim = _victim_of(run)
        self.clicks.note(layer, str(victim.get("sha256")), victim.get("shown"))
        if group.chosen:
            self.runs.current = run

    def show_channel(self, number: int) -> None:
        """Show another channel of the shown run's image, before and after, in all panels.

        Raises:
            SegadvError: if the layer of that channel's clean image was removed.
        """
        run = self.runs.current
        if run is None or number == run.channel:
            return
        if self.clean_of(run, number) is None:
            raise SegadvError(
                f"{run.channels[number]}: its layer was removed; show the run again in Runs"
            )
        # First, so that a comparison of the one before can put its layers back as they were.
        self.runs.current = None
        run.channel = number
        self._shown.see_channel(run)
        self.runs.current = run

    def channel_seen(self, image: Image, channels: Any) -> int:
        """Return which channel of an image the preview of an attack on it shows, from 0.

        Args:
            image: the image.
            channels: those that may change, as for `craft_steps`.
        """
        scan, group = scan_of(image), self._shown.groups.at(image)
        if not scan.parts:
            return 0
        shares = shares_of(channels, scan, self.victims.channel_names(scan))
        run = None if group is None else group.run
        return in_view(shares, run.channel if run is not None and run.channels else 0)

    def channel_of(self, image: Image, channel: int) -> Image | None:
        """Return the layer of one of an image's channels, from 0, unless it was removed."""
        return self._shown.channel_of(image, channel)

    def clean_of(self, run: Run, channel: int | None = None) -> Image | None:
        """Return the layer of a run's clean image: of several channels, of the one that is shown.

        Args:
            run: the run.
            channel: another channel than the one that is shown.
        """
        return self._shown.clean_of(run, run.channel if channel is None else channel)

    def delete_run(self, run: Run) -> None:
        """Delete a run, and the layers that show it.

        Raises:
            SegadvError: if the run is shown while a job is running, which may use the layers.
        """
        # By what it shows: its image may have been closed.
        group = self._shown.groups.showing(run)
        if group is None:
            self.runs.remove(run)
            return
        if self.jobs.busy:
            raise SegadvError(
                f"still {self.jobs.busy}; wait for it before you delete {run.name}, which is shown"
            )
        # First, so that a comparison of this run can put its layers back as they were.
        self.runs.remove(run)
        run.channel = 0
        self._shown.see_channel(run)
        self._shown.remove_example(group)

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

    def shown(self, role: str, image: Image | None = None) -> Layer | None:
        """Return a layer of an image, by its role in `layers.names`.

        Args:
            role: of the layer.
            image: None: the chosen one.
        """
        return self._shown.get(role, image)

    def show_beside(self, image: Image, role: str, made: LayerTuple) -> Layer:
        """Show a panel's own layer where an image is; it counts as made by this controller."""
        return self._shown.show_beside(image, role, made)

    def hide(self, *roles: str, image: Image | None = None) -> None:
        """Remove layers that `show_beside` has shown; image None: those of the chosen one."""
        self._shown.remove(*roles, image=image)


def _victim_of(run: Run) -> Mapping[str, Any]:
    """Return what a run's record says of its victim; a record from a file may say nothing."""
    victim = run.example.record.get("victim")
    return victim if isinstance(victim, Mapping) else {}
