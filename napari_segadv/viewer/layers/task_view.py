"""How the viewer shows what victims of a task predict, and what it offers as their target."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from napari.layers import Image, Layer

from ...common.discovery import Registry
from ...data.scan import Array, Grid, Mask, Scan
from . import tasks
from .names import LayerTuple

if TYPE_CHECKING:
    from ...results.example import Example

CHOOSE, UNTARGETED = "choose …", "none (untargeted)"


class TaskView(ABC):
    """One task's part of the viewer. A module of `layers.tasks` declares an instance as VIEW.

    Class attributes of a subclass:
        name: of the task.
        paints: whether targets are made from the structures of a prediction, and painted on.
        exclusive: whether a pixel has one class, so that one structure can get another's pixels.
        on_top: whether both predictions are visible, above the adversarial image.
        missing: the message if no target has been chosen.
    """

    name: ClassVar[str]
    paints: ClassVar[bool] = False
    exclusive: ClassVar[bool] = True
    on_top: ClassVar[bool] = False
    missing: ClassVar[str]

    @abstractmethod
    def clean(self, prediction: Any, scan: Scan) -> LayerTuple:
        """Return the layer of a clean prediction alone."""

    @abstractmethod
    def pair(self, example: "Example") -> dict[str, LayerTuple]:
        """Return the layers CLEAN and AFTER of an example's predictions."""

    def follow(self, layers: Sequence[Layer]) -> None:  # noqa: B027 - most need nothing
        """Let layers that may be targets show what users change; may be called again for each."""

    @abstractmethod
    def choices(self, layers: Sequence[Layer], classes: Sequence[str]) -> list[Any]:
        """Return the possible targets besides none: layers, or pairs of a name and a value.

        Args:
            layers: the viewer's layers that are not results, bottom to top.
            classes: the victim's; empty until known.
        """

    def plain(self, chosen: Any) -> int | str | None:
        """Return what a session stores for a choice that is not a layer; None: nothing."""
        return None

    def structures(self, classes: Sequence[str]) -> dict[int, str]:
        """Return the structures that target shapes can change, by class number."""
        return {number: name for number, name in enumerate(classes) if number}

    def mask(self, array: Array, grid: Grid, classes: Sequence[str]) -> Mask:
        """Return labels of a layer as the mask that target shapes change."""
        return Mask(array, grid, tuple(classes))

    @abstractmethod
    def wanted(self, chosen: Any, beside: Image, scan: Scan) -> Any:
        """Return the chosen target as `crafting.craft` takes it; layers are copied.

        Raises:
            SegadvError: if it does not fit the image.
        """

    @abstractmethod
    def legend(self, classes: Sequence[str]) -> str:
        """Return class names and their colours as rich text; "" where they are listed elsewhere."""


def _view_in(module: ModuleType) -> list[tuple[str, TaskView]]:
    return [(module.VIEW.name, module.VIEW)]


VIEWS: Registry[TaskView] = Registry("view of task", tasks, _view_in)


def view_of(task: str) -> TaskView:
    """Return the view of a task."""
    return VIEWS.get(task)
