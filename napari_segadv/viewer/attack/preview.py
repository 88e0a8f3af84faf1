"""Live preview: the image that a running attack has reached, as layers, a few times a second."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from ...data.scan import Array
from ..controller.controller import Controller
from ..controller.runner import Poll
from ..layers.convert import class_keywords, looking_like, scan_of
from ..layers.names import CLEAN, PREVIEW, PREVIEW_SEEN, SEE_THROUGH, LayerTuple
from ..layers.task_view import view_of

if TYPE_CHECKING:
    from torch import Tensor

# Least seconds between two updates, and the same in multiples of the time that drawing one takes.
PAUSE, REST = 0.4, 5.0


class Preview:
    """One run's preview: called by the attack in its own thread, shown on the main thread.

    The run holds it, not a panel, which may be closed before the run ends. Its layers become
    layers of the result, unless layers of an earlier run are there; then they are removed at the
    end of the run.

    Args:
        controller: the one that runs the attack.
        image: the layer that is attacked.
        place: returns the slice in view; None if none is, and for a single image.
        channel: which one of several channels is shown, from 0.
    """

    def __init__(
        self,
        controller: Controller,
        image: Image,
        place: Callable[[], int | None],
        channel: int = 0,
    ) -> None:
        self._controller, self._image, self._place = controller, image, place
        self._victim = controller.victims.victim
        self._scan, self._channel = scan_of(image), channel
        self._canvas: dict[str, Array] = {}
        self._hidden = False
        self._slots: tuple[Callable[[Any], None], Callable[[str], None]]
        # The main thread sets these, the attack's thread reads them.
        self._number, self._pause = place(), PAUSE
        # The attack's thread sets this, the main thread reads it: the slice, its intensities, and
        # its classes if the victim predicts pixels.
        self._latest: tuple[int | None, Array, Array | None] | None = None
        self._last = 0.0

    def __call__(self, images: "Tensor", logits: "Tensor") -> None:
        """Keep a pass's images (1, C, *S) and logits (1, K, *S') for the next update."""
        now = time.monotonic()
        if now - self._last < self._pause:
            return
        self._last = now
        number, pixels = self._number, logits.shape[2:] == images.shape[2:]
        if number is None and self._scan.grid.ndim == 3:
            return
        image, seen = images[0], logits[0]
        if number is not None:
            image, seen = image[:, number], seen[:, number] if pixels else seen
        shown = image.movedim(0, -1) if self._scan.colour else image[self._channel]
        values = shown.cpu().numpy().astype(self._scan.singles[self._channel].array.dtype)
        classes = seen.argmax(0).to("cpu").numpy().astype(np.uint8) if pixels else None
        self._latest = number, values, classes

    def begin(self, then: Callable[[], None]) -> None:
        """Show the layers, which blocks the window, and only then let the attack begin."""
        scan, paints = self._scan, view_of(self._victim.task.name).paints
        seen = self._seen_before()

        def work(poll: Poll) -> dict[str, Array]:
            # Copied here: copying a volume would block the main thread.
            canvas: dict[str, Array] = {PREVIEW: scan.singles[self._channel].array.copy()}
            if paints:
                # Until the first step, and in slices that are not in view, the clean prediction.
                before = np.zeros(scan.grid.shape, np.uint8) if seen is None else seen
                canvas[PREVIEW_SEEN] = before.astype(np.uint8)
            return canvas

        def done(canvas: dict[str, Array]) -> None:
            self._canvas = canvas
            jobs = self._controller.jobs
            jobs.unfold("preparing the preview", self._shown(), begun, wanted=True)

        def begun() -> None:
            if self._image not in self._controller.layers:
                # The image was removed meanwhile: there is nothing to attack.
                self._clear()
                return
            # Functions, not methods: the signals keep them alive, and nothing else does once the
            # run is over.
            self._slots = (lambda now: self._look(now), lambda title: self._busy(title))
            self._controller.jobs.progressed.connect(self._slots[0])
            self._controller.jobs.busy_changed.connect(self._slots[1])
            then()

        self._controller.jobs.start("preparing the preview", work, done)

    def _seen_before(self) -> Array | None:
        """Return the clean prediction that is shown, if it has the image's pixels."""
        clean = self._controller.shown(CLEAN, self._image)
        if not isinstance(clean, Labels) or clean.multiscale:
            return None
        data = np.asarray(clean.data)
        return data if data.shape == self._scan.grid.shape else None

    def _busy(self, title: str) -> None:
        if not title:
            looking, busy = self._slots
            self._controller.jobs.progressed.disconnect(looking, missing_ok=True)
            self._controller.jobs.busy_changed.disconnect(busy, missing_ok=True)
            # Later, so that a result can take over the layers first.
            self._controller.jobs.soon(self._clear)

    def _clear(self) -> None:
        """Remove the layers that still belong to this run."""
        mine = [name for name in self._canvas if self._holds(name)]
        self._canvas = {}
        self._controller.hide(*mine, image=self._image)

    def _holds(self, name: str) -> bool:
        """Return whether a layer shows this run: it may be gone, renamed, or another run's."""
        layer = self._controller.shown(name, self._image)
        return layer is not None and layer.data is self._canvas.get(name)

    def _shown(self) -> Iterator[None]:
        """Show the layers, one at a time."""
        for name in self._canvas:
            if self._image in self._controller.layers:
                self._show(name)
                yield

    def _show(self, name: str) -> None:
        selection = self._controller.layers.selection
        active = selection.active
        self._controller.show_beside(self._image, name, self._made(name))
        # A user who is painting keeps the layer that they paint on.
        selection.active = active

    def _look(self, now: Any) -> None:
        if self._image not in self._controller.layers:
            return
        self._number = self._place()
        if self._scan.grid.ndim == 3:
            # A view across the slices would show only the slice that was updated last.
            self._hide(self._number is None)
        seen, self._latest = self._latest, None
        if seen is None:
            return
        started = time.monotonic()
        for name, plane in zip((PREVIEW, PREVIEW_SEEN), seen[1:], strict=True):
            canvas = self._canvas.get(name)
            if plane is None or canvas is None:
                continue
            canvas[... if seen[0] is None else seen[0]] = plane
            layer = self._controller.shown(name, self._image)
            if layer is None or layer.data is not canvas:
                # The user has removed or renamed it.
                self._show(name)
            else:
                layer.refresh(extent=False, thumbnail=False)
        # Called once the window has been drawn: a window that draws slowly is updated less often.
        self._controller.jobs.soon(lambda: self._rest(time.monotonic() - started))

    def _hide(self, hidden: bool) -> None:
        if hidden is not self._hidden:
            self._hidden = hidden
            for name in self._canvas:
                layer = self._controller.shown(name, self._image)
                if layer is not None and self._holds(name):
                    layer.visible = not hidden

    def _rest(self, seconds: float) -> None:
        self._pause = max(PAUSE, REST * seconds)

    def _made(self, name: str) -> LayerTuple:
        canvas = self._canvas[name]
        if name == PREVIEW:
            like = self._controller.channel_of(self._image, self._channel) or self._image
            return canvas, {"rgb": self._image.rgb, **looking_like(like)}, "image"
        classes = self._victim.classes
        # Without class names, the number of classes is unknown before the first prediction.
        numbers = None if classes else np.arange(256)
        return canvas, {**class_keywords(classes, numbers), "opacity": SEE_THROUGH}, "labels"
