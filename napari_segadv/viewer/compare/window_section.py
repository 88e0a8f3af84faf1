"""The part of the Compare panel for level and width: preset buttons, two numbers, a drag."""

import math

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...common.screen import one_line
from ...data.window_presets import WindowPreset, numbered
from ..widgets.layout import set_tips
from ..widgets.plain import Plain, tip
from .window import Window

COLUMNS = 2
# Most characters of units behind a number.
UNITS = 12


class PresetButtons(QWidget):
    """A button for each preset of a Window.

    Attributes:
        buttons: by number.
    """

    def __init__(self, window: Window, columns: int | None = COLUMNS) -> None:
        """Show the presets.

        Args:
            window: that they set.
            columns: of buttons; None for one row.
        """
        super().__init__()
        self.window, self._columns = window, columns
        self.buttons: dict[int, QPushButton] = {}
        self._shown: tuple[WindowPreset, ...] | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)

    def apply(self, number: int) -> None:
        """Apply the preset of this number, if the image has one."""
        found = dict(numbered(self.window.presets)).get(number)
        if found is not None:
            self.window.set(found.centre, found.width)

    def refresh(self) -> None:
        """Show the window's presets, and which of them it has."""
        if self.window.presets != self._shown:
            self._shown = self.window.presets
            self._rebuild()
        for number, preset in numbered(self.window.presets):
            self.buttons[number].setEnabled(self.window.limits is not None)
            self.buttons[number].setChecked(preset.limits == self.window.limits)

    def _rebuild(self) -> None:
        for button in self.buttons.values():
            button.deleteLater()
        self.buttons = {}
        for place, (number, preset) in enumerate(numbered(self.window.presets)):
            # Numbers are keys only where the Compare panel is open, which has columns.
            button = QPushButton(f"{number}  {preset.name}" if self._columns else preset.name)
            button.setCheckable(True)
            keys = f"key {number}" + ("" if self._columns else " while the Compare panel is open")
            tip(
                button,
                f"Level {preset.centre:g}, width {preset.width:g} {self.window.units}; {keys}",
            )
            button.clicked.connect(lambda _, number=number: self._pressed(number))
            columns = self._columns or len(self.window.presets)
            self._grid.addWidget(button, place // columns, place % columns)
            self.buttons[number] = button

    def _pressed(self, number: int) -> None:
        self.apply(number)
        # The click has pressed the button down, even if nothing has changed.
        self.refresh()


class WindowSection(QWidget):
    """Shows a Window and forwards what is clicked and typed."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window
        self.presets = PresetButtons(window)
        self.level, self.width_box = QDoubleSpinBox(), QDoubleSpinBox()
        self.drag = QCheckBox("drag to window")
        self.note = Plain("colour images are shown in their full range", wrap=True)
        for spin, low in ((self.level, -1e6), (self.width_box, 0.0)):
            spin.setRange(low, 1e6)
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(self._typed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.presets)
        form = QFormLayout()
        form.addRow(Plain("level"), self.level)
        form.addRow(Plain("width"), self.width_box)
        form.addRow(self.drag)
        column.addLayout(form)
        column.addWidget(self.note)
        set_tips(
            {
                self.level: "Middle of the window, in the image's units",
                self.width_box: "Width of the window, in the image's units",
                self.drag: "Drag on the canvas with the left mouse button too, not only with the "
                "right one: right widens the window (150 pixels double it), up raises the level. "
                "Works while the active layer is in pan/zoom mode",
            }
        )
        self.refresh()

    @property
    def buttons(self) -> dict[int, QPushButton]:
        """The presets' buttons by number."""
        return self.presets.buttons

    def preset(self, number: int) -> None:
        """Apply the preset of this number, if the image has one."""
        self.presets.apply(number)

    def refresh(self) -> None:
        """Show the window's present limits and presets."""
        self.presets.refresh()
        limits, units = self.window.limits, self.window.units
        for widget in (self.level, self.width_box, self.drag):
            widget.setEnabled(limits is not None)
        self.note.setVisible(self.window.image is not None and limits is None)
        if limits is None:
            for spin in (self.level, self.width_box):
                spin.clear()
            return
        low, high = limits
        decimals = _decimals(low, high)
        for spin, value in ((self.level, (low + high) / 2), (self.width_box, high - low)):
            with QSignalBlocker(spin):
                spin.setSuffix("" if units == "grey level" else f" {one_line(units, UNITS)}")
                spin.setDecimals(decimals)
                spin.setSingleStep(max(10**-decimals, round((high - low) / 50, decimals)))
                spin.setValue(value)

    def _typed(self) -> None:
        self.window.set(self.level.value(), self.width_box.value())


def _decimals(low: float, high: float) -> int:
    """Return how many decimals show a window's level, its width, and a hundredth of the width."""
    fine = max(0, 2 - math.floor(math.log10(high - low)))
    return max(fine, 0 if ((low + high) / 2).is_integer() else 1)
