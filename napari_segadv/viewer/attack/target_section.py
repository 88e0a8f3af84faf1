"""The part of the attack panel that makes a target: a structure, a shape, and its size."""

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from ...common.parameters import parameters
from ...targets import available
from ...targets.components import NAME as COMPONENT
from ..controller.controller import Controller
from ..controller.erased import Erased
from ..layers.names import CLEAN
from ..layers.structure_layers import leads, name_in
from ..layers.task_view import view_of
from ..widgets.choices import ComboBox
from ..widgets.class_chooser import LEFT_BEHIND, ClassChooser
from ..widgets.forms import ParameterForm
from ..widgets.hatch_box import HatchBox
from ..widgets.layout import set_tips, show_row
from ..widgets.part_picker import PartPicker
from ..widgets.plain import Plain
from ..widgets.shape_names import shape_title, title_fields

COPY, FREEHAND, SWAP = "copy", "paint freehand", "swap"
FROM_PREDICTION = "the prediction"
NO_LABELS = "there is no prediction yet; press Predict first"


class TargetSection(QWidget):
    """What a target is based on, its structure and shape; the button makes a layer to paint on."""

    def __init__(
        self,
        viewer: ViewerModel,
        controller: Controller,
        image: Callable[[], Image | None],
    ) -> None:
        """Lay out the section.

        Args:
            viewer: the viewer.
            controller: knows the prediction, and the target whose hatch can be switched off.
            image: returns the image that the target is for.
        """
        super().__init__()
        self._controller = controller
        self._expert = True
        self.part = PartPicker(
            viewer, self._labels, NO_LABELS, self._names, image, lambda: self.structure.value
        )
        self.hatch = HatchBox(Erased.of(viewer))
        self._structures = [("class 1", 1)]
        self.structure = ComboBox(choices=self._structures)
        shapes = [(shape_title(name), name) for name in available()]
        self.shape = ComboBox(choices=[*shapes, (FREEHAND, COPY)], value="heart")
        self.start = ComboBox(choices=[FROM_PREDICTION])
        self.button = QPushButton("Make target")
        self.form: ParameterForm | None = None
        self._place = QVBoxLayout()
        rows = QFormLayout()
        rows.addRow(Plain("based on"), self.start.native)
        rows.addRow(Plain("structure"), self.structure.native)
        rows.addRow(Plain(""), self.part)
        rows.addRow(Plain("shape"), self.shape.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(rows)
        layout.addLayout(self._place)
        layout.addWidget(self.button)
        layout.addWidget(self.hatch)
        set_tips(
            {
                self.start: "What is changed: the prediction, or labels of your own",
                self.structure: "The structure that is changed",
                self.shape: "What the structure becomes; paint freehand: it stays unchanged until "
                "you paint",
                self.button: "Makes a labels layer; you can paint on it before you run",
            }
        )
        self.shape.changed.connect(self._rebuild)
        self.structure.changed.connect(self.part.follow)
        self.start.changed.connect(self.part.clear)
        self.part.picked.connect(lambda part: setattr(self.structure, "value", part.label))
        self._rebuild()

    def set_expert(self, on: bool) -> None:
        """Show or hide what only experts set; a basis that is not the prediction stays in view."""
        self._expert = on
        show_row(self.start, on or self.start.value != FROM_PREDICTION)
        self.hatch.setVisible(on)
        self._show_given_up()

    def _show_given_up(self) -> None:
        """Offer to experts what replaces the pixels that a structure gives up."""
        to = None if self.form is None else self.form.editors.get("to")
        if to is not None and to.parentWidget() is not None and self.shape.value != SWAP:
            show_row(to, self._expert)

    def set_classes(self, classes: tuple[str, ...]) -> None:
        """Offer a victim's structures."""
        kept = self.structure.value
        found = view_of(self._controller.victims.task).structures(classes)
        choices = [(name, n) for n, name in found.items()] or [("class 1", 1)]
        self._structures = choices
        self.structure.choices = choices
        if kept in [n for _, n in choices]:
            self.structure.value = kept
        self._rebuild()

    def set_layers(self, layers: list[Labels]) -> None:
        """Offer the viewer's labels layers as a basis."""
        kept = self.start.value
        listed = leads(layers)
        choices: list[Any] = [(FROM_PREDICTION, FROM_PREDICTION)]
        self.start.choices = [*choices, *((name_in(layer), layer) for layer in listed)]
        if any(kept is choice for choice in (FROM_PREDICTION, *listed)):
            self.start.value = kept

    def settings(self) -> tuple[str, dict[str, Any], Labels | None]:
        """Return the shape, its parameters, and the layer it is based on (None: the prediction).

        Raises:
            SegadvError: if a parameter is invalid.
        """
        start = self.start.value if isinstance(self.start.value, Labels) else None
        if self.form is None:
            return COPY, {}, start
        values = {"label": self.structure.value, **self.form.values(), **self.part.settings()}
        return self.shape.value, values, start

    def _names(self) -> dict[int, str]:
        return {number: name for name, number in self._structures}

    def _labels(self) -> Labels | None:
        """Return the labels that a target would be based on."""
        start = self.start.value
        layer = start if isinstance(start, Labels) else self._controller.shown(CLEAN)
        return layer if isinstance(layer, Labels) else None

    def _rebuild(self) -> None:
        """Make a form for the parameters of the chosen shape."""
        if self.form is not None:
            self._place.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        if self.shape.value != COPY:
            declared = parameters(available()[self.shape.value])
            gives_up = any(p.name == "to" and p.optional for p in declared)
            to = ClassChooser(LEFT_BEHIND if gives_up else {})
            # Where structures may overlap, none gives its pixels up to another.
            exclusive = view_of(self._controller.victims.task).exclusive
            listed = self._structures if exclusive or not gives_up else []
            to.offer({number: name for name, number in listed})
            self.form = ParameterForm(declared, leave_out=["label", COMPONENT], editors={"to": to})
            title_fields(self.form, self.shape.value)
            self._place.addWidget(self.form)
            self._show_given_up()
