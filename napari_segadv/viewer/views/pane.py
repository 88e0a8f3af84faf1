"""One further view of a volume: a canvas of napari with the twins of a viewer's layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, Qt, QTimer

from ..layers.gl_context import keep_current
from ..layers.upright import USUAL, grid_of, orientation
from .glass import Glass
from .planes import Plane
from .twins import Twin, twin_in

# Milliseconds until layers that have gone from the viewer are removed from its further views.
SWEEP = 300


class Pane(QtViewer):
    """A view that looks along one axis. It has no keys: those stay with the main canvas.

    Attributes:
        model: what it shows.
        glass: what lies over it.
        plane: in which it looks; None until it is told.
    """

    def __init__(self, viewer: ViewerModel, clicked: Callable[[], Any]) -> None:
        """Show the layers of a viewer that have three axes.

        Args:
            viewer: the viewer.
            clicked: called at each press of a mouse button, to give the keys to the main canvas.
        """
        self.model = ViewerModel(title="")
        self.model.theme = viewer.theme
        # In every theme, as light boxes of reading rooms are dark around the film.
        self.model.canvas.background_color_override = "black"
        super().__init__(self.model)
        self._viewer, self._clicked = viewer, clicked
        self._twins: dict[Layer, Twin] = {}
        self._gone: list[Layer] = []
        self._sweeping = QTimer(self)
        self._sweeping.setSingleShot(True)
        self._sweeping.setInterval(SWEEP)
        self._sweeping.timeout.connect(self._sweep)
        self._fit: tuple[Any, ...] | None = None
        self.plane: Plane | None = None
        self._looked: tuple[Plane, int] | None = None
        keep_current(self.model, lambda: self)
        native = self.canvas.native
        native.setFocusPolicy(Qt.NoFocus)
        native.installEventFilter(self)
        self.setAcceptDrops(False)
        # Its slider would take room; the wheel and the crosshair do the same.
        self.dims.hide()
        self.setMinimumSize(80, 80)
        self.glass = Glass(native, self.model)
        self.model.canvas.events.size.connect(self._resized)
        for layer in viewer.layers:
            self.add(layer)
        self.select()

    def twin(self, layer: Layer | None) -> Layer | None:
        """Return the twin of a layer, if it has one here."""
        found = self._twins.get(layer)
        return None if found is None else found.layer

    def add(self, layer: Layer) -> None:
        """Show a layer of the viewer too. One of a single image has nothing to show here."""
        if layer.ndim < 3 or layer in self._twins:
            return
        twin = self._twins[layer] = twin_in(self._viewer, layer)
        self.model.layers.append(twin.layer)
        twin.shown_in(self.model)
        self.sort()

    def remove(self, layer: Layer) -> None:
        """Stop showing a layer."""
        twin = self._twins.pop(layer, None)
        if twin is not None:
            twin.close()
            twin.layer.visible = False
            self._gone.append(twin.layer)
            self._sweeping.start()

    def _sweep(self) -> None:
        """Remove what is not shown any more, in one go: each time napari collects garbage."""
        gone, self._gone = self._gone, []
        layers = self.model.layers
        with layers.batched_update():
            for layer in gone:
                layers.remove(layer)

    def sort(self) -> None:
        """Put the layers in the viewer's order."""
        layers = self.model.layers
        order = [self._twins[x].layer for x in self._viewer.layers if x in self._twins]
        for place, layer in enumerate(order):
            if layers[place] is not layer:
                layers.move(layers.index(layer), place)

    def select(self) -> None:
        """Make the viewer's active layer active here, so that its tool works here too."""
        self.model.layers.selection.active = self.twin(self._viewer.layers.selection.active)

    def look(self, plane: Plane, image: Image) -> None:
        """Look at a volume in a plane, turned as a reading room does."""
        dims, grid = self.model.dims, grid_of(image)
        if dims.ndim < 3:
            return
        shown = (plane.axis, plane.down, plane.across)
        order = (*range(dims.ndim - 3), *(axis + dims.ndim for axis in shown))
        turned = USUAL if grid is None else orientation(grid, list(shown[1:]))
        # Only then, so that a view that somebody has zoomed stays as it is.
        new = (plane, id(image)) != self._looked or tuple(dims.order) != order
        self.plane, self._looked = plane, (plane, id(image))
        if tuple(dims.order) != order:
            dims.order = order
        self.model.scene.camera.orientation2d = turned
        if new:
            self.fit()

    def fit(self) -> None:
        """Fill the canvas with the layers."""
        if self.model.layers:
            self.model.fit_to_view(margin=0.02)
            self._fit = self._view()

    def keep_in_sight(self, down: float, across: float) -> None:
        """Move the view if a place of the world lies outside the canvas."""
        at = self.glass.on_canvas(down, across).toPoint()
        if self.isVisible() and not self.canvas.native.rect().contains(at):
            self.model.scene.camera.center = (down, across)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.MouseButtonPress:
            self._clicked()
        return False

    def leave(self) -> None:
        """Let go of the viewer's layers and close."""
        self.canvas.native.removeEventFilter(self)
        self.glass.leave()
        for twin in self._twins.values():
            twin.close()
        self._twins, self._gone = {}, []
        self._sweeping.stop()
        self.model.layers.clear()
        self.setParent(None)
        self.close()

    def _resized(self, event: Any = None) -> None:
        """Go on showing everything, unless somebody has moved or zoomed the view."""
        if self._fit == self._view():
            self.fit()

    def _view(self) -> tuple[Any, ...]:
        camera = self.model.scene.camera
        return tuple(np.round([*camera.center, camera.zoom], 6).tolist())
