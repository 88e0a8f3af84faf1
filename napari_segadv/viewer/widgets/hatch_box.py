"""A check mark that switches the hatch over what a target erases on and off."""

from qtpy.QtWidgets import QCheckBox

from ..controller.erased import Erased
from .layout import set_tips


class HatchBox(QCheckBox):
    """The check mark; those of several panels show the same."""

    def __init__(self, erased: Erased) -> None:
        super().__init__("hatch what is erased")
        self.erased = erased
        self.setChecked(erased.on)
        set_tips(
            {
                self: "Hatches the pixels that the prediction gives to a structure and the target "
                "does not, in the colour of the structure that is lost"
            }
        )
        self.clicked.connect(self._switch)

    def show_switched(self, on: bool) -> None:
        """Show whether the hatch is on."""
        self.setChecked(on)

    def _switch(self, on: bool) -> None:
        self.erased.on = on
