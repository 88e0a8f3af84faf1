"""A box of choices whose names may come from anywhere: layers, classes, files."""

from collections.abc import Iterable
from typing import Any

from magicgui import widgets
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from ...common.screen import NAME, one_line
from .plain import tip_text

# Letters for which a box has room at least.
LEAST = 6


class ComboBox(widgets.ComboBox):
    """A ComboBox that shows each choice as one short line, and no two choices as the same.

    magicgui takes choices of the same name for one and keeps only the last. What is too long is
    whole in the tooltip of its entry.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        narrow(self.native)

    @property
    def choices(self) -> Any:
        return super().choices

    @choices.setter
    def choices(self, choices: Any) -> None:
        offered = list(choices(self) if callable(choices) else choices)
        names = distinct([name for name, _ in map(named, offered)])
        pairs = [(name, named(one)[1]) for name, one in zip(names, offered, strict=True)]
        widgets.ComboBox.choices.fset(self, pairs)
        for name, one in zip(names, offered, strict=True):
            whole, box = named(one)[0], self.native
            if name != whole:
                box.setItemData(box.findText(name), tip_text(whole), Qt.ToolTipRole)
        if callable(choices):
            # What `reset_choices` asks.
            self._default_choices = choices


def narrow(box: QComboBox) -> None:
    """Let a box be narrower than its longest entry: a name must not widen a panel."""
    box.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(LEAST)


def named(choice: Any) -> tuple[str, Any]:
    """Return the name and the value of a choice: a pair of both, or a value named by its text."""
    pair = isinstance(choice, tuple) and len(choice) == 2
    return (str(choice[0]), choice[1]) if pair else (str(choice), choice)


def distinct(names: Iterable[str]) -> list[str]:
    """Return names as short lines, with a number where two would be the same.

    Examples:
        >>> distinct(["liver", "left\\nkidney", "left kidney"])
        ['liver', 'left kidney', 'left kidney (2)']
    """
    found: dict[str, None] = {}
    for name in names:
        shown = first = one_line(name)
        number = 1
        while shown in found:
            number += 1
            shown = f"{one_line(first, NAME - 8)} ({number})"
        found[shown] = None
    return list(found)
