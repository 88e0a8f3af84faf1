"""The clicks on a viewer's images: their layers, and the victim that is shown them. Without Qt."""

import json
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.layers import Image, Points
from psygnal import Signal

from ...common.wording import counted
from ...errors import SegadvError
from ..layers.clicks import Kind, Places, clicks_in, clicks_tuple, kinds_of, offer, recolour, snap
from ..layers.convert import scan_of
from ..layers.names import CLEAN, CLICKS
from .shown_layers import ShownLayers

if TYPE_CHECKING:
    from ...victims.shown import Takes
    from ...victims.victim import Victim

POINTS, CLASSES = "points", "classes"
FLAT_ONLY = "clicks can be made in 2-D only; switch off 3-D"
NO_CLICKS = "the model takes no clicks"
SINGLE = "the model takes clicks on single images only; save one slice as an image"
# Victims with clicks that are kept for each image: those between which a user goes back and forth.
KEPT = 4

Clicked = dict[str, list[list[int]]]


class Clicks:
    """The clicks of one viewer. They belong to their image, whichever model is loaded.

    Signals:
        changed: the clicks of an image have changed, came or went, or what they may lie on.
        refused: why a click was not taken.
    """

    changed = Signal()
    refused = Signal(str)

    def __init__(
        self, viewer: ViewerModel, shown: ShownLayers, soon: Callable[[Callable[[], None]], None]
    ) -> None:
        """Follow the clicks of a viewer.

        Args:
            viewer: the viewer.
            shown: its layers.
            soon: calls something once the window has handled its events.
        """
        self._viewer, self._shown, self._soon = weakref.ref(viewer), shown, soon
        self._victim: Victim | None = None
        self.takes: Takes | None = None
        self._file = False
        # By image: the victim that is shown clicks, by the clicks.
        self._guided: weakref.WeakKeyDictionary[Image, dict[str, Victim]]
        self._guided = weakref.WeakKeyDictionary()
        # By image: the hash of the victim that made its prediction, and what that was shown.
        self._predicted: weakref.WeakKeyDictionary[Image, tuple[str, Mapping[str, Any]]]
        self._predicted = weakref.WeakKeyDictionary()
        # By layer: the clicks that listeners know of.
        self._told: weakref.WeakKeyDictionary[Points, Any] = weakref.WeakKeyDictionary()
        viewer.layers.events.removed.connect(self._gone)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What the victim's clicks can lie on; empty if it takes none."""
        if self._victim is None or self.takes is None:
            return ()
        return kinds_of(self.takes.structures, self._victim.classes)

    def follow(self, victim: Any) -> None:
        """Let the clicks be for another victim; None: for none."""
        from ...victims.shown import Takes, is_guided

        self._victim = victim
        self.takes = None if victim is None else Takes.of(victim)
        self._file = victim is not None and is_guided(victim)
        self._guided.clear()
        for image in self._shown.groups.images():
            layer = self.layer(image)
            if layer is not None and self.kinds:
                offer(layer, self.kinds)
        self.changed.emit()

    def layer(self, image: Image | None) -> Points | None:
        """Return the layer of an image's clicks, unless it was removed or renamed."""
        layer = None if image is None else self._shown.get(CLICKS, image)
        return layer if isinstance(layer, Points) else None

    def on(self, image: Image | None) -> Clicked | None:
        """Return the clicks on an image by structure, in its pixels; None: it has no such layer."""
        layer = self.layer(image)
        return None if layer is None or image is None else clicks_in(layer, image)

    def being_made(self, image: Image) -> Points | None:
        """Return the layer of an image's clicks if the user is making some."""
        viewer, layer = self._viewer(), self.layer(image)
        active = None if viewer is None else viewer.layers.selection.active
        if layer is None or layer.mode != "add":
            return None
        return layer if layer is active else None

    def begin(self, image: Image) -> Points:
        """Return the layer of an image's clicks; the first time, with those of the victim's file.

        Raises:
            SegadvError: if the victim takes no clicks on the image.
        """
        from ...victims.shown import clicks_on

        found, why = self.layer(image), self.why_not(image)
        if why or self._victim is None:
            raise SegadvError(why)
        if found is not None:
            return found
        places = clicks_on(self._victim, scan_of(image))
        sha256, before = self._predicted.get(image, ("", {}))
        if self._file and sha256 == self._victim.sha256 and POINTS not in before:
            # They are those that the prediction was made with.
            self._predicted[image] = (sha256, {**before, POINTS: _filled(places)})
        return self.show(image, places)

    def show(self, image: Image, places: Places) -> Points:
        """Show clicks on an image, in place of others."""
        kinds = self.kinds or kinds_of(list(places) or [""], ())
        before = self.layer(image)
        if before is not None:
            # A layer that is gone has nothing to say.
            self._listen(before, False)
        layer = self._shown.show_beside(image, CLICKS, clicks_tuple(places, kinds, image))
        assert isinstance(layer, Points)
        self._told[layer] = clicks_in(layer, image)
        self._listen(layer, True)
        self.changed.emit()
        return layer

    def restore(self, image: Image, shown: Any) -> None:
        """Show the clicks of a saved run or session on an image that has none.

        Args:
            image: the image.
            shown: as the record has it; from a file, it may hold anything.
        """
        if not isinstance(shown, Mapping) or POINTS not in shown or self.layer(image) is not None:
            return
        from ...victims.shown import points_in

        try:
            self.show(image, points_in(shown, image.ndim))
        except SegadvError:
            # A record of an image of another kind, which was changed by hand.
            return

    def why_not(self, image: Image | None) -> str:
        """Return why the victim takes no clicks on an image; "" if it does."""
        if self._victim is None or image is None or not self.kinds:
            return NO_CLICKS
        flat = self._victim.dims == 2 and not self._victim.volumewise
        return SINGLE if flat and image.ndim == 3 else ""

    def shown(self, victim: "Victim", image: Image) -> "Victim":
        """Return a victim that is shown the clicks on an image; itself if it takes none there.

        Raises:
            SegadvError: if it needs some, or one lies elsewhere.
        """
        if victim is not self._victim:
            return victim
        lacking = self.missing(image)
        if lacking:
            raise SegadvError(lacking)
        found = self._content(image)
        if found is None:
            return victim
        from ...victims.shown import shown_to

        known, key = self._guided.setdefault(image, {}), json.dumps(found)
        if key not in known:
            while len(known) >= KEPT:
                known.pop(next(iter(known)))
            known[key] = shown_to(victim, found)
        return known[key]

    def _content(self, image: Image | None) -> dict[str, Any] | None:
        """Return the clicks on an image as `shown_to` takes them; None: as the file says."""
        clicks = None if self.why_not(image) else self.on(image)
        # A model that does without is itself without clicks.
        return None if clicks is None or not (clicks or self._file) else {POINTS: clicks}

    def missing(self, image: Image | None) -> str:
        """Return what has to be done before the victim can be used on an image; "" for nothing."""
        if self.takes is None or image is None:
            return ""
        if self.takes.mask:
            return "" if self._file else "the model needs the mask of an object, in a JSON file"
        if not self.kinds:
            return ""
        why = self.why_not(image)
        if why:
            return why if self.takes.needed or self._file else ""
        clicks = self.on(image)
        if self.takes.needed and not (self._file if clicks is None else clicks):
            return f"press Add clicks, then click on {self.kinds[0].title}"
        return self._wrong(clicks or {}, image)

    def _wrong(self, clicks: Clicked, image: Image) -> str:
        """Say which click can't be taken; "" if all can."""
        shape, known = image.data.shape[: image.ndim], {kind.name for kind in self.kinds}
        for name, points in clicks.items():
            if name not in known:
                return f"the model takes no clicks on {name or 'objects'}: change or delete them"
            for point in points:
                if any(not 0 <= p < n for p, n in zip(point, shape, strict=False)):
                    return f"a click lies outside the image, at {', '.join(map(str, point))}"
        return ""

    def text(self, image: Image | None) -> str:
        """Say how many clicks an image has, and whether they have changed since the prediction."""
        clicks = self.on(image)
        titles = {kind.name: kind.title for kind in self.kinds}
        if clicks is None:
            listed = "those of the model's file" if self._file else "none"
        elif len(titles) == 1:
            listed = counted(sum(map(len, clicks.values())), "click")
        else:
            parts = (f"{titles.get(name, name)} {len(some)}" for name, some in clicks.items())
            listed = ", ".join(parts) or "none"
        stale = "; changed since the prediction: press Predict" if self.stale(image) else ""
        return f"{listed}{stale}"

    def note(self, image: Image, sha256: str, shown: Any) -> None:
        """Note which victim, shown what, has made the clean prediction on an image."""
        self._predicted[image] = (sha256, _known(shown))
        self.changed.emit()

    def stale(self, image: Image | None) -> bool:
        """Return whether what the victim is shown has changed since the prediction on an image."""
        if image is None or self._victim is None or self._shown.get(CLEAN, image) is None:
            return False
        sha256, before = self._predicted.get(image, ("", {}))
        now = _known({**self._victim.shown, **(self._content(image) or {})})
        return self._victim.sha256 == sha256 and before != now

    def write(self, image: Image, path: Path) -> None:
        """Write the clicks on an image as the JSON of a model with clicks.

        Raises:
            SegadvError: if there are none, the model has no file, or it can't be written.
        """
        from ...victims.loading.formats.guided import write

        content, model = self._content(image), getattr(self._victim, "path", None)
        if not content or not content[POINTS]:
            raise SegadvError("there are no clicks to save; press Add clicks")
        if model is None:
            raise SegadvError("the model has no file that a JSON could name")
        # Without a structure's name, the file has a list.
        points = content[POINTS]
        write(path, model, {POINTS: points[""] if set(points) == {""} else points})

    def _listen(self, layer: Points, join: bool) -> None:
        events = layer.events
        # The features table emits no event when it is edited: the next mouse move shows it.
        pairs: tuple[tuple[Any, Callable[..., None]], ...] = (
            (events.data, self._added),
            (events.features, self._edited),
            (events.highlight, self._edited),
            (events.feature_defaults, self._chosen),
            (events.name, self._chosen),
            (events.mode, self._chosen),
        )
        for event, slot in pairs:
            (event.connect if join else event.disconnect)(slot)

    def _added(self, event: Any) -> None:
        """Put a click that was made on the canvas onto the slice; take it back in 3-D."""
        viewer, layer = self._viewer(), event.source
        group = self._shown.groups.find(layer)
        image = None if group is None else group.image
        made = str(getattr(event, "action", "")) == "added" and layer.mode == "add"
        if not made or viewer is None or image is None:
            return
        new = [int(index) % len(layer.data) for index in event.data_indices]
        if viewer.dims.ndisplay == 3:
            self.refused.emit(FLAT_ONLY)
            # Later: napari has yet to select them.
            self._soon(lambda: self._take_back(layer, new))
        else:
            snap(layer, image, viewer.dims, new)

    def _take_back(self, layer: Points, indices: list[int]) -> None:
        if layer in self._shown.layers:
            layer.remove([index for index in indices if index < len(layer.data)])

    def _edited(self, event: Any) -> None:
        layer = event.source
        group = self._shown.groups.find(layer)
        if group is None or group.image is None or layer not in self._shown.layers:
            return
        if layer.mode == "add" and layer.selected_data:
            # napari selects what was just added, in a colour that is none of the structures'.
            layer.selected_data = set()
        clicks = clicks_in(layer, group.image)
        if self._told.get(layer) == clicks:
            return
        self._told[layer] = clicks
        recolour(layer)
        self.changed.emit()

    def _chosen(self, event: Any) -> None:
        self.changed.emit()

    def _gone(self, event: Any) -> None:
        if isinstance(event.value, Points):
            self.changed.emit()


def _known(shown: Any) -> Mapping[str, Any]:
    """Return what counts of what a victim was shown: clicks and classes that it was asked for."""
    found = dict(shown) if isinstance(shown, Mapping) else {}
    kept = {name: found[name] for name in (POINTS, CLASSES) if name in found}
    if isinstance(kept.get(POINTS), Mapping):
        kept[POINTS] = _filled(kept[POINTS])
    return kept


def _filled(places: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return clicks in one form: lists, and no structure without any."""
    return {name: [list(one) for one in points] for name, points in places.items() if points}
