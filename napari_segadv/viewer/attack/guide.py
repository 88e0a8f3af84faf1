"""Takes the view to what was asked for: a structure that was predicted, or made into a target."""

import weakref
from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels

from ...data.scan import Array
from ...measures.sizes import Structure, structures
from ..controller.latest import Latest
from ..controller.runner import Poll, Runner
from ..controller.structures import Structures
from ..layers.go_to import go_to, shows_any
from ..layers.structure_layers import map_of
from ..widgets.part_picker import Picked


@dataclass(frozen=True, eq=False)
class Wanted:
    """A target that was asked for: the class that changes, in which labels, and which part."""

    label: int
    start: Labels | None
    picked: Picked | None


class Guide:
    """Moves the view once for each click of the user, and only if nothing is to be seen there."""

    def __init__(
        self, viewer: ViewerModel, structures: Structures, runner: Runner | None = None
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self._structures = structures
        self._latest = Latest(runner)
        self._predicting = False
        self._wanted: Wanted | None = None

    def await_prediction(self) -> None:
        """Go to the largest structure once the prediction is there."""
        self._predicting = True

    def await_target(self, label: int, start: Labels | None, picked: Picked | None) -> None:
        """Go to a structure once the target is there.

        Args:
            label: class number of the structure.
            start: the labels that the target is based on; None: the prediction.
            picked: the part of the structure that changes; None: all of it.
        """
        self._wanted = Wanted(label, start, picked)

    def give_up(self) -> None:
        """Expect nothing any more: what was asked for failed or was cancelled."""
        self._predicting, self._wanted = False, None

    def measured(self) -> None:
        """Go to the largest structure, unless the slice in view has any."""
        asked, self._predicting = self._predicting, False
        viewer, layer, sizes = self._viewer(), self._structures.layer, self._structures.sizes
        if not asked or viewer is None or layer is None or not sizes:
            return
        if layer.ndim == 3 and shows_any(viewer, layer):
            return
        largest = max(sizes.values(), key=lambda one: one.pixels)
        self._structures.go_to(largest.label, only_if_hidden=True)

    def target_made(self, layer: Labels) -> None:
        """Go to the structure that was asked for: to where it is, else to where it was."""
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        if wanted.picked is not None:
            self._go(wanted.picked.layer, wanted.label, wanted.picked.structure)
            return
        # Painting during this does no harm: it is only looked where the structure is.
        before = wanted.start or self._structures.layer
        places = [each for each in (layer, before) if each is not None]

        def work(poll: Poll) -> tuple[Labels, Structure] | None:
            for each in places:
                found = _find(map_of(each, wanted.label), wanted.label, poll)
                if found is not None:
                    return each, found
            return None

        def done(found: tuple[Labels, Structure] | None) -> None:
            if found is not None:
                self._go(found[0], wanted.label, found[1])

        self._latest.ask(work, done)

    def _go(self, layer: Labels | None, label: int, found: Structure) -> None:
        viewer = self._viewer()
        if viewer is not None and layer is not None and layer in viewer.layers:
            labels = map_of(layer, label)
            go_to(viewer, layer, label, found, only_if_hidden=True, labels=labels)


def _find(labels: Array, label: int, poll: Any) -> Structure | None:
    return structures(labels, poll, only=label).get(label)
