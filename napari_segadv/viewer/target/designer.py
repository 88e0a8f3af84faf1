"""Designs a target without a window: makes it, and changes it in place.

Every change goes through the layer's own history, so napari's undo takes it back. Shapes are
computed off the main thread, from a copy; the layer is written on the main thread.
"""

import weakref
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from psygnal import Signal

from ... import targets
from ...common.wording import class_name
from ...data.scan import Mask
from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.jobs import Jobs
from ..controller.runner import Poll, Runner
from ..controller.shown_layers import unwrapped
from ..layers.class_names import names_of
from ..layers.convert import mask_of, mask_tuple, scan_of
from ..layers.edits import Piece, grid_of, pieces, written
from ..layers.names import TARGET
from ..layers.task_view import TaskView, view_of
from ..widgets.shape_names import shape_title
from .difference_watch import Watch

PREDICTION, EMPTY = "the prediction", "empty"
MAKING = "making the target"
NO_TARGET = "there is no target to change; make one first"
REPLACED = "layer {layer}: its labels were replaced meanwhile; try again"
# The classes of a target that has neither a victim nor names.
UNNAMED = ("background", *(class_name(n) for n in range(1, 5)))


class Designer(Jobs):
    """Actions on one target layer of a viewer.

    Signals besides those of Jobs, all on the main thread:
        target_changed: the Labels layer that is edited, or None.
        brush_changed: the brush, or the class that it paints, was changed.

    Attributes:
        watch: signals that the target or the prediction was changed, and how much they differ.
    """

    target_changed = Signal(object)
    brush_changed = Signal()

    def __init__(
        self, viewer: ViewerModel, runner: Runner | None = None, measurer: Runner | None = None
    ) -> None:
        super().__init__(runner)
        viewer = unwrapped(viewer)
        self.controller = Controller.of(viewer)
        self._target: weakref.ref[Labels] | None = None
        self.watch = Watch(viewer, self.controller, measurer)
        self._closed = False
        self.controller.victims.target_made.connect(self._made)

    def close(self) -> None:
        """Stop following the layer and the controller."""
        self._closed = True
        self.choose(None)
        self.watch.close()
        self.controller.victims.target_made.disconnect(self._made, missing_ok=True)

    @property
    def target(self) -> Labels | None:
        """The layer that is edited; None once it has left the viewer."""
        layer = None if self._target is None else self._target()
        return layer if layer is not None and layer in self.controller.layers else None

    @property
    def classes(self) -> dict[int, str]:
        """The structures' names by number: the layer's, else the victim's."""
        layer, names = self.target, self._names()
        known = {} if layer is None else names_of(layer)
        listed = [known.get(n, class_name(n)) for n in range(max(known) + 1)] if known else names
        return self._view.structures(listed)

    @property
    def _view(self) -> TaskView:
        return view_of(self.controller.victims.task)

    def choose(self, layer: Labels | None) -> None:
        """Choose the layer to edit."""
        old = None if self._target is None else self._target()
        if layer is old:
            return
        for followed, join in ((old, False), (layer, True)):
            if followed is not None:
                for event in (followed.events.selected_label, followed.events.n_edit_dimensions):
                    (event.connect if join else event.disconnect)(self._brush_changed)
        self._target = None if layer is None else weakref.ref(layer)
        self.watch.follow(layer)
        self.target_changed.emit(layer)

    def begin(self, image: Image | None, start: Labels | str) -> None:
        """Make a target; ends in `target_changed`, `touched` or `failed`.

        If the image has a target already, that is painted over, so that undo brings it back.

        Args:
            image: the image that the target is for.
            start: what the target is based on: labels, PREDICTION or EMPTY.

        Raises:
            SegadvError: if the image or the victim is missing, or `start` is the target itself.
        """
        if image is None or image not in self.controller.layers:
            raise SegadvError("no image is chosen; open one first")
        if start is self.target:
            raise SegadvError(
                "this layer is the target already; paint on it, or base the target on another one"
            )
        if isinstance(start, str) and start == PREDICTION:
            self._begin_with_prediction(image)
            return
        names = self._names()

        def work(poll: Poll) -> Mask:
            scan = scan_of(image)
            if not isinstance(start, Labels):
                return Mask(np.zeros(scan.grid.shape, np.uint8), scan.grid, names)
            mask = mask_of(start, image, scan.grid)
            most = int(mask.array.max(initial=0))
            more = (class_name(n) for n in range(len(names), most + 1))
            return mask.named((*names, *more) if most < 256 else ())

        self.start(MAKING, work, lambda mask: self._place(image, mask))

    def apply(self, shape: str, settings: dict[str, Any]) -> None:
        """Change the target by a shape, in place; ends in `touched` or `failed`.

        Args:
            shape: name of a target shape.
            settings: its parameters.

        Raises:
            SegadvError: if there is no target, or another job is running.
        """
        layer = self._editable()
        grid, data = grid_of(layer, self.controller.layers), layer.data
        known = names_of(layer) or dict(enumerate(self._names()))
        further = (known.get(n, class_name(n)) for n in range(1, max(known) + 1))
        names, view = ("background", *further), self._view

        def work(poll: Poll) -> list[Piece]:
            # A copy: what the user paints meanwhile must not count as a change by the shape.
            before = data.copy()
            changed = targets.get(shape)(view.mask(before, grid, names), **settings)
            return pieces(changed.array, before)

        def done(changes: list[Piece]) -> None:
            if layer.data is not data:
                self.failed.emit(REPLACED.format(layer=layer.name))
            elif changes:
                self._write(layer, changes)
            else:
                self.failed.emit(f"{shape_title(shape)}: changes nothing here")

        self.start(f"changing the target ({shape_title(shape)})", work, done)

    def undo(self) -> None:
        """Take back the last change or stroke, as Ctrl-Z on the layer does."""
        self._editable().undo()

    def redo(self) -> None:
        """Make the change again that was taken back."""
        self._editable().redo()

    def paint(self) -> None:
        """Select the target and the brush, so that the mouse paints."""
        layer = self._editable()
        self.select()
        layer.mode = "paint"

    def select(self) -> None:
        """Make the target the active layer, which gets mouse and keys."""
        if self.target is not None:
            self.controller.layers.selection.active = self.target

    def _brush_changed(self, event: Any) -> None:
        self.brush_changed.emit()

    def _names(self) -> tuple[str, ...]:
        names = getattr(self.controller.victims.victim, "classes", ()) if self._view.paints else ()
        return tuple(names) or UNNAMED

    def _editable(self) -> Labels:
        layer = self.target
        if layer is None:
            raise SegadvError(NO_TARGET)
        if not isinstance(layer.data, np.ndarray) or layer.data.ndim not in (2, 3):
            raise SegadvError(
                f"layer {layer.name}: is not a 2-D or 3-D label map in memory; choose another layer"
            )
        return layer

    def _begin_with_prediction(self, image: Image) -> None:
        victim = self.controller.victims.victim
        if victim is None:
            raise SegadvError('no model is loaded; choose one in the panel "Adversarial attack"')
        if not view_of(victim.task.name).paints:
            raise SegadvError(
                f"{victim.name}: predicts no structures; base the target on labels, or start empty"
            )

        def place(prediction: Any) -> None:
            if not self._closed and isinstance(prediction, Mask):
                # Copied before it is shown: the user paints on the layer.
                self._place(image, prediction)

        self.controller.victims.predict(image, then=place)

    def _place(self, image: Image, mask: Mask) -> None:
        """Show a new target, or paint it over the one that the image has."""
        self.start(
            MAKING,
            lambda poll: mask_tuple(mask, TARGET),
            lambda made: self.controller.victims.show_target(image, made, self),
        )

    def _made(self, layer: Labels) -> None:
        if layer is self.target:
            # Its classes may have other names.
            self.target_changed.emit(layer)
        else:
            self.choose(layer)

    def _write(self, layer: Labels, changes: list[Piece]) -> None:
        self.unfold("painting", written(layer, changes), self.select)
