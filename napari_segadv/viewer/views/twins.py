"""Twins: layers of further views that show the data of a viewer's layers, without a copy of them.

A layer of napari can be in one viewer only, since it holds the slice that is seen there. A twin
holds its own slice of the same array. It follows the original's look, and painting on either is
painting on both: one array and one list of what can be undone, the original's.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Vectors

from ..compare.lines import OUTLINED, Lines, Outlined

# What twins take over from their originals, by the names of napari's events.
FOLLOWED = (
    *("visible", "opacity", "blending", "editable", "projection_mode"),
    *("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels"),
)
OF_IMAGES = ("contrast_limits", "gamma", "colormap", "interpolation2d")
OF_LABELS = (
    *("colormap", "contour", "show_selected_label", "selected_label", "preserve_labels"),
    *("brush_size", "n_edit_dimensions", "contiguous", "mode"),
)
OF_VECTORS = ("edge_width", "length", "edge_color", "vector_style")
# Of each point.
OF_POINTS = ("size", "symbol", "face_color", "border_color", "border_width")
# What contours follow: their data, place and width are those of their own view.
OF_LINES = ("visible", "opacity", "blending", "edge_color")
# What is set with the mouse on a twin: the brush's size, and the class that was picked.
RETURNED = ("brush_size", "selected_label")


class _Unseen:
    """No view lists its layers, so none draws their thumbnails, which take time at each slice."""

    def _update_thumbnail(self) -> None:
        pass


class ImageTwin(_Unseen, Image):
    """An image in a further view."""


class LabelsTwin(_Unseen, Labels):
    """Labels in a further view. What is painted here is undone by the original.

    Attributes:
        original: the labels that this shows; None until they are known.
    """

    original: Labels | None = None

    def _append_to_undo_history(self, item: Any) -> None:
        # napari's private method, called once for each stroke: there is no public way to give a
        # stroke to another layer. It announces the stroke, too.
        if self.original is not None:
            self.original._redo_history.clear()
            self.original._append_to_undo_history(item)

    def undo(self) -> None:
        if self.original is not None:
            self.original.undo()

    def redo(self) -> None:
        if self.original is not None:
            self.original.redo()


def twin_of(layer: Layer) -> Layer:
    """Return a layer that shows the data of another, and looks like it now."""
    data, state, kind = layer.as_layer_data_tuple()
    if isinstance(layer, Labels):
        twin = LabelsTwin(data, **state)
        twin.original = layer
        return twin
    if isinstance(layer, Image):
        return ImageTwin(data, **state)
    return Layer.create(data, state, kind)


class Twin:
    """A layer of a viewer and its twin in another, kept alike until `close`.

    Attributes:
        original, layer: the layer and its twin.
    """

    def __init__(self, viewer: ViewerModel, original: Layer) -> None:
        """Make the twin.

        Args:
            viewer: of the original.
            original: the layer.
        """
        self._dims = viewer.dims
        self.original, self.layer = original, twin_of(original)
        self._busy = False
        self._links: list[tuple[Any, Callable[..., Any]]] = []
        self._follow_look()
        for event, slot in self._links:
            event.connect(slot)
        self._seen = self._state()

    def _follow_look(self) -> None:
        """List what is followed."""
        original, events, own = self.original, self.original.events, self.layer.events
        names = [*FOLLOWED]
        for kind, more in ((Image, OF_IMAGES), (Labels, OF_LABELS), (Vectors, OF_VECTORS)):
            names += more if isinstance(original, kind) else ()
        self._links += [(events[name], self._follow) for name in names if name in events]
        self._links += [(events.data, self._data_set), (events.set_data, self._drawn)]
        self._links.append((original.experimental_clipping_planes.events, self._clipped))
        if isinstance(original, Labels):
            self._links += [(events.labels_update, self._painted), (events.paint, self._painted)]
            self._links += [(own.labels_update, self._painted_here)]
            self._links += [(own[name], self._returned) for name in RETURNED]
            # Not part of a layer's state.
            for name in OF_LABELS[1:]:
                self._copy(name)

    def shown_in(self, model: ViewerModel) -> None:
        """Do what needs the view that the twin has been added to."""

    def close(self) -> None:
        """Stop following. The twin itself stays as it is."""
        for event, slot in self._links:
            event.disconnect(slot)
        self._links = []

    def _copy(self, name: str) -> None:
        value = getattr(self.original, name)
        if not _same(getattr(self.layer, name), value):
            setattr(self.layer, name, value)

    def _follow(self, event: Any) -> None:
        self._copy(event.type)
        if event.type == "visible":
            # A hidden layer has no tool in napari, and gets it back on being shown.
            self._copy_mode()

    def _copy_mode(self) -> None:
        if isinstance(self.original, Labels):
            self._copy("mode")

    def _returned(self, event: Any) -> None:
        value = getattr(self.layer, event.type)
        if getattr(self.original, event.type) != value:
            setattr(self.original, event.type, value)

    def _data_set(self, event: Any = None) -> None:
        if self.layer.data is not self.original.data:
            self.layer.data = self.original.data

    def _state(self) -> tuple[Any, ...]:
        dims = self._dims
        return tuple(dims.point), tuple(dims.order), dims.ndisplay, self.original.visible

    def _drawn(self, event: Any = None) -> None:
        """Follow a refresh of the original that shows the slice of before: its data changed."""
        before, self._seen = self._seen, self._state()
        if before == self._seen:
            self._refresh()

    def _painted(self, event: Any = None) -> None:
        self._refresh()

    def _refresh(self) -> None:
        if not self._busy:
            self.layer.refresh(thumbnail=False, extent=False)

    def _painted_here(self, event: Any = None) -> None:
        """Show on the original, and so on its other twins, what is being painted on this one."""
        self._busy = True
        try:
            self.original.refresh(thumbnail=False, extent=False)
        finally:
            self._busy = False

    def _clipped(self, *_: Any) -> None:
        planes = self.original.experimental_clipping_planes
        self.layer.experimental_clipping_planes = [plane.model_dump() for plane in planes]


class LinesTwin(Twin):
    """Contours in a further view, which draws those of its own plane."""

    def __init__(self, viewer: ViewerModel, original: Layer, of: Outlined) -> None:
        super().__init__(viewer, original)
        self._of = of
        self._lines: Lines | None = None

    def _follow_look(self) -> None:
        events = self.original.events
        self._links += [(events[name], self._follow) for name in OF_LINES]
        # It changes with the width in pixels of the screen, which both share.
        self._links.append((events.edge_width, self._widened))
        self._links.append((self.original.experimental_clipping_planes.events, self._clipped))

    def shown_in(self, model: ViewerModel) -> None:
        self._lines = Lines(model, self.layer, self._of)

    def close(self) -> None:
        super().close()
        if self._lines is not None:
            self._lines.close()

    def _widened(self, event: Any = None) -> None:
        if self._lines is not None:
            self._lines.draw()


class PointsTwin(Twin):
    """Points in a further view, each with its own colour and form."""

    def _follow_look(self) -> None:
        super()._follow_look()
        events = self.original.events
        names = (*(name for name in OF_POINTS if name in events), "features")
        self._links += [(events[name], self._looks) for name in names]

    def _data_set(self, event: Any = None) -> None:
        super()._data_set(event)
        self._looks()

    def _looks(self, event: Any = None) -> None:
        count = len(self.original.data)
        # In between, napari has set the one and not yet the other.
        if count and all(
            count == len(getattr(each, name))
            for each in (self.original, self.layer)
            for name in OF_POINTS
        ):
            for name in OF_POINTS:
                setattr(self.layer, name, np.array(getattr(self.original, name)))
        self._refresh()


def twin_in(viewer: ViewerModel, layer: Layer) -> Twin:
    """Return the twin of a viewer's layer, of the kind that it needs."""
    of = layer.metadata.get(OUTLINED)
    if isinstance(of, Outlined):
        return LinesTwin(viewer, layer, of)
    return (PointsTwin if isinstance(layer, Points) else Twin)(viewer, layer)


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same; only plain ones are compared, arrays can't be."""
    plain = (bool, int, float, str)
    return one is other or (isinstance(one, plain) and isinstance(other, plain) and one == other)
