"""Live preview: what a running attack tries, as layers, a few times a second."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QTimer

from ..scan import Array
from .controller import Controller
from .layers import LayerTuple, class_keywords, looking_like, scan_of
from .runner import Poll
from .task_view import view_of

if TYPE_CHECKING:
    from torch import Tensor

IMAGE, PREDICTION = "preview", "preview (prediction)"
# Seconds between two looks, and how many times longer than the window takes to draw one.
PAUSE, REST = 0.4, 5.0


class Glance:
    """What an attack is watched with, from its own thread: the slice in view and its prediction.

    Attributes:
        image: the layer that is attacked.
        scan: what it shows.
        place: gives the slice that is in view; None for a single image. For the main thread.
        number: the slice to look at; set by the main thread.
        pause: seconds between two looks; set by the main thread.
        latest: slice, its intensities, and its classes where the victim predicts pixels.
    """

    def __init__(self, image: Image, place: Callable[[], int | None]) -> None:
        self.image, self.scan, self.place = image, scan_of(image), place
        self.number, self.pause = place(), PAUSE
        self.latest: tuple[int | None, Array, Array | None] | None = None
        self._last = 0.0

    def __call__(self, images: "Tensor", logits: "Tensor") -> None:
        """Called at each pass with images (1, C, *S) and logits (1, K, *S')."""
        now = time.monotonic()
        if now - self._last < self.pause:
            return
        self._last = now
        number, pixels = self.number, logits.shape[2:] == images.shape[2:]
        image, seen = images[0], logits[0]
        if number is not None:
            image, seen = image[:, number], seen[:, number] if pixels else seen
        shown = image.movedim(0, -1) if self.scan.colour else image[0]
        values = shown.cpu().numpy().astype(self.scan.array.dtype)
        classes = seen.argmax(0).to("cpu").numpy().astype(np.uint8) if pixels else None
        self.latest = number, values, classes


class Preview:
    """Shows what a Glance sees as layers beside the image, until the job is over."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self._glance: Glance | None = None
        self._canvas: dict[str, Array] = {}
        controller.progressed.connect(self._look)
        controller.busy_changed.connect(self._busy)

    def begin(self, glance: Glance, then: Callable[[], None]) -> None:
        """Shows the layers, which holds the window up, and only then lets the attack begin.

        Raises:
            SegadvError: while a job is running.
        """
        scan, paints = glance.scan, view_of(self.controller.task).paints

        def work(poll: Poll) -> dict[str, Array]:
            # Copied here: a volume takes too long for the main thread.
            canvas: dict[str, Array] = {IMAGE: scan.array.copy()}
            if paints:
                canvas[PREDICTION] = np.zeros(scan.grid.shape, np.uint8)
            return canvas

        def done(canvas: dict[str, Array]) -> None:
            self._canvas = canvas
            pieces = self._shown(glance)
            self.controller.unfold("preparing the preview", pieces, begun)

        def begun() -> None:
            self._glance = glance
            then()

        self.controller.start("preparing the preview", work, done)

    def stop(self) -> None:
        """Takes the layers away and looks no more; also where no job was started."""
        self._glance, self._canvas = None, {}
        for name in (IMAGE, PREDICTION):
            layer = self.controller.shown(name)
            if layer is not None:
                layer.visible = False
        self._clear()

    def unlink(self) -> None:
        """Takes it off the controller's signals."""
        self.controller.progressed.disconnect(self._look, missing_ok=True)
        self.controller.busy_changed.disconnect(self._busy, missing_ok=True)

    def _clear(self) -> None:
        """Removes one layer a turn of the event loop, since each takes napari long."""
        if self._canvas:
            # A further run has begun and uses them.
            return
        for name in (IMAGE, PREDICTION):
            if self.controller.shown(name) is not None:
                self.controller.hide(name)
                QTimer.singleShot(1, self._clear)
                return

    def _busy(self, title: str) -> None:
        if not title and self._glance is not None:
            self.stop()

    def _shown(self, glance: Glance) -> Iterator[None]:
        """Shows the layers, one at a time."""
        for name in self._canvas:
            if glance.image in self.controller.layers:
                self._show(name, glance.image)
                yield

    def _show(self, name: str, image: Image) -> None:
        selection = self.controller.layers.selection
        active = selection.active
        shown = self.controller.show_beside(image, name, self._made(name, image))
        shown.visible = True
        # Who paints meanwhile keeps the layer in hand.
        selection.active = active

    def _look(self, now: Any) -> None:
        glance = self._glance
        if glance is None or glance.image not in self.controller.layers:
            return
        glance.number = glance.place()
        seen, glance.latest = glance.latest, None
        if seen is None:
            return
        started = time.monotonic()
        for name, plane in zip((IMAGE, PREDICTION), seen[1:], strict=True):
            canvas = self._canvas.get(name)
            if plane is None or canvas is None:
                continue
            canvas[... if seen[0] is None else seen[0]] = plane
            layer = self.controller.shown(name)
            if layer is None or layer.data is not canvas:
                # Removed or renamed by the user.
                self._show(name, glance.image)
            else:
                layer.refresh(extent=False, thumbnail=False)
        # Comes back once the window has been drawn: one that draws slowly is drawn seldom.
        QTimer.singleShot(0, lambda: self._rest(glance, time.monotonic() - started))

    def _rest(self, glance: Glance, seconds: float) -> None:
        glance.pause = max(PAUSE, REST * seconds)

    def _made(self, name: str, image: Image) -> LayerTuple:
        canvas = self._canvas[name]
        if name == IMAGE:
            return canvas, {"rgb": image.rgb, **looking_like(image)}, "image"
        classes = self.controller.victim.classes
        # How many classes a victim without names has is not known before it has predicted.
        numbers = None if classes else np.arange(256)
        return canvas, class_keywords(classes, numbers), "labels"
