"""A row of a panel: picks one connected part of a structure by a click in the image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...common.wording import class_name
from ...data.scan import Grid
from ...measures.sizes import Structure, size_text
from ...targets.components import Part, describe, part_at
from ..controller.latest import Latest
from ..controller.runner import Poll
from ..layers.convert import painted
from ..layers.edits import grid_of
from ..layers.picking import Picking
from ..layers.places import same_place
from ..layers.structure_layers import map_of, structure_at
from .layout import set_tips
from .plain import Plain

CLICK = "click on a structure in the image; Esc ends it"


@dataclass(frozen=True, eq=False)
class Picked:
    """A part that was picked: in which layer, and where in the world."""

    part: Part
    layer: Labels
    world: tuple[float, ...]
    grid: Grid

    @property
    def structure(self) -> Structure:
        """Its size and place."""
        return Structure(self.part.label, self.part.pixels, self.part.box)


class PartPicker(QWidget):
    """The button, what was picked in words, and a button that takes it back.

    Signals:
        begun: the user is to click in the image.
        picked: the Part; its class may be another one than that chosen before.
        cleared: the whole class changes again.
    """

    begun = Signal()
    picked = Signal(object)
    cleared = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        source: Callable[[], Labels | None],
        missing: str,
        names: Callable[[], Mapping[int, str]],
        image: Callable[[], Image | None] = lambda: None,
        structure: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Lay out the row.

        Args:
            viewer: the viewer.
            source: returns the labels that are picked from.
            missing: what is said without them.
            names: returns the names of their classes, by number.
            image: returns the image on whose pixels the part is given; without one, it is on those
                of the labels.
            structure: returns the chosen class, which a click means where several overlap.
        """
        super().__init__()
        self._viewer, self._source, self._image = viewer, source, image
        self._missing, self._names, self._structure = missing, names, structure
        self._latest = Latest()
        self._picking: Picking | None = None
        # By how many pixels a shape moves the part.
        self._moves: tuple[int, ...] = ()
        self.chosen: Picked | None = None
        self.button, self.whole_button = QPushButton("Pick in image"), QPushButton("Whole class")
        self.button.setCheckable(True)
        self.text = Plain(wrap=True)
        row = QHBoxLayout()
        row.addWidget(self.button, stretch=1)
        row.addWidget(self.whole_button, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.text)
        self._say()
        set_tips(
            {
                self.button: "Click on a structure in the image: only that connected part of its "
                "class changes, such as one of two kidneys. Esc, or a second press, ends it",
                self.whole_button: "Changes all parts of the class again",
            }
        )
        # `clicked`, since only the user presses it.
        self.button.clicked.connect(lambda on: self.begin() if on else self.end())
        self.whole_button.clicked.connect(self.clear)

    def settings(self) -> dict[str, Any]:
        """Return the part as a shape's parameter `component`; empty for the whole class."""
        if self.chosen is None:
            return {}
        return {"component": self._point(self.chosen)}

    def part_of(self, label: int) -> Part | None:
        """Return the part that was picked, if it is one of this class."""
        chosen = self.chosen
        return chosen.part if chosen is not None and chosen.part.label == label else None

    def begin(self) -> None:
        """Wait for a click in the image."""
        self.end()
        layer = self._source()
        if layer is None or layer not in self._viewer.layers:
            self._tell(self._missing)
            return
        self.begun.emit()
        self._picking = Picking(self._viewer, layer, self._hit, self._tell)
        # Wherever the focus is; in the canvas, a layer's own keys would come before a viewer's.
        QApplication.instance().installEventFilter(self)
        self.button.setChecked(True)
        self._tell(CLICK)

    def end(self) -> None:
        """Wait for no click any more; what was picked before stays."""
        picking, self._picking = self._picking, None
        if picking is not None:
            QApplication.instance().removeEventFilter(self)
            picking.stop()
        self.button.setChecked(False)
        self._say()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """End picking by the Esc key, while it is on."""
        pressed = event.type() == QEvent.KeyPress and event.key() == Qt.Key_Escape
        if pressed and isinstance(watched, QWidget) and watched.window() is self.window():
            self.end()
            return True
        return False

    def clear(self) -> None:
        """Change the whole class again."""
        self._latest.drop()
        had, self.chosen = self.chosen is not None, None
        self._say()
        if had:
            self.cleared.emit()

    def follow(self, label: int | None) -> None:
        """Clear what was picked if another class is chosen."""
        if self.chosen is not None and label != self.chosen.part.label:
            self.clear()

    def move(self, moves: Sequence[float]) -> None:
        """Follow the part to where it is being shifted: `renew` finds it there.

        Args:
            moves: pixels along the axes of the labels, the last ones if there are more.
        """
        self._moves = tuple(round(step) for step in moves)

    def renew(self) -> None:
        """Look again at the place that was picked, since the labels may have changed."""
        if self.chosen is not None:
            layer, part = self._source(), self.chosen.part
            if layer is None or layer not in self._viewer.layers:
                self.clear()
            else:
                self._look(layer, part.point, self.chosen.world, part.label)

    def _hit(self, point: tuple[int, ...], world: tuple[float, ...]) -> None:
        layer = None if self._picking is None else self._picking.layer
        self.end()
        if layer is not None:
            self._look(layer, point, world, None)

    def _look(
        self, layer: Labels, point: tuple[int, ...], world: tuple[float, ...], label: int | None
    ) -> None:
        """Find the part at a point; if it must have a class and has another, there is none."""
        shape, grid = painted(layer).shape, grid_of(layer, self._viewer.layers)
        chosen = self._structure() if label is None else label
        places, moves = [point], self._moves[-len(point) :]
        self._moves = ()
        if len(moves) == len(point):
            places.insert(0, tuple(p + step for p, step in zip(point, moves, strict=True)))

        def work(poll: Poll) -> Part | None:
            for at in places:
                inside = all(0 <= p < n for p, n in zip(at, shape, strict=False))
                if not inside or len(at) != len(shape):
                    continue
                there = structure_at(layer, at, chosen)
                if label in (None, there):
                    return part_at(map_of(layer, there), grid, at)
            return None

        def done(part: Part | None) -> None:
            if part is None:
                self.clear()
                return
            self.chosen = Picked(part, layer, world, grid)
            self._say()
            if label is None:
                self.picked.emit(part)

        self._latest.ask(work, done)

    def _say(self) -> None:
        self.whole_button.setEnabled(self.chosen is not None)
        if self.chosen is None:
            self._tell("")
            return
        part = self.chosen.part
        name = self._names().get(part.label, class_name(part.label))
        self._tell(describe(part, name, size_text(self.chosen.grid, part.pixels)))

    def _tell(self, text: str) -> None:
        self.text.setText(text)
        self.text.setVisible(bool(text))

    def _point(self, chosen: Picked) -> tuple[int, ...]:
        image = self._image()
        if image is None or same_place(image, chosen.layer):
            return chosen.part.point
        place = np.asarray(image.world_to_data(chosen.world))[-image.ndim :]
        return tuple(int(p) for p in np.rint(place))
