"""Which channels of an image may change, and how much of the budget each has."""

from collections.abc import Sequence

from magicgui.widgets import SpinBox
from qtpy.QtWidgets import QFormLayout, QWidget

from ...errors import SegadvError
from ..widgets.layout import set_tips, side_by_side
from ..widgets.plain import Plain

WHOLE = 100
# With more channels than this, all may change: a list of them would fill the panel.
MOST = 12


class ChannelShares(QWidget):
    """A box for each channel, with its share of the budget in percent; 0: it stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.boxes: list[SpinBox] = []
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)

    def set_names(self, names: Sequence[str]) -> None:
        """Adjust to the channels of an image; none for an image of one channel."""
        names = tuple(names) if len(names) <= MOST else ()
        if names == self.names:
            return
        while self._rows.rowCount():
            self._rows.removeRow(0)
        self.names, self.boxes = names, []
        for name in names:
            box = SpinBox(value=WHOLE, min=0, max=WHOLE, step=10)
            set_tips(
                {
                    box: "How much of the budget this channel may change by; at 0 % it stays as it "
                    "is. The budget is in percent of each channel's window"
                }
            )
            line = side_by_side([box, Plain("%")])
            line.setStretch(0, 1)
            self._rows.addRow(Plain(name, lines=1), line)
            self.boxes.append(box)

    def chosen(self) -> dict[str | int, float] | None:
        """Return the share of each channel by its number; None: the image has one channel.

        Raises:
            SegadvError: if none may change.
        """
        if not self.boxes:
            return None
        shares: dict[str | int, float] = {}
        for number, box in enumerate(self.boxes, start=1):
            shares[number] = box.value / WHOLE
        if not any(shares.values()):
            raise SegadvError("no channel may change; give one a share of the budget above 0 %")
        return shares
