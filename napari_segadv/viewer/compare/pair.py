"""The pair that is compared, and what all ways to compare it have in common."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.components.overlays import TextOverlay
from napari.layers import Image, Layer

from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.runs import Run
from ..layers.names import ADVERSARIAL
from .loan import Loan
from .predictions import Predictions
from .strangers import is_mark
from .under_captions import in_view, shows

if TYPE_CHECKING:
    from ...results.example import Example

# Captions over both sides of the canvas, and their size in points.
LEFT, RIGHT, CAPTION = "segadv_left", "segadv_right", 12
# All that `caption` is asked to write.
CAPTIONS = ("clean", "adversarial", "adversarial minus clean")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two image layers, held as objects: they may be renamed or removed at any time.

    Attributes:
        viewer: that shows them.
        controller: that knows which layers are results.
        run: that they belong to.
        example: its result; of several channels, that of the one that is shown.
        clean, adversarial: its images.
    """

    viewer: ViewerModel
    controller: Controller
    run: Run
    example: "Example"
    clean: Image
    adversarial: Image

    @property
    def front(self) -> Image:
        """The upper of the two in the layer list."""
        layers = self.viewer.layers
        return max(self.clean, self.adversarial, key=layers.index)

    def is_mark(self, layer: Layer) -> bool:
        """Return whether a layer is the user's own, and says nothing of either image."""
        return is_mark(self.controller, self.run, layer)


def pair_of(viewer: ViewerModel, controller: Controller) -> Pair:
    """Return the pair that is shown.

    Raises:
        SegadvError: if there is none; the message says what to do.
    """
    run = controller.runs.current
    if run is None:
        raise SegadvError("no run is shown; run an attack, or show an earlier run")
    clean, adversarial = controller.clean_of(run), controller.shown(run.role(ADVERSARIAL))
    if clean is None or clean not in viewer.layers or not isinstance(adversarial, Image):
        raise SegadvError(f"{run.name}: a layer was removed or renamed; show the run again")
    return Pair(viewer, controller, run, run.seen, clean, adversarial)


def fade(loan: Loan, layer: Layer, opacity: float) -> None:
    """Set an opacity, which costs nothing. Making a layer visible would slice it again, in 3-D the
    whole volume."""
    if layer.blending == "opaque":
        # Opaque blending ignores the opacity.
        loan.set(layer, "blending", "translucent_no_depth")
    loan.set(layer, "opacity", opacity)


def caption(loan: Loan, viewer: ViewerModel, text: str) -> None:
    """Write what is shown into a corner of the canvas; captions of its sides are hidden."""
    overlays = viewer.canvas.overlays
    look = {"text": text, "box": True, "position": "top_left", "font_size": CAPTION}
    for name, value in (*look.items(), ("visible", True)):
        loan.set(overlays.text, name, value)
    for name in (LEFT, RIGHT):
        if name in overlays:
            loan.set(overlays[name], "visible", False)


class Mode(ABC):
    """A way to compare, from its creation until `leave`.

    Whatever anybody does to the layers meanwhile: `gone` says why the mode has to be left,
    `strangers` are layers that no caption covers, and `settle` makes it `true` again that each
    caption says what is seen under it.

    Attributes:
        name: on the panel's button.
        tiled: whether it shows the layers in napari's grid.
        pair: the images.
        predictions: what belongs to each of them.
        layer: the image that it has added, if any.
        layers: all layers that it has added.
    """

    name = ""
    tiled = False

    def __init__(self, pair: Pair, predictions: Predictions) -> None:
        self.pair, self.predictions = pair, predictions
        self.layer: Any = None
        self.layers: list[Layer] = []
        self.loan = Loan()

    def alone(self) -> None:
        """Show both images at full opacity, and nothing that no caption covers."""
        for image in (self.pair.clean, self.pair.adversarial):
            self.loan.set(image, "visible", True)
            self.loan.set(image, "opacity", 1.0)
        for layer in self.strangers():
            self.loan.set(layer, "visible", False)
        if not self.tiled:
            self.loan.set(self.pair.viewer.canvas.grid, "enabled", False)

    @property
    def needed(self) -> tuple[Layer, ...]:
        """The layers without which it can't go on."""
        return (self.pair.clean, self.pair.adversarial, *self.layers)

    @property
    def watched(self) -> tuple[Layer, ...]:
        """The images that have to be visible."""
        return (self.pair.clean, self.pair.adversarial)

    def gone(self) -> str:
        """Say why the mode has to be left, in a few words; "": it goes on."""
        viewer = self.pair.viewer
        for layer in self.needed:
            if layer not in viewer.layers:
                return f"{layer.name} was removed"
        for layer in self.watched:
            if not layer.visible:
                return f"{layer.name} was hidden"
        if viewer.canvas.grid.enabled is not self.tiled:
            return f"napari's grid was switched {'off' if self.tiled else 'on'}"
        return ""

    def belongs(self, layer: Layer) -> bool:
        """Return whether a layer is one of those that the mode shows."""
        sides = (*self.predictions.clean, *self.predictions.adversarial)
        ours = (self.pair.clean, self.pair.adversarial, *self.layers, *sides)
        return any(layer is each for each in ours)

    def tolerates(self, layer: Layer) -> bool:
        """Return whether a layer that does not belong to the mode may be seen with it."""
        return self.pair.is_mark(layer)

    def strangers(self) -> list[Layer]:
        """Return the visible layers that no caption covers."""
        return [
            layer
            for layer in self.pair.viewer.layers
            if layer.visible and not self.belongs(layer) and not self.tolerates(layer)
        ]

    @abstractmethod
    def true(self) -> bool:
        """Return whether each caption says what is seen under it: asked of napari."""

    @abstractmethod
    def settle(self) -> None:
        """Arrange the layers again, after somebody has changed something."""

    def leave(self) -> None:
        """Restore everything; layers may be gone by now."""
        layers = self.pair.viewer.layers
        there = [layer for layer in self.layers if layer in layers]
        if there:
            # At once: napari collects garbage after each removal.
            with layers.batched_update():
                for layer in there:
                    layers.remove(layer)
        for name in (LEFT, RIGHT):
            self.pair.viewer.canvas.overlays.pop(name, None)
        self.loan.give_back()

    def hold_clean(self, loan: Loan) -> None:
        """Show the clean image with its prediction, and nothing else, until the loan ends."""
        show_clean(loan, self.pair, self.predictions)
        for layer in self.layers:
            fade(loan, layer, 0.0)

    def release(self) -> None:  # noqa: B027 - most need nothing
        """Go on after `hold_clean`, once its loan has ended."""

    def own_layer(
        self, controller: Controller, name: str, layer_tuple: Any, above: Layer | None = None
    ) -> Any:
        """Add a layer right above another one, by default the pair, and keep the selection."""
        layers = self.pair.viewer.layers
        chosen = set(layers.selection)
        layer = controller.show_beside(self.pair.clean, name, layer_tuple)
        self.layers.append(layer)
        self.put_over(layer, self.pair.front if above is None else above)
        layers.selection = {x for x in chosen if x in layers}
        return layer

    def put_over(self, layer: Layer, below: Layer) -> None:
        """Move a layer right above another one."""
        layers = self.pair.viewer.layers
        layers.move(layers.index(layer), layers.index(below) + 1)

    def name_sides(self) -> None:
        """Write over the left and the right side of the canvas which image is seen there."""
        overlays = self.pair.viewer.canvas.overlays
        for name, text, place in ((LEFT, "clean", "top_left"), (RIGHT, "adversarial", "top_right")):
            look = {"text": text, "position": place, "font_size": CAPTION, "box": True}
            overlays[name] = TextOverlay(visible=True, **look)


def show_clean(loan: Loan, pair: Pair, predictions: Predictions) -> None:
    """Show the clean image with its prediction in place of everything else but the user's marks."""
    caption(loan, pair.viewer, "clean")
    loan.set(pair.viewer.canvas.grid, "enabled", False)
    loan.set(pair.clean, "visible", True)
    fade(loan, pair.clean, 1.0)
    fade(loan, pair.adversarial, 0.0)
    for layer in predictions.clean:
        loan.set(layer, "visible", True)
        fade(loan, layer, predictions.opacity(layer))
    for layer in (*predictions.adversarial, *_others(pair, predictions)):
        fade(loan, layer, 0.0)


def clean_alone(pair: Pair, predictions: Predictions) -> bool:
    """Return whether `show_clean` still holds: asked of napari."""
    grid, layers = pair.viewer.canvas.grid, in_view(pair.viewer)
    false = (*predictions.adversarial, *_others(pair, predictions))
    return (
        not grid.enabled
        and shows(layers, pair.clean)
        and not any(layer is each for layer in layers for each in false)
    )


def _others(pair: Pair, predictions: Predictions) -> list[Layer]:
    """Return the visible layers that are neither the clean image's nor marks of the user's."""
    ours = (pair.clean, *predictions.clean)
    return [
        layer
        for layer in pair.viewer.layers
        if layer.visible and not any(layer is x for x in ours) and not pair.is_mark(layer)
    ]
