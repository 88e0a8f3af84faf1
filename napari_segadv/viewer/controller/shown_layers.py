"""The layers that a controller has put into its viewer: one for each role of each image."""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from ..layers.convert import (
    channel_tuples,
    image_tuple,
    known_scan,
    looking_like,
    same_pixels,
)
from ..layers.fields import FIELDS
from ..layers.names import (
    ADVERSARIAL,
    BECOMES,
    CLEAN,
    CLICKS,
    JOINED,
    KEY,
    NOISE,
    TARGET,
    LayerTuple,
    is_target,
    layer_name,
    of_channel,
    of_structure,
)
from ..layers.places import placed_like
from ..layers.refill import refill, takes
from ..layers.structure_layers import raise_all, set_of, split, structure_of
from ..layers.task_view import view_of
from .groups import Group, Groups, is_of
from .runs import Run

if TYPE_CHECKING:
    from ...data.scan import Scan
    from ...results.example import Example


# Width of a target's contours, in pixels of the image, and how much wider those below may be.
CONTOUR, WIDER = 2, 2
# How the roles of further channels' layers begin.
FURTHER = (of_channel(ADVERSARIAL, ""), of_channel(NOISE, ""))


def unwrapped(viewer: ViewerModel) -> ViewerModel:
    """Return the viewer itself: napari gives plugins a proxy, whose layers are proxies too."""
    return getattr(viewer, "__wrapped__", viewer)


class ShownLayers:
    """Layers by image and role. The user may remove or move them; a renamed one is the user's.

    Attributes:
        groups: the images, and the one that is chosen.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self.groups = Groups(viewer)
        viewer.dims.events.ndisplay.connect(self._turned)

    def _turned(self, event: Any = None) -> None:
        """Give the pointer a view direction, which otherwise it gets when it is first moved in 3-D.

        Until then napari 0.9 fails to look up the label under the pointer in a layer with class
        names, and so fails whenever such a layer is selected.
        """
        viewer = self._viewer()
        if viewer is None or viewer.dims.ndisplay != 3 or viewer.cursor._view_direction is not None:
            return
        camera, dims = viewer.scene.camera, viewer.dims
        viewer.cursor._view_direction = camera.calculate_nd_view_direction(
            dims.ndim, dims.displayed
        )

    @property
    def layers(self) -> Any:
        """The viewer's list of layers; empty if the viewer is gone."""
        viewer = None if self.closed else self._viewer()
        return () if viewer is None else viewer.layers

    @property
    def closed(self) -> bool:
        """Whether the viewer or its window is gone."""
        viewer = self._viewer()
        window = getattr(viewer, "window", None)
        return viewer is None or (window is not None and not hasattr(window, "_qt_window"))

    def get(self, role: str, image: Image | None = None) -> Layer | None:
        """Return an image's layer in a role, unless it was removed or renamed.

        Args:
            role: one of `layers.names`, or a panel's own.
            image: None: the chosen one.
        """
        group = self.groups.current if image is None else self.groups.at(image)
        if group is None:
            return None
        layer = group.target() if role == TARGET else group.get(role)
        return layer if layer in self.layers else None

    def made(self, layer: Layer) -> bool:
        """Return whether a layer is a result. A target is not, nor are clicks."""
        role = self._role(layer)
        return role not in (None, CLICKS) and not is_target(role)

    def _role(self, layer: Layer) -> str | None:
        group = self.groups.find(layer)
        return None if group is None or layer not in self.layers else group.role_of(layer)

    def show(self, image: Image, role: str, made: LayerTuple) -> Layer:
        """Add a layer at its place above an image, instead of the one that has this role."""
        data, keywords, kind = made
        group, old = self.groups.of(image), self.get(role, image)
        visible = keywords.get("visible", True)
        name = layer_name(str(image), role)
        if old is not None:
            self.layers.remove(old)
        new = Layer.create(
            data, {**keywords, "name": name, "visible": visible and group.chosen}, kind
        )
        # Before it is added, since listeners to `inserted` ask whose it is.
        group.put(role, new)
        self.layers.insert(self.groups.place(group, role), new)
        group.named(role)
        group.see(new, visible)
        return new

    def show_beside(self, image: Image, role: str, made: LayerTuple, keep: bool = False) -> Layer:
        """Show a layer exactly where an image is; the adversarial image also gets its look.

        Args:
            image: gives the place.
            role: under which `get` finds the layer.
            made: the layer.
            keep: if a layer is refilled, leave it visible or hidden, as the user has set it.
        """
        group, old = self.groups.of(image), self.get(role, image)
        group.by_runs.discard(role)
        data, keywords, kind = made
        look = looking_like(image) if role == ADVERSARIAL else {}
        made = (data, {**look, **keywords}, kind)
        # A target is never refilled: others may hold the old layer, on which the user has painted.
        if old is None or is_target(role) or not takes(old, image, made):
            return self.show(image, role, (data, {**made[1], **placed_like(image)}, kind))
        refill(old, made)
        self._raise(image, old, role)
        if not keep:
            group.see(old, keywords.get("visible", True))
        return old

    def _raise(self, image: Image, layer: Layer, role: str) -> None:
        """Move a layer back to its place if the user has moved it below its image."""
        if self.layers.index(layer) < self.layers.index(image):
            self.layers.move(
                self.layers.index(layer), self.groups.place(self.groups.of(image), role)
            )

    def show_example(
        self, image: Image, example: "Example", made: Mapping[str, LayerTuple]
    ) -> Iterator[None]:
        """Show an example beside its image, in place of the one before, one layer at a time.

        Each new layer takes napari a tenth of a second or more, so a preview's layers are reused.
        Ends early if the image is removed.
        """
        if image not in self.layers:
            return
        group = self.groups.of(image)
        for preview, role in BECOMES.items():
            self._take_over(group, preview, role)
        others = {role for role in group.by_runs if role.startswith(FURTHER)}
        self.remove(*(FIELDS | others) - made.keys(), image=image)
        for role, one in made.items():
            if image not in self.layers:
                return
            self.show_beside(image, role, one, role in group.by_runs and role != ADVERSARIAL)
            group.by_runs.add(role)
            yield
        # A view that was computed before the run may lie below the adversarial image.
        self._above(image, CLEAN, ADVERSARIAL)
        if view_of(example.task.name).on_top:
            self.lift(image, *made)

    def _above(self, image: Image, role: str, other: str) -> None:
        """Move a layer to its place if another one, which belongs below, lies above it."""
        layer, below = self.get(role, image), self.get(other, image)
        layers = self.layers
        if layer is not None and below is not None and layers.index(layer) < layers.index(below):
            layers.move(layers.index(layer), self.groups.place(self.groups.of(image), role))

    def _take_over(self, group: Group, preview: str, role: str) -> None:
        """Turn a preview's layer into a result's, unless an earlier run has one."""
        layer = group.get(preview)
        if layer is None or layer not in self.layers or self.get(role, group.image) is not None:
            return
        group.drop(preview)
        group.put(role, layer)
        layer.name = layer_name(str(group.image), role)
        group.named(role)

    def still(self, image: Image | None, scan: "Scan") -> bool:
        """Return whether an image is in the viewer, and its pixels are still those of its scan."""
        return image in self.layers and same_pixels(image, scan.singles[0])

    def image_of(self, run: Run) -> Image:
        """Return the layer of a run's clean image; open it again if it was closed or replaced."""
        layer, scan = run.image, run.example.clean
        if not self.still(layer, scan):
            layer = next((x for x in self.groups.images() if is_of(x, scan)), None)
            if layer is None:
                data, keywords, _ = image_tuple(scan)
                layer = Image(data, **keywords)
                # At the bottom: it would hide the layers that belong on it.
                self.layers.insert(0, layer)
            run.image = layer
        joint = known_scan(layer)
        for n, each in enumerate([] if joint is None else channel_tuples(joint), start=1):
            if self.clean_of(run, n) is None:
                self.layers.insert(self.layers.index(layer) + 1, Layer.create(*each))
        return layer

    def clean_of(self, run: Run, channel: int) -> Image | None:
        """Return the layer of one channel of a run's clean image, unless it was removed."""
        return None if run.image is None else self.channel_of(run.image, channel)

    def channel_of(self, image: Image, channel: int) -> Image | None:
        """Return the layer of one of an image's channels, from 0, unless it was removed."""
        group = self.groups.at(image)
        if channel == 0 or group is None:
            return image if image in self.layers else None
        joint = known_scan(image)
        for layer in group.own if joint is not None else ():
            part = layer.metadata.get(KEY)
            mine = layer.metadata.get(JOINED) is joint and part is joint.parts[channel]
            if mine and isinstance(layer, Image) and layer in self.layers:
                return layer
        return None

    def see_channel(self, run: Run) -> None:
        """Show the run's channel, and hide its other channels' images and noise."""
        image = run.image
        if image is None or image not in self.layers or not run.channels:
            return
        group = self.groups.of(image)
        numbers = range(len(run.channels))
        noises = [self.get(run.role(NOISE, n), image) for n in numbers]
        noisy = any(layer is not None and layer.visible for layer in noises)
        for n in numbers:
            on = n == run.channel
            clean, changed = self.clean_of(run, n), self.get(run.role(ADVERSARIAL, n), image)
            for layer, visible in ((clean, on), (changed, on), (noises[n], on and noisy)):
                if layer is not None:
                    group.see(layer, visible)

    def remove(self, *roles: str, image: Image | None = None) -> None:
        """Remove an image's layers in some roles, unless they were removed or renamed.

        Args:
            roles: of the layers.
            image: None: the chosen one.
        """
        group = self.groups.current if image is None else self.groups.at(image)
        if group is not None:
            self._take_away(group, roles)

    def _take_away(self, group: Group, roles: Iterable[str]) -> bool:
        """Remove layers of a group by their roles; return whether there were any."""
        # A target's first layer stands for all of them.
        found = (group.target() if role == TARGET else group.get(role) for role in roles)
        there = [layer for layer in found if layer is not None and layer in self.layers]
        if there:
            # At once: napari collects garbage after each removal, which takes 0.3 s.
            with self.layers.batched_update():
                for layer in there:
                    self.layers.remove(layer)
        return bool(there)

    def show_target(self, image: Image, made: LayerTuple) -> Labels:
        """Show a target on an image, as a layer for each structure if they may overlap.

        The layers of the one before become the user's own, under other names.

        Returns:
            The layer, or the first of them.
        """
        self._release_target(image)
        shown, tuples = {}, split(made)
        sizes = [np.count_nonzero(data) for data, _, _ in tuples]
        # The smaller on top of the larger, in which they may lie. Where their borders meet, the
        # wider line of the larger one is seen beside that of the smaller.
        order = sorted(range(len(tuples)), key=lambda k: -sizes[k])
        for above, place in zip(reversed(range(len(order))), order, strict=True):
            structure = structure_of(tuples[place])
            role = TARGET if structure is None else of_structure(TARGET, structure)
            while self.groups.of(image).get(role) is not None:
                role += "'"
            layer = self.show_beside(image, role, tuples[place])
            assert isinstance(layer, Labels)
            layer.contour = CONTOUR + min(above, WIDER)
            shown[place] = layer
        return shown[0]

    def _release_target(self, image: Image) -> None:
        """Let a target become the user's own, under another name, and free its roles."""
        group = self.groups.of(image)
        for role in filter(is_target, group.roles()):
            layer = group.get(role)
            if layer is None or layer not in self.layers:
                continue
            group.own[layer] = group.height(role)
            group.drop(role)
            own = role.removeprefix(TARGET)
            layer.name = f"{layer.name.removesuffix(own)} (earlier){own}"

    def remove_example(self, group: Group, *more: str) -> bool:
        """Remove the layers of the example that is shown on an image, and those in more roles.

        Returns:
            Whether there were any.
        """
        there = self._take_away(group, {*group.by_runs, *more})
        group.by_runs.clear()
        group.run = None
        return there

    def lift(self, image: Image, *roles: str) -> None:
        """Put an image's layers in some roles in the order of their heights."""
        group = self.groups.of(image)
        for role in sorted(roles, key=group.height):
            layer = self.get(role, image)
            if layer is not None:
                at = self.layers.index(layer)
                self.layers.move(at, self.groups.place(group, role))

    def select(self, layer: Layer, *, on_top: bool = False) -> None:
        """Make a layer the active one, if it is still there and its image is chosen."""
        group = self.groups.find(layer)
        if layer not in self.layers or (group is not None and not group.chosen):
            return
        if on_top:
            raise_all(self.layers, layer)
            # Who has painted a structure of a target goes on with it.
            found = set_of(layer)
            layer = layer if found is None else found.layer_of(found.label) or layer
        self.layers.selection.active = layer
