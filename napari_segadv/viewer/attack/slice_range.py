"""Which slices of a volume are attacked: all, the one in view, or a range."""

from magicgui.widgets import SpinBox
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ...errors import SegadvError
from ..widgets.choices import ComboBox
from ..widgets.layout import set_tips
from ..widgets.plain import Plain

ALL, IN_VIEW, SOME = "whole volume", "slice in view", "slices …"


class SliceRange(QWidget):
    """A list; if a range is chosen, boxes for its first and last slice appear below."""

    def __init__(self) -> None:
        super().__init__()
        self.which = ComboBox(choices=[ALL, IN_VIEW, SOME])
        self.first, self.last = SpinBox(min=0, max=0), SpinBox(min=0, max=0)
        self._ends = QWidget()
        ends = QHBoxLayout(self._ends)
        ends.setContentsMargins(0, 0, 0, 0)
        for widget in (self.first.native, Plain("to"), self.last.native):
            ends.addWidget(widget, stretch=int(not isinstance(widget, Plain)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.which.native)
        layout.addWidget(self._ends)
        set_tips(
            {
                self.which: "Only these slices get noise, and only their pixels count. With a 2-D "
                "model, one slice of a volume takes as long as a single image",
                self.first: "First slice, counted from 0",
                self.last: "Last slice, included in the range",
            }
        )
        self.which.changed.connect(self._show_ends)
        self.set_count(0)

    def set_count(self, count: int) -> None:
        """Adjust to a volume's number of slices; 0 for a single image."""
        self.setEnabled(count > 1)
        if count == self.last.max + 1 and count:
            return
        for box in (self.first, self.last):
            box.max = max(count - 1, 0)
        self.first.value, self.last.value = 0, max(count - 1, 0)
        if count <= 1:
            self.which.value = ALL
        self._show_ends()

    def chosen(self, in_view: int | None) -> tuple[int, int] | None:
        """Return the first and the last slice; None: all.

        Args:
            in_view: the slice in view, if there is one.

        Raises:
            SegadvError: if the slice in view is chosen, but none is in view.
        """
        if self.which.value == IN_VIEW:
            if in_view is None:
                raise SegadvError("no slice is in view; go back to the slices, or choose a range")
            return in_view, in_view
        if self.which.value == SOME:
            first, last = sorted((int(self.first.value), int(self.last.value)))
            return first, last
        return None

    def _show_ends(self) -> None:
        self._ends.setVisible(self.which.value == SOME)
