"""Side by side: clean on the left and adversarial on the right of one canvas, in napari's grid.

A grid has one camera, one slider and one window for both. A second canvas would have to be kept in
step, would take twice the graphics memory, and would know neither the keys nor the painting of the
first.
"""

from napari.layers import Layer

from ..layers.camera import fitted
from .pair import Mode, Pair
from .predictions import Predictions


class SideBySide(Mode):
    """Sorts the layer list by tile, and restores its order when left."""

    name = "side by side"

    def __init__(self, pair: Pair, predictions: Predictions) -> None:
        super().__init__(pair, predictions)
        layers = pair.viewer.layers
        self._order = list(layers)
        self._fit = 1.0
        pair.alone(self.loan)
        left, right = [pair.clean, *predictions.clean], [pair.adversarial, *predictions.adversarial]
        rest = [x for x in self._order if x not in (*left, *right)]
        for layer in rest:
            self.loan.set(layer, "visible", False)
        # Both tiles have the same number of layers: hidden ones fill up the first. If there are
        # too few of these, the target lies on the clean image.
        while len(right) > len(left) + len(rest):
            left.append(right.pop())
        each = max(len(left), len(right))
        gap = each - len(left)
        self._arrange([*left, *rest[:gap], *right, *rest[gap:]])
        self.name_sides()
        camera, grid = pair.viewer.scene.camera, pair.viewer.canvas.grid
        # napari can't fit layers that have fewer dimensions than the others.
        fitting = [pair.clean] if pair.clean.ndim == pair.viewer.dims.ndim else None
        _, whole = fitted(pair.viewer, fitting)
        for name, value in (("shape", (1, 2)), ("stride", each), ("enabled", True)):
            self.loan.set(grid, name, value)
        # An image that filled the canvas fills its tile; a zoomed view keeps its centre.
        self._fit = fitted(pair.viewer, fitting)[1] / whole
        camera.zoom *= self._fit

    def leave(self) -> None:
        super().leave()
        layers = self.pair.viewer.layers
        old = [x for x in self._order if x in layers]
        self._arrange([*old, *(x for x in layers if x not in old)])
        self.pair.viewer.scene.camera.zoom /= self._fit

    def _arrange(self, order: list[Layer]) -> None:
        layers = self.pair.viewer.layers
        if list(layers) != order:
            chosen = set(layers.selection)
            # One by one: napari's `move_multiple` fails for many orders.
            with layers.events.reordered.blocker():
                for place, layer in enumerate(order):
                    layers.move(layers.index(layer), place)
            layers.events.reordered(value=layers)
            layers.selection = chosen
