"""The pair that is compared: the clean and the adversarial image of the run that is shown."""

from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image

from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.runs import Run
from ..layers.names import ADVERSARIAL
from .loan import Loan


@dataclass(frozen=True, eq=False)
class Pair:
    """Two image layers, held as objects: they may be renamed or removed at any time.

    Attributes:
        viewer: that shows them.
        run: that they belong to.
        clean, adversarial: its images.
    """

    viewer: ViewerModel
    run: Run
    clean: Image
    adversarial: Image

    @property
    def front(self) -> Image:
        """The upper of the two in the layer list."""
        layers = self.viewer.layers
        return max(self.clean, self.adversarial, key=layers.index)

    def alone(self, loan: Loan) -> None:
        """Show both, at full opacity, and no other image."""
        for layer in self.viewer.layers:
            if layer in (self.clean, self.adversarial):
                loan.set(layer, "visible", True)
                loan.set(layer, "opacity", 1.0)
            elif isinstance(layer, Image):
                loan.set(layer, "visible", False)


def pair_of(viewer: ViewerModel, controller: Controller) -> Pair:
    """Return the pair that is shown.

    Raises:
        SegadvError: if there is none; the message says what to do.
    """
    run = controller.runs.current
    if run is None:
        raise SegadvError("no run is shown; run an attack, or show an earlier run")
    clean, adversarial = run.image, controller.shown(ADVERSARIAL)
    if clean is None or clean not in viewer.layers or not isinstance(adversarial, Image):
        raise SegadvError(f"{run.name}: a layer was removed or renamed; show the run again")
    return Pair(viewer, run, clean, adversarial)


def fade(loan: Loan, layer: Image, opacity: float) -> None:
    """Set an opacity, which costs nothing. Making a layer visible would slice it again, in 3-D the
    whole volume."""
    if layer.blending == "opaque":
        # Opaque blending ignores the opacity.
        loan.set(layer, "blending", "translucent_no_depth")
    loan.set(layer, "opacity", opacity)


def caption(loan: Loan, viewer: ViewerModel, text: str) -> None:
    """Write what is shown into a corner of the canvas."""
    overlay = viewer.canvas.overlays.text
    for name, value in (("text", text), ("box", True), ("visible", True)):
        loan.set(overlay, name, value)


class Mode:
    """A way to compare, from its creation until `leave`.

    Attributes:
        name: on the panel's button.
        layer: that it has added, if any.
    """

    name = ""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.layer: Any = None
        self.loan = Loan()

    def leave(self) -> None:
        """Restore everything; layers may be gone by now."""
        layers = self.pair.viewer.layers
        if self.layer is not None and self.layer in layers:
            layers.remove(self.layer)
        self.loan.give_back()

    def own_layer(self, controller: Controller, name: str, layer_tuple: Any) -> Any:
        """Add a layer right above the pair, and keep the selection."""
        layers = self.pair.viewer.layers
        chosen = set(layers.selection)
        layer = controller.show_beside(self.pair.clean, name, layer_tuple)
        layers.move(layers.index(layer), layers.index(self.pair.front) + 1)
        layers.selection = {x for x in chosen if x in layers}
        return layer
