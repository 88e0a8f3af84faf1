"""The crosshair: one place in the world that all views of a viewer go through."""

from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from psygnal import Signal

Point = tuple[float, ...]


class Crosshair:
    """A place, kept the same as the slices that a viewer and its further views show.

    A view is only told the place along the axis that it looks along: to tell it the others would
    make napari slice all its layers again for nothing.

    Signals:
        moved: to another place.
    """

    moved = Signal()

    def __init__(self, viewer: ViewerModel, point: Sequence[float]) -> None:
        """Start at a place.

        Args:
            viewer: the viewer; what is set in its `dims`, on any axis, moves the crosshair.
            point: the place in the world, an entry for each of the viewer's axes.
        """
        self._viewer = viewer
        self._views: list[ViewerModel] = []
        self._known: Point = tuple(viewer.dims.point)
        self.point: Point = tuple(map(float, point))
        viewer.dims.events.point.connect(self._main_moved, position="last")
        viewer.dims.events.order.connect(self._turned, position="last")

    def close(self) -> None:
        """Stop listening."""
        self._viewer.dims.events.point.disconnect(self._main_moved)
        self._viewer.dims.events.order.disconnect(self._turned)
        for view in self._views:
            view.dims.events.point.disconnect(self._view_moved)
        self._views = []

    def add(self, view: ViewerModel) -> None:
        """Keep a further view in step."""
        self._views.append(view)
        view.dims.events.point.connect(self._view_moved, position="last")

    def go_to(self, point: Sequence[float]) -> None:
        """Move to a place, within the viewer's range."""
        ranges = self._viewer.dims.range
        if len(point) != len(ranges):
            return
        new = tuple(
            float(min(max(value, each.start), each.stop))
            for value, each in zip(point, ranges, strict=True)
        )
        if new != self.point:
            self.point = new
            self.show()

    def show(self) -> None:
        """Have every view show its slice through the place."""
        for view in (self._viewer, *self._views):
            self._show_in(view)
        self.moved.emit()

    def _show_in(self, view: ViewerModel) -> None:
        dims = view.dims
        # In 3-D too: napari returns to this slice.
        axes = tuple(dims.order[:-2])
        if dims.ndim != len(self.point) or not axes:
            return
        values = tuple(self.point[axis] for axis in axes)
        if values == tuple(dims.point[axis] for axis in axes):
            return
        dims.set_point(axes, values)

    def _main_moved(self, event: Any = None) -> None:
        now, before = tuple(self._viewer.dims.point), self._known
        self._known = now
        if len(now) != len(self.point):
            # An axis has come or gone at the front.
            self.point = now
            self.show()
            return
        if len(before) != len(now):
            return
        self._take({axis: value for axis, value in enumerate(now) if value != before[axis]})

    def _view_moved(self, event: Any) -> None:
        for view in self._views:
            if view.dims is event.source and view.dims.ndim == len(self.point):
                self._take({axis: view.dims.point[axis] for axis in view.dims.order[:-2]})

    def _turned(self, event: Any = None) -> None:
        """Keep the place when the viewer looks along another axis."""
        self._known = tuple(self._viewer.dims.point)
        self._show_in(self._viewer)

    def _take(self, values: dict[int, float]) -> None:
        self.go_to([values.get(axis, value) for axis, value in enumerate(self.point)])
