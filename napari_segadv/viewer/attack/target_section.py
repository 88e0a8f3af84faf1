"""The part of the panel that makes a target: a structure, a shape, and its size."""

from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Labels
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from ...common.parameters import parameters
from ...targets import available
from ..widgets.class_chooser import LEFT_BEHIND, ClassChooser
from ..widgets.forms import ParameterForm

COPY = "copy"
FROM_PREDICTION = "the prediction"


class TargetSection(QWidget):
    """Structure, shape and start of a target; its button makes a layer that can be painted on."""

    def __init__(self) -> None:
        super().__init__()
        self._structures = [("class 1", 1)]
        self.structure = ComboBox(choices=self._structures)
        self.shape = ComboBox(choices=[*available(), COPY], value="heart")
        self.start = ComboBox(choices=[FROM_PREDICTION])
        self.button = QPushButton("Make target")
        self.form: ParameterForm | None = None
        self._place = QVBoxLayout()
        rows = QFormLayout()
        rows.addRow("start from", self.start.native)
        rows.addRow("structure", self.structure.native)
        rows.addRow("change", self.shape.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(rows)
        layout.addLayout(self._place)
        layout.addWidget(self.button)
        self.start.native.setToolTip("What the target is a change of: a prediction or your labels")
        self.structure.native.setToolTip("The structure that is changed")
        self.shape.native.setToolTip(
            "What becomes of it; copy: nothing yet, paint on the layer yourself"
        )
        self.button.setToolTip("Makes a labels layer; paint on it as you like before you run")
        self.shape.changed.connect(self._rebuild)
        self._rebuild()

    def set_classes(self, classes: tuple[str, ...]) -> None:
        """Offers a victim's structures."""
        kept = self.structure.value
        choices = [(name, n) for n, name in enumerate(classes) if n] or [("class 1", 1)]
        self._structures = choices
        self.structure.choices = choices
        if kept in [n for _, n in choices]:
            self.structure.value = kept
        self._rebuild()

    def set_layers(self, layers: list[Labels]) -> None:
        """Offers the viewer's labels layers to start from."""
        kept = self.start.value
        choices: list[Any] = [FROM_PREDICTION, *layers]
        self.start.choices = choices
        if any(kept is choice for choice in choices):
            self.start.value = kept

    def settings(self) -> tuple[str, dict[str, Any], Labels | None]:
        """Shape, its parameters, and the layer to start from (None: the prediction).

        Raises:
            SegadvError: where a parameter is not as it should be.
        """
        start = self.start.value if isinstance(self.start.value, Labels) else None
        if self.form is None:
            return COPY, {}, start
        values = {"label": self.structure.value, **self.form.values()}
        return self.shape.value, values, start

    def _rebuild(self) -> None:
        """A form for the parameters of the chosen shape."""
        if self.form is not None:
            self._place.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        if self.shape.value != COPY:
            declared = parameters(available()[self.shape.value])
            gives_up = any(p.name == "to" and p.optional for p in declared)
            to = ClassChooser(LEFT_BEHIND if gives_up else {})
            to.offer({number: name for name, number in self._structures})
            self.form = ParameterForm(declared, leave_out=["label"], editors={"to": to})
            self._place.addWidget(self.form)
