"""Where noise may be added: everywhere, around the change, or on a painted layer."""

from collections.abc import Callable, Sequence
from typing import Any

from napari.layers import Labels

from ...errors import SegadvError
from ..widgets.choices import ComboBox
from ..widgets.layout import same
from ..widgets.plain import tip

EVERYWHERE, CHOOSE, BOX = "everywhere", "choose …", "bounding-box"
NAMED = {"box around the change": BOX}
# Measured by the model's gradient.
LOOKED_AT = {
    "what the model looks at": "receptive-field",
    "what the model looks at (99 %)": "receptive-field:0.99",
}


MEASURED = tuple(LOOKED_AT.values())


class RegionChooser(ComboBox):
    """A list of the measured regions, by their meaning, and the painted layers."""

    value: Any

    def __init__(self, layers: Callable[[], Sequence[Labels]]) -> None:
        self._layers = layers
        self._gone, self._gradient = False, True
        super().__init__(choices=self._offered, value=EVERYWHERE)
        tip(
            self.native,
            "Where noise may be added. What the model looks at: the pixels on which its "
            "prediction depends where the target differs. A painted layer: its pixels that are "
            "not 0",
        )

    def _offered(self, widget: Any = None) -> list[tuple[str, Any]]:
        painted = [(layer.name, layer) for layer in self._layers()]
        gone = [(CHOOSE, CHOOSE)] if self._gone else []
        looked_at = LOOKED_AT.items() if self._gradient else ()
        return [*gone, (EVERYWHERE, EVERYWHERE), *NAMED.items(), *looked_at, *painted]

    def suit(self, gradient: bool) -> None:
        """Offer what suits a model with a gradient, or one without, such as a program.

        A search without a gradient needs far fewer queries in the box around the change, so that
        is proposed for it.
        """
        if gradient == self._gradient:
            return
        self._gradient, chosen = gradient, self.value
        self.reset_choices()
        proposed, before = (EVERYWHERE, (BOX,)) if gradient else (BOX, (EVERYWHERE, *MEASURED))
        self.value = proposed if any(same(chosen, one) for one in before) else chosen

    def refresh(self) -> None:
        """Offer the current layers. If the chosen one is gone, the user has to choose again."""
        chosen = self.value
        painted = isinstance(chosen, Labels)
        gone = painted and not any(chosen is layer for layer in self._layers())
        self._gone = gone or (not painted and chosen == CHOOSE)
        self.reset_choices()
        self.value = CHOOSE if self._gone else chosen

    @property
    def region(self) -> Any:
        """None, a name that `craft` knows, or a Labels layer.

        Raises:
            SegadvError: if the layer that was chosen is gone.
        """
        if isinstance(self.value, Labels):
            return self.value
        if self.value == CHOOSE:
            raise SegadvError("the layer of the region was removed; choose another region")
        return None if self.value == EVERYWHERE else self.value
