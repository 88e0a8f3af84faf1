"""What the Compare panel does, without Qt: one way to compare at a time, overlays, the window."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from psygnal import Signal

from ...common.wording import with_units
from ...errors import SegadvError
from ..controller.controller import Controller
from ..layers.names import ADVERSARIAL, NOISE, PREVIEW
from .blink import Blink
from .contours import AS_SHOWN, CONTOURS
from .difference import Difference, fitting_gain, full_colour
from .loan import Loan
from .pair import Mode, Pair, clean_alone, pair_of, show_clean
from .predictions import APART, CHANGES, TOGETHER, LinePool, Predictions
from .side_by_side import SideBySide
from .strangers import comes_by_itself, goes_with_an_image, is_target
from .swipe import Swipe
from .watch import LOOKS, Watch
from .window import Window

MODES = (Blink.name, SideBySide.name, Swipe.name, Difference.name)
KINDS = {Blink.name: APART, SideBySide.name: APART, Swipe.name: APART, Difference.name: CHANGES}


class Comparison:
    """Compares the images of the shown run, one mode at a time; leaving a mode restores everything.

    Captions say what is seen where. So after every change of the layers by somebody else, a mode
    arranges itself again, or is left.

    Signals:
        changed: the mode, the look of the overlays, or the run.
        left: a mode had to be left; carries the reason, one line for the user.
        said: a layer stays hidden while a mode goes on; one line for the user.
    """

    changed = Signal()
    left = Signal(str)
    said = Signal(str)

    def __init__(self, viewer: ViewerModel, controller: Controller) -> None:
        self.viewer, self.controller = viewer, controller
        self.window = Window.of(viewer, controller)
        self.mode: Mode | None = None
        self.look = AS_SHOWN
        self.share, self.gain = 0.5, 0.0
        self._lines = LinePool(viewer, controller)
        self.predictions = self._predictions(TOGETHER)
        self._held: Loan | None = None
        self._was_tiled = False
        # How many changes of our own are going on.
        self._changing = 0
        self._watch = Watch(viewer, self._seen_changed)
        viewer.dims.events.ndisplay.connect(self._turned, position="last")
        controller.runs.chosen.connect(self._chosen)
        self.window.changed.connect(self._windowed)
        self.window.link()

    def close(self) -> None:
        """Restore everything and stop listening."""
        self._watch.close()
        self.viewer.dims.events.ndisplay.disconnect(self._turned)
        self.controller.runs.chosen.disconnect(self._chosen, missing_ok=True)
        self.window.changed.disconnect(self._windowed, missing_ok=True)
        self._leave()
        self._lines.keep(None)
        self.window.link()
        self.window.close()

    @property
    def pair(self) -> Pair:
        """The images that are compared; raises SegadvError if none are shown."""
        return pair_of(self.viewer, self.controller)

    @property
    def name(self) -> str:
        """Name of the mode; "" for none."""
        return "" if self.mode is None else self.mode.name

    def compare(self, name: str) -> None:
        """Start a way to compare; "", or the present one again, ends it.

        Raises:
            SegadvError: if there is nothing to compare, or this view can't show it.
        """
        name, pair = "" if name == self.name else name, None
        try:
            found = self.pair if name else None
            if name == Swipe.name and self.viewer.dims.ndisplay != 2:
                raise SegadvError("the swipe line works in 2-D only; switch to 2-D first")
            pair = found
        finally:
            self._arrange(name, pair)

    @contextmanager
    def _our_change(self) -> Iterator[None]:
        """Change layers without hearing of it."""
        self._changing += 1
        try:
            yield
        finally:
            self._changing -= 1

    def _arrange(self, name: str, pair: Pair | None) -> None:
        """Show predictions and images anew: in a mode, or without a pair in none."""
        with self._our_change():
            self._leave()
            self.predictions = self._predictions(TOGETHER if pair is None else KINDS[name])
            if pair is not None:
                self.mode = self._new_mode(name, pair, self.predictions)
        own = self.mode.layer if isinstance(self.mode, Swipe) else None
        self.window.link(*([] if own is None else [own]))
        self.changed.emit()
        if self.mode is not None:
            self._check(self.mode)

    def _predictions(self, kind: str) -> Predictions:
        return Predictions(self.viewer, self.controller, self._lines, self.look, kind)

    def _new_mode(self, name: str, pair: Pair, predictions: Predictions) -> Mode:
        if name == Blink.name:
            return Blink(pair, predictions)
        if name == SideBySide.name:
            return SideBySide(pair, predictions)
        if name == Swipe.name:
            return Swipe(pair, predictions, self.controller, self.share)
        self.gain = self.gain or fitting_gain(pair)
        return Difference(pair, predictions, self.controller, self.gain)

    @property
    def held(self) -> bool:
        """Whether the clean image is shown for as long as a key is held down."""
        return self._held is not None

    def flip(self) -> None:
        """Blink once."""
        if isinstance(self.mode, Blink) and self._held is None:
            with self._our_change():
                self.mode.flip()

    def hold_clean(self, hold: bool) -> None:
        """Show the clean image and its prediction while a key is held down; side by side shows
        them anyway."""
        with self._our_change():
            self._hold_clean(hold)

    def _hold_clean(self, hold: bool) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.give_back()
            if self.mode is not None:
                self.mode.release()
        if not hold or isinstance(self.mode, SideBySide):
            return
        pair, loan = self.pair, Loan()
        if self.mode is None:
            # The user may have shown or hidden predictions since.
            self.predictions.leave()
            self.predictions = self._predictions(TOGETHER)
            show_clean(loan, pair, self.predictions)
        else:
            self.mode.hold_clean(loan)
        self._held = loan

    def set_share(self, share: float) -> None:
        """Move the swipe line."""
        self.share = share
        if isinstance(self.mode, Swipe):
            self.mode.set_share(share)

    def set_gain(self, gain: float) -> None:
        """Set the gain of the difference."""
        self.gain = gain
        if isinstance(self.mode, Difference):
            self.mode.set_gain(gain)

    @property
    def strongest(self) -> str:
        """Says which change has the strongest colour, in the units of the images compared.

        "" but for a difference. The mode's own images count: while a run is let go, nothing is
        chosen any more, but the mode still shows it.
        """
        if not isinstance(self.mode, Difference):
            return ""
        pair = self.mode.pair
        most = with_units(f"{full_colour(pair, self.gain):.3g}", pair.example.clean.units)
        return f"strongest colour at ±{most}"

    def show(self, look: str) -> None:
        """Show target and predictions in one of LOOKS."""
        self.look = look
        self._arrange(self.name, None if self.mode is None else self.mode.pair)

    def _leave(self) -> None:
        """Put everything back as it was, the last change first."""
        self.hold_clean(False)
        mode, self.mode = self.mode, None
        if mode is not None:
            mode.leave()
        self.predictions.leave()

    def _end(self, mode: Mode, reason: str) -> None:
        """Leave a mode, and say why."""
        self._arrange("", None)
        self.left.emit(f"{mode.name}: {reason}")

    def _seen_changed(self, event: Any) -> None:
        """Keep captions true after somebody else has changed what is seen."""
        if self._changing:
            return
        mode, removed = self.mode, event.type == "removed"
        reason = "" if mode is None else mode.gone()
        if mode is not None and reason:
            self._was_tiled = removed and isinstance(mode, SideBySide)
            self._end(mode, reason)
        elif self._held is not None:
            self._hold_again(event)
        elif mode is not None:
            self._settle(mode, event)
        elif removed:
            self.window.link()

    def _hold_again(self, event: Any) -> None:
        """Show the clean image alone again, if it is not."""
        mode = self.mode
        pair = mode.pair if mode is not None else self._pair_or_none()
        if pair is not None and clean_alone(pair, self.predictions):
            return
        self.hold_clean(False)
        if mode is not None:
            self._settle(mode, event)
        if self._pair_or_none() is not None:
            self.hold_clean(True)

    def _pair_or_none(self) -> Pair | None:
        try:
            return self.pair
        except SegadvError:
            return None

    def _settle(self, mode: Mode, event: Any) -> None:
        """Let a mode go on if its captions can be kept true, else leave it."""
        asked: list[Layer] = []
        for layer in [] if event.type in LOOKS[1:] else mode.strangers():
            added = layer is getattr(event, "value", None)
            if comes_by_itself(self.controller, layer):
                self._put_aside(mode, layer)
            elif goes_with_an_image(self.controller, mode.pair.run, layer) and not (
                added and is_target(self.controller, layer)
            ):
                asked.append(layer)
            else:
                self._end(mode, f"{layer.name} was {'added' if added else 'shown'}")
                return
        if asked:
            self._begin_again(mode, asked)
        else:
            self._check(mode)

    def _put_aside(self, mode: Mode, layer: Layer) -> None:
        with self._our_change():
            mode.loan.set(layer, "visible", False)
        if layer is self.controller.shown(PREVIEW):
            self.said.emit(f"{mode.name}: the preview stays hidden while you compare")

    def _begin_again(self, mode: Mode, asked: list[Layer]) -> None:
        """Show predictions or a target that the user wants to see, each with its own image."""
        self._arrange(mode.name, mode.pair)
        now = self.mode
        if isinstance(mode, Blink) and isinstance(now, Blink) and mode.clean_shown:
            self.flip()
        for layer in asked if now is not None else ():
            if not layer.visible:
                self.said.emit(f"{mode.name}: {layer.name} stays hidden while you compare")

    def _check(self, mode: Mode) -> None:
        """Arrange a mode's layers again if a caption is not true any more."""
        with self._our_change():
            if not mode.true():
                mode.settle()
        if not mode.true():
            self._end(mode, "its layers can't be shown under its captions any more")

    def _turned(self, event: Any) -> None:
        if isinstance(self.mode, Swipe) and self.viewer.dims.ndisplay != 2:
            self.compare("")
            self.left.emit("swipe: the line works in 2-D only")
        elif self.look == CONTOURS or isinstance(self.mode, Difference):
            # In 3-D there are no contours.
            self.show(self.look)
        elif self.mode is not None and self._held is None:
            with self._our_change():
                self.mode.settle()

    def _chosen(self, run: Any) -> None:
        # What is shown now belongs to the run before.
        self._arrange("", None)
        self.gain = 0.0
        self._put_in_order()
        self.window.refresh()
        self.window.link()

    def _put_in_order(self) -> None:
        """Put the noise above the image: layers that replace tiled ones take over their order."""
        was, self._was_tiled = self._was_tiled, False
        run = self.controller.runs.current
        roles = [role if run is None else run.role(role) for role in (NOISE, ADVERSARIAL)]
        noise, image = map(self.controller.shown, roles)
        layers = self.viewer.layers
        if was and noise and image and layers.index(noise) < layers.index(image):
            layers.move(layers.index(noise), layers.index(image) + 1)

    def _windowed(self) -> None:
        if isinstance(self.mode, Difference):
            self.mode.set_gain(self.gain)
