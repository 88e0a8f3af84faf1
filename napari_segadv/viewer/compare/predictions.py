"""What is seen of predictions and target: which layers belong to each image, and how they look."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps import DirectLabelColormap

from ...data.boxes import Boxes
from ...data.scan import Array, Mask
from ..controller.controller import Controller
from ..controller.runs import Run
from ..layers.convert import mask_tuple
from ..layers.names import AFTER, CLEAN, KEY, SEE_THROUGH, TARGET
from ..layers.structure_layers import is_whole, members, numbers_in
from .box_edges import BoxEdges
from .contours import AS_SHOWN, CONTOURS, FILLED, HIDDEN, ROLES, Role
from .lines import ContourLines, still
from .loan import Loan

OF_CLEAN, OF_AFTER, OF_TARGET = ROLES
OWN_TARGET = "target of the run"
# Whether a mode shows the two images apart, each with its own prediction, or as one picture.
APART, TOGETHER, CHANGES = "apart", "together", "changes"


class LinePool:
    """The contours of the shown run: those that several modes need are made once."""

    def __init__(self, viewer: ViewerModel, controller: Controller) -> None:
        self._viewer, self._controller = viewer, controller
        self._lines: dict[Role, ContourLines] = {}
        self._of: tuple[Run, Image] | None = None

    def keep(
        self, run: Run | None, roles: Sequence[Role] = (), apart: bool = False
    ) -> dict[Role, Layer]:
        """Show the contours of these roles and no others; return their layers.

        Without a run, without its image, and if predictions are no label maps, there are none.

        Args:
            run: the run that is shown.
            roles: whose contours are seen.
            apart: whether each prediction is seen on its own image, not all at once.
        """
        image = None if run is None else run.image
        there = run is not None and image is not None and image in self._viewer.layers
        of = (run, image) if there and run is not None and image is not None else None
        maps = {} if of is None else {role: _labels(of[0], role) for role in roles}
        wanted = [role for role in ROLES if maps.get(role) is not None]
        same = of is not None and self._of is not None and all(map(_is, of, self._of))
        layers = self._viewer.layers
        kept = {r: x for r, x in self._lines.items() if same and r in wanted and x.layer in layers}
        self._drop([x for role, x in self._lines.items() if role not in kept])
        self._lines, self._of = kept, of
        for role in wanted:
            labels, width = maps[role], role.apart if apart else role.width
            if role in kept:
                kept[role].set_width(width)
            elif of is not None and labels is not None:
                look = (role.lines, labels, role.colour, width)
                self._lines[role] = ContourLines(self._viewer, self._controller, of[1], *look)
        # The thinner on top of the wider, whichever was made first.
        for role in wanted:
            layers.move(layers.index(self._lines[role].layer), len(layers))
        return {role: self._lines[role].layer for role in wanted}

    def _drop(self, lines: Sequence[ContourLines]) -> None:
        layers = self._viewer.layers
        for each in lines:
            each.close()
        there = [each.layer for each in lines if each.layer in layers]
        if there:
            # At once: napari collects garbage after each removal.
            with still(self._viewer.dims), layers.batched_update():
                for layer in there:
                    layers.remove(layer)


def _is(one: Any, other: Any) -> bool:
    return one is other


def _labels(run: Run, role: Role) -> Array | None:
    """Return the label map of a role in a run; None if it has none."""
    example = run.example
    found = {
        OF_CLEAN: example.prediction_clean,
        OF_AFTER: example.prediction_adversarial,
        OF_TARGET: example.target,
    }[role]
    return found.array if isinstance(found, Mask) else None


class Predictions:
    """Shows predictions and target of the shown run in one of LOOKS, until `leave`.

    Attributes:
        clean, adversarial: the layers that belong to each of the two images, as the look has them.
            Those of a picture that is not seen now may be invisible.
    """

    def __init__(
        self, viewer: ViewerModel, controller: Controller, pool: LinePool, look: str, kind: str
    ) -> None:
        """Arrange the layers.

        Args:
            viewer, controller: of the run.
            pool: of its contours.
            look: one of LOOKS.
            kind: how the images are seen. APART: by turns or beside each other. CHANGES: their
                difference, which filled labels would hide. TOGETHER: as the user has them.
        """
        self._viewer, self._controller = viewer, controller
        self._loan = Loan()
        self._own: Layer | None = None
        self._edges: list[BoxEdges] = []
        self._opacities: dict[Layer, float] = {}
        self.clean: list[Layer] = []
        self.adversarial: list[Layer] = []
        run = controller.runs.current
        before, after = controller.shown(CLEAN), controller.shown(AFTER)
        targets = [] if run is None else _targets(viewer, controller, run)
        shown = any(x is not None and x.visible for x in (before, after))
        aims = any(x.visible for x in targets)
        ways = _ways(look, kind, shown, aims, viewer.dims.ndisplay == 2)
        lined = [role for role, way in zip(ROLES, ways, strict=True) if way == LINE]
        lines = pool.keep(run, lined, kind == APART)
        if run is None:
            return
        chosen = set(viewer.layers.selection)
        # As the user has them, both predictions count as shown if one of them is.
        seen = shown or ways[0] != ASIDE
        pair = [[x] if x is not None and seen else [] for x in (before, after)]
        aimed = [x for x in targets if x.visible or ways[2] != ASIDE]
        sides = (self.clean, self.adversarial, self.adversarial)
        for role, way, side, layers in zip(ROLES, ways, sides, (*pair, aimed), strict=True):
            side += self._shown(run, role, list(layers), way, lines.get(role))
        # The clean image's prediction lies on top of the other one only while the pair is apart.
        if kind == TOGETHER and look == FILLED:
            for layer in self.clean:
                self._loan.set(layer, "visible", False)
        viewer.layers.selection = {x for x in chosen if x in viewer.layers}
        self._opacities = {x: float(x.opacity) for x in (*self.clean, *self.adversarial)}

    def opacity(self, layer: Layer) -> float:
        """Return the opacity that a layer has while it is seen."""
        return self._opacities.get(layer, 1.0)

    def leave(self) -> None:
        """Restore everything but the contours, which the pool holds; layers may be gone by now."""
        if self._own is not None and self._own in self._viewer.layers:
            self._viewer.layers.remove(self._own)
        for edges in reversed(self._edges):
            edges.leave()
        self._edges = []
        self._loan.give_back()

    def _shown(
        self, run: Run, role: Role, layers: list[Layer], way: str, line: Layer | None
    ) -> list[Layer]:
        """Show a role's layers in a way; return those that are seen of it."""
        maps = [layer for layer in layers if isinstance(layer, Labels)]
        # Boxes and grades have no contours: they are seen as they are, or not at all.
        others = [layer for layer in layers if not isinstance(layer, Labels)]
        if way == ASIDE:
            return layers
        for layer in layers:
            self._loan.set(layer, "visible", way != NONE and (way != LINE or layer in others))
        if way == NONE:
            return []
        for layer in others:
            if isinstance(layer, Shapes) and isinstance(layer.metadata.get(KEY), Boxes):
                self._edges.append(BoxEdges(self._viewer, layer))
        if way == LINE:
            return [*([] if line is None else [line]), *others]
        if way == SOLID:
            return [*self._solid(run, role, maps), *others]
        if way == FILL:
            for layer in maps:
                self._loan.set(layer, "contour", 0)
                self._loan.set(layer, "opacity", SEE_THROUGH)
        return layers

    def _solid(self, run: Run, role: Role, maps: list[Labels]) -> list[Labels]:
        """Fill label maps with the role's colour: in 3-D napari draws no contours."""
        if role is OF_TARGET:
            maps = self._own_target(run, maps)
        clear = (0.0, 0.0, 0.0, 0.0)
        colours: dict[int | None, Any] = {None: (*role.colour, 1.0), 0: clear}
        for layer in maps:
            self._loan.set(layer, "visible", True)
            self._loan.set(layer, "colormap", DirectLabelColormap(color_dict=colours))
            self._loan.set(layer, "opacity", 1.0)
        return maps

    def _own_target(self, run: Run, maps: list[Labels]) -> list[Labels]:
        """Return a layer of the run's own target: those that are there may hold the next run's."""
        target = run.example.target
        if not isinstance(target, Mask) or run.image is None:
            return []
        for layer in maps:
            if stands_for(layer, target):
                return members(layer)
            self._loan.set(layer, "visible", False)
        made = mask_tuple(target, TARGET)
        self._own = self._controller.show_beside(run.image, OWN_TARGET, made)
        assert isinstance(self._own, Labels)
        self._own.editable = False
        return [self._own]


# What can be done with a role's layers: nothing, hide them, show them as they are, filled in the
# colours of their classes, as contours, or filled in the role's colour.
ASIDE, NONE, USER, FILL, LINE, SOLID = "aside", "none", "user", "fill", "line", "solid"


def _ways(look: str, kind: str, shown: bool, aims: bool, flat: bool) -> tuple[str, str, str]:
    """Return what is done with clean prediction, adversarial prediction and target.

    Args:
        look: one of LOOKS.
        kind: how the images are seen.
        shown: whether the user has a prediction visible: then each image has its own.
        aims: whether the user has the target visible.
        flat: whether the view is 2-D, where contours can be drawn.
    """
    if look == HIDDEN:
        return NONE, NONE, NONE
    line = LINE if flat else SOLID
    if look == CONTOURS:
        return line, line, line
    if look == AS_SHOWN and kind == TOGETHER:
        return ASIDE, ASIDE, ASIDE
    aim = NONE if not aims else LINE if flat else USER
    if look == FILLED:
        return FILL, FILL, aim
    if not shown:
        return NONE, NONE, aim
    if kind == CHANGES:
        return line, line, aim
    return USER, USER, aim


def _targets(viewer: ViewerModel, controller: Controller, run: Run) -> list[Labels]:
    """Return the layers that show a target: the one made here, and any that holds the run's."""
    target, made = run.example.target, controller.shown(TARGET)
    if not isinstance(target, Mask):
        return members(made) if isinstance(made, Labels) else []
    ours = [] if made is None else members(made)
    others = (controller.shown(CLEAN), controller.shown(AFTER))
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Labels)
        and all(layer is not other for other in others)
        and (any(layer is one for one in ours) or (layer.visible and stands_for(layer, target)))
    ]


def stands_for(layer: Labels, mask: Mask) -> bool:
    """Return whether a layer stands for a label map's class numbers."""
    same = not layer.multiscale and layer.data.shape == mask.array.shape and is_whole(layer)
    return bool(same and np.array_equal(numbers_in(layer), mask.array))
