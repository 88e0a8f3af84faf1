"""Difference times a gain: colours show how much the image changed, and in which direction."""

import math

from napari.layers import Layer

from ..controller.controller import Controller
from ..layers.example import SIGNED
from ..layers.names import KEY, NOISE
from .pair import Mode, Pair, caption, fade
from .predictions import Predictions
from .under_captions import in_view, shows

DIFFERENCE = "difference"
MOST_GAIN = 10_000.0


class Difference(Mode):
    """Adversarial minus clean, in the window that the images are shown in.

    The gain moves only the limits of the colours; nothing is computed again.
    """

    name = DIFFERENCE

    def __init__(
        self, pair: Pair, predictions: Predictions, controller: Controller, gain: float
    ) -> None:
        super().__init__(pair, predictions)
        noise = controller.shown(pair.run.role(NOISE))
        data = pair.example.noise_shown if noise is None else noise.data
        self.alone()
        self._fade()
        keywords = {
            "metadata": {KEY: pair.example.clean.grid},
            "contrast_limits": (-1.0, 1.0),
            **SIGNED,
        }
        # The colours carry a meaning, so their background is the same in every theme.
        self.loan.set(pair.viewer.canvas, "background_color_override", "black")
        self.layer = self.own_layer(controller, DIFFERENCE, (data, keywords, "image"))
        caption(self.loan, pair.viewer, "adversarial minus clean")
        self.set_gain(gain)

    @property
    def watched(self) -> tuple[Layer, ...]:
        return (self.layer,)

    def true(self) -> bool:
        return shows(in_view(self.pair.viewer), self.layer)

    def settle(self) -> None:
        self._fade()
        if not self.true():
            self.put_over(self.layer, self.pair.front)

    def _fade(self) -> None:
        for image in (self.pair.clean, self.pair.adversarial):
            fade(self.loan, image, 0.0)

    def set_gain(self, gain: float) -> None:
        most = full_colour(self.pair, gain)
        if self.layer in self.pair.viewer.layers:
            self.layer.contrast_limits = (-most, most)


def full_colour(pair: Pair, gain: float) -> float:
    """Return the change, in the image's units, that has the strongest colour."""
    return width_of(pair) / 2 / gain


def width_of(pair: Pair) -> float:
    """Return the width of the window that the images are shown in; in colour, the full range."""
    low, high = pair.example.clean.bounds if pair.clean.rgb else pair.clean.contrast_limits
    return float(high - low)


def fitting_gain(pair: Pair) -> float:
    """Return a round gain at which the largest change has the strongest colour, or nearly."""
    largest = float(pair.example.measures["linf"])
    if largest <= 0:
        return 1.0
    gain = min(width_of(pair) / 2 / largest, MOST_GAIN)
    digits = 10 ** math.floor(math.log10(gain)) / 2
    return float(max(1.0, digits * math.floor(gain / digits)))
