"""The part of the designer on what becomes of a structure: a shape and its parameters."""

from collections.abc import Iterable
from typing import Any

from magicgui.widgets import LineEdit
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QFormLayout,
    QGridLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...common.parameters import parameters
from ...targets import available, for_volumes_only
from ...targets.components import NAME as COMPONENT
from ..widgets.class_chooser import LEFT_BEHIND, ClassChooser
from ..widgets.forms import ParameterForm
from ..widgets.plain import Plain, tip
from ..widgets.shape_names import REPLACE, shape_title, title_fields

# The order of the buttons; shapes that are not listed here come last.
ORDER = ("heart", "ellipse", "resize", "grow", "shrink", "shift", "erase", "swap", "fill")
COLUMNS = 3
LEFT_BEHIND_TIP = "What the pixels that the structure gives up become"


class ShapeSection(QWidget):
    """A button for each shape, a form for the chosen one, and what replaces the given-up pixels.

    The replacement is chosen once for all shapes: it stays when another shape is chosen.
    """

    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.left_behind = ClassChooser(LEFT_BEHIND)
        tip(self.left_behind, LEFT_BEHIND_TIP)
        self.buttons = {name: QPushButton(shape_title(name)) for name in in_order(available())}
        self.form: ParameterForm | None = None
        self._ndim = 3
        self._group = QButtonGroup(self)
        grid, rows, self._place = QGridLayout(), QFormLayout(), QVBoxLayout()
        for place, (name, button) in enumerate(self.buttons.items()):
            button.setCheckable(True)
            tip(button, str(available()[name].__doc__).partition("\n")[0])
            self._group.addButton(button)
            grid.addWidget(button, *divmod(place, COLUMNS))
        self._label = Plain(REPLACE)
        tip(self._label, LEFT_BEHIND_TIP)
        rows.addRow(self._label, self.left_behind)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (grid, self._place, rows):
            layout.addLayout(part)
        self._group.buttonToggled.connect(self._rebuild)
        next(iter(self.buttons.values())).setChecked(True)

    def set_dims(self, ndim: int) -> None:
        """Offer the shapes that make sense for a target of 2 or 3 dimensions."""
        self._ndim = ndim
        for name, button in self.buttons.items():
            button.setEnabled(ndim == 3 or not for_volumes_only(name))
        if not self._group.checkedButton().isEnabled():
            next(iter(self.buttons.values())).setChecked(True)
        self._shorten()

    @property
    def shape(self) -> str:
        """Name of the chosen shape."""
        checked = self._group.checkedButton()
        return next(name for name, button in self.buttons.items() if button is checked)

    @property
    def choosers(self) -> tuple[ClassChooser, ...]:
        """The boxes that offer classes."""
        to = self.form.editors.get("to") if self.form is not None else None
        return (self.left_behind,) if to is None else (self.left_behind, to)

    def settings(self) -> dict[str, Any]:
        """Return the shape's parameters without the label.

        Raises:
            SegadvError: if one is invalid.
        """
        values = {} if self.form is None else self.form.values()
        return values | ({"to": self.left_behind.value} if self._label.isEnabled() else {})

    def _shorten(self) -> None:
        """Fit the zeros in a field of one number per axis to the number of axes."""
        for editor in () if self.form is None else self.form.editors.values():
            parts = str(editor.value).split(", ") if isinstance(editor, LineEdit) else []
            if len(parts) > self._ndim and set(parts[: -self._ndim]) == {"0"}:
                editor.value = ", ".join(parts[-self._ndim :])
            elif 0 < len(parts) < self._ndim and set(parts) == {"0"}:
                editor.value = ", ".join(["0"] * self._ndim)

    def _rebuild(self, button: QPushButton, checked: bool) -> None:
        if not checked:
            return
        if self.form is not None:
            self._place.removeWidget(self.form)
            self.form.deleteLater()
        declared = parameters(available()[self.shape])
        gives_up = any(p.name == "to" and p.optional for p in declared)
        # The other class of a swap is an ordinary parameter of the form.
        swaps = any(p.name == "to" and not p.optional for p in declared)
        editors = {"to": ClassChooser()} if swaps else {}
        self.form = ParameterForm(
            declared, leave_out=["label", COMPONENT, *(["to"] if gives_up else [])], editors=editors
        )
        title_fields(self.form, self.shape)
        self._place.addWidget(self.form)
        self._shorten()
        for widget in (self._label, self.left_behind):
            widget.setEnabled(gives_up)
        self.rebuilt.emit()


def in_order(names: Iterable[str]) -> list[str]:
    """Return shapes in the order of the panel's buttons."""
    there = list(names)
    return [n for n in ORDER if n in there] + [n for n in there if n not in ORDER]
