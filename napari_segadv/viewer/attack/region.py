"""Where the noise may live: everywhere, around the change, or on a painted layer."""

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Labels

from ...errors import SegadvError

EVERYWHERE, CHOOSE = "everywhere", "choose …"
NAMED = {
    "box around the change": "bounding-box",
    "what the change depends on": "receptive-field",
    "  ... 99 % of it": "receptive-field:0.99",
}


class RegionChooser(ComboBox):
    """Offers the measured regions by their meaning, then the painted layers."""

    value: Any

    def __init__(self, layers: Callable[[], Sequence[Labels]]) -> None:
        self._layers = layers
        self._gone = False
        super().__init__(
            choices=self._offered,
            value=EVERYWHERE,
            tooltip="Where the noise may live; a painted layer means its pixels that are not 0",
        )

    def _offered(self, widget: Any = None) -> list[tuple[str, Any]]:
        painted = [(layer.name, layer) for layer in self._layers()]
        gone = [(CHOOSE, CHOOSE)] if self._gone else []
        return [*gone, (EVERYWHERE, EVERYWHERE), *NAMED.items(), *painted]

    def refresh(self) -> None:
        """Offers the layers there are now; where the chosen one is gone, another has to be."""
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
            SegadvError: where the layer that was chosen is gone.
        """
        if isinstance(self.value, Labels):
            return self.value
        if self.value == CHOOSE:
            raise SegadvError("the layer of the region was removed; choose another region")
        return None if self.value == EVERYWHERE else self.value
