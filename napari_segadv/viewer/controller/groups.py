"""The images of a viewer, each with the layers that belong to it; one image is chosen at a time.

Layers belong to an image by identity. Their names begin with the image's name, but nothing is ever
found by a name.
"""

import weakref
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from psygnal import Signal

from ...data.scan import Array, Scan
from ..layers.camera import View, show_whole
from ..layers.convert import known_scan, same_pixels, shows
from ..layers.names import BETWEEN, CHANNEL, HEIGHTS, JOINED, TARGET, is_target, layer_name
from ..layers.places import MOVES, matrix_of, put_like, same_place
from ..layers.structure_layers import set_of
from .runs import Run


class Group:
    """An image and its layers.

    Attributes:
        image: its layer; None once it has left the viewer.
        run: the run whose layers are shown.
        by_runs: roles whose layers show a run.
        own: labels and other layers that the user has put on the image, and results that the user
            has renamed, with their heights.
    """

    def __init__(self, image: Image) -> None:
        self.image: Image | None = image
        self.run: Run | None = None
        self.by_runs: set[str] = set()
        self.own: weakref.WeakKeyDictionary[Layer, int] = weakref.WeakKeyDictionary()
        # By role: the layer, and the name that it was given; None while it is being added.
        self._roles: dict[str, tuple[Layer, str | None]] = {}
        # Visibility of the layers that are hidden because another image is chosen.
        self._aside: weakref.WeakKeyDictionary[Layer, bool] = weakref.WeakKeyDictionary()
        self.chosen = True
        self._was: Scan | None = None
        self._former: weakref.ref[Image] | None = None
        self._view: View | None = None
        self._matrix = matrix_of(image)
        self._active: weakref.ref[Layer] | None = None

    def get(self, role: str) -> Layer | None:
        """Return the layer in a role; one that the user has renamed is the user's own."""
        layer, name = self._roles.get(role, (None, None))
        return layer if layer is not None and name in (None, layer.name) else None

    def target(self) -> Labels | None:
        """Return the image's target; of one with a layer for each structure, the first.

        If the user has renamed or removed one of these layers, they are the user's own.
        """
        layers = [self.get(role) for role in self.roles() if is_target(role)]
        found = next((each for each in map(set_of, layers) if each is not None), None)
        if found is None:
            return next((layer for layer in layers if isinstance(layer, Labels)), None)
        there = found.layers
        ours = found.whole and all(any(x is layer for layer in layers) for x in there)
        return there[0] if ours else None

    def put(self, role: str, layer: Layer) -> None:
        """Let a layer have a role; the one before it, if it was renamed, stays as the user's."""
        before, _ = self._roles.get(role, (None, None))
        if before is not None and before is not layer and self.get(role) is None:
            self.own[before] = self.height(role)
        self._roles[role] = (layer, None)

    def named(self, role: str) -> None:
        """Note the name that a layer has got: from now on another name makes it the user's."""
        layer, _ = self._roles[role]
        self._roles[role] = (layer, layer.name)

    def drop(self, role: str) -> None:
        """Let no layer have a role."""
        self._roles.pop(role, None)

    def close(self) -> None:
        """Note that the image has left the viewer."""
        known = None if self.image is None else known_scan(self.image)
        if known is None and self.run is not None:
            known = self.run.example.clean
        self._was = known
        self._former = None if self.image is None else weakref.ref(self.image)
        self.image = None

    def belongs_to(self, image: Image) -> bool:
        """Return whether an image is or was this group's."""
        return self.image is image or (self._former is not None and self._former() is image)

    def was_of(self, layer: Image) -> bool:
        """Return whether a layer shows the image that has left the viewer."""
        return self.image is None and self._was is not None and is_of(layer, self._was)

    def forget(self, layer: Layer) -> None:
        """Forget a layer that has left the viewer."""
        self._roles = {role: had for role, had in self._roles.items() if had[0] is not layer}
        self.own.pop(layer, None)
        self._aside.pop(layer, None)

    def role_of(self, layer: Layer) -> str | None:
        """Return the role of a layer."""
        return next((role for role in self._roles if self.get(role) is layer), None)

    def roles(self) -> tuple[str, ...]:
        """List the roles that layers have."""
        return tuple(role for role in self._roles if self.get(role) is not None)

    @staticmethod
    def height(role: str) -> int:
        """Return how high a role's layer lies above the image."""
        return HEIGHTS.get(TARGET if is_target(role) else role, BETWEEN)

    def heights(self) -> dict[Layer, int]:
        """Return all layers of the group, also renamed ones, with their heights."""
        found: dict[Layer, int] = {} if self.image is None else {self.image: 0}
        found |= dict(self.own)
        return found | {layer: self.height(role) for role, (layer, _) in self._roles.items()}

    def __contains__(self, layer: Layer) -> bool:
        return any(layer is each for each in self.heights())

    def see(self, layer: Layer, visible: bool) -> None:
        """Make a layer visible or not; while another image is chosen, once this one is again."""
        if self.chosen:
            layer.visible = visible
        else:
            self._aside[layer] = visible

    def rename(self) -> None:
        """Give the layers the image's present name."""
        for role in self.roles() if self.image is not None else ():
            layer, _ = self._roles[role]
            self._roles[role] = (layer, None)
            layer.name = layer_name(str(self.image), role)
            self.named(role)

    def move(self) -> None:
        """Move the layers that lay exactly on the image to where it lies now."""
        image, before = self.image, self._matrix
        if image is None:
            return
        self._matrix = matrix_of(image)
        if self._matrix.shape != before.shape:
            return
        for layer in self.heights():
            if layer is not image and layer.ndim == image.ndim and _lies(layer, before):
                put_like(layer, image)

    def set_aside(self, viewer: ViewerModel) -> None:
        """Hide everything, and remember what was visible."""
        if self.chosen:
            active = viewer.layers.selection.active
            self._view = View.of(viewer)
            self._active = weakref.ref(active) if active is not None and active in self else None
        self.chosen = False
        for layer in self.heights():
            if layer in viewer.layers:
                self.hide(layer)

    def hide(self, layer: Layer) -> None:
        """Hide one layer until the image is chosen again."""
        self._aside[layer] = self._aside.get(layer, False) or layer.visible
        layer.visible = False

    def bring_back(self, viewer: ViewerModel, sliced: bool) -> None:
        """Show again what was visible, where the user was looking; select what was selected.

        Args:
            viewer: the viewer.
            sliced: whether the viewer still slices. In 3-D, napari fails to say what is under the
                pointer in a layer that it has not sliced, such as a hidden one.
        """
        self.chosen = True
        for layer, visible in list(self._aside.items()):
            layer.visible = visible or layer.visible
        self._aside.clear()
        active = None if self._active is None else self._active()
        if active is None or active not in viewer.layers:
            active = self.image
        if self.image is not None and (self._view is None or not self._view.restore(viewer)):
            show_whole(viewer, self.image)
        known = active is None or (sliced and active.visible)
        if known or viewer.dims.ndisplay == 2:
            viewer.layers.selection.active = active


class Groups:
    """The groups of one viewer.

    Signals:
        leaving: another image is about to be chosen.
        chosen: the image that is chosen, or None.
        replaced: an image whose pixels are others from now on.
    """

    leaving = Signal()
    chosen = Signal(object)
    replaced = Signal(object)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._groups: list[Group] = []
        self.current: Group | None = None
        self._begin(viewer)
        # Last: by then napari has shown, or taken away, the layer.
        viewer.layers.events.inserted.connect(self._inserted, position="last")
        viewer.layers.events.removed.connect(self._removed, position="last")

    def _begin(self, viewer: ViewerModel) -> None:
        """Choose the uppermost image, and leave the view as it is."""
        for layer in viewer.layers:
            # A copy, which lies above its original, does not belong to the target.
            set_of(layer)
            if isinstance(layer, Image):
                self.current = self.of(layer)
        for group in self._groups:
            if group is self.current:
                group.chosen = True
            else:
                group.set_aside(viewer)

    @property
    def image(self) -> Image | None:
        """The chosen image."""
        return None if self.current is None else self.current.image

    def images(self) -> list[Image]:
        """List the images, bottom to top: layers that belong to no other image."""
        return [
            layer
            for layer in self._layers()
            if isinstance(layer, Image) and self.of(layer).image is layer
        ]

    def of(self, layer: Layer) -> Group:
        """Return the group of a layer; an image that belongs to none gets one of its own.

        That of an image that is not in the viewer is of no account: nobody else finds it.
        """
        group = self.find(layer) or self._of_channel(layer)
        if group is None and layer not in self._layers():
            return self.at(layer) or Group(layer)
        if group is None:
            group = next((g for g in self._groups if g.was_of(layer)), None)
            if group is not None:
                # The same image, opened again: what was left of it is its own.
                group.image = layer
                group.move()
                self._follow(layer)
        if group is None:
            group = Group(layer)
            group.chosen = False
            self._groups.append(group)
            self._follow(layer)
            for other in self._layers():
                if not isinstance(other, Image) and self.find(other) is None:
                    self._adopt(other)
        return group

    def _follow(self, image: Image, join: bool = True) -> None:
        """Listen, or no longer, to what happens to an image."""
        events = image.events
        moves = [(getattr(events, name), self._moved) for name in MOVES]
        for event, heard in ((events.name, self._renamed), (events.data, self._changed), *moves):
            (event.connect if join else event.disconnect)(heard)

    def _of_channel(self, layer: Layer) -> Group | None:
        """Let a further channel of an image of several belong to that image, if it is there."""
        joint = layer.metadata.get(JOINED)
        for group in self._groups if joint is not None else ():
            if group.image is not None and known_scan(group.image) is joint:
                group.own[layer] = Group.height(CHANNEL)
                return group
        return None

    def find(self, layer: Layer) -> Group | None:
        """Return the group that a layer belongs to, if any."""
        return next((group for group in self._groups if layer in group), None)

    def at(self, image: Image) -> Group | None:
        """Return the group of an image, also after the image was closed."""
        return next((group for group in self._groups if group.belongs_to(image)), None)

    def showing(self, run: Run) -> Group | None:
        """Return the group whose layers show a run."""
        return next((group for group in self._groups if group.run is run), None)

    def choose(self, image: Image | None, sliced: bool = True) -> None:
        """Show an image with its layers, where it was left, and hide those of other images.

        Args:
            image: None: no image. One that has left the viewer is not chosen: whoever asks for it,
                at the end of a job for instance, asks too late.
            sliced: whether the viewer still slices its layers.
        """
        viewer = self._viewer()
        if image is not None and image not in self._layers():
            return
        group = None if image is None else self.of(image)
        if viewer is None or group is self.current:
            return
        self.leaving.emit()
        # All of them know of each other before anything is hidden.
        for other in self._layers():
            if isinstance(other, Image):
                self.of(other)
        self.current = group
        for each in self._groups:
            if each is not group:
                each.set_aside(viewer)
        if group is not None:
            group.bring_back(viewer, sliced)
        self.chosen.emit(self.image)

    def place(self, group: Group, role: str) -> int:
        """Return where in the viewer's list a layer of a role belongs."""
        layers, height = list(self._layers()), group.height(role)
        below = [layers.index(x) for x, h in group.heights().items() if h <= height and x in layers]
        return max(below, default=len(layers) - 1) + 1

    def _layers(self) -> Any:
        viewer = self._viewer()
        return () if viewer is None else viewer.layers

    def _inserted(self, event: Any) -> None:
        layer = event.value
        if layer not in self._layers():
            return
        structures = set_of(layer)
        if structures is not None:
            structures.set_gone(layer, False)
        if isinstance(layer, Image):
            if self.of(layer).image is layer:
                self.choose(layer)
            return
        group = self.find(layer)
        if group is not None and not group.chosen:
            group.hide(layer)
        elif group is None:
            self._adopt(layer)
            group = self.find(layer)
            if group is not None:
                self.choose(group.image)

    def _removed(self, event: Any) -> None:
        layer, layers = event.value, self._layers()
        structures = set_of(layer)
        if structures is not None and layer not in layers:
            structures.set_gone(layer, True)
        group = self.find(layer)
        if group is None or layer in layers:
            return
        group.forget(layer)
        image = group.image
        if image is None or image is not layer:
            return
        self._follow(image, join=False)
        left = [x for x in self.images() if x is not layer]
        group.close()
        self._groups = [g for g in self._groups if any(x in layers for x in g.heights())]
        if group is self.current and left:
            # Perhaps the viewer is being closed: it removes its layers, but slices none any more.
            self.choose(left[-1], sliced=False)
        elif group is self.current:
            # What is left of the last image stays in view, and so do its run's figures.
            self.current = None
            self.chosen.emit(None)

    def _renamed(self, event: Any) -> None:
        image = getattr(event, "source", None)
        group = self.find(image) if isinstance(image, Image) else None
        if group is not None and group.image is image:
            group.rename()

    def _moved(self, event: Any) -> None:
        group = self.at(event.source)
        if group is not None and group.image is event.source:
            group.move()

    def _changed(self, event: Any) -> None:
        image = event.source
        known = known_scan(image)
        if known is None or not same_pixels(image, known.singles[0]):
            self.replaced.emit(image)

    def own(self, layer: Layer, image: Image) -> None:
        """Let a layer of the user's belong to an image; call it before the layer is added."""
        self.of(image).own[layer] = Group.height(TARGET)

    def _adopt(self, layer: Layer) -> None:
        """Let a user's layer belong to the image that it lies on, the chosen one before others."""
        others = [group for group in reversed(self._groups) if group is not self.current]
        for group in (self.current, *others):
            image = None if group is None else group.image
            if image is not None and lies_on(layer, image):
                self.own(layer, image)
                return


def is_of(layer: Image, scan: Scan) -> bool:
    """Return whether a layer shows a scan, or another scan of the same content."""
    known = known_scan(layer)
    return known is not None and shows(layer, known.singles[0]) and known.same_as(scan)


def _lies(layer: Layer, matrix: Array) -> bool:
    own = matrix_of(layer)
    return own.shape == matrix.shape and np.allclose(own, matrix, atol=1e-6)


def lies_on(layer: Layer, image: Image) -> bool:
    """Return whether a layer is drawn on an image: labels pixel for pixel, others on its axes."""
    if not isinstance(layer, Labels):
        return bool(layer.ndim == image.ndim)
    shape = image.data.shape[:-1] if image.rgb else image.data.shape
    return bool(layer.data.shape == shape) and same_place(layer, image)
