"""The budget: epsilon in the image's units, with the share of the victim's window below it."""

import math
from collections.abc import Sequence
from typing import Any

from magicgui.widgets import CheckBox, FloatSpinBox
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ...common.budgets import default_budget, share_of_window
from ...common.wording import with_units
from ..widgets.choices import ComboBox
from ..widgets.plain import Plain, tip

TIP = (
    "How much the image may change, in its own units.\n"
    "Per pixel: the largest change of a pixel. Overall: the length of the whole change, "
    "the root of the sum of squares. As seen: the same, but what lies on texture counts less.\n"
    "The percentage is of the intensity window that the model sees, overall and as seen as "
    "root mean square (RMS)."
)

NORMS = [("per pixel", "linf"), ("overall", "l2"), ("as seen", "visible")]


class BudgetEditor(QWidget):
    """Norm and epsilon. A new image, victim or norm changes the suggested epsilon.

    If the attack works without a budget, a check mark says whether there is one.

    Attributes:
        own: whether epsilon is a person's own, and not what was suggested last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = ComboBox(choices=NORMS)
        self.epsilon = FloatSpinBox(value=5.0, min=0.0, max=1e9, step=1.0)
        self.limited = CheckBox(value=True, text="")
        self.limited.visible = False
        self.share = Plain(wrap=True)
        self.own = False
        self._window = 255.0
        self._pixels = 1
        self._units = "grey level"
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.limited.native)
        row.addWidget(self.epsilon.native, stretch=1)
        row.addWidget(self.norm.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.share)
        tip(self, TIP)
        tip(self.limited.native, "Limit the change to a budget")
        self.epsilon.changed.connect(self._typed)
        self.norm.changed.connect(lambda _: self._suggest())
        self.limited.changed.connect(self._describe)

    def set_scale(self, window: float, pixels: int, units: str) -> None:
        """Adjust to an image and a victim, and suggest a budget for them.

        Args:
            window: width of the victim's intensity window.
            pixels: number of intensities in the image.
            units: of the image.
        """
        if (window, pixels, units) != (self._window, self._pixels, self._units):
            self._window, self._pixels, self._units = window, pixels, units
            self._suggest()

    def set_attack(self, unbounded: bool, norms: Sequence[str]) -> None:
        """Adjust to an attack: offer its norms; an unbounded one starts without a budget."""
        self.norm.choices = [(title, name) for title, name in NORMS if name in norms]
        self.limited.visible = unbounded
        self.limited.value = not unbounded

    def suggest(self, share: float | None) -> None:
        """Set epsilon to a share of the default budget; None: no limit, if the attack allows it."""
        if self.limited.native.isVisibleTo(self):
            self.limited.value = share is not None
        self._suggest(1.0 if share is None else share)

    def values(self) -> dict[str, Any]:
        """Return `epsilon` (None: no limit) and `norm`, as an attack takes them."""
        epsilon = float(self.epsilon.value) if self.limited.value else None
        return {"epsilon": epsilon, "norm": self.norm.value}

    def _suggest(self, share: float = 1.0) -> None:
        suggestion = share * default_budget(self.norm.value, self._window, self._pixels)
        # Images scaled to 0..1 have budgets of about a thousandth.
        digits = 0 if suggestion <= 0 else max(0, -math.floor(math.log10(suggestion)))
        self.epsilon.native.setDecimals(digits + 2)
        self.epsilon.step = 10.0**-digits
        self.epsilon.value = float(f"{suggestion:.2g}")
        self.own = False
        self._describe()

    def _typed(self) -> None:
        self.own = True
        self._describe()

    def _describe(self) -> None:
        norm = self.norm.value
        self.epsilon.enabled = bool(self.limited.value)
        if not self.limited.value:
            self.share.setText("no limit: the attack decides how large the change is")
            return
        share = share_of_window(norm, float(self.epsilon.value), self._window, self._pixels)
        # A root mean square leaves no room in the line for the window's width.
        kind, width = ("", f" ({self._window:g})") if norm == "linf" else ("RMS ", "")
        self.share.setText(f"{self._units}: {kind}{share:.2g} % of the model's window{width}")
        tip(
            self.share, f"The model's window is {with_units(f'{self._window:g}', self._units)} wide"
        )
