"""A box of choices whose names may come from anywhere: layers, classes, files."""

from collections.abc import Iterable
from typing import Any

from magicgui import widgets
from qtpy.QtWidgets import QComboBox

from ...common.screen import NAME, one_line

# Letters for which a box has room at least.
LEAST = 6


class ComboBox(widgets.ComboBox):
    """A ComboBox that shows each choice as one short line, and no two choices as the same.

    magicgui takes choices of the same name for one and keeps only the last.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        narrow(self.native)

    @property
    def choices(self) -> Any:
        return super().choices

    @choices.setter
    def choices(self, choices: Any) -> None:
        offered = named(choices(self) if callable(choices) else choices)
        widgets.ComboBox.choices.fset(self, offered)
        if callable(choices):
            # What `reset_choices` asks.
            self._default_choices = choices


def narrow(box: QComboBox) -> None:
    """Let a box be narrower than its longest entry: a name must not widen a panel."""
    box.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(LEAST)


def named(choices: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return choices as pairs of a name for the screen and a value.

    Args:
        choices: such pairs, or values whose text is their name.

    Examples:
        >>> named(["liver", ("left\\nkidney", 2), ("left kidney", 3)])
        [('liver', 'liver'), ('left kidney', 2), ('left kidney (2)', 3)]
    """
    found: dict[str, Any] = {}
    for choice in choices:
        pair = isinstance(choice, tuple) and len(choice) == 2
        name, value = choice if pair else (str(choice), choice)
        shown = first = one_line(name)
        number = 1
        while shown in found:
            number += 1
            shown = f"{one_line(first, NAME - 8)} ({number})"
        found[shown] = value
    return list(found.items())
