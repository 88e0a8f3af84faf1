"""Keeps a hatch over what a target erases, while the target is painted on."""

import weakref
from typing import Any, ClassVar

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from psygnal import Signal

from ..layers.convert import painted
from ..layers.hatch import Hatched, hatch_tuple
from ..layers.names import CLEAN, ERASED
from ..layers.places import same_place
from ..layers.structure_layers import is_whole, members
from .controller import Controller
from .shown_layers import unwrapped


class Erased:
    """The hatch of one viewer. The user may switch it off, or hide its layer.

    Signals:
        switched: on or off.
    """

    switched = Signal(bool)
    _known: ClassVar["weakref.WeakKeyDictionary[Controller, Erased]"] = weakref.WeakKeyDictionary()

    def __init__(self, viewer: ViewerModel, controller: Controller) -> None:
        self._viewer, self._controller = weakref.ref(viewer), weakref.ref(controller)
        self._target: weakref.ref[Labels] | None = None
        self._clean: weakref.ref[Labels] | None = None
        self._on, self._waiting = True, False
        # Whether the user sees the layer in 2-D.
        self._seen = True
        self._place: Any = None
        for signal in (
            controller.victims.predicted,
            controller.runs.chosen,
            controller.finished,
            controller.image_chosen,
        ):
            signal.connect(self._changed)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._changed)
        # Before napari slices the volume, all of which would be asked for at once in 3-D.
        viewer.dims.events.ndisplay.connect(self._turned, position="first")

    @classmethod
    def of(cls, viewer: ViewerModel) -> "Erased":
        """Return the viewer's hatch; make it on the first call."""
        viewer = unwrapped(viewer)
        controller = Controller.of(viewer)
        if controller not in cls._known:
            cls._known[controller] = cls(viewer, controller)
        return cls._known[controller]

    @property
    def on(self) -> bool:
        """Whether what is erased is hatched."""
        return self._on

    @on.setter
    def on(self, on: bool) -> None:
        if on is not self._on:
            self._on = on
            self.switched.emit(on)
            self._changed()

    def follow(self, target: Any) -> None:
        """Hatch what a layer erases; anything else than a labels layer erases nothing."""
        new = target if isinstance(target, Labels) else None
        old = None if self._target is None else self._target()
        if new is old:
            return
        self._listen(old, new)
        self._target = None if new is None else weakref.ref(new)
        self._changed()

    def _listen(self, old: Labels | None, new: Labels | None) -> None:
        for layer, join in ((old, False), (new, True)):
            for each in () if layer is None else members(layer):
                events = each.events
                # Undo has no event, but it redraws the layer, which emits `set_data`.
                for event in (events.paint, events.data, events.set_data, events.colormap):
                    (event.connect if join else event.disconnect)(self._drawn)

    def _drawn(self, event: Any) -> None:
        """Draw the hatch again, unless the layer was only scrolled to another slice."""
        viewer = self._viewer()
        place = viewer and (viewer.dims.point, viewer.dims.order, viewer.dims.ndisplay)
        scrolled, self._place = event.type == "set_data" and place != self._place, place
        if not scrolled:
            self._changed()

    def _changed(self, *_: Any) -> None:
        """Draw once for all that changes in this turn."""
        controller = self._controller()
        if not self._waiting and controller is not None and not controller.closed:
            self._waiting = True
            controller.jobs.soon(self._draw)

    def _draw(self) -> None:
        self._waiting = False
        controller, viewer = self._controller(), self._viewer()
        if controller is None or viewer is None or controller.closed:
            return
        target, clean = self._pair(controller)
        known = None if self._clean is None else self._clean()
        if clean is not known:
            self._listen(known, clean)
            self._clean = None if clean is None else weakref.ref(clean)
        hatch = controller.shown(ERASED)
        if target is None or clean is None:
            if hatch is not None:
                controller.hide(ERASED)
            return
        if hatch is not None and _fits(hatch, clean):
            hatch.data.target, hatch.data.clean = target, clean
            hatch.refresh(extent=False, thumbnail=False)
        else:
            self._show(controller, viewer, target, clean)

    def _show(
        self, controller: Controller, viewer: ViewerModel, target: Labels, clean: Labels
    ) -> None:
        image = controller.image
        if image is None or not _same_pixels(image, clean):
            return
        # A user who is painting keeps the layer that they paint on.
        chosen = set(viewer.layers.selection)
        active = viewer.layers.selection.active
        layer = controller.show_beside(image, ERASED, hatch_tuple(target, clean))
        layer.visible = self._seen and viewer.dims.ndisplay == 2
        # Right below the target, whose contours stay on top.
        lowest = min(viewer.layers.index(x) for x in members(target) if x in viewer.layers)
        if viewer.layers.index(layer) > lowest:
            viewer.layers.move(viewer.layers.index(layer), lowest)
        viewer.layers.selection = {x for x in chosen if x in viewer.layers}
        viewer.layers.selection.active = active

    def _pair(self, controller: Controller) -> tuple[Labels | None, Labels | None]:
        """Return target and prediction, if both are there and show the same pixels."""
        target = None if self._target is None else self._target()
        clean = controller.shown(CLEAN)
        if target is None or target not in controller.layers or not self._on:
            return None, None
        if not controller.on_chosen(target):
            return None, None
        if not isinstance(clean, Labels) or clean is target or not is_whole(target):
            return None, None
        alike = isinstance(painted(target), np.ndarray) and _same_pixels(target, clean)
        return (target, clean) if alike else (None, None)

    def _turned(self, event: Any) -> None:
        controller, viewer = self._controller(), self._viewer()
        layer = None if controller is None else controller.shown(ERASED)
        if layer is None or viewer is None:
            return
        if viewer.dims.ndisplay == 3:
            self._seen, layer.visible = layer.visible, False
        else:
            layer.visible = self._seen


def _fits(hatch: Any, clean: Labels) -> bool:
    return (
        isinstance(hatch.data, Hatched)
        and hatch.data.shape[:-1] == painted(clean).shape
        and same_place(hatch, clean)
    )


def _same_pixels(one: Any, other: Labels) -> bool:
    shape = one.data.shape[:-1] if getattr(one, "rgb", False) else one.data.shape
    return bool(tuple(shape) == painted(other).shape) and same_place(one, other)
