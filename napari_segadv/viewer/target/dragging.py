"""Lets the mouse move a structure of the target, in the plane that is shown."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from ...data.scan import Array
from ...errors import SegadvError
from ...targets.components import NAME as COMPONENT
from ...targets.components import Part
from ..layers.structure_layers import set_of
from .designer import NO_TARGET, Designer


class DragToShift:
    """While it is on, a drag moves the structure under the mouse, or else the selected one.

    Of structures that may overlap, each in a layer of its own, it moves the selected one.

    During the drag, the slice in view shows where the structure will lie. When the button is
    released, the whole structure is shifted, as one step of the history.

    Signals:
        switched: on or off.
        said: what happens, or why nothing can.

    Attributes:
        to: what replaces the pixels that the structure gives up, as for the shape "shift".
        part: returns the part of a class that was picked, which moves alone; None: all of it.
        moved: is told by how many pixels a structure is being shifted.
    """

    switched = Signal(bool)
    said = Signal(str)

    def __init__(self, designer: Designer) -> None:
        self.designer = designer
        self.to: int | None = 0
        self.part: Callable[[int], Part | None] = lambda label: None
        self.moved: Callable[[tuple[int, ...]], None] = lambda moves: None
        self._layer: Labels | None = None
        self._moving: Preview | None = None
        designer.target_changed.connect(self.stop)
        designer.brush_changed.connect(self._follow)
        designer.failed.connect(self._redraw)

    @property
    def on(self) -> bool:
        """Whether dragging is on."""
        return self._layer is not None

    @property
    def moving(self) -> bool:
        """Whether a drag is going on: the target shows what is not in it yet."""
        return self._moving is not None

    def start(self) -> None:
        """Switch dragging on for the target.

        Raises:
            SegadvError: if there is no target.
        """
        layer = self.designer.canvas
        if layer is None:
            raise SegadvError(NO_TARGET)
        self.stop()
        self.designer.select()
        layer.mode = "pan_zoom"
        # The drag is for the structure; the wheel still zooms.
        layer.mouse_pan = False
        layer.mouse_drag_callbacks.append(self._drag)
        # A user who picks the brush wants to paint.
        layer.events.mode.connect(self.stop)
        self._layer = layer
        self.switched.emit(True)

    def stop(self, event: Any = None) -> None:
        """Switch dragging off."""
        self._put_back()
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.mode.disconnect(self.stop)
            layer.mouse_drag_callbacks.remove(self._drag)
            layer.mouse_pan = str(layer.mode) == "pan_zoom"
            self.switched.emit(False)

    def _follow(self) -> None:
        """Go on with the layer of another structure."""
        if self.on and self.designer.canvas is not self._layer:
            self.start()

    def _put_back(self, event: Any = None) -> None:
        """Remove what a drag has drawn. It is not in the history, so undo would not remove it."""
        moving, self._moving = self._moving, None
        if moving is not None:
            self.designer.controller.layers.selection.events.active.disconnect(self._put_back)
            moving.layer.events.data.disconnect(self._put_back)
            moving.restore()

    def _redraw(self, message: str) -> None:
        if self._layer is not None:
            self._layer.refresh(extent=False)

    def _drag(self, layer: Labels, event: Any) -> Iterator[None]:
        if event.button != 1:
            return
        if len(event.dims_displayed) != 2 or self.designer.busy:
            self.said.emit(
                self.designer.busy or "structures can be dragged in 2-D only; switch off 3-D"
            )
            return
        start = np.asarray(layer.world_to_data(event.position))[-layer.ndim :]
        under = layer.get_value(event.position, world=True)
        if under and set_of(layer) is None:
            layer.selected_label = under
        label = self.designer.label
        axes = [axis - len(event.position) for axis in event.dims_displayed]
        part = self.part(label)
        preview = self._moving = Preview(layer, label, start, axes, part)
        # If another layer is chosen meanwhile, that gets the mouse, and this drag never ends.
        self.designer.controller.layers.selection.events.active.connect(self._put_back)
        layer.events.data.connect(self._put_back)
        yield
        while event.type == "mouse_move" and self._moving is preview:
            moves = steps_between(layer, start, event)
            preview.move(moves)
            self.said.emit("moved by " + ", ".join(f"{step:+d}" for step in moves) + " pixels")
            yield
        if self._moving is not preview:
            return
        self._put_back()
        # napari drops moves that come too fast, but never the place of the release.
        moves = steps_between(layer, start, event)
        try:
            if not any(moves):
                raise SegadvError("the structure was not moved; drag it to its new place")
            alone = {} if part is None else {COMPONENT: part.point}
            settings = {"label": label, "shift": moves, "to": self.to, **alone}
            self.designer.apply("shift", settings)
            self.moved(moves)
        except SegadvError as error:
            layer.refresh(extent=False)
            self.said.emit(str(error))


def steps_between(layer: Labels, start: Array, event: Any) -> tuple[int, ...]:
    """Return how many pixels the mouse is from a point of the layer, along each of its axes."""
    now = np.asarray(layer.world_to_data(event.position))[-layer.ndim :]
    return tuple(int(step) for step in np.rint(now - start))


class Preview:
    """The structure at the mouse, drawn into the slice in view without entering the history."""

    def __init__(
        self, layer: Labels, label: int, place: Array, axes: list[int], part: Part | None
    ) -> None:
        """Copy the labels of the slice in view.

        Args:
            layer: the target.
            label: the structure.
            place: a point of the slice in pixels.
            axes: the slice's axes, counted from the last (-1).
            part: the part of the structure that moves; None: all of it.
        """
        self.layer, self._data = layer, layer.data
        self._axes = sorted(axes)
        middle = np.clip(np.rint(place).astype(int), 0, np.array(layer.data.shape) - 1)
        self._key = tuple(
            slice(None) if axis - layer.ndim in axes else int(middle[axis])
            for axis in range(layer.ndim)
        )
        self._before = layer.data[self._key].copy()
        alone = set_of(layer) is not None
        moving = self._before != 0 if alone else self._before == label
        self._label = 1 if alone else label
        if part is not None:
            # Its box is near enough while the mouse moves.
            inside = np.zeros_like(moving)
            inside[
                tuple(part.box[axis] for axis in range(layer.ndim) if axis - layer.ndim in axes)
            ] = 1
            moving &= inside
        self._pixels = np.nonzero(moving)
        self._empty = self._before.copy()
        self._empty[self._pixels] = 0

    def move(self, moves: tuple[int, ...]) -> None:
        """Draw the structure some pixels away."""
        steps = [moves[axis] for axis in self._axes]
        places = [axis + step for axis, step in zip(self._pixels, steps, strict=True)]
        inside = np.logical_and.reduce(
            [(p >= 0) & (p < n) for p, n in zip(places, self._before.shape, strict=True)]
        )
        picture = self._empty.copy()
        picture[tuple(p[inside] for p in places)] = self._label
        self._data[self._key] = picture
        self.layer.refresh(extent=False)

    def restore(self) -> None:
        """Put the labels back. The view changes when the layer is drawn next."""
        self._data[self._key] = self._before
