"""A box that offers classes by name, each with the colour it has in the layer."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QComboBox

from ...common.palette import colour
from ...common.screen import one_line
from ...common.wording import class_name
from .choices import narrow

SWATCH = 14
# What can replace the pixels that a structure gives up, besides a class.
LEFT_BEHIND: dict[int | None, str] = {0: "background", None: "what surrounds it"}

Colour = Callable[[int], Any]


class ClassChooser(QComboBox):
    """Classes to choose from; it can be an editor of a ParameterForm."""

    changed = Signal(object)

    def __init__(self, first: Mapping[int | None, str] | None = None) -> None:
        """Offer only the choices that come before the classes.

        Args:
            first: choices by value that come before the classes, without a swatch.
        """
        super().__init__()
        narrow(self)
        self._first = dict(first or {})
        self._colour: Colour = colour
        self.offer({})
        self.currentIndexChanged.connect(lambda _: self.changed.emit(self.value))

    def offer(self, classes: Mapping[int, str], colours: Colour = colour) -> None:
        """Offer classes by number, and keep the choice if it is still offered.

        Args:
            classes: their names.
            colours: returns red, green, blue from 0 to 1 (more is ignored) for a number.
        """
        chosen, empty = self.value, self.count() == 0
        self._colour = colours
        self.blockSignals(True)
        self.clear()
        for value, name in self._first.items():
            self.addItem(one_line(name), value)
        for number, name in classes.items():
            self._add(number, name)
        self.setCurrentIndex(0 if empty else max(0, self._index(chosen)))
        # At most one signal, and only if the choice has changed.
        self.blockSignals(False)
        if self.value != chosen:
            self.changed.emit(self.value)

    @property
    def value(self) -> int | None:
        """The chosen number."""
        found: int | None = self.currentData()
        return found

    @value.setter
    def value(self, value: int | None) -> None:
        if self._index(value) < 0 and value:
            self._add(value, class_name(value))
        if self._index(value) >= 0:
            self.setCurrentIndex(self._index(value))

    def _index(self, value: int | None) -> int:
        return next((i for i in range(self.count()) if self.itemData(i) == value), -1)

    def _add(self, number: int, name: str) -> None:
        self.addItem(swatch(self._colour(number)), one_line(name), number)


def swatch(rgb: Any) -> QIcon:
    """Return a square of a colour."""
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(QColor.fromRgbF(*np.asarray(rgb, float)[:3].clip(0, 1).tolist()))
    return QIcon(picture)
