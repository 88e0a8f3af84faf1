"""The dock widget "Adversarial attack": image, model, target, attack, run."""

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import napari
from napari.layers import Image, Labels, Layer
from qtpy.QtWidgets import QCheckBox, QPushButton

from ...common.screen import one_line
from ...errors import SegadvError
from ...samples import fitting
from ..controller.erased import Erased
from ..controller.results import PAINTED
from ..controller.runs import Run
from ..controller.structures import Structures
from ..controller.victim_jobs import ON_SCREEN, Undescribed
from ..layers.convert import scan_of
from ..layers.slice_place import slice_in_view
from ..layers.task_view import view_of
from ..notices import tell
from ..widgets.image_choice import ImageChoice
from ..widgets.layout import group, set_tips, side_by_side, stack
from ..widgets.panel import Panel
from ..widgets.plain import Plain
from ..widgets.progress import CANCELLED, ProgressStrip
from ..widgets.settings import keep, settings
from ..widgets.tabs import Tab
from . import steps
from .clicks_section import ClicksSection
from .guide import Guide
from .options_section import AttackSection
from .preview import Preview
from .run_text import result_text
from .target_choice import TargetChoice
from .target_section import TargetSection
from .victim_section import VictimSection

if TYPE_CHECKING:
    from .description_form import DescriptionForm

TITLE = "Adversarial attack"
# Pixels across the Run button, which the line beside it must not squeeze.
RUN = 84


class AttackPanel(Panel):
    """The panel. It shows the viewer's Controller and forwards clicks to it."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.images = ImageChoice(self.viewer, self.controller, self.failed)
        self.image = self.images.box
        self._windowed: Image | None = None
        # The run whose result was said last, which may be deleted meanwhile, and how.
        self._told: Callable[[], Run | None] = lambda: None
        self._said = ""
        self._notes: set[str] = set()
        # Describes the model that was opened last and does not describe itself.
        self.form: DescriptionForm | None = None
        self.structures = Structures.of(self.viewer)
        self.victim_section = VictimSection(self.controller, self.structures)
        self.clicks_section = ClicksSection(
            self.viewer, self.controller, lambda: self.image.value, self.attempt
        )
        self.target_section = TargetSection(self.viewer, self.controller, lambda: self.image.value)
        self.guide = Guide(self.viewer, self.structures)
        self.erased = Erased.of(self.viewer)
        self._choice = TargetChoice(self.controller, self._targets)
        self.target = self._choice.box
        self.attack_section = AttackSection(self._labels)
        self.run_button, self.missing = QPushButton("Run"), Plain(wrap=True)
        self.expert = QCheckBox("Expert")
        self.strip = ProgressStrip(self.controller)
        self.progress, self.cancel_button = self.strip.bar, self.strip.cancel_button
        self._lay_out()
        self._connect()
        self._refresh_layers()
        self._image_chosen(self.controller.image)
        self._show_expert(self.expert.isChecked())
        if self.controller.victims.attacks:
            self._prepared(self.controller.victims.attacks)
        else:
            self.controller.victims.prepare()
        # Last: what runs is said, and not that all is ready.
        self._busy_changed(self.controller.jobs.busy)

    def _lay_out(self) -> None:
        self.expert.setChecked(settings().expert)
        groups = [
            group(steps.IMAGE, [self.images]),
            group(steps.MODEL, [self.victim_section, self.clicks_section]),
            group(steps.TARGET, [self.target_section, ("target", self.target)]),
            group(steps.ATTACK, [self.attack_section]),
        ]
        self.run_button.setMinimumWidth(RUN)
        line = side_by_side([self.run_button, self.missing, self.expert])
        line.setStretch(1, 1)
        stack(self, groups, [line, self.strip, self.status])
        set_tips(
            {
                self.target: "What the model is to predict after the attack",
                self.run_button: "Makes the adversarial image",
                self.missing: "What is to be done before the attack can run",
                self.expert: "Shows all settings: the method and its parameters, the region, what "
                "the model sees, device and seed. It is remembered",
            }
        )

    def _connect(self) -> None:
        self.target.changed.connect(self.erased.follow)
        self.at_leaving(self.target_section.part.end)
        self.at_leaving(self._watch_window)
        self.at_leaving(self._close_form)
        self.victim_section.opened.connect(
            partial(self.attempt, self.controller.victims.load_victim)
        )
        self.victim_section.predict_button.clicked.connect(self._predict)
        self.clicks_section.said.connect(self.say)
        self.target_section.button.clicked.connect(self._make_target)
        self.run_button.clicked.connect(self._run)
        self.target.changed.connect(self._show_missing)
        self.expert.toggled.connect(self._set_expert)
        self.listen(self.strip.slots)
        layers = self.viewer.layers.events
        self.listen(
            {
                layers.inserted: self._refresh_layers,
                layers.removed: self._refresh_layers,
                layers.reordered: self._refresh_layers,
                self.viewer.layers.selection.events.active: self.clicks_section.refresh,
                self.controller.clicks.changed: self._clicks_changed,
                self.controller.clicks.refused: self.failed,
                self.controller.jobs.busy_changed: self._busy_changed,
                self.controller.victims.prepared: self._prepared,
                self.controller.jobs.failed: self._job_failed,
                self.controller.jobs.trust_asked: self.asked,
                self.controller.victims.victim_changed: self._victim_changed,
                self.controller.victims.description_asked: self._describe,
                self.controller.victims.predicted: self._predicted,
                self.controller.victims.present_changed: self._presented,
                self.controller.victims.target_made: self._target_made,
                self.controller.finished: self._finished,
                self.controller.visibility.changed: self._seen,
                self.controller.jobs.stopped: self._stopped,
                self.controller.choice_opened: self._choice.choose,
                self.controller.image_chosen: self._image_chosen,
                self.structures.changed: self.victim_section.show_structures,
                self.structures.measured: self._measured,
                self.erased.switched: self.target_section.hatch.show_switched,
            }
        )

    def _targets(self) -> list[Layer]:
        return [x for x in self.controller.here(Layer) if not self.controller.made(x)]

    def _labels(self) -> list[Labels]:
        return self.controller.here(Labels)

    def _refresh_layers(self, event: Any = None) -> None:
        self.images.refresh()
        inserted = getattr(event, "type", "") == "inserted"
        self._choice.refresh(event.value if inserted else None)
        self.attack_section.region.refresh()
        self.target_section.set_layers(self._labels())
        self._show_missing()

    def _set_expert(self, on: bool) -> None:
        keep("expert", on)
        self._show_expert(on)

    def _show_expert(self, on: bool) -> None:
        self.victim_section.set_expert(on)
        self.target_section.set_expert(on)
        self.attack_section.set_expert(on)

    def _show_missing(self, target: Any = None) -> None:
        """Say beside the Run button what has to be done before it can be pressed."""
        missing = steps.missing(self.controller, self.image.value, self.target.value)
        self.missing.setText(missing)
        self.run_button.setEnabled(not missing)
        lacking = self.controller.clicks.missing(self.image.value)
        self.victim_section.predict_button.setEnabled(not lacking)

    def _clicks_changed(self) -> None:
        self.clicks_section.refresh()
        self._show_missing()

    def _image_chosen(self, image: Image | None) -> None:
        """Show the chosen image in all controls, with the target that was chosen for it."""
        self.images.refresh()
        self._choice.enter(image)
        self.attack_section.region.refresh()
        self.target_section.set_layers(self._labels())
        self._image_changed()
        if self.controller.victims.attacks:
            # The panel was opened before the image: the model that was loaded may not fit it.
            self.victim_section.suggest(self._fitting())
        run = self._told()
        if run is not None and self.status.text() == self._said:
            # The figures are of another image now, or of this one again.
            self._say_result(run.example, run)

    def _image_changed(self) -> None:
        self.clicks_section.refresh()
        self.target_section.part.clear()
        self._show_missing()
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
        section.set_slices(scan.grid.shape[0] if scan.grid.ndim == 3 else 0)
        section.set_channels(self.controller.victims.channel_names(scan))

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
        self.target_section.setVisible(view_of(victim.task.name).paints)
        self.attack_section.offer(
            self.controller.victims.attacks, victim.task.name, victim.binding.differentiable
        )
        self._offer_classes(victim.classes)
        self._choice.choose(choice)
        self._rescale()
        self._show_missing()
        self.say("")

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
        self.say(PAINTED if view_of(self.controller.victims.task).paints else "")

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
        image = self.controller.image_of(layer)
        if image is not self.controller.image:
            # It is chosen once its image is.
            self._choice.remember(image, layer)
            return
        self._choice.refresh()
        self.target.value = layer
        self.guide.target_made(layer)
        self.say("target made; paint on it if you like, then run")

    def _run(self) -> None:
        section, layer = self.attack_section, self.image.value

        def run() -> None:
            target = self._choice.chosen()
            place = partial(slice_in_view, layer, self.viewer.dims)
            preview = None
            channels = section.channels.chosen()
            if section.preview.value:
                seen = self.controller.channel_seen(layer, channels)
                preview = Preview(self.controller, layer, place, seen)
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
                channels,
            )

        self.attempt(run)

    def _busy_changed(self, title: str) -> None:
        # Jobs wait for each other, so the next one can be started while one runs.
        self.run_button.setText("Run next" if title else "Run")
        self._show_missing()

    def attempt(self, action: Callable[..., Any], *arguments: Any) -> None:
        # What the last action has said is over.
        self.say("")
        super().attempt(action, *arguments)

    def _job_failed(self, message: str) -> None:
        self.guide.give_up()
        self.victim_section.show_loaded()
        self.say(message)

    def _describe(self, model: Undescribed) -> None:
        """Open the form for a model that does not say what it needs to be used."""
        # Imported late: it needs torch, which is there by now.
        from .description_form import DescriptionForm

        self.victim_section.show_loaded()
        self.say(f"{one_line(model.path.name)} does not describe itself: fill in the form")
        self._close_form()
        self.form = DescriptionForm(
            self.window(),
            self.controller,
            model,
            lambda: self.image.value,
            lambda: str(self.attack_section.device.value),
        )
        self.form.finished.connect(self._form_closed)
        self.form.show()

    def _close_form(self) -> None:
        if self.form is not None:
            self.form.reject()

    def _form_closed(self, result: int) -> None:
        if self.form is not None:
            self.form.deleteLater()
            self.form = None

    def refused(self, message: str) -> None:
        self.victim_section.show_loaded()
        super().refused(message)

    def _stopped(self) -> None:
        self.guide.give_up()
        self.victim_section.show_loaded()
        self.say(CANCELLED)

    def _finished(self, example: Any) -> None:
        self.victim_section.show_seen(self.image.value)
        run = next((run for run in self.controller.runs if run.example is example), None)
        self._told = (lambda: None) if run is None else weakref.ref(run)
        if run is not None:
            self.controller.visibility.measure(run)
        self._say_result(example, run)
        for note in example.notes:
            # Once: most of them are of the image and the model, and the same in every run.
            if note not in self._notes:
                self._notes.add(note)
                tell(note)

    def _say_result(self, example: Any, run: Run | None) -> None:
        seen = self.controller.visibility.known(run)
        lines = result_text(example, seen).replace("\n", "; ")
        self.say(f"{self._elsewhere(example)}{lines}")
        self._said = self.status.text()

    def _seen(self, run: Run) -> None:
        """Add to the result how visible the change is, once that is measured."""
        if run is self._told() and self.status.text() == self._said:
            self._say_result(run.example, run)

    def _elsewhere(self, example: Any) -> str:
        """Return the name of an example's image, if another image is chosen by now."""
        run = next((run for run in self.controller.runs if run.example is example), None)
        image = None if run is None else run.image
        return "" if image is None or image is self.controller.image else f"{image.name}: "


TAB = Tab("Attack", 1, AttackPanel)
