"""The layers that a controller has put into its viewer: one for each name."""

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.layers import Image, Layer

from ...data.scan import Scan
from ..layers.convert import image_tuple, looking_like, shows
from ..layers.fields import FIELDS
from ..layers.names import ADVERSARIAL, AFTER, BECOMES, CLEAN, KEY, TARGET, LayerTuple
from ..layers.places import placed_like
from ..layers.refill import refill, takes
from ..layers.task_view import view_of
from .runs import Run

if TYPE_CHECKING:
    from ...results.example import Example


def unwrapped(viewer: ViewerModel) -> ViewerModel:
    """Return the viewer itself: napari gives plugins a proxy, whose layers are proxies too."""
    return getattr(viewer, "__wrapped__", viewer)


class ShownLayers:
    """Layers by name. The user may remove or move them; a renamed one becomes the user's own."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._layers: dict[str, tuple[Layer, str | None]] = {}
        # Names whose layers show a run.
        self._by_runs: set[str] = set()
        viewer.dims.events.ndisplay.connect(self._turned)
        viewer.layers.events.removed.connect(self._forget)

    def _forget(self, event: Any) -> None:
        """Let go of a layer that was removed, which may hold a volume."""
        self._layers = {n: kept for n, kept in self._layers.items() if kept[0] is not event.value}

    def _turned(self, event: Any = None) -> None:
        """Give the pointer a view direction, which otherwise it gets when it is first moved in 3-D.

        Until then napari 0.9 fails to look up the label under the pointer in a layer with class
        names, and so fails whenever such a layer is selected.
        """
        viewer = self._viewer()
        if viewer is None or viewer.dims.ndisplay != 3 or viewer.cursor._view_direction is not None:
            return
        camera, dims = viewer.scene.camera, viewer.dims
        viewer.cursor._view_direction = camera.calculate_nd_view_direction(
            dims.ndim, dims.displayed
        )

    @property
    def layers(self) -> Any:
        """The viewer's list of layers; empty if the viewer is gone."""
        viewer = None if self.closed else self._viewer()
        return () if viewer is None else viewer.layers

    @property
    def closed(self) -> bool:
        """Whether the viewer or its window is gone."""
        viewer = self._viewer()
        window = getattr(viewer, "window", None)
        return viewer is None or (window is not None and not hasattr(window, "_qt_window"))

    def get(self, name: str) -> Layer | None:
        """Return the layer shown under a name, unless it was removed or renamed."""
        layer, shown_as = self._layers.get(name, (None, None))
        if layer is None or layer not in self.layers:
            return None
        return layer if shown_as in (None, layer.name) else None

    def made(self, layer: Layer) -> bool:
        """Return whether a layer is a result. A target is not."""
        return layer in self and layer is not self.get(TARGET)

    def __contains__(self, layer: Layer) -> bool:
        return any(self.get(name) is layer for name in self._layers)

    def show(self, name: str, made: LayerTuple, below: Layer | None = None) -> Layer:
        """Add a layer in place of the one that has this name.

        If there is none, the layer comes right below `below`, or on top.
        """
        data, keywords, kind = made
        old = self.get(name)
        index = self.layers.index(below) if below in self.layers else len(self.layers)
        if old is not None:
            index = self.layers.index(old)
            self.layers.remove(old)
        new = Layer.create(data, {**keywords, "name": name}, kind)
        # Register before inserting, since `inserted` listeners call made().
        self._layers[name] = (new, None)
        self.layers.insert(index, new)
        self._layers[name] = (new, new.name)
        return new

    def show_beside(
        self,
        image: Image,
        name: str,
        made: LayerTuple,
        keep: bool = False,
        below: Layer | None = None,
    ) -> Layer:
        """Show a layer exactly where an image is; the adversarial image also gets its look.

        Args:
            image: gives the place.
            name: under which `get` finds the layer.
            made: the layer.
            keep: if a layer is refilled, leave it visible or hidden, as the user has set it.
            below: a new layer comes right below this one, if that lies above the image.
        """
        if below in self.layers and self.layers.index(below) < self.layers.index(image):
            below = None
        self._by_runs.discard(name)
        data, keywords, kind = made
        look = looking_like(image) if name == ADVERSARIAL else {}
        made, old = (data, {**look, **keywords}, kind), self.get(name)
        # A target is never refilled: others may hold the old layer, on which the user has painted.
        if old is None or name == TARGET or not takes(old, image, made):
            return self.show(name, (data, {**made[1], **placed_like(image)}, kind), below)
        refill(old, made)
        if not keep:
            old.visible = keywords.get("visible", True)
        return old

    def show_example(
        self, image: Image, example: "Example", made: Mapping[str, LayerTuple]
    ) -> Iterator[None]:
        """Show an example beside its image, in place of the one before, one layer at a time.

        Each new layer takes napari a tenth of a second or more, so a preview's layers are reused.
        Ends early if the image is removed.
        """
        taken = [name for preview, name in BECOMES.items() if self._take_over(preview, name)]
        self.remove(*FIELDS - made.keys())
        for name, one in made.items():
            if image not in self.layers:
                return
            self.show_beside(image, name, one, name in self._by_runs and name != ADVERSARIAL)
            self._by_runs.add(name)
            yield
        if view_of(example.task.name).on_top:
            self.lift(CLEAN, AFTER)
            return
        if AFTER in taken:
            # The noise was added above it.
            self.lift(AFTER)
        # A clean prediction from before the run lies below the adversarial image, which would hide
        # its contours.
        clean, after = self.get(CLEAN), self.get(AFTER)
        if clean is not None and after is not None:
            below, above = self.layers.index(clean), self.layers.index(after)
            if below < above - 1:
                self.layers.move(below, above)

    def _take_over(self, preview: str, name: str) -> bool:
        """Turn a preview's layer into a result's, unless an earlier run has one; return if done."""
        layer = self.get(preview)
        if layer is None or self.get(name) is not None:
            return False
        del self._layers[preview]
        self._layers[name] = (layer, None)
        layer.name = name
        self._layers[name] = (layer, layer.name)
        return True

    def image_of(self, run: Run) -> Image:
        """Return the layer of a run's clean image; open it again if it was closed."""
        layer = run.image
        if layer is None or layer not in self.layers:
            scan = run.example.clean
            shown = (x for x in self.layers if isinstance(x, Image) and x not in self)
            layer = next((x for x in shown if _is_of(x, scan)), None)
            if layer is None:
                data, keywords, _ = image_tuple(scan)
                layer = Image(data, **keywords)
                # At the bottom: it would hide the layers that belong on it.
                self.layers.insert(0, layer)
            run.image = layer
        return layer

    def remove(self, *names: str) -> None:
        """Remove the layers shown under some names, unless they were removed or renamed."""
        there = [layer for layer in map(self.get, names) if layer is not None]
        if there:
            # At once: napari collects garbage after each removal, which takes 0.3 s.
            with self.layers.batched_update():
                for layer in there:
                    self.layers.remove(layer)

    def remove_example(self) -> None:
        """Remove the layers of the example that is shown."""
        self.remove(*self._by_runs)
        self._by_runs.clear()

    def lift(self, *names: str) -> None:
        """Move the layers shown under some names above all others, the last one to the top."""
        for name in names:
            layer = self.get(name)
            if layer is not None:
                self.layers.move(self.layers.index(layer), len(self.layers))

    def select(self, layer: Layer, *, on_top: bool = False) -> None:
        """Make a layer the active one, if it is still there."""
        if layer not in self.layers:
            return
        if on_top:
            self.layers.move(self.layers.index(layer), len(self.layers))
        self.layers.selection.active = layer


def _is_of(layer: Image, scan: Scan) -> bool:
    """Return whether a layer shows a scan, or another scan of the same content."""
    known = layer.metadata.get(KEY)
    return isinstance(known, Scan) and shows(layer, known) and known.same_as(scan)
