"""What a viewer holds that is in no file: runs, verdicts, painted labels, and clicks."""

import weakref
import zlib
from typing import Any

import numpy as np
from napari.layers import Labels, Layer, Points

from ...common.wording import counted
from ..controller.controller import Controller
from ..layers.convert import painted
from ..layers.structure_layers import in_files, is_whole, members, name_in, numbers_in
from ..runs.kept import Kept


class Unsaved:
    """Knows what has changed in a controller's viewer since it was opened, made or saved."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        # Of labels as they were when they came, were made, or were saved last.
        self._known: weakref.WeakKeyDictionary[Layer, int] = weakref.WeakKeyDictionary()
        for layer in controller.layers:
            self._note(layer)
        controller.layers.events.inserted.connect(self._inserted)
        controller.victims.target_made.connect(self._note)

    def runs(self) -> int:
        """Count the runs that are not saved with their verdicts."""
        return sum(not run.saved for run in self._controller.runs)

    def painted(self) -> list[str]:
        """Name the labels on which something is painted that is not saved."""
        own = [x for x in self._controller.layers if not self._controller.made(x)]
        return [
            name_in(layer) if is_whole(layer) else str(layer.name)
            for layer in in_files(own)
            if isinstance(layer, Labels) and self._known.get(layer, 0) != fingerprint(layer)
        ]

    def clicked(self) -> list[str]:
        """Name the images with clicks that are not saved."""
        clicks = self._controller.clicks
        pairs = [(image, clicks.layer(image)) for image in self._controller.images]
        return [
            image.name
            for image, layer in pairs
            if layer is not None and self._known.get(layer, 0) != fingerprint(layer)
        ]

    def sentence(self) -> str:
        """Say what would be lost; "" for nothing."""
        lost, runs, names, clicked = [], self.runs(), self.painted(), self.clicked()
        if runs:
            lost.append(counted(runs, "run"))
        if names:
            lost.append(f"what you painted on {', '.join(names)}")
        if clicked:
            lost.append(f"your clicks on {', '.join(clicked)}")
        return " and ".join(lost)

    def saved(self, kept: Kept) -> None:
        """Note that a session is on the disk; what was painted meanwhile is not in it."""
        for layer, own in zip(kept.layers, kept.own, strict=True):
            if isinstance(own.layer, (Labels, Points)):
                for each in members(layer) if is_whole(layer) else [layer]:
                    self._known[each] = fingerprint(own.layer)

    def forget(self) -> None:
        """Take everything for unsaved."""
        self._known.clear()
        for run in self._controller.runs:
            run.saved = False

    def _inserted(self, event: Any) -> None:
        self._note(event.value)

    def _note(self, layer: Layer) -> None:
        if isinstance(layer, (Labels, Points)) and not self._controller.made(layer):
            for each in members(layer):
                self._known[each] = fingerprint(each)


def fingerprint(layer: Labels | Points) -> int:
    """Return a checksum of a layer's labels or points; without any it is always the same.

    Of several layers of a target, it is that of all.
    """
    if isinstance(layer, Points):
        told = f"{np.rint(layer.data).tolist()} {layer.features.to_dict('list')}"
        return zlib.crc32(told.encode()) if len(layer.data) else 0
    array = np.ascontiguousarray(numbers_in(layer) if is_whole(layer) else painted(layer))
    return zlib.crc32(array.tobytes()) if array.any() else 0
