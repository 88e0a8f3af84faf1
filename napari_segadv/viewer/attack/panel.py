"""The dock widget "Adversarial attack": image, model, target, attack, run."""

from functools import partial
from typing import Any

import napari
from magicgui.widgets import ComboBox
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QProgressBar, QPushButton

from ...errors import SegadvError
from ...samples import fitting
from ..controller.erased import Erased
from ..controller.runner import Snapshot
from ..controller.structures import Structures
from ..controller.victim_jobs import ON_SCREEN
from ..layers.convert import scan_of
from ..layers.slice_place import slice_in_view
from ..layers.task_view import view_of
from ..widgets.layout import group, refresh, set_tips, stack
from ..widgets.panel import Panel
from .guide import Guide
from .options_section import AttackSection
from .preview import Preview
from .run_text import progress_text, result_text
from .target_choice import TargetChoice
from .target_section import TargetSection
from .victim_section import VictimSection


class AttackPanel(Panel):
    """The panel. It shows the viewer's Controller and forwards clicks to it."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.image: Any = ComboBox(choices=self._images, nullable=True)
        self._windowed: Image | None = None
        self.structures = Structures.of(self.viewer)
        self.victim_section = VictimSection(self.controller, self.structures)
        self.target_section = TargetSection(self.viewer, self.controller, lambda: self.image.value)
        self.guide = Guide(self.viewer, self.structures)
        self.erased = Erased.of(self.viewer)
        self._choice = TargetChoice(self.controller, self._own)
        self.target = self._choice.box
        self.attack_section = AttackSection(self.target, self._labels)
        self.run_button, self.cancel_button = QPushButton("Run"), QPushButton("Cancel")
        self.progress = QProgressBar()
        self._lay_out()
        self._connect()
        self._refresh_layers()
        self._busy_changed(self.controller.jobs.busy)
        if self.controller.victims.attacks:
            self._prepared(self.controller.victims.attacks)
        elif not self.controller.jobs.busy:
            self.controller.victims.prepare()

    def _lay_out(self) -> None:
        source = group("Image and model", [("image", self.image), self.victim_section])
        self.making = group("Target", [self.target_section])
        below = [[self.run_button, self.cancel_button], self.progress, self.status]
        stack(self, [source, self.making, self.attack_section], below)
        set_tips(
            {
                self.image: "The image to attack",
                self.run_button: "Makes the adversarial image",
                self.cancel_button: "Stops the run within a step",
            }
        )

    def _connect(self) -> None:
        self.image.changed.connect(self._image_changed)
        self.target.changed.connect(self.erased.follow)
        self.at_leaving(self.target_section.part.end)
        self.at_leaving(self._watch_window)
        self.victim_section.opened.connect(
            partial(self.attempt, self.controller.victims.load_victim)
        )
        self.victim_section.predict_button.clicked.connect(self._predict)
        self.target_section.button.clicked.connect(self._make_target)
        self.run_button.clicked.connect(self._run)
        self.cancel_button.clicked.connect(self.controller.jobs.cancel)
        layers = self.viewer.layers.events
        self.listen(
            {
                layers.inserted: self._refresh_layers,
                layers.removed: self._refresh_layers,
                layers.reordered: self._refresh_layers,
                self.controller.jobs.busy_changed: self._busy_changed,
                self.controller.victims.prepared: self._prepared,
                self.controller.jobs.progressed: self._progressed,
                self.controller.jobs.failed: self._job_failed,
                self.controller.jobs.trust_asked: self.asked,
                self.controller.victims.victim_changed: self._victim_changed,
                self.controller.victims.predicted: self._predicted,
                self.controller.victims.present_changed: self._presented,
                self.controller.victims.target_made: self._target_made,
                self.controller.finished: self._finished,
                self.controller.jobs.stopped: self._stopped,
                self.controller.choice_opened: self._choice.choose,
                self.structures.changed: self.victim_section.show_structures,
                self.structures.measured: self._measured,
                self.erased.switched: self.target_section.hatch.show_switched,
            }
        )

    def _own(self) -> list[Layer]:
        return [x for x in self.viewer.layers if not self.controller.made(x)]

    def _images(self, widget: Any = None) -> list[Image]:
        return [x for x in self._own() if isinstance(x, Image)]

    def _labels(self) -> list[Labels]:
        return [x for x in self.viewer.layers if isinstance(x, Labels)]

    def _refresh_layers(self, event: Any = None) -> None:
        refresh(self.image)
        images = self._images()
        if images and self.image.value is None:
            self.image.value = images[-1]
        inserted = getattr(event, "type", "") == "inserted"
        self._choice.refresh(event.value if inserted else None)
        self.attack_section.region.refresh()
        self.target_section.set_layers(self._labels())

    def _image_changed(self) -> None:
        self.target_section.part.clear()
        self._watch_window(self.image.value)
        self._rescale()
        self.victim_section.show_seen(self.image.value)

    def _watch_window(self, layer: Image | None = None) -> None:
        """Listen to the window of one image alone, which may be what the model sees."""
        if self._windowed is not None:
            self._windowed.events.contrast_limits.disconnect(self._window_moved)
        self._windowed = layer
        if layer is not None:
            layer.events.contrast_limits.connect(self._window_moved)

    def _window_moved(self, event: Any = None) -> None:
        if self.controller.victims.present == ON_SCREEN:
            self._presented(ON_SCREEN)

    def _presented(self, choice: str) -> None:
        self.victim_section.show_present(choice)
        self._rescale()
        self.victim_section.show_seen(self.image.value)

    def _rescale(self) -> None:
        """Adjust budget, form and slices to the image and what the victim sees of it."""
        layer, section = self.image.value, self.attack_section
        if layer is None:
            return
        try:
            scan, (low, high) = scan_of(layer), self.controller.victims.window(layer)
        except SegadvError as error:
            self.failed(str(error))
            return
        section.set_units(scan.units)
        section.budget.set_scale(high - low, scan.array.size, scan.units)
        section.slices.set_count(scan.grid.shape[0] if scan.grid.ndim == 3 else 0)

    def _prepared(self, attacks: dict[str, Any]) -> None:
        self.attack_section.offer(attacks, self.controller.victims.task)
        if self.controller.victims.victim is None:
            self.victim_section.suggest(self._fitting())
        else:
            self._victim_changed(self.controller.victims.victim)

    def _fitting(self) -> str | None:
        """Return the name of the built-in victim that fits the chosen image, if one does."""
        try:
            return None if self.image.value is None else fitting(scan_of(self.image.value))
        except SegadvError:
            return None

    def _victim_changed(self, victim: Any) -> None:
        choice = self.controller.choice
        self.victim_section.show_victim(self.image.value)
        self.making.setVisible(view_of(victim.task.name).paints)
        self.attack_section.offer(self.controller.victims.attacks, victim.task.name)
        self._offer_classes(victim.classes)
        self._choice.choose(choice)
        self._rescale()
        self.say("ready")

    def _offer_classes(self, classes: tuple[str, ...]) -> None:
        self.target_section.set_classes(classes)
        self._choice.offer(classes)

    def _predicted(self, prediction: Any) -> None:
        """Offer the classes of a victim without class names, now that their number is known."""
        if (
            self.controller.victims.victim is not None
            and not self.controller.victims.victim.classes
        ):
            self._offer_classes(prediction.classes)
        self.victim_section.show_seen(self.image.value)
        self.say("ready")

    def _measured(self) -> None:
        self.guide.measured()
        self.target_section.part.renew()

    def _predict(self) -> None:
        def predict() -> None:
            self.controller.victims.predict(self.image.value, self.attack_section.device.value)
            self.guide.await_prediction()

        self.attempt(predict)

    def _make_target(self) -> None:
        def make() -> None:
            shape, settings, start = self.target_section.settings()
            device = self.attack_section.device.value
            self.controller.victims.make_target(self.image.value, shape, settings, start, device)
            picked = self.target_section.part.chosen if "component" in settings else None
            self.guide.await_target(self.target_section.structure.value, start, picked)

        self.attempt(make)

    def _target_made(self, layer: Labels) -> None:
        self.target.value = layer
        self.guide.target_made(layer)
        self.say("target made; paint on it if you like, then run")

    def _run(self) -> None:
        section, layer = self.attack_section, self.image.value

        def run() -> None:
            if section.form is None:
                self.controller.victims.prepare()
                return
            if layer is None:
                raise SegadvError("no image is chosen; open one first")
            target = self._choice.chosen()
            place = partial(slice_in_view, layer, self.viewer.dims)
            preview = None
            if section.preview.value:
                shown = target if isinstance(target, Layer) else None
                preview = Preview(self.controller, layer, place, shown)
            self.controller.attack(
                layer,
                section.method.value,
                section.values(),
                target,
                section.device.value,
                section.seed.value,
                section.region.region,
                section.slices.chosen(place()),
                preview,
                None if preview is None else preview.begin,
            )

        self.attempt(run)

    def _busy_changed(self, title: str) -> None:
        idle = not title
        for button in (self.target_section.button, self.run_button):
            button.setEnabled(idle)
        self.victim_section.set_enabled(idle)
        self.cancel_button.setEnabled(not idle and self.controller.jobs.can_cancel)
        self.progress.setRange(0, 1 if idle else 0)
        self.progress.setValue(0)
        self.say_busy(title, "ready")

    def _progressed(self, now: Snapshot) -> None:
        self.progress.setRange(0, now.steps)
        self.progress.setValue(now.step)
        self.say(progress_text(now, self.controller.targeted))

    def _job_failed(self, message: str) -> None:
        self.guide.give_up()
        self.victim_section.show_loaded()
        self.say(message)

    def refused(self, message: str) -> None:
        self.victim_section.show_loaded()
        super().refused(message)

    def _stopped(self) -> None:
        self.guide.give_up()
        self.victim_section.show_loaded()
        self.say("cancelled; nothing was changed")

    def _finished(self, example: Any) -> None:
        self.progress.setValue(self.progress.maximum())
        self.victim_section.show_seen(self.image.value)
        self.say(result_text(example))
        for note in example.notes:
            show_info(note)
