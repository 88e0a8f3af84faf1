"""The attack panel's list of targets: layers, further choices of the task, and none."""

from collections.abc import Callable, Sequence
from typing import Any

from napari.layers import Layer

from ...errors import SegadvError
from ..controller.controller import Controller
from ..layers.task_view import CHOOSE, UNTARGETED, TaskView, view_of
from ..widgets.choices import ComboBox
from ..widgets.layout import refresh, same

# What a session stores for UNTARGETED.
KEPT = "untargeted"


class TargetChoice:
    """The list, and what is chosen in it.

    Attributes:
        box: the widget.
    """

    def __init__(self, controller: Controller, layers: Callable[[], Sequence[Layer]]) -> None:
        """Make the list.

        Args:
            controller: its victim's task decides what can be a target, and it stores a choice
                that is not a layer.
            layers: returns the layers that can be targets, bottom to top.
        """
        self._controller, self._layers = controller, layers
        self._classes: tuple[str, ...] = ()
        self.box: Any = ComboBox(choices=self._offered, value=CHOOSE)
        self.box.changed.connect(self._keep)

    @property
    def _view(self) -> TaskView:
        return view_of(self._controller.victims.task)

    def _offered(self, widget: Any = None) -> list[Any]:
        choices = [CHOOSE, *self._view.choices(self._layers(), self._classes), UNTARGETED]
        return [pair if isinstance(pair, tuple) else (str(pair), pair) for pair in choices]

    def refresh(self, new: Layer | None = None) -> None:
        """Offer the current layers; a new one is chosen if nothing was chosen yet."""
        self._view.follow(self._layers())
        refresh(self.box)
        if self.box.value == CHOOSE and any(new is choice for choice in self.box.choices):
            self.box.value = new

    def offer(self, classes: tuple[str, ...]) -> None:
        """Offer the choices for the victim's task and its classes."""
        self._classes = classes
        self._view.follow(self._layers())
        chosen = self.box.value
        # Entries that stay would keep their places: emptied first, the list takes the new order.
        self.box.choices = [(CHOOSE, CHOOSE)]
        self.box.choices = self._offered
        if any(same(chosen, choice) for choice in self.box.choices):
            self.box.value = chosen

    def chosen(self) -> Any:
        """Return the chosen target; None: untargeted.

        Raises:
            SegadvError: if nothing has been chosen yet.
        """
        if self.box.value == CHOOSE:
            raise SegadvError(self._view.missing)
        return None if self.box.value == UNTARGETED else self.box.value

    def choose(self, plain: int | str | None) -> None:
        """Choose what a session has stored, if the victim offers it."""
        for choice in self.box.choices if plain is not None else ():
            if self._plain(choice) == plain:
                self.box.value = choice

    def _plain(self, choice: Any) -> int | str | None:
        """Return what a session stores for a choice that is not a layer."""
        return KEPT if same(choice, UNTARGETED) else self._view.plain(choice)

    def _keep(self, choice: Any) -> None:
        self._controller.choice = self._plain(choice)
