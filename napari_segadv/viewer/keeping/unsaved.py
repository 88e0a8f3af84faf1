"""What a viewer holds that is in no file: runs, verdicts, painted labels, boxes, and clicks."""

import weakref
import zlib
from typing import Any

import numpy as np
from napari.layers import Labels, Layer, Points, Shapes

from ...common.wording import counted
from ..controller.controller import Controller
from ..layers.convert import painted
from ..layers.structure_layers import in_files, is_whole, members, name_in, numbers_in
from ..layers.tasks.detection import CLASS
from ..runs.kept import Kept
from ..runs.session_layers import has_boxes


class Unsaved:
    """Knows what has changed in a controller's viewer since it was opened, made or saved."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        # Of layers as they were when they came, were made, or were saved last.
        self._known: weakref.WeakKeyDictionary[Layer, int] = weakref.WeakKeyDictionary()
        for layer in controller.layers:
            self._note(layer)
        controller.layers.events.inserted.connect(self._inserted)
        controller.victims.target_made.connect(self._target_made)
        controller.victims.unsaved = self._changed

    def runs(self) -> int:
        """Count the runs that are not saved with their verdicts."""
        return sum(not run.saved for run in self._controller.runs)

    def painted(self) -> list[str]:
        """Name the labels on which something is painted that is not saved."""
        return [
            name_in(layer) if is_whole(layer) else str(layer.name)
            for layer in in_files(self._own())
            if isinstance(layer, Labels) and self._changed(layer)
        ]

    def drawn(self) -> list[str]:
        """Name the layers with boxes for a detector that are not saved."""
        return [str(x.name) for x in self._own() if has_boxes(x) and self._changed(x)]

    def clicked(self) -> list[str]:
        """Name the images with clicks that are not saved."""
        clicks = self._controller.clicks
        pairs = [(image, clicks.layer(image)) for image in self._controller.images]
        return [image.name for image, x in pairs if x is not None and self._changed(x)]

    def sentence(self) -> str:
        """Say what would be lost; "" for nothing."""
        runs = self.runs()
        lost = [counted(runs, "run")] if runs else []
        for what, names in (
            ("what you painted on", self.painted()),
            ("the boxes of", self.drawn()),
            ("your clicks on", self.clicked()),
        ):
            if names:
                lost.append(f"{what} {', '.join(names)}")
        return " and ".join(lost)

    def saved(self, held: Kept) -> None:
        """Note what a session on the disk holds; what was painted meanwhile is not in it."""
        for layer, own in zip(held.layers, held.own, strict=True):
            if isinstance(own.layer, (Labels, Points)) or has_boxes(own.layer):
                for each in members(layer) if is_whole(layer) else [layer]:
                    self._known[each] = fingerprint(own.layer)

    def forget(self) -> None:
        """Take everything for unsaved."""
        self._known.clear()
        for run in self._controller.runs:
            run.saved = False

    def _inserted(self, event: Any) -> None:
        self._note(event.value)

    def _target_made(self, layer: Labels, unsaved: bool) -> None:
        """Note a target that a prediction or saved labels and shapes give again."""
        if not unsaved:
            self._note(layer)
            return
        for each in members(layer):
            self._known.pop(each, None)

    def _note(self, layer: Layer) -> None:
        kept = isinstance(layer, (Labels, Points)) or has_boxes(layer)
        if kept and not self._controller.made(layer) and not self._is_copy(layer):
            for each in members(layer):
                self._known[each] = fingerprint(each)

    def _own(self) -> list[Layer]:
        return [x for x in self._controller.layers if not self._controller.made(x)]

    def _changed(self, layer: Any) -> bool:
        """Return whether a layer is not as it came, was made, or was saved last."""
        return self._known.get(layer, 0) != fingerprint(layer)

    def _is_copy(self, layer: Any) -> bool:
        """Return whether a layer holds what is on another one and is not saved there."""
        ours, kind = members(layer), Labels if isinstance(layer, Labels) else Shapes
        others = [x for x in self._own() if isinstance(x, kind) and not any(x is y for y in ours)]
        if isinstance(layer, Points) or not others:
            return False
        mark = fingerprint(layer)
        marks = ((x, fingerprint(x)) for x in others if is_alike(x, layer))
        return mark != 0 and any(m == mark != self._known.get(x, 0) for x, m in marks)


def is_alike(one: Labels | Shapes, other: Labels | Shapes) -> bool:
    """Return whether two layers of a kind may hold the same."""
    if isinstance(one, Labels):
        return bool(painted(one).shape == painted(other).shape)
    return has_boxes(one) and len(one.data) == len(other.data)


def fingerprint(layer: Labels | Points | Shapes) -> int:
    """Return a checksum of a layer's labels, points or boxes; without any it is always the same.

    Of several layers of a target, it is that of all.
    """
    if isinstance(layer, Shapes):
        boxes = [np.round(shape, 3).tolist() for shape in layer.data]
        return zlib.crc32(f"{boxes} {list(layer.features[CLASS])}".encode()) if boxes else 0
    if isinstance(layer, Points):
        told = f"{np.rint(layer.data).tolist()} {layer.features.to_dict('list')}"
        return zlib.crc32(told.encode()) if len(layer.data) else 0
    array = np.ascontiguousarray(numbers_in(layer) if is_whole(layer) else painted(layer))
    if array.dtype.kind in "iu" and array.size and 0 <= array.min() <= array.max() < 256:
        # A copy may have another type.
        array = np.ascontiguousarray(array, np.uint8)
    return zlib.crc32(array.tobytes()) if array.any() else 0
