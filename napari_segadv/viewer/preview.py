"""Live preview: what a running attack tries, as layers, a few times a second."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QTimer

from ..scan import Array, Scan
from .controller import Controller
from .layers import LayerTuple, class_keywords, looking_like, scan_of

if TYPE_CHECKING:
    from torch import Tensor

IMAGE, PREDICTION = "preview", "preview (prediction)"
# Seconds between two looks, and how many times longer than the window takes to draw one.
PAUSE, REST = 0.4, 5.0


class Glance:
    """Looks at an attack from its own thread: the slice in view of an image and its prediction.

    Attributes:
        number: the slice to look at; set by the main thread. None for a single image.
        pause: seconds between two looks; set by the main thread.
        latest: slice, its intensities, and its classes where the victim predicts pixels.
    """

    def __init__(self, scan: Scan, number: int | None) -> None:
        self.scan, self.number, self.pause = scan, number, PAUSE
        self.latest: tuple[int | None, Array, Array | None] | None = None
        self.canvas: tuple[Array, Array] | None = None
        self._last = 0.0

    def __call__(self, images: "Tensor", logits: "Tensor") -> None:
        """Called at each pass with images (1, C, *S) and logits (1, K, *S')."""
        now = time.monotonic()
        if now - self._last < self.pause:
            return
        self._last = now
        if self.canvas is None:
            # Copied here: a volume takes too long for the main thread.
            labels = np.zeros(self.scan.grid.shape, np.uint8)
            self.canvas = self.scan.array.copy(), labels
        number, pixels = self.number, logits.shape[2:] == images.shape[2:]
        image, seen = images[0], logits[0]
        if number is not None:
            image, seen = image[:, number], seen[:, number] if pixels else seen
        shown = image.movedim(0, -1) if self.scan.colour else image[0]
        values = shown.cpu().numpy().astype(self.scan.array.dtype)
        classes = seen.argmax(0).to("cpu").numpy().astype(np.uint8) if pixels else None
        self.latest = number, values, classes


class Preview:
    """Shows what a Glance sees as two layers beside the image, until the job is over."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self._glance: Glance | None = None
        self._image: Image | None = None
        self._place: Callable[[], int | None] = lambda: None
        controller.progressed.connect(self._look)
        controller.busy_changed.connect(self._busy)

    def begin(self, image: Image, place: Callable[[], int | None]) -> Glance:
        """What an attack on an image is to be watched with.

        Args:
            image: the layer that is attacked.
            place: gives the slice that is shown; None for a single image.
        """
        self._image, self._place = image, place
        self._glance = Glance(scan_of(image), place())
        return self._glance

    def stop(self) -> None:
        """Takes the layers away and looks no more; also where no job was started."""
        self._glance = self._image = None
        self.controller.hide(IMAGE, PREDICTION)

    def unlink(self) -> None:
        """Takes it off the controller's signals."""
        self.controller.progressed.disconnect(self._look, missing_ok=True)
        self.controller.busy_changed.disconnect(self._busy, missing_ok=True)

    def _busy(self, title: str) -> None:
        if not title and self._glance is not None:
            self.stop()

    def _look(self, now: Any) -> None:
        glance, image = self._glance, self._image
        if glance is None or image is None or image not in self.controller.layers:
            return
        glance.number = self._place()
        seen, glance.latest = glance.latest, None
        if seen is None or glance.canvas is None:
            return
        started = time.monotonic()
        names = (IMAGE, PREDICTION)
        for name, canvas, plane in zip(names, glance.canvas, seen[1:], strict=True):
            if plane is None:
                continue
            canvas[... if seen[0] is None else seen[0]] = plane
            layer = self.controller.shown(name)
            if layer is None or layer.data is not canvas:
                selection = self.controller.layers.selection
                active = selection.active
                self.controller.show_beside(image, name, self._made(name, canvas, image))
                # Who paints meanwhile keeps the layer in hand.
                selection.active = active
                # A new layer holds the window up: the other one comes with the next look.
                return
            layer.refresh(extent=False, thumbnail=False)
        # Comes back once the window has been drawn: one that draws slowly is drawn seldom.
        QTimer.singleShot(0, lambda: self._rest(glance, time.monotonic() - started))

    def _rest(self, glance: Glance, seconds: float) -> None:
        glance.pause = max(PAUSE, REST * seconds)

    def _made(self, name: str, canvas: Array, image: Image) -> LayerTuple:
        if name == IMAGE:
            return canvas, {"rgb": image.rgb, **looking_like(image)}, "image"
        classes = self.controller.victim.classes
        return canvas, class_keywords(classes, None if classes else canvas), "labels"
