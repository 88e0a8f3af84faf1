"""Blink: the clean and the adversarial image in one place, by turns, each with its prediction."""

from typing import Any

from .pair import Mode, Pair, caption, fade
from .predictions import Predictions


class Blink(Mode):
    """Changes only opacities: no layer is sliced or sent to the graphics card again."""

    name = "blink"

    def __init__(self, pair: Pair, predictions: Predictions) -> None:
        super().__init__(pair, predictions)
        pair.alone(self.loan)
        self._front: Any = pair.front
        self.clean_shown = False
        self.show_clean(False)

    def flip(self) -> None:
        """Show the other image."""
        self.show_clean(not self.clean_shown)

    def show_clean(self, clean: bool) -> None:
        self.clean_shown = clean
        seen = clean == (self._front is self.pair.clean)
        fade(self.loan, self._front, 1.0 if seen else 0.0)
        predictions = self.predictions
        for side, on in ((predictions.clean, clean), (predictions.adversarial, not clean)):
            for layer in side:
                fade(self.loan, layer, predictions.opacity(layer) if on else 0.0)
        caption(self.loan, self.pair.viewer, "clean" if clean else "adversarial")
