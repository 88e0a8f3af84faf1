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
    """Layers are held as objects; they may be renamed, and removed at any time.

    Attributes:
        viewer: where they are.
        run: whose they are.
        clean, adversarial: its images.
    """

    viewer: ViewerModel
    run: Run
    clean: Image
    adversarial: Image

    @property
    def front(self) -> Image:
        """The upper of the two in the list of layers."""
        layers = self.viewer.layers
        return max(self.clean, self.adversarial, key=layers.index)

    def alone(self, loan: Loan) -> None:
        """Shows both, at full opacity, and no other image."""
        for layer in self.viewer.layers:
            if layer in (self.clean, self.adversarial):
                loan.set(layer, "visible", True)
                loan.set(layer, "opacity", 1.0)
            elif isinstance(layer, Image):
                loan.set(layer, "visible", False)


def pair_of(viewer: ViewerModel, controller: Controller) -> Pair:
    """The pair that is shown.

    Raises:
        SegadvError: where there is none, with what to do.
    """
    run = controller.runs.current
    if run is None:
        raise SegadvError("no run is shown; make an adversarial image, or show an earlier run")
    clean, adversarial = run.image, controller.shown(ADVERSARIAL)
    if clean is None or clean not in viewer.layers or not isinstance(adversarial, Image):
        raise SegadvError(f"{run.name}: a layer of it was removed or renamed; show the run again")
    return Pair(viewer, run, clean, adversarial)


def fade(loan: Loan, layer: Image, opacity: float) -> None:
    """Another opacity, which costs nothing, where a layer made visible is sliced anew: in 3-D the
    whole volume."""
    if layer.blending == "opaque":
        # It would know no opacity.
        loan.set(layer, "blending", "translucent_no_depth")
    loan.set(layer, "opacity", opacity)


def caption(loan: Loan, viewer: ViewerModel, text: str) -> None:
    """Writes into a corner of the canvas what is seen."""
    overlay = viewer.canvas.overlays.text
    for name, value in (("text", text), ("box", True), ("visible", True)):
        loan.set(overlay, name, value)


class Mode:
    """A way to compare, from when it is made until `leave`.

    Attributes:
        name: as the panel calls it.
        layer: the layer it has added, if any.
    """

    name = ""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.layer: Any = None
        self.loan = Loan()

    def leave(self) -> None:
        """Puts everything back; layers may be gone by now."""
        layers = self.pair.viewer.layers
        if self.layer is not None and self.layer in layers:
            layers.remove(self.layer)
        self.loan.give_back()

    def own_layer(self, controller: Controller, name: str, made: Any) -> Any:
        """Adds a layer of one's own right above the pair; what was chosen stays chosen."""
        layers = self.pair.viewer.layers
        chosen = set(layers.selection)
        layer = controller.show_beside(self.pair.clean, name, made)
        layers.move(layers.index(layer), layers.index(self.pair.front) + 1)
        layers.selection = {x for x in chosen if x in layers}
        return layer
