"""Orthogonal views: axial, coronal and sagittal at once, with a crosshair that links them.

The viewer's own canvas goes on showing one plane, with all its tools. The two others come beside it
or below it, wherever they are larger.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QSplitter

from ...errors import SegadvError
from ..compare.loan import Loan
from ..layers.camera import untouched
from ..layers.places import matrix_of
from ..layers.upright import grid_of
from .crosshair import Crosshair
from .glass import Cross, Glass
from .mouse import crosshair_drag
from .pane import Pane
from .planes import Plane, planes_of

# A window that is this much wider than high has the further views beside the canvas, else below.
WIDE = 1.25
# Milliseconds until the canvas has its new size.
LAID_OUT = 50
NO_IMAGE = "open an image first; orthogonal views show a volume in three planes"


class OrthoViews:
    """The further views of a viewer, from `open` to `close`.

    Signals:
        changed: they were opened or closed.
        described: what their glasses show has to be written anew.

    Attributes:
        panes: the further views; empty while closed.
        crosshair: where they look; None while closed.
    """

    changed = Signal()
    described = Signal()

    def __init__(
        self, viewer: ViewerModel, glass: Glass, chosen: Callable[[], Image | None]
    ) -> None:
        self._viewer, self._glass, self._chosen = viewer, glass, chosen
        self._loan = Loan()
        self._row: Any = None
        self._drags: list[tuple[ViewerModel, Any]] = []
        self.panes: tuple[Pane, ...] = ()
        self.crosshair: Crosshair | None = None

    @property
    def shown(self) -> bool:
        """Whether they are open."""
        return bool(self.panes)

    def toggle(self) -> None:
        """Open or close them.

        Raises:
            SegadvError: if there is nothing to show.
        """
        if self.shown:
            self.close()
        else:
            self.open()

    def open(self) -> None:
        """Open the further views.

        Raises:
            SegadvError: if no volume is open.
        """
        image = self._chosen()
        if image is None:
            raise SegadvError(NO_IMAGE)
        if image.ndim != 3:
            raise SegadvError(single(image))
        whole = untouched(self._viewer)
        start = self._middle(image)
        viewer = self._viewer
        self._loan.set(viewer.canvas, "background_color_override", "black")
        main = self._plane_of(viewer, planes_of(grid_of(image)))
        self._loan.set(viewer.dims, "order", self._order(main))
        self.panes = tuple(Pane(viewer, self._focus) for _ in range(2))
        self.crosshair = Crosshair(viewer, start)
        for pane in self.panes:
            self.crosshair.add(pane.model)
        self._lay_out()
        self._connect()
        for layer in viewer.layers:
            self._smooth(layer)
        self.arrange()
        self.changed.emit()
        if whole:
            QTimer.singleShot(LAID_OUT, self._fit_main)

    def close(self) -> None:
        """Close the further views, and leave the viewer as it was."""
        if not self.shown or self.crosshair is None:
            return
        whole = untouched(self._viewer)
        self._disconnect()
        self.crosshair.close()
        self.crosshair, panes, self.panes = None, self.panes, ()
        for pane in panes:
            pane.leave()
        row, self._row = self._row, None
        row.setParent(None)
        row.deleteLater()
        self._qt_viewer.setOrientation(Qt.Vertical)
        self._loan.give_back()
        self._glass.show_texts(cross=None)
        self.changed.emit()
        if whole:
            QTimer.singleShot(LAID_OUT, self._fit_main)

    def arrange(self, *_: Any) -> None:
        """Show the two planes that the viewer itself does not show."""
        if not self.shown or self.crosshair is None:
            return
        image = self._volume()
        if image is None:
            other = self._chosen()
            flat = other is not None and other.ndim == 2
            for pane in self.panes:
                pane.glass.show_texts(note=single(other) if flat else NO_IMAGE)
            self._glass.show_texts(cross=None)
            return
        planes = planes_of(grid_of(image))
        main = self._plane_of(self._viewer, planes)
        for pane, plane in zip(self.panes, (p for p in planes if p is not main), strict=True):
            pane.glass.show_texts(note="")
            pane.look(plane, image)
        self.crosshair.show()

    def show_in_main(self, plane: Plane) -> None:
        """Look in another plane in the viewer itself; a further view takes over its own."""
        self._viewer.dims.order = self._order(plane)

    def go_to(self, position: Any) -> None:
        """Move the crosshair to the middle of the voxel at a place of the world."""
        image = self._volume()
        if image is None or self.crosshair is None:
            return
        index = np.rint(image.world_to_data(position))
        index = np.clip(index, 0, np.array(image.data.shape[:3]) - 1)
        place = image.data_to_world(index)
        self.crosshair.go_to([*self.crosshair.point[: -len(place)], *map(float, place)])

    @property
    def _qt_viewer(self) -> Any:
        # napari's private attribute: there is no public way to a canvas.
        return self._viewer.window._qt_viewer

    def _volume(self) -> Image | None:
        """Return the volume that is read; None for a single image, and while it is going."""
        image = self._chosen()
        if image is None or image.ndim != 3 or image not in self._viewer.layers:
            return None
        return image if self._viewer.dims.ndim >= 3 else None

    def _focus(self) -> None:
        self._qt_viewer.canvas.native.setFocus()

    def _middle(self, image: Image) -> list[float]:
        """Return where the crosshair starts: the middle of what the viewer shows."""
        viewer = self._viewer
        point, camera = list(viewer.dims.point), viewer.scene.camera
        if viewer.dims.ndisplay == 2:
            for axis, place in zip(viewer.dims.displayed, camera.center[-2:], strict=True):
                point[axis] = place
        inside = np.clip(np.rint(image.world_to_data(point)), 0, np.array(image.data.shape[:3]) - 1)
        return [*point[:-3], *map(float, image.data_to_world(inside))]

    def _plane_of(self, viewer: ViewerModel, planes: tuple[Plane, ...]) -> Plane:
        looked = viewer.dims.order[-3] - viewer.dims.ndim
        return next(plane for plane in planes if plane.axis == looked)

    def _order(self, plane: Plane) -> tuple[int, ...]:
        ndim = self._viewer.dims.ndim
        shown = (plane.axis + ndim, plane.down + ndim, plane.across + ndim)
        return (*range(ndim - 3), *shown)

    def _lay_out(self) -> None:
        """Put the further views beside the canvas or below it, in napari's own splitter."""
        main = self._qt_viewer
        wide = main.width() > WIDE * main.height()
        self._row = QSplitter(Qt.Vertical if wide else Qt.Horizontal)
        for pane in self.panes:
            self._row.addWidget(pane)
        main.setOrientation(Qt.Horizontal if wide else Qt.Vertical)
        main.addWidget(self._row)
        self._row.setSizes([1000, 1000])
        main.setSizes([1500, 1000] if wide else [1000, 1000])

    def _slots(self) -> list[tuple[Any, Any]]:
        viewer, layers = self._viewer, self._viewer.layers
        return [
            (layers.events.inserted, self._inserted),
            (layers.events.removed, self._removed),
            (layers.events.reordered, self._reordered),
            (layers.selection.events.active, self._activated),
            (viewer.dims.events.order, self.arrange),
            (viewer.dims.events.ndisplay, self._moved),
            (viewer.canvas.grid.events.enabled, self._moved),
            (viewer.events.theme, self._themed),
        ]

    def _connect(self) -> None:
        for event, slot in self._slots():
            # Last: napari and its layer list have then done their part, in their canvas.
            event.connect(slot, position="last")
        assert self.crosshair is not None
        self.crosshair.moved.connect(self._moved)
        for model, glass in self._canvases():
            self._add_drag(model, glass)
        for pane in self.panes:
            calls = pane.model.mouse_double_click_callbacks
            calls[:] = [lambda _, event, pane=pane: self._double_clicked(pane)]

    def _disconnect(self) -> None:
        for event, slot in self._slots():
            event.disconnect(slot)
        for model, drag in self._drags:
            model.mouse_drag_callbacks.remove(drag)
        self._drags = []

    def _canvases(self) -> list[tuple[ViewerModel, Glass]]:
        return [(self._viewer, self._glass), *((pane.model, pane.glass) for pane in self.panes)]

    def _add_drag(self, model: ViewerModel, glass: Glass) -> None:
        def middle() -> tuple[float, float] | None:
            if glass.cross is None:
                return None
            at = glass.on_canvas(glass.cross.down, glass.cross.across)
            return at.x(), at.y()

        drag = crosshair_drag(middle, self.go_to)
        model.mouse_drag_callbacks.append(drag)
        self._drags.append((model, drag))

    def _double_clicked(self, pane: Pane) -> None:
        if pane.plane is not None and not pane.glass.note:
            self.show_in_main(pane.plane)

    def _smooth(self, layer: Layer) -> None:
        """Show an image between its pixels, as reading rooms do; labels stay as they are."""
        grey = isinstance(layer, Image) and not layer.rgb
        if grey and str(layer.interpolation2d) == "nearest":
            self._loan.set(layer, "interpolation2d", "linear")

    def _inserted(self, event: Any) -> None:
        self._smooth(event.value)
        for pane in self.panes:
            pane.add(event.value)
            pane.sort()
        self.arrange()

    def _removed(self, event: Any) -> None:
        for pane in self.panes:
            pane.remove(event.value)
        self.arrange()

    def _reordered(self, event: Any = None) -> None:
        for pane in self.panes:
            pane.sort()

    def _activated(self, event: Any = None) -> None:
        for pane in self.panes:
            pane.select()
        # Where no panel says which image is read, it is the active one.
        self.arrange()

    def _themed(self, event: Any = None) -> None:
        for pane in self.panes:
            pane.model.theme = self._viewer.theme

    def _moved(self, *_: Any) -> None:
        """Draw the crosshair, and keep it in sight in the further views."""
        image = self._volume()
        if self.crosshair is None or image is None:
            return
        planes, point = planes_of(grid_of(image)), self.crosshair.point
        if any(model.dims.ndim != len(point) for model, _ in self._canvases()):
            # Layers are just coming or going.
            return
        for model, glass in self._canvases():
            if model.dims.ndim != len(point):
                # Layers are being taken away: other views follow in a moment.
                return
            hidden = model.dims.ndisplay != 2 or model.canvas.grid.enabled
            down, across = model.dims.order[-2:]
            cross = Cross(
                point[down],
                point[across],
                colour_of(planes, down - model.dims.ndim),
                colour_of(planes, across - model.dims.ndim),
            )
            glass.show_texts(cross=None if hidden else cross)
        for pane in self.panes:
            down, across = pane.model.dims.order[-2:]
            pane.keep_in_sight(point[down], point[across])
        self.described.emit()

    def _fit_main(self) -> None:
        if self._viewer.layers and hasattr(self._viewer.window, "_qt_window"):
            self._viewer.fit_to_view()


def single(image: Image | None) -> str:
    """Return why there are no further planes of a single image."""
    return f"{image} is a single image: there are no other planes to show"


def colour_of(planes: tuple[Plane, ...], axis: int) -> str:
    """Return the colour of the line at which a plane that is looked along an axis cuts a view."""
    return next(plane.colour for plane in planes if plane.axis == axis)


def place_in_words(plane: Plane, image: Image, point: Any, in_mm: bool) -> str:
    """Return which slice is seen: "axial, slice 56, 123.0 mm".

    Args:
        plane: that is seen.
        image: whose slices are counted, as its array counts them.
        point: the place in the world.
        in_mm: whether the world's places are the patient's, in mm.
    """
    row = plane.axis + image.ndim
    along = int(np.abs(matrix_of(image)[row, :-1]).argmax())
    number = int(np.rint(image.world_to_data(point))[along])
    name = plane.name if plane.name in ("slice", "row", "column") else f"{plane.name}, slice"
    return f"{name} {number}" + (f", {point[plane.axis]:.1f} mm" if in_mm else "")
