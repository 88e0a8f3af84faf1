"""Notices when a target or its prediction was changed, and measures how much they differ."""

import weakref
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels
from psygnal import Signal

from ...data.overlapping import numbered
from ...measures.target_change import change_of_each, target_change
from ..controller.controller import Controller
from ..controller.latest import Latest
from ..controller.runner import Poll, Runner
from ..layers.edits import grid_of
from ..layers.names import CLEAN
from ..layers.places import same_place
from ..layers.structure_layers import classes_in, is_whole, members, numbers_in, overlaps


class Watch:
    """Follows one target layer of a viewer.

    Signals, on the main thread:
        touched: the target or the prediction was changed. Comes often, so measure after a pause.
        measured: a TargetChange; None if there is no prediction to compare with.
    """

    touched = Signal()
    measured = Signal(object)

    def __init__(
        self, viewer: ViewerModel, controller: Controller, runner: Runner | None = None
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self._controller = controller
        # Its own runner: the comparison need not wait for an attack that runs for minutes.
        self._latest = Latest(runner)
        self._layer: weakref.ref[Labels] | None = None
        # The layers that are listened to: those of all its structures.
        self._heard: weakref.WeakSet[Labels] = weakref.WeakSet()
        self._seen: Any = None
        controller.victims.predicted.connect(self._touch)
        controller.runs.chosen.connect(self._touch)
        controller.image_chosen.connect(self._image_chosen)

    def close(self) -> None:
        """Stop following."""
        self.follow(None)
        self._latest.drop()
        for signal in (self._controller.victims.predicted, self._controller.runs.chosen):
            signal.disconnect(self._touch, missing_ok=True)
        self._controller.image_chosen.disconnect(self._image_chosen, missing_ok=True)

    def follow(self, layer: Labels | None) -> None:
        """Follow a layer instead of the one before."""
        heard = weakref.WeakSet(() if layer is None else members(layer))
        for layers, join in ((self._heard, False), (heard, True)):
            for each in layers:
                events = each.events
                # Undo has no event, but it redraws the layer, which emits `set_data`.
                for event in (events.paint, events.data, events.set_data):
                    (event.connect if join else event.disconnect)(self._drawn)
        self._heard = heard
        self._layer = None if layer is None else weakref.ref(layer)
        self._seen = self._place()
        self._touch()

    def measure(self) -> None:
        """Compare target and prediction off the main thread; ends in `measured`."""
        layer = None if self._layer is None else self._layer()
        clean, layers = self._controller.shown(CLEAN), self._controller.layers
        if (
            layer is None
            or layer not in layers
            or not self._controller.on_chosen(layer)
            or not is_whole(layer)
            or not isinstance(clean, Labels)
            or layer.data.shape != clean.data.shape
            or not same_place(layer, clean)
        ):
            self._latest.drop()
            self.measured.emit(None)
            return
        found, grid = clean.data, grid_of(layer, layers)
        classes = classes_in(layer) if overlaps(layer) else ()

        def work(poll: Poll) -> Any:
            wanted = numbers_in(layer)
            if classes:
                return change_of_each(wanted, found, grid, numbered(classes), poll)
            return target_change(wanted, found, grid, poll)

        self._latest.ask(work, self.measured.emit)

    def _image_chosen(self, image: Any) -> None:
        """Show no longer what was measured, or is being measured, on the image before."""
        self._latest.drop()
        self.measured.emit(None)
        self._touch()

    def _touch(self, *_: Any) -> None:
        self.touched.emit()

    def _drawn(self, event: Any) -> None:
        """Signal that the layer was redrawn, unless it was only scrolled to another slice."""
        place = self._place()
        scrolled, self._seen = event.type == "set_data" and place != self._seen, place
        if not scrolled:
            self._touch()

    def _place(self) -> Any:
        """Return which slice is shown, and how."""
        viewer = self._viewer()
        return viewer and (viewer.dims.point, viewer.dims.order, viewer.dims.ndisplay)
