"""The panels' actions on a victim, without a window: load it, predict, make targets.

Layers are touched on the main thread only. Jobs get copies, so painting during a job does not
affect it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from psygnal import Signal

from ...common import memory, threads
from ...data.scan import Scan
from ...errors import NeedsDescription, NeedsTrust, SegadvError
from ..layers.convert import mask_of, mask_tuple, scan_of
from ..layers.edits import repainted, takes_target
from ..layers.names import CLEAN, TARGET, LayerTuple
from ..layers.selected import selection_kept
from ..layers.structure_layers import set_of
from ..layers.task_view import view_of
from .clicks import Clicks
from .jobs import Jobs
from .runner import Poll
from .shown_layers import ShownLayers

# Images are presented to the victim as the window on the screen shows them.
ON_SCREEN = "screen"
# Ways to present an image to the victim, and what a list says of them.
PRESENT = {
    "auto": "what fits the model",
    "header": "the window of the header",
    "percentiles": "0.5th to 99.5th percentile",
    ON_SCREEN: "the window on the screen",
    "none": "the image's numbers",
}


# Clean predictions that are kept: those of the images between which a user goes back and forth.
KEPT = 4


@dataclass(frozen=True, eq=False)
class Predicted:
    """A clean prediction.

    Attributes:
        scan: the image.
        victim: what predicted it.
        present: how the image was presented to it, as `Victim.on` takes it.
        prediction: what it predicted.
    """

    scan: Scan
    victim: Any
    present: str
    prediction: Any


@dataclass(frozen=True)
class Undescribed:
    """A model's file without a description beside it.

    Attributes:
        path: the file.
        told: what it tells of its description, as the keys of that.
        message: that it needs one, in one line.
    """

    path: Path
    told: dict[str, Any]
    message: str


class VictimJobs:
    """Jobs of one viewer and its victim.

    Signals, all on the main thread:
        prepared: the attacks by name, once torch is loaded.
        victim_changed: the Victim, or None.
        predicted: the clean prediction, a Mask for segmentation, and the image's layer.
        target_made: the target's Labels layer, and whether it holds painting that is not saved.
        present_changed: how images are presented from now on.
        description_asked: an Undescribed, whose description the user may write.

    Attributes:
        attacks: by name, once torch is loaded.
        victim: the one that is loaded, or None.
        source: what it was loaded from, as `load_victim` takes it.
        present: how images are presented to it, as `Victim.on` takes it, or ON_SCREEN.
        unsaved: returns whether labels hold what was painted and is not saved.
    """

    prepared = Signal(object)
    victim_changed = Signal(object)
    predicted = Signal(object, object)
    target_made = Signal(object, bool)
    present_changed = Signal(str)
    description_asked = Signal(object)

    def __init__(self, jobs: Jobs, shown: ShownLayers, clicks: Clicks) -> None:
        self.attacks: dict[str, Any] = {}
        self.victim: Any = None
        self.source = ""
        self.present = "auto"
        self.unsaved: Callable[[Labels], bool] = lambda labels: False
        self._jobs, self._shown, self._clicks = jobs, shown, clicks
        # Before others hear of it: what clicks may lie on depends on the victim.
        self.victim_changed.connect(clicks.follow)
        self._claimed: NeedsTrust | None = None
        # The last clean predictions, the newest first.
        self._known: list[Predicted] = []
        self._asked: object = None
        self._coming = ""

    @property
    def task(self) -> str:
        """The victim's task."""
        return "segmentation" if self.victim is None else str(self.victim.task.name)

    @property
    def coming(self) -> str:
        """Source of the victim that is being loaded, else of the one that is loaded."""
        return self._coming or self.source

    def prepare(self) -> None:
        """Import torch and MONAI off the main thread, which takes seconds; ends in `prepared`."""

        def work(poll: Poll) -> Any:
            threads.sleep_soon()
            # Imported in advance: torch itself would import the first in the middle of a step.
            from torch.fx.experimental import symbolic_shapes  # noqa: F401

            from ... import attacks, crafting, victims  # noqa: F401

            memory.keep_freed()
            return attacks.available()

        def done(attacks: dict[str, Any]) -> None:
            self.attacks = attacks
            self.prepared.emit(attacks)

        title = "loading torch and MONAI"
        self._jobs.start(title, work, done, can_cancel=False, wanted=False)

    def load_victim(
        self, source: str, trust: str | None = None, loaded: Callable[[], None] | None = None
    ) -> None:
        """Load a victim; ends in `victim_changed`, `trust_asked`, `description_asked` or `failed`.

        It takes the place of a victim that is still being loaded, whose end nobody hears of.

        Args:
            source: as `victims.load_victim` takes it.
            trust: the hash of code that may run.
            loaded: called once it is loaded.
        """
        asked = self._asked = object()
        self._coming = source

        def work(poll: Poll) -> Any:
            try:
                return _loaded(source, trust) if asked is self._asked else None
            except BaseException:
                if asked is not self._asked:
                    return None
                self._coming = ""
                raise

        def done(victim: Any) -> None:
            if isinstance(victim, Undescribed):
                self._ask_description(victim, asked)
            elif victim is not None and asked is self._asked:
                self.victim, self.source, self._coming = victim, source, ""
                self._known.clear()
                if loaded is not None:
                    loaded()
                self.victim_changed.emit(victim)

        self._jobs.start(f"loading {source}", work, done, wanted=False)

    def _ask_description(self, missing: Undescribed, asked: object) -> None:
        if asked is not self._asked:
            return
        self._coming = ""
        if len(self.description_asked):
            self.description_asked.emit(missing)
        else:
            self._jobs.failed.emit(missing.message)

    def claim(self, question: NeedsTrust) -> bool:
        """Return whether a question is still to be asked: several panels hear of it, one asks."""
        first, self._claimed = question is not self._claimed, question
        return first

    def consent(self, question: NeedsTrust) -> None:
        """Load a victim whose code the user has agreed to; remember that once it is loaded.

        Raises:
            SegadvError: if another job is running.
        """
        from ...victims.loading.consent import remember

        def loaded() -> None:
            try:
                remember(question.sha256, Path(question.path))
            except SegadvError as error:
                self._jobs.failed.emit(f"{error}; you will be asked again")

        self.load_victim(question.path, question.sha256, loaded)

    def predict(
        self, layer: Image, device: str = "auto", then: Callable[[Any], None] | None = None
    ) -> None:
        """Show what the victim predicts on an image; ends in `predicted` or `failed`.

        Args:
            layer: the image.
            device: where to compute.
            then: gets the prediction once it is shown.
        """
        scan, victim = self.checked(layer)
        present = self.presented(layer)

        def work(poll: Poll) -> Predicted:
            return self._predict(scan, victim, present, device, poll)

        def done(predicted: Predicted) -> None:
            self._show_prediction(layer, predicted)
            if then is not None:
                then(predicted.prediction)

        self._jobs.start("predicting", work, done)

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
        view = view_of(victim.task.name)
        if not view.paints:
            raise SegadvError(
                f"{victim.name}: predicts no structures to change; choose its target in the list"
            )
        painted = None if start is None else mask_of(start, layer, scan.grid)
        unsaved = start is not None and self.unsaved(start)
        present = self.presented(layer)

        def work(poll: Poll) -> tuple[Predicted, LayerTuple]:
            from ... import targets

            predicted = self._predict(scan, victim, present, device, poll)
            clean = predicted.prediction
            mask = clean if painted is None else view.mask(painted.array, scan.grid, clean.classes)
            target = mask if shape == "copy" else targets.get(shape)(mask, **settings)
            return predicted, mask_tuple(target, TARGET)

        def done(made: tuple[Predicted, LayerTuple]) -> None:
            predicted, target = made
            self._show_prediction(layer, predicted)
            self.show_target(layer, target, label=settings.get("label"), unsaved=unsaved)

        self._jobs.start("making the target", work, done)

    def show_target(
        self,
        layer: Image,
        target: LayerTuple,
        jobs: Jobs | None = None,
        label: int | None = None,
        anew: bool = False,
        unsaved: bool = False,
    ) -> None:
        """Show a target on its image; ends in `target_made`.

        What was painted on the target before comes back with undo.

        Args:
            layer: the image.
            target: the labels; structures that may overlap as the numbers of their combinations.
            jobs: in which they are painted; None: those of the controller.
            label: class number of the structure that is painted next, if it has its own layer.
            anew: let a target that is there already become the user's own, as it is.
            unsaved: whether it holds what was painted and is not saved.
        """
        if layer not in self._shown.layers:
            return
        before = self._shown.get(TARGET, layer)
        if not anew and isinstance(before, Labels) and takes_target(before, layer, target):
            pieces, done = repainted(before, target), lambda: self._made(before, label, unsaved)
            (jobs or self._jobs).unfold("painting the target", pieces, done)
            return
        self._made(self._shown.show_target(layer, target), label, unsaved)

    def _made(self, target: Labels, label: int | None, unsaved: bool) -> None:
        if target in self._shown.layers:
            found = set_of(target)
            if found is not None:
                found.label = label if label in found.labels else found.label
                self._shown.select(found.layer_of(found.label) or target)
            else:
                self._shown.select(target)
            self.target_made.emit(target, unsaved)

    def checked(self, layer: Image | None) -> tuple[Scan, Any]:
        """Return the scan of an image layer, and the victim with the clicks on that image.

        Raises:
            SegadvError: if either is missing, or clicks that the victim needs.
        """
        if self.victim is None:
            raise SegadvError("no model is loaded; choose one first")
        if layer is None or layer not in self._shown.layers:
            raise SegadvError("no image is chosen; open one first")
        return scan_of(layer), self._clicks.shown(self.victim, layer)

    def ask(self, classes: Sequence[int | str]) -> None:
        """Ask the victim for other classes, by number or name; ends in `victim_changed`.

        Raises:
            SegadvError: if it can't be asked for them.
        """
        from ...victims.shown import CLASSES, shown_to

        if self.victim is None:
            raise SegadvError("no model is loaded; choose one first")
        asked = {CLASSES: list(classes)}
        if asked != self.victim.shown:
            self.victim = shown_to(self.victim, asked)
            self._known.clear()
            self.victim_changed.emit(self.victim)

    def show_as(self, choice: str) -> None:
        """Present images in another way from now on; ends in `present_changed`."""
        if choice != self.present:
            self.present = choice
            self.present_changed.emit(choice)

    def seen(self, layer: Image | None) -> str:
        """Return how the victim sees an image, or why it can't, in a sentence; "" for as it is."""
        if self.victim is None or layer is None:
            return ""
        from ...victims.preprocessing.presenting import present

        try:
            scan = scan_of(layer)
            presented = present(scan, self.victim, self.presented(layer))
        except SegadvError as error:
            return str(error)
        return "" if presented is None else presented.describe(scan.units)

    def presented(self, layer: Image) -> str:
        """Return how an image is presented to the victim, as `Victim.on` takes it."""
        if self.present != ON_SCREEN:
            return self.present
        if layer.rgb:
            return "auto"
        low, high = map(float, layer.contrast_limits)
        return f"{low!r}:{high!r}"

    def window(self, layer: Image) -> tuple[float, float]:
        """Return the intensities of an image that its budget is a share of.

        They are those between which the victim sees differences; without a victim, or for an
        image that it can't see, those that the image may have.

        Raises:
            SegadvError: if the layer is not an image that can be attacked.
        """
        scan = scan_of(layer)
        if scan.parts:
            return 0.0, 100.0
        if self.victim is None:
            return scan.bounds
        from ...victims.preprocessing.presenting import present, window_seen

        try:
            presented = present(scan, self.victim, self.presented(layer))
        except SegadvError:
            presented = None
        return window_seen(scan, self.victim, presented)

    def channel_names(self, scan: Scan) -> tuple[str, ...]:
        """Return the names of an image's several channels, the victim's if it has some."""
        named = () if self.victim is None else self.victim.channel_names
        return named if len(named) == len(scan.parts) else scan.channel_names

    def _predict(self, scan: Scan, victim: Any, present: str, device: str, poll: Poll) -> Predicted:
        """Predict the clean image, once for an image as a victim sees it."""
        from ...common.device import pick_device

        for known in self._known:
            if (known.victim, known.present) == (victim, present) and known.scan.same_as(scan):
                return known
        prediction = victim.predict(scan, pick_device(device), poll, present)
        return Predicted(scan, victim, present, prediction)

    def keep(self, predicted: Predicted) -> None:
        """Keep a clean prediction, so that it is not computed again."""
        others = [known for known in self._known if known is not predicted]
        self._known = [predicted, *others][:KEPT]

    def _show_prediction(self, layer: Image, predicted: Predicted) -> None:
        self.keep(predicted)
        if self._shown.still(layer, predicted.scan):
            clean = view_of(predicted.victim.task.name).clean(predicted.prediction, predicted.scan)
            # Nobody paints on a prediction: who has painted or clicked elsewhere goes on there.
            with selection_kept(self._shown.layers):
                self._shown.show_beside(layer, CLEAN, clean)
            self._clicks.note(layer, predicted.victim.sha256, predicted.victim.shown)
        self.predicted.emit(predicted.prediction, layer)


def _loaded(source: str, trust: str | None) -> Any:
    """Load a victim; return an Undescribed if its file needs a description and has none.

    Raises:
        NeedsTrust: if loading would run code that nobody has agreed to.
        SegadvError: if it can't be loaded, whatever its description says.
    """
    from ...victims import load_victim
    from ...victims.loading.registry import told_by

    try:
        return load_victim(source, trust)
    except NeedsDescription as missing:
        path = Path(missing.path)
        return Undescribed(path, told_by(path), str(missing))
