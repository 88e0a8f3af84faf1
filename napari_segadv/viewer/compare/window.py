"""One window for all images of the comparison: its level and width, and the presets that fit."""

from typing import Any, ClassVar
from weakref import WeakValueDictionary

from napari.components import ViewerModel
from napari.experimental import link_layers, unlink_layers
from napari.layers import Image
from psygnal import Signal

from ...data.scan import Scan
from ...data.window_presets import WindowPreset, presets_for
from ...errors import SegadvError
from ..controller.controller import Controller
from ..layers.convert import units_of
from ..layers.names import ERASED, KEY
from .pair import pair_of

LINKED = ("contrast_limits", "gamma")


class Window:
    """The window of the shown run's images or, if no run is shown, of the chosen image.

    Signals:
        changed: its limits, or the image that it belongs to.
    """

    changed = Signal()

    _known: ClassVar["WeakValueDictionary[int, Window]"] = WeakValueDictionary()

    @classmethod
    def of(cls, viewer: ViewerModel, controller: Controller) -> "Window":
        """Return the one window of a viewer. Each who asks for it has to `close` it in the end."""
        window = cls._known.get(id(viewer))
        if window is None:
            window = cls._known[id(viewer)] = cls(viewer, controller)
        window._users += 1
        return window

    def __init__(self, viewer: ViewerModel, controller: Controller) -> None:
        self._viewer, self._controller = viewer, controller
        self._users = 0
        self._linked: list[Image] = []
        self._others: tuple[Image, ...] = ()
        self.image: Any = None
        self.units = ""
        self.presets: tuple[WindowPreset, ...] = ()
        events = viewer.layers.events
        self._events = (events.inserted, events.removed, viewer.layers.selection.events.active)
        for event in self._events:
            event.connect(self.refresh)
        # Last: by then napari and its layer list have finished removing the layer.
        viewer.layers.events.removed.connect(self._again, position="last")
        controller.runs.chosen.connect(self._again)
        self.refresh()
        self.link()

    def close(self) -> None:
        """Unlink the images without changing them, and stop listening, once nobody needs it."""
        self._users -= 1
        if self._users > 0:
            return
        self._known.pop(id(self._viewer), None)
        for event in self._events:
            event.disconnect(self.refresh)
        self._viewer.layers.events.removed.disconnect(self._again)
        self._controller.runs.chosen.disconnect(self._again, missing_ok=True)
        self.unlink()
        self._watch(None)

    @property
    def limits(self) -> tuple[float, float] | None:
        """Lower and upper limit, in the image's units; None without a grey image."""
        if self.image is None or self.image.rgb:
            return None
        low, high = self.image.contrast_limits
        return float(low), float(high)

    def set(self, centre: float, width: float) -> None:
        """Set level and width, in the image's units."""
        limits = (centre - width / 2, centre + width / 2)
        if self.limits is not None and width > 0 and limits != self.limits:
            self.image.contrast_limits = limits

    def link(self, *others: Image) -> None:
        """Make the shown run's images, and others, share one window from now on."""
        self.unlink()
        self._others = others
        try:
            pair = pair_of(self._viewer, self._controller)
        except SegadvError:
            return
        if pair.clean.rgb:
            return
        for layer in (pair.adversarial, *others):
            for name in LINKED:
                setattr(layer, name, getattr(pair.clean, name))
        self._linked = [pair.clean, pair.adversarial, *others]
        link_layers(self._linked, LINKED)

    def _again(self, *_: Any) -> None:
        self.refresh()
        self.link(*(layer for layer in self._others if layer in self._viewer.layers))

    def unlink(self) -> None:
        """Let each image have its own window again."""
        linked, self._linked = self._linked, []
        if linked:
            unlink_layers(linked, LINKED)

    def refresh(self, event: Any = None) -> None:
        """Find the image that the window belongs to now."""
        image = self._find_image()
        if image is not self.image:
            self._watch(image)
            self.changed.emit()

    def _watch(self, image: Image | None) -> None:
        if self.image is not None:
            self.image.events.contrast_limits.disconnect(self._moved)
        self.image, self.units, self.presets = image, "", ()
        if image is not None:
            image.events.contrast_limits.connect(self._moved)
            self.units, self.presets = self._described(image)

    def _find_image(self) -> Image | None:
        try:
            return pair_of(self._viewer, self._controller).clean
        except SegadvError:
            pass
        layers = self._viewer.layers
        active = layers.selection.active
        if self._has_window(active):
            return active
        if self.image in layers and self._has_window(self.image):
            return self.image
        seen = [x for x in layers if self._has_window(x) and x.visible]
        return seen[0] if seen else None

    def _has_window(self, layer: Any) -> bool:
        """Return whether a layer is an image to look at, and not the hatch over a target."""
        if not isinstance(layer, Image):
            return False
        image = self._controller.image_of(layer)
        return image is None or self._controller.shown(ERASED, image) is not layer

    def _described(self, image: Image) -> tuple[str, tuple[WindowPreset, ...]]:
        """Return an image's units and presets without reading its pixels: a volume has many."""
        run, known = self._controller.runs.current, image.metadata.get(KEY)
        ours = run is not None and self._controller.clean_of(run) is image
        scan = run.seen.clean if run is not None and ours else known
        if isinstance(scan, Scan) and (scan is not known or scan.units == "HU"):
            return scan.units, presets_for(scan.units, scan.bounds)
        low, high = image.contrast_limits_range
        if image.data.dtype == "uint8":
            low, high = 0, 255
        return units_of(image), presets_for(units_of(image), (float(low), float(high)))

    def _moved(self, event: Any = None) -> None:
        self.changed.emit()
