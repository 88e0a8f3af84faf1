"""The attack panel's list of targets: layers, further choices of the task, and none."""

from collections.abc import Callable, Sequence
from typing import Any

from napari.layers import Image, Layer

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
        self._entering, self._entered = False, False
        self.box: Any = ComboBox(choices=self._offered, value=CHOOSE)
        self.box.changed.connect(self._keep)

    @property
    def _view(self) -> TaskView:
        return view_of(self._controller.victims.task)

    def _offered(self, widget: Any = None) -> list[Any]:
        choices = [CHOOSE, *self._view.choices(self._layers(), self._classes), UNTARGETED]
        return [pair if isinstance(pair, tuple) else (self._title(pair), pair) for pair in choices]

    def _title(self, choice: Any) -> str:
        return self._controller.title(choice) if isinstance(choice, Layer) else str(choice)

    def refresh(self, new: Layer | None = None) -> None:
        """Offer the current layers; a new one is chosen if nothing was chosen yet."""
        self._view.follow(self._layers())
        refresh(self.box)
        if self.box.value == CHOOSE and any(new is choice for choice in self.box.choices):
            self.box.value = new

    def remember(self, image: Image | None, choice: Any) -> None:
        """Keep a choice for an image that is not the chosen one."""
        if image is not None:
            self._controller.targets[image] = choice

    def enter(self, image: Image | None) -> None:
        """Offer the layers of another image, and choose what was chosen for it before."""
        known = {} if image is None else self._controller.targets
        before = known.get(image, CHOOSE)
        self._entering = True
        try:
            self.refresh()
            found = next((x for x in self.box.choices if same(x, before)), CHOOSE)
            self.box.value = found
        finally:
            self._entering = False
        # A panel that is opened later knows less than the controller.
        if image in known or self._entered:
            self._controller.choice = self._plain(found)
        self._entered = True

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
        if self._entering:
            return
        if self._controller.image is not None:
            self._controller.targets[self._controller.image] = choice
        self._controller.choice = self._plain(choice)
