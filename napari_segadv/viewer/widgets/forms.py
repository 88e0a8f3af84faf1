"""Forms made from declared parameters: one row each, the advanced ones last."""

from collections.abc import Mapping, Sequence
from typing import Any

from magicgui.widgets import CheckBox, FileEdit, FloatSpinBox, LineEdit, SpinBox, Widget
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QVBoxLayout, QWidget

from ...common.parameters import IMAGE_UNITS, Parameter
from .choices import ComboBox
from .plain import Plain, tip

LARGEST = 1_000_000
# What parameters are called, if not by their names.
TITLES = {
    "loss": "objective",
    "step": "step rule",
    "step_size": "first step",
    "q_max": "largest entry",
    "sea": "SEA",
    "cross_entropy": "cross-entropy",
}


class OptionalNumber(QWidget):
    """A number that may be left to the attack: a check mark switches it on."""

    def __init__(self, inner: Any, value: float | None) -> None:
        super().__init__()
        self.inner = inner
        self.given = CheckBox(value=value is not None)
        self.given.changed.connect(lambda on: setattr(inner, "enabled", on))
        inner.enabled = value is not None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.given.native)
        layout.addWidget(inner.native, stretch=1)

    @property
    def value(self) -> float | None:
        return self.inner.value if self.given.value else None

    @value.setter
    def value(self, value: float | None) -> None:
        self.given.value = value is not None
        if value is not None:
            self.inner.value = value


class ParameterForm(QWidget):
    """A row for each parameter of an attack or a target shape.

    `editors` holds the widget of each parameter by name, with a `value` to read and to set.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        units: str = "",
        leave_out: Sequence[str] = (),
        editors: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the rows.

        Args:
            parameters: those declared.
            units: of the image, for tooltips.
            leave_out: names of parameters that are edited elsewhere.
            editors: magicgui widgets to use for some parameters in place of the usual ones.
        """
        super().__init__()
        self.editors: dict[str, Any] = dict(editors or {})
        self._parameters = [p for p in parameters if p.name not in leave_out]
        self._tipped: dict[str, tuple[QWidget, QWidget]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        basic = [p for p in self._parameters if not p.param.advanced]
        advanced = [p for p in self._parameters if p.param.advanced]
        layout.addWidget(self._rows([*basic, *advanced]))
        self.set_units(units)

    def set_units(self, units: str) -> None:
        """Write the tooltips in an image's units."""
        for parameter in self._parameters:
            for widget in self._tipped[parameter.name]:
                tip(widget, tooltip(parameter, units))
            label, _ = self._tipped[parameter.name]
            label.setText(title(parameter, units))

    def tip(self, name: str, text: str) -> None:
        """Set the tooltip of a parameter, if the form has it."""
        for widget in self._tipped.get(name, ()):
            tip(widget, text)

    def _rows(self, parameters: Sequence[Parameter]) -> QWidget:
        rows = QWidget()
        form = QFormLayout(rows)
        form.setContentsMargins(0, 0, 0, 0)
        for parameter in parameters:
            editor = self.editors.setdefault(parameter.name, editor_for(parameter))
            native = editor if isinstance(editor, QWidget) else editor.native
            label = Plain(title(parameter))
            self._tipped[parameter.name] = (label, native)
            form.addRow(label, native)
        return rows

    def values(self) -> dict[str, Any]:
        """Return the parameters as set.

        Raises:
            SegadvError: if a value is not valid for its parameter.
        """
        found = {}
        for parameter in self._parameters:
            value = self.editors[parameter.name].value
            if parameter.kind is tuple:
                value = parameter.parse(str(value))
            elif parameter.kind is str and value is not None:
                value = str(value)
            parameter.check(value)
            found[parameter.name] = value
        return found


def editor_for(parameter: Parameter) -> Any:
    """Return a magicgui widget that edits a parameter."""
    default = None if parameter.required else parameter.default
    if parameter.choices:
        return ComboBox(choices=parameter.choices, value=default or parameter.choices[0])
    if parameter.kind is bool:
        return CheckBox(value=bool(default))
    if parameter.kind is tuple:
        line = LineEdit(value=", ".join(f"{v:g}" for v in default or ()))
        line.native.setPlaceholderText(parameter.expected())
        return line
    if parameter.kind is str:
        mode = "d" if parameter.param.unit == "folder" else "r"
        return FileEdit(mode=mode, value=default, nullable=parameter.optional)
    number = _number(parameter, default)
    return OptionalNumber(number, default) if parameter.optional else number


def _number(parameter: Parameter, default: float | None) -> Widget:
    low = 0 if parameter.param.low is None else parameter.param.low
    high = LARGEST if parameter.param.high is None else parameter.param.high
    if parameter.kind is int:
        return SpinBox(value=int(low if default is None else default), min=int(low), max=int(high))
    step = parameter.param.step or (0.01 if high <= 1 else 0.1)
    value = default if default is not None else max(low, min(1.0, high))
    editor = FloatSpinBox(value=value, min=low, max=high, step=step)
    if parameter.param.unit == IMAGE_UNITS:
        # Enough for an image scaled to 0..1.
        editor.native.setDecimals(5)
    return editor


def title(parameter: Parameter, units: str = "") -> str:
    """Return what a parameter is called on the screen, with its unit."""
    name = TITLES.get(parameter.name, parameter.name.replace("_", " "))
    unit = units if parameter.param.unit == IMAGE_UNITS else parameter.param.unit
    return f"{name} ({unit})" if unit not in ("", "folder") else name


def tooltip(parameter: Parameter, units: str) -> str:
    """Return what a parameter means, its unit, and the range of a number."""
    unit = units if parameter.param.unit == IMAGE_UNITS else parameter.param.unit
    text = parameter.param.doc + (f" [{unit}]" if unit else "")
    limits = limits_of(parameter)
    return f"{text}\n{limits}" if limits else text


def limits_of(parameter: Parameter) -> str:
    """Return the range of a number in short, as 0.05 to 5; "" for what has none."""
    low, high = parameter.param.low, parameter.param.high
    if parameter.kind not in (int, float) or parameter.choices or low is None:
        return ""
    return f"{low:g} or more" if high is None or high > LARGEST / 10 else f"{low:g} to {high:g}"
