"""The dock widget "Target designer": make a target, change it, see how it differs."""

from functools import partial
from typing import Any

import napari
from magicgui.widgets import CheckBox
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton

from ...common.wording import class_name
from ...errors import SegadvError
from ...measures.target_change import TargetChange
from ..controller.erased import Erased
from ..layers.names import TARGET
from ..layers.structure_layers import colour_in, leads, overlaps
from ..widgets.choices import ComboBox
from ..widgets.class_chooser import ClassChooser
from ..widgets.hatch_box import HatchBox
from ..widgets.image_choice import ImageChoice
from ..widgets.keys import Key
from ..widgets.layout import group, refresh, set_tips, stack
from ..widgets.panel import Panel
from ..widgets.part_picker import PartPicker
from ..widgets.plain import Rich
from ..widgets.tabs import Tab
from .designer import EMPTY, NO_TARGET, PREDICTION, Designer
from .difference_text import difference_text
from .dragging import DragToShift
from .shape_section import ShapeSection

TITLE = "Target designer"
KEYS = (
    Key("Shift-A", "Apply the chosen change to the target", "apply"),
    Key("Shift-D", "Drag structures with the mouse, on and off", "toggle_drag"),
)
NONE_YET = "none yet"
# Milliseconds without a stroke before target and prediction are compared.
REST = 250


class TargetPanel(Panel):
    """The panel. It shows a Designer and forwards clicks to it."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.designer = Designer(self.viewer)
        self.drag = DragToShift(self.designer)
        self.images = ImageChoice(self.viewer, self.controller, self.failed)
        self.image = self.images.box
        self.start: Any = ComboBox(choices=self._starts, value=PREDICTION)
        self.target: Any = ComboBox(choices=self._targets, nullable=True)
        self.target.null_string = NONE_YET
        self.structure = ClassChooser()
        self.part = PartPicker(
            self.viewer,
            lambda: self.designer.target,
            NO_TARGET,
            lambda: self.designer.classes,
            structure=lambda: self.structure.value,
        )
        self.hatch = HatchBox(Erased.of(self.viewer))
        self.change = ShapeSection()
        self.start_button, self.brush_button = QPushButton("New target"), QPushButton("Brush")
        self.undo_button, self.redo_button = QPushButton("Undo"), QPushButton("Redo")
        self.apply_button, self.drag_button = QPushButton("Apply"), QPushButton("Drag to shift")
        self.solid: Any = CheckBox(text="3-D brush")
        self.distance = Rich()
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._lay_out()
        self._connect()
        self._refresh_layers()
        self._measured(None)
        made = self.controller.shown(TARGET)
        if isinstance(made, Labels):
            self.designer.choose(made)

    def _lay_out(self) -> None:
        self.drag_button.setCheckable(True)
        source = [("image", self.images), ("based on", self.start), self.start_button]
        edit = [
            ("target", self.target),
            ("structure", self.structure),
            [self.brush_button, self.solid],
            [self.undo_button, self.redo_button],
            self.hatch,
        ]
        change = [self.part, self.change, [self.apply_button, self.drag_button]]
        groups = [group("Image and basis", source), group("Paint", edit), group("Change", change)]
        stack(self, groups, [self.distance, self.status])
        set_tips(
            {
                self.start: "What the target holds before you change it",
                self.start_button: "Makes the target layer; if there is one, undo brings it back",
                self.target: "The labels layer that is changed and painted on",
                self.structure: "The class that is changed, and that the brush paints",
                self.brush_button: "Paints this class on the target with the mouse; brush size, "
                "eraser and bucket are in the layer controls",
                self.solid: "On: the brush is a ball, with the same radius in pixels along all "
                "three axes. Off: a disc",
                self.undo_button: "Takes the last change back (Ctrl-Z on the layer)",
                self.redo_button: "Makes the last undone change again (Ctrl-Shift-Z on the layer)",
                self.apply_button: "Changes the structure in the target layer (Shift-A)",
                self.drag_button: "Moves a structure with the mouse in the plane in view; in a "
                "volume the whole structure moves (Shift-D)",
                self.distance: "How the target differs from the clean prediction",
            }
        )

    def _connect(self) -> None:
        designer, layers = self.designer, self.viewer.layers.events
        self.start_button.clicked.connect(lambda: self.attempt(self._start))
        self.brush_button.clicked.connect(lambda: self.attempt(designer.paint))
        self.undo_button.clicked.connect(lambda: self.attempt(designer.undo))
        self.redo_button.clicked.connect(lambda: self.attempt(designer.redo))
        self.apply_button.clicked.connect(self.apply)
        self.drag_button.clicked.connect(self.toggle_drag)
        self.target.changed.connect(designer.choose)
        self.structure.changed.connect(self._chosen)
        self.structure.changed.connect(self.part.follow)
        self.part.picked.connect(lambda part: setattr(self.structure, "value", part.label))
        self.part.begun.connect(self.drag.stop)
        self.drag.part, self.drag.moved = self.part.part_of, self.part.move
        self.change.rebuilt.connect(self._offer_classes)
        self.change.left_behind.changed.connect(lambda to: setattr(self.drag, "to", to))
        self.solid.changed.connect(self._brush)
        self._rest.timeout.connect(designer.watch.measure)
        self.at_leaving(designer.close)
        self.at_leaving(self.drag.stop)
        self.at_leaving(self.part.end)
        self.bind(KEYS)
        self.listen(
            {
                layers.inserted: self._refresh_layers,
                layers.removed: self._refresh_layers,
                layers.reordered: self._refresh_layers,
                designer.target_changed: self._target_changed,
                designer.brush_changed: self._show_brush,
                designer.busy_changed: self._busy_changed,
                designer.failed: self.failed,
                designer.watch.touched: self._touched,
                designer.watch.measured: self._measured,
                self.hatch.erased.switched: self.hatch.show_switched,
                self.drag.switched: self._dragging,
                self.drag.said: self.say,
                self.controller.victims.victim_changed: self._offer_classes,
                self.controller.jobs.failed: self.say,
                self.controller.image_chosen: self._image_chosen,
            }
        )

    def closing(self) -> None:
        self._rest.stop()

    def _targets(self, widget: Any = None) -> list[tuple[str, Labels]]:
        controller = self.controller
        labels = leads(controller.here(Labels))
        return [(controller.title(x), x) for x in labels if not controller.made(x)]

    def _starts(self, widget: Any = None) -> list[tuple[str, Any]]:
        labels = leads(self.controller.here(Labels))
        return [(n, n) for n in (PREDICTION, EMPTY)] + [
            (self.controller.title(x), x) for x in labels
        ]

    def _refresh_layers(self, event: Any = None) -> None:
        self.images.refresh()
        for box in (self.start, self.target):
            refresh(box)
        self.designer.choose(self.target.value)
        self._rest.start()

    def _image_chosen(self, image: Image | None) -> None:
        """Edit the target of the chosen image."""
        self._refresh_layers()
        target = self.controller.shown(TARGET)
        if isinstance(target, Labels):
            self.designer.choose(target)

    def _target_changed(self, layer: Labels | None) -> None:
        """Show the layer that is edited in all controls."""
        self.part.clear()
        if layer is not None:
            self.hatch.erased.follow(layer)
        if self.target.value is not layer and layer in self.target.choices:
            self.target.value = layer
        self._offer_classes()
        self._show_brush()
        if layer is not None:
            self.change.set_dims(layer.ndim)

    def _offer_classes(self, victim: Any = None) -> None:
        layer, classes = self.designer.target, self.designer.classes
        colours = {} if layer is None else {"colours": partial(colour_in, layer)}
        painted = self.designer.label
        if painted and painted not in classes:
            classes = {**classes, painted: class_name(painted)}
        self.structure.offer(classes, **colours)
        others = {n: name for n, name in classes.items() if n != self.structure.value}
        for box in self.change.choosers:
            # Where structures may overlap, none gives its pixels up to another.
            apart = box is self.change.left_behind and layer is not None and overlaps(layer)
            box.offer({} if apart else others, **colours)

    def _show_brush(self) -> None:
        layer = self.designer.target
        self.solid.enabled = layer is not None and layer.ndim == 3
        if layer is not None:
            self.solid.value = self.designer.solid
            if self.designer.label:
                self.structure.value = self.designer.label

    def _chosen(self, label: int | None) -> None:
        if label:
            self.designer.label = label
        self._offer_classes()

    def _brush(self, solid: bool) -> None:
        self.designer.solid = solid

    def _start(self) -> None:
        self.designer.begin(self.image.value, self.start.value)

    def apply(self) -> None:
        """Make the chosen change."""

        def change() -> None:
            if self.structure.value is None:
                raise SegadvError(NO_TARGET)
            settings = {"label": self.structure.value, **self.change.settings()}
            self.designer.apply(self.change.shape, {**settings, **self.part.settings()})
            self.part.move(settings.get("shift", ()))

        self.attempt(change)

    def toggle_drag(self) -> None:
        """Switch dragging on or off."""
        self.attempt(self.drag.stop if self.drag.on else self.drag.start)
        self.drag_button.setChecked(self.drag.on)

    def _busy_changed(self, title: str) -> None:
        for button in (self.start_button, self.apply_button, self.undo_button, self.redo_button):
            button.setEnabled(not title)
        self.say_busy(title)

    def _dragging(self, on: bool) -> None:
        self.drag_button.setChecked(on)
        self.say("drag a structure in the image" if on else "")

    def _touched(self) -> None:
        self._rest.start()

    def _measured(self, found: TargetChange | None) -> None:
        # In mid-change the part lies nowhere; it is found where it is at the end.
        if not (self.drag.moving or self.designer.busy):
            self.part.renew()
        self.distance.setText(difference_text(found, self.designer.classes, self.designer.target))


TAB = Tab("Target", 2, TargetPanel)
