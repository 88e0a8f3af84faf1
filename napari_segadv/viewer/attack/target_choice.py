"""The attack panel's list of what may be the target: layers, what the task offers besides, none."""

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Layer

from ...errors import SegadvError
from ..controller.controller import Controller
from ..layers.task_view import CHOOSE, UNTARGETED, TaskView, view_of
from ..widgets.layout import refresh, same

# What a session keeps of UNTARGETED.
KEPT = "untargeted"


class TargetChoice:
    """The list, and what is chosen of it.

    Attributes:
        box: the widget.
    """

    def __init__(self, controller: Controller, layers: Callable[[], Sequence[Layer]]) -> None:
        """Makes it.

        Args:
            controller: whose victim says what can be a target, and which keeps a choice that is
                no layer.
            layers: gives those that may be targets, bottom to top.
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
        """Offers the layers there are now; a new one is taken where none was chosen yet."""
        self._view.follow(self._layers())
        refresh(self.box)
        if self.box.value == CHOOSE and any(new is choice for choice in self.box.choices):
            self.box.value = new

    def offer(self, classes: tuple[str, ...]) -> None:
        """Offers what there is for a victim's task and its classes."""
        self._classes = classes
        self._view.follow(self._layers())
        chosen = self.box.value
        # What stays keeps its place in the list: emptied first, the list has the order it is given.
        self.box.choices = [(CHOOSE, CHOOSE)]
        self.box.choices = self._offered
        if any(same(chosen, choice) for choice in self.box.choices):
            self.box.value = chosen

    def chosen(self) -> Any:
        """What is to be predicted; None: anything else than is.

        Raises:
            SegadvError: where nobody has chosen yet.
        """
        if self.box.value == CHOOSE:
            raise SegadvError(self._view.missing)
        return None if self.box.value == UNTARGETED else self.box.value

    def choose(self, plain: int | str | None) -> None:
        """Chooses what a session has kept, where the victim offers it."""
        for choice in self.box.choices if plain is not None else ():
            if self._plain(choice) == plain:
                self.box.value = choice

    def _plain(self, choice: Any) -> int | str | None:
        """What a session keeps of a choice that is no layer."""
        return KEPT if same(choice, UNTARGETED) else self._view.plain(choice)

    def _keep(self, choice: Any) -> None:
        self._controller.choice = self._plain(choice)
