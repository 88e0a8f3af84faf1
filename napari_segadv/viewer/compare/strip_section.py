"""The part of the Compare panel with the film strip of a volume's worst slices."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from ...common.wording import share, with_units
from ...data.scan import Mask
from ...measures.slice_visibility import visibility_by_slice
from ...results.by_slice import AREA, slice_figures
from ..controller.latest import Latest
from ..controller.runner import Poll
from ..controller.runs import Run
from ..layers.names import ADVERSARIAL, NOISE
from ..layers.slice_place import SlicePlace, place_of
from ..widgets.layout import set_tips
from ..widgets.plain import Plain
from .comparison import Comparison
from .predictions import OF_AFTER, OF_CLEAN
from .strip import PICTURE, FilmStrip, Frame
from .thumbnails import Facing, slice_labels, thumbnail

CHANGED, VISIBLE = "prediction changes most", "change is most visible"
# Slices in the strip, and milliseconds for which the window rests before they are drawn again.
MOST, REST = 12, 250

Order = list[tuple[int, str]]


class StripSection(QWidget):
    """Shows the worst slices of the run that is shown; nothing of a single image."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison, self._controller = comparison, comparison.controller
        self._viewer = comparison.viewer
        self._run: Run | None = None
        self._areas: WeakKeyDictionary[Run, tuple[Any, str]] = WeakKeyDictionary()
        self._order: Order = []
        self._limits = comparison.window.limits
        self.latest = Latest()
        self.by, self.strip, self.note = QComboBox(), FilmStrip(), Plain(wrap=True)
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(REST)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()
        form.addRow(Plain("where the"), self.by)
        column.addLayout(form)
        column.addWidget(self.strip)
        column.addWidget(self.note)
        self.by.currentTextChanged.connect(self.measure)
        self.strip.film.went.connect(self.go_to)
        self.latest.failed.connect(self._failed)
        self._resting.timeout.connect(self._windowed)
        set_tips(
            {
                self.by: "What makes a slice one of the worst: the area on which the adversarial "
                "prediction differs from the clean one, or how well the change of the image is "
                "seen in the present window (the lowest SSIM)",
                self.note: "The worst slice comes first. Upper row: clean, lower row: adversarial",
            }
        )

    @property
    def volume(self) -> bool:
        """Whether the run that is shown is one of a volume."""
        return self._run is not None and self._run.example.clean.grid.ndim == 3

    def show_run(self, run: Run | None) -> None:
        """Show another run, or none."""
        if run is self._run:
            return
        self.latest.drop()
        self._run, self._order = run, []
        wanted = [CHANGED, VISIBLE] if run is not None and _has_maps(run) else [VISIBLE]
        if [self.by.itemText(i) for i in range(self.by.count())] != wanted:
            self.by.blockSignals(True)
            self.by.clear()
            self.by.addItems(wanted)
            self.by.blockSignals(False)
        self.measure()

    def windowed(self) -> None:
        """Follow the window once it rests."""
        if self.volume and self._comparison.window.limits != self._limits:
            self._resting.start()

    def measure(self, by: str = "") -> None:
        """Find the worst slices, off the main thread, and show them."""
        run, limits = self._run, self._comparison.window.limits
        self._limits = limits
        self.strip.show_frames((), 1.0)
        self.note.setText("")
        if run is None or not self.volume:
            return
        by, areas, shown = self.by.currentText(), self._areas.get(run), run.seen
        self.note.setText("looking for the worst slices …")

        def work(poll: Poll) -> tuple[Any, Order]:
            found = areas
            if by == CHANGED and found is None:
                figures = slice_figures(run.example, poll)
                found = figures.values[AREA], figures.units[AREA]
            if by == CHANGED and found is not None:
                values, unit = found
                return found, _order(values, lambda value: with_units(_plain(value), unit))
            seen = limits or shown.clean.bounds
            values = visibility_by_slice(shown.clean, shown.adversarial, seen, poll)
            return found, _order(values, lambda value: f"SSIM {share(1 - value)}")

        def done(result: tuple[Any, Order]) -> None:
            found, order = result
            if found is not None:
                self._areas[run] = found
            if run is self._run:
                self._order = order
                self.draw()

        self.latest.ask(work, done)

    def draw(self) -> None:
        """Draw the slices that were found, in the present window and look."""
        run = self._run
        image = None if run is None else self._controller.clean_of(run)
        if run is None or not isinstance(image, Image) or not self.volume:
            return
        if not self._order:
            if not self.latest.busy:
                self.note.setText("no slice has changed")
            return
        example, facing = run.seen, Facing.of(image, run.example.clean.grid)
        look = self._comparison.look

        def picture(scan: Any, prediction: Any, role: Any, number: int) -> Any:
            labels = slice_labels(prediction, number)
            return thumbnail(image, facing, scan.array[number], labels, look, role, 2 * PICTURE)

        frames = [
            Frame(
                number,
                picture(example.clean, example.prediction_clean, OF_CLEAN, number),
                picture(example.adversarial, example.prediction_adversarial, OF_AFTER, number),
                f"slice {number}: {tip}. Click to go to it",
            )
            for number, tip in self._order
        ]
        self.strip.show_frames(frames, facing.aspect)
        self.note.setText("upper row clean, lower row adversarial; the worst slice comes first")
        self.moved()

    def moved(self, event: Any = None) -> None:
        """Frame the slice that is in view."""
        place = self._place()
        seen = place is not None and place.seen(self._viewer.dims)
        self.strip.film.show_number(place.number(self._viewer.dims) if place and seen else None)

    def go_to(self, number: int) -> None:
        """Show a slice in the viewer."""
        place = self._place()
        if place is not None:
            place.show(self._viewer.dims, number)
            self.moved()

    def _failed(self, message: str) -> None:
        self.note.setText(message)

    def _windowed(self) -> None:
        if self.by.currentText() == VISIBLE:
            self.measure()
        else:
            self._limits = self._comparison.window.limits
            self.draw()

    def _place(self) -> SlicePlace | None:
        if self._run is None or not self.volume:
            return None
        layers = [self._run.image, *map(self._controller.shown, (ADVERSARIAL, NOISE))]
        return place_of(layers, self._viewer, self._run.example.clean.grid.shape)


def _has_maps(run: Run) -> bool:
    return isinstance(run.example.prediction_clean, Mask)


def _order(values: Any, tip: Callable[[float], str]) -> Order:
    """Return the slices with the largest values, the worst first, each with its value in words."""
    order = np.argsort(-values, kind="stable")[:MOST]
    return [(int(n), tip(float(values[n]))) for n in order if values[n] > 0]


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
