"""Contours of target, clean and adversarial prediction, each in its own colour and width."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from ...data.scan import Mask
from ..controller.controller import Controller
from ..layers.convert import mask_tuple
from ..layers.names import AFTER, CLEAN, TARGET
from .loan import Loan

OWN_TARGET = "target of the run"


@dataclass(frozen=True)
class Role:
    """How a label map's contours look.

    Attributes:
        layer: its name in the list of layers.
        title: in the legend.
        colour: red, green, blue from 0 to 1; distinct from each other and from grey, also with
            the common forms of colour blindness.
        width: in pixels of the image; lower layers have wider lines, so that lines that coincide
            all show.
        line: the width in words.
    """

    layer: str
    title: str
    colour: tuple[float, float, float]
    width: int
    line: str


ROLES = (
    Role(CLEAN, "clean prediction", (0.15, 0.85, 0.35), 3, "thick"),
    Role(AFTER, "adversarial prediction", (0.95, 0.2, 0.95), 2, "medium"),
    Role(TARGET, "target", (1.0, 0.9, 0.1), 1, "thin"),
)
AS_THEY_ARE, CONTOURS, HIDDEN = "filled", "contours", "hidden"
LOOKS = (AS_THEY_ARE, CONTOURS, HIDDEN)


def legend(roles: Sequence[Role] = ROLES) -> str:
    """Return the legend as rich text: each role after a square of its colour."""

    def colour(role: Role) -> str:
        return ",".join(str(round(255 * c)) for c in role.colour)

    def line(role: Role) -> str:
        square = f'<span style="color:rgb({colour(role)})">&#9632;</span>'
        return f"{square}&nbsp;{role.title}: {role.line} line"

    return "<br>".join(line(role) for role in roles)


class Overlays:
    """Shows target and predictions of the shown run in one of LOOKS, until `leave`."""

    def __init__(self, viewer: ViewerModel, controller: Controller, look: str) -> None:
        self._viewer, self._controller = viewer, controller
        self._loan = Loan()
        self._own: Any = None
        self.roles: tuple[Role, ...] = ()
        chosen = set(viewer.layers.selection)
        found = {role: controller.shown(role.layer) for role in ROLES}
        if look == CONTOURS:
            found[ROLES[-1]] = self._target(found[ROLES[-1]])
        for role, layer in found.items():
            if not isinstance(layer, Labels):
                continue
            self._loan.set(layer, "visible", look == CONTOURS)
            if look == CONTOURS:
                self.roles += (role,)
                self._draw(layer, role)
        viewer.layers.selection = {x for x in chosen if x in viewer.layers}

    def leave(self) -> None:
        """Restore everything; layers may be gone by now."""
        if self._own is not None and self._own in self._viewer.layers:
            self._viewer.layers.remove(self._own)
        self._loan.give_back()

    def _draw(self, layer: Labels, role: Role) -> None:
        clear = (0.0, 0.0, 0.0, 0.0)
        colours: dict[int | None, Any] = {None: (*role.colour, 1.0), 0: clear}
        self._loan.set(layer, "colormap", DirectLabelColormap(color_dict=colours))
        self._loan.set(layer, "contour", role.width)
        self._loan.set(layer, "opacity", 1.0)

    def _target(self, shown: Any) -> Any:
        """Return a layer of the run's own target; the target layer may hold the next run's."""
        run = self._controller.runs.current
        target = None if run is None else run.example.target
        if run is None or run.image is None or not isinstance(target, Mask):
            return None if run is not None and target is None else shown
        if isinstance(shown, Labels) and np.array_equal(shown.data, target.array):
            return shown
        if shown is not None:
            self._loan.set(shown, "visible", False)
        self._own = self._controller.show_beside(run.image, OWN_TARGET, mask_tuple(target, TARGET))
        self._own.editable = False
        return self._own
