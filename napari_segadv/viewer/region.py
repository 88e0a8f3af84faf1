"""Where the noise may live: everywhere, around the change, or on a painted layer."""

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Labels

EVERYWHERE = "everywhere"
NAMED = {
    "box around the change": "bounding-box",
    "what the change depends on": "receptive-field",
    "  ... 99 % of it": "receptive-field:0.99",
}


class RegionChooser(ComboBox):
    """Offers the measured regions by their meaning, then the painted layers."""

    def __init__(self, layers: Callable[[], Sequence[Labels]]) -> None:
        self._layers = layers
        super().__init__(
            choices=self._offered,
            value=EVERYWHERE,
            tooltip="Where the noise may live; a painted layer means its pixels that are not 0",
        )

    def _offered(self, widget: Any = None) -> list[tuple[str, Any]]:
        painted = [(layer.name, layer) for layer in self._layers()]
        return [(EVERYWHERE, EVERYWHERE), *NAMED.items(), *painted]

    @property
    def region(self) -> Any:
        """None, a name that `craft` knows, or a Labels layer."""
        return None if self.value == EVERYWHERE else self.value
