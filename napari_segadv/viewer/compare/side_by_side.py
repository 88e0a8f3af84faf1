"""Side by side: clean on the left and adversarial on the right of one canvas, in napari's grid.

A grid has one camera, one slider and one window for both. A second canvas would have to be kept in
step, would take twice the graphics memory, and would know neither the keys nor the painting of the
first.
"""

import numpy as np
from napari.layers import Layer

from ..layers.camera import fitted
from .pair import Mode, Pair
from .predictions import Predictions
from .under_captions import tiles

# What an invisible layer is called that fills up the first tile.
FILLER = "space {}"


class SideBySide(Mode):
    """Sorts the layer list by tile, and restores its order when left.

    In the grid, a layer's tile follows from its place in the list, so every change of the list may
    put it into the other tile. What lies where is always asked of the grid.
    """

    name = "side by side"
    tiled = True

    def __init__(self, pair: Pair, predictions: Predictions) -> None:
        super().__init__(pair, predictions)
        layers = pair.viewer.layers
        self._order = list(layers)
        self._fit = 1.0
        self.alone()
        each = self._lay_out()
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

    @property
    def needed(self) -> tuple[Layer, ...]:
        # A filler that is removed is replaced.
        return (self.pair.clean, self.pair.adversarial)

    def tolerates(self, layer: Layer) -> bool:
        # It would lie on one of the images alone.
        return False

    def true(self) -> bool:
        grid, layers = self.pair.viewer.canvas.grid, self.pair.viewer.layers
        found = tiles(self.pair.viewer)
        return (
            grid.enabled
            and grid.actual_shape(layers) == (1, 2)
            and set(found) == {(0, 0), (0, 1)}
            and all(
                found[place][0] is side[0] and all(any(x is y for y in side) for x in found[place])
                for place, side in zip(((0, 0), (0, 1)), self._sides(), strict=True)
            )
        )

    def settle(self) -> None:
        """Move the border between the tiles or, if that is not enough, the layers."""
        self._note_new()
        grid, layers = self.pair.viewer.canvas.grid, self.pair.viewer.layers
        self.loan.set(grid, "shape", (1, 2))
        border = min(layers.index(layer) for layer in self._sides()[1])
        if border > 0:
            self.loan.set(grid, "stride", border)
        if not self.true():
            self.loan.set(grid, "stride", self._lay_out())

    def leave(self) -> None:
        super().leave()
        self._note_new()
        self._arrange([layer for layer in self._order if layer in self.pair.viewer.layers])
        self.pair.viewer.scene.camera.zoom /= self._fit

    def _sides(self) -> tuple[list[Layer], list[Layer]]:
        """Return the layers of both tiles, each image first."""
        pair, predictions, layers = self.pair, self.predictions, self.pair.viewer.layers
        left, right = (
            [image, *(layer for layer in side if layer in layers)]
            for image, side in (
                (pair.clean, predictions.clean),
                (pair.adversarial, predictions.adversarial),
            )
        )
        return left, right

    def _lay_out(self) -> int:
        """Sort the list by tile; return how many layers each tile has.

        It is the same number for both: hidden layers fill up the first tile.
        """
        left, right = self._sides()
        others = len(self.pair.viewer.layers) - len(left) - len(right)
        for _ in range(len(right) - len(left) - others):
            self._fill()
        rest = [x for x in self.pair.viewer.layers if x not in (*left, *right)]
        each = max(len(left), len(right))
        gap = each - len(left)
        self._arrange([*left, *rest[:gap], *right, *rest[gap:]])
        return each

    def _fill(self) -> None:
        """Add an invisible layer without content."""
        ndim = int(self.pair.clean.ndim)
        keywords = {"ndim": ndim, "visible": False}
        made = (np.zeros((0, ndim)), keywords, "points")
        self.own_layer(self.pair.controller, FILLER.format(len(self.layers) + 1), made)

    def _note_new(self) -> None:
        """Note where layers belong that have come meanwhile: above the one that they lie on."""
        now = [layer for layer in self.pair.viewer.layers if layer not in self.layers]
        last = max((n for n, layer in enumerate(now) if layer in self._order), default=-1)
        for place, layer in enumerate(now):
            if layer in self._order:
                continue
            if place > last:
                self._order.append(layer)
            else:
                below = self._order.index(now[place - 1]) + 1 if place else 0
                self._order.insert(below, layer)

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
