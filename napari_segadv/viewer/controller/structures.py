"""The structures of the predictions that are shown: their sizes, and which of them are hidden."""

import weakref
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from psygnal import Signal

from ...common.palette import colour
from ...common.wording import class_name
from ...data.scan import Array, Grid, Mask
from ...measures.sizes import Structure, change_text, size_text, structures
from ..layers.class_names import names_of
from ..layers.convert import painted
from ..layers.edits import grid_of
from ..layers.go_to import go_to
from ..layers.hidden_classes import colour_of, hide_classes
from ..layers.names import AFTER, CLEAN, PREVIEW_SEEN
from ..layers.task_view import view_of
from .controller import Controller
from .latest import Latest
from .runner import Poll, Runner
from .shown_layers import unwrapped

Sizes = dict[int, Structure]
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Row:
    """One structure of a prediction.

    Attributes:
        label: class number.
        name: of the class.
        colour: red, green and blue, from 0 to 1.
        size: before, or before and after a run, with its unit; "" until it is measured.
        found: whether it was predicted, before or after.
        hidden: whether the user has hidden it.
    """

    label: int
    name: str
    colour: tuple[float, float, float]
    size: str
    found: bool
    hidden: bool


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured, and of which arrays; `after` is None without a run."""

    clean: Array
    after: Array | None
    grid: Grid
    before_sizes: Sizes
    after_sizes: Sizes | None


class Structures:
    """The structures of one viewer's predictions.

    Signals, on the main thread:
        changed: a size, a colour, or what is hidden.
        measured: the sizes of new predictions are known.

    Attributes:
        hidden: class numbers that the user has hidden, until other classes are predicted.
    """

    changed = Signal()
    measured = Signal()

    _known: ClassVar["weakref.WeakKeyDictionary[Controller, Structures]"]
    _known = weakref.WeakKeyDictionary()

    def __init__(
        self, viewer: ViewerModel, controller: Controller, runner: Runner | None = None
    ) -> None:
        self._viewer, self._controller = weakref.ref(viewer), weakref.ref(controller)
        self._latest = Latest(runner)
        self._found: Measured | None = None
        # The arrays that are being measured.
        self._asked: tuple[Any, Any] = (None, None)
        self._followed: weakref.WeakSet[Labels] = weakref.WeakSet()
        self._setting = False
        self._classes: tuple[str, ...] = ()
        self.hidden: set[int] = set()
        victims = controller.victims
        for signal in (
            victims.predicted,
            victims.victim_changed,
            controller.runs.chosen,
            controller.image_chosen,
        ):
            signal.connect(self._look)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._look)
        self._look()

    @classmethod
    def of(cls, viewer: ViewerModel) -> "Structures":
        """Return the viewer's structures; make them on the first call."""
        viewer = unwrapped(viewer)
        controller = Controller.of(viewer)
        if controller not in cls._known:
            cls._known[controller] = cls(viewer, controller)
        return cls._known[controller]

    @property
    def names(self) -> dict[int, str]:
        """Names by class number, without the background: of the prediction, else of the victim."""
        controller, layer = self._controller(), self.layer
        if layer is not None:
            return names_of(layer)
        victim = None if controller is None else controller.victims.victim
        if victim is None or not view_of(victim.task.name).paints:
            return {}
        return {n: name for n, name in enumerate(victim.classes) if n}

    @property
    def layer(self) -> Labels | None:
        """The layer of the clean prediction, if there is one."""
        return self._shown(CLEAN)

    @property
    def sizes(self) -> Sizes | None:
        """The structures of the clean prediction; None until they are measured."""
        return None if self._found is None else self._found.before_sizes

    @property
    def rows(self) -> list[Row]:
        """All structures: those that were predicted first, each part in the order of classes."""
        found, names = self._found, self.names
        labels = set(names)
        if found is not None:
            labels |= set(found.before_sizes) | set(found.after_sizes or {})
        rows = [self._row(label, names) for label in sorted(labels)]
        return sorted(rows, key=lambda row: not row.found)

    def toggle(self, label: int) -> None:
        """Hide a structure in the predictions, or show it again."""
        self._hide(self.hidden ^ {label})

    def show_alone(self, label: int) -> None:
        """Hide all structures but one; a second time, show all of them."""
        others = {row.label for row in self.rows} - {label}
        self._hide(set() if self.hidden == others else others)

    def show_all(self) -> None:
        """Hide none."""
        self._hide(set())

    def go_to(self, label: int, *, only_if_hidden: bool = False) -> bool:
        """Go to where a structure is largest, in the clean or else in the adversarial prediction.

        Returns:
            Whether one of them has it.
        """
        viewer, found = self._viewer(), self._found
        if viewer is None or found is None:
            return False
        for role, array, sizes in (
            (CLEAN, found.clean, found.before_sizes),
            (AFTER, found.after, found.after_sizes or {}),
        ):
            layer = self._shown(role)
            # Its data may be newer than what was measured.
            if layer is not None and label in sizes and painted(layer) is array:
                return go_to(viewer, layer, label, sizes[label], only_if_hidden=only_if_hidden)
        return False

    def _row(self, label: int, names: dict[int, str]) -> Row:
        found, size, there = self._found, "", True
        if found is not None:
            before = found.before_sizes.get(label)
            after = None if found.after_sizes is None else found.after_sizes.get(label)
            there = before is not None or after is not None
            pixels = [0 if one is None else one.pixels for one in (before, after)]
            if not there:
                size = NONE
            elif found.after_sizes is None:
                size = size_text(found.grid, pixels[0])
            else:
                size = change_text(found.grid, *pixels)
        shade = None if self.layer is None else colour_of(self.layer, label)
        red, green, blue = colour(label) if shade is None else map(float, shade)
        name = names.get(label, class_name(label))
        return Row(label, name, (red, green, blue), size, there, label in self.hidden)

    def _shown(self, role: str) -> Labels | None:
        controller = self._controller()
        layer = None if controller is None or controller.closed else controller.shown(role)
        return layer if isinstance(layer, Labels) else None

    def _layers(self) -> Any:
        controller = self._controller()
        return () if controller is None else controller.layers

    def _hide(self, hidden: set[int]) -> None:
        self.hidden = hidden
        self._apply()
        self.changed.emit()

    def _apply(self) -> None:
        """Hide in all predictions what is hidden."""
        known = [row.label for row in self.rows]
        self._setting = True
        try:
            for role in (CLEAN, AFTER, PREVIEW_SEEN):
                layer = self._shown(role)
                if layer is not None:
                    hide_classes(layer, self.hidden, known)
                    if layer not in self._followed:
                        self._followed.add(layer)
                        layer.events.colormap.connect(self._recoloured)
        finally:
            self._setting = False

    def _recoloured(self, event: Any) -> None:
        """Hide again in a layer that got other colours, by a new prediction or by the user."""
        if not self._setting:
            self._apply()
            self.changed.emit()

    def _look(self, *_: Any) -> None:
        """Measure the predictions that are shown, unless they are measured already."""
        controller = self._controller()
        if controller is None or controller.closed:
            return
        names = tuple(self.names.values())
        if names and names != self._classes:
            self._classes, self.hidden = names, set()
        clean, after, run = self.layer, self._shown(AFTER), controller.runs.current
        if clean is None:
            self._latest.drop()
            self._found, self._asked = None, (None, None)
        else:
            arrays = painted(clean), None if after is None or run is None else painted(after)
            if any(new is not old for new, old in zip(arrays, self._asked, strict=True)):
                self._asked = arrays
                self._measure(clean, *arrays, None if run is None else _clean_of(run.example))
        self._apply()
        self.changed.emit()

    def _measure(
        self, layer: Labels, clean: Array, after: Array | None, expected: Array | None
    ) -> None:
        """Measure what is shown.

        Args:
            layer: of the clean prediction.
            clean, after: the predictions; `after` is None without a run.
            expected: the run's own clean prediction.
        """
        known, grid = self._found, grid_of(layer, self._layers())
        if known is not None and known.clean is not clean:
            self._found = None

        def work(poll: Poll) -> Measured:
            same = known is not None and known.clean is clean
            before = known.before_sizes if known is not None and same else structures(clean, poll)
            # The adversarial prediction of another victim or image has no place beside this one.
            fits = expected is not None and np.array_equal(expected, clean)
            later = structures(after, poll) if after is not None and fits else None
            return Measured(clean, after, grid, before, later)

        def done(found: Measured) -> None:
            self._found = found
            self._apply()
            self.changed.emit()
            self.measured.emit()

        self._latest.ask(work, done)


def _clean_of(example: Any) -> Array | None:
    """Return the labels of an example's clean prediction, if those are what it predicts."""
    prediction = example.prediction_clean
    return prediction.array if isinstance(prediction, Mask) else None
