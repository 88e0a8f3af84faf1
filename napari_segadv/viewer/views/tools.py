"""What is at hand while any panel is open: the bar, the glass, the mouse, the orthogonal views."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QEvent, QObject, QTimer

from ...errors import SegadvError
from ..compare.window import Window
from ..controller.controller import Controller
from ..layers.upright import grid_of
from ..notices import tell
from ..widgets.keys import bind
from .glass import NO_LETTERS, Glass
from .mouse import Mouse
from .ortho import OrthoViews, place_in_words
from .panel import KEYS, ViewBar
from .planes import edge_letters, planes_of
from .readout import words


class ViewTools(QObject):
    """One for each viewer with a window, while a panel holds it or its views are open.

    Attributes:
        window: level and width of the image that is read.
        glass: over the viewer's own canvas.
        views: the orthogonal views.
        bar: above the canvas.
    """

    _known: ClassVar["WeakValueDictionary[int, ViewTools]"] = WeakValueDictionary()

    @classmethod
    def hold(cls, viewer: ViewerModel, controller: Controller) -> Callable[[], None]:
        """Have it there until the function that is returned is called; without a window, nothing.

        Args:
            viewer: the viewer.
            controller: of the viewer.
        """
        if not hasattr(getattr(viewer, "window", None), "_qt_window"):
            return lambda: None
        bench = cls._known.get(id(viewer))
        if bench is None:
            bench = cls._known[id(viewer)] = cls(viewer, controller)
        bench._users += 1
        return bench.let_go

    @classmethod
    def of(cls, viewer: ViewerModel) -> "ViewTools | None":
        """Return the one of a viewer, while there is one."""
        return cls._known.get(id(viewer))

    def __init__(self, viewer: ViewerModel, controller: Controller) -> None:
        super().__init__()
        self._viewer, self._controller, self._users = viewer, controller, 0
        # napari's private attributes: there is no public way to a canvas or to a tool bar.
        qt_window, qt_viewer = viewer.window._qt_window, viewer.window._qt_viewer
        self._leaving = ExitStack()
        self.window = Window.of(viewer, controller)
        self._at_leaving(self.window.close)
        self.glass = Glass(qt_viewer.canvas.native, viewer)
        self._at_leaving(self.glass.leave)
        self._mouse = Mouse(viewer, self.window, self.chosen)
        self._at_leaving(self._mouse.close)
        self._mice: list[Mouse] = []
        self.bar = ViewBar(self.window, self.toggle_views)
        qt_window.addToolBar(self.bar)
        self._at_leaving(self.bar.leave)
        self._at_leaving(qt_window.removeToolBar, self.bar)
        self._at_leaving(bind(viewer, self.bar, KEYS))
        qt_viewer.installEventFilter(self)
        self._at_leaving(qt_viewer.removeEventFilter, self)
        self.views = OrthoViews(viewer, self.glass, self.chosen)
        for event, slot in self._slots():
            event.connect(slot)
            self._at_leaving(event.disconnect, slot)
        self._at_leaving(self.views.close)
        self._refresh()

    def _at_leaving(self, call: Callable[..., Any], *given: Any) -> None:
        """Call a function in the end, the last one added first."""

        def quietly() -> None:
            # A window that closes may have deleted its own parts before.
            with suppress(RuntimeError):
                call(*given)

        self._leaving.callback(quietly)

    def _slots(self) -> list[tuple[Any, Any]]:
        viewer, layers = self._viewer, self._viewer.layers
        events = (
            *(viewer.dims.events.point, viewer.dims.events.order, viewer.dims.events.ndisplay),
            *(viewer.scene.camera.events.orientation, layers.events.inserted),
            *(layers.events.removed, layers.selection.events.active),
            *(self._controller.runs.chosen, self.views.described),
        )
        slots: list[tuple[Any, Any]] = [(event, self._describe) for event in events]
        slots += [
            (viewer.cursor.events.position, self._pointed),
            (self.window.changed, self._refresh),
            (self.views.changed, self._views_changed),
        ]
        slots.append((self._controller.image_chosen, self._chosen))
        return slots

    def let_go(self) -> None:
        """Take everything away once neither a panel nor the views need it."""
        self._users -= 1
        if self._users != 0:
            return
        self._known.pop(id(self._viewer), None)
        self._leaving.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take everything away before the viewer's own canvas, when its window closes."""
        if event.type() == QEvent.Close:
            self._leaving.close()
        return False

    def chosen(self) -> Image | None:
        """Return the image that is read."""
        return self._controller.read

    def toggle_views(self) -> None:
        """Open or close the orthogonal views, or say why there is nothing to show."""
        try:
            self.views.toggle()
        except SegadvError as error:
            tell(str(error))
        self._refresh()

    def _chosen(self, *_: Any) -> None:
        self.window.refresh()
        self.views.arrange()
        self._describe()

    def _views_changed(self) -> None:
        for mouse in self._mice:
            mouse.close()
        self._mice = [Mouse(pane.model, self.window, self.chosen) for pane in self.views.panes]
        for pane in self.views.panes:
            pane.model.cursor.events.position.connect(self._pointed)
        self._refresh()
        # Panels may be closed to make room for the views.
        if self.views.shown:
            self._users += 1
        else:
            QTimer.singleShot(0, self.let_go)

    def _refresh(self, *_: Any) -> None:
        self.bar.refresh(self.views.shown)
        self._describe()

    def _describe(self, *_: Any) -> None:
        """Write on every glass where the patient's sides are, which slice is seen, and how."""
        image, limits = self.chosen(), self.window.limits
        text = ""
        if limits is not None:
            low, high = limits
            units = "" if self.window.units == "grey level" else f" {self.window.units}"
            text = f"L {(low + high) / 2:.4g}  W {high - low:.4g}{units}"
        self._describe_one(self._viewer, self.glass, image, text)
        for pane in self.views.panes:
            self._describe_one(pane.model, pane.glass, image, text)

    def _describe_one(
        self, model: ViewerModel, glass: Glass, image: Image | None, text: str
    ) -> None:
        letters, place, colour, dims = NO_LETTERS, "", "", model.dims
        grid = None if image is None else grid_of(image)
        if image is not None and image.ndim == 3 and dims.ndim >= 3 and dims.ndisplay == 2:
            shown = [axis - dims.ndim for axis in dims.displayed]
            looked = dims.order[-3] - dims.ndim
            plane = next(p for p in planes_of(grid) if p.axis == looked)
            in_mm = grid is not None and not grid.turned
            place, colour = place_in_words(plane, image, dims.point, in_mm), plane.colour
            if grid is not None:
                vertical, horizontal = map(str, model.scene.camera.orientation2d)
                letters = edge_letters(grid, shown, (vertical, horizontal))
        if not self.views.shown:
            colour = ""
        seen = {"letters": letters, "place": place, "place_colour": colour, "window_text": text}
        flat = grid is not None and dims.ndisplay == 2 and not model.canvas.grid.enabled
        glass.show_texts(in_mm=flat, **seen)

    def _pointed(self, event: Any) -> None:
        """Say what is under the pointer, on the glass of the canvas where it is."""
        for model, glass in (
            (self._viewer, self.glass),
            *((pane.model, pane.glass) for pane in self.views.panes),
        ):
            if model.cursor is event.source and glass.entered:
                here = words(self._controller, self.chosen(), model.cursor.position)
                glass.show_texts(reading=here)
