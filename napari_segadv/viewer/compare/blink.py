"""Blink: the clean and the adversarial image in one place, by turns, each with its prediction."""

from .pair import Mode, Pair, caption, fade
from .predictions import Predictions
from .under_captions import COVERING, in_view, shows


class Blink(Mode):
    """Changes only opacities: no layer is sliced or sent to the graphics card again."""

    name = "blink"

    def __init__(self, pair: Pair, predictions: Predictions) -> None:
        super().__init__(pair, predictions)
        self.alone()
        self.clean_shown = False
        self.show_clean(False)

    def flip(self) -> None:
        """Show the other image."""
        self.show_clean(not self.clean_shown)

    def show_clean(self, clean: bool) -> None:
        self.clean_shown = clean
        pair, loan, front = self.pair, self.loan, self.pair.front
        named = pair.clean if clean else pair.adversarial
        back = pair.clean if front is pair.adversarial else pair.adversarial
        # Asked each time: the user may have put the other one on top.
        fade(loan, front, 1.0 if front is named else 0.0)
        if str(front.blending) not in COVERING:
            loan.set(front, "blending", "translucent_no_depth")
        # A volume may let the one behind it through.
        behind = back is named or pair.viewer.dims.ndisplay == 2
        loan.set(back, "opacity", 1.0 if behind else 0.0)
        predictions = self.predictions
        for side, on in ((predictions.clean, clean), (predictions.adversarial, not clean)):
            for layer in side:
                fade(loan, layer, predictions.opacity(layer) if on else 0.0)
        caption(loan, pair.viewer, "clean" if clean else "adversarial")

    def true(self) -> bool:
        pair, clean = self.pair, self.clean_shown
        layers = in_view(pair.viewer)
        hidden = self.predictions.adversarial if clean else self.predictions.clean
        unseen = not any(layer is each for layer in layers for each in hidden)
        return unseen and shows(layers, pair.clean if clean else pair.adversarial)

    def settle(self) -> None:
        self.show_clean(self.clean_shown)
