"""Shows an opened session in a viewer: its images, labels, boxes and runs, then its victim."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer

from ...common.wording import counted
from ..controller.controller import Controller
from ..controller.runs import Run
from ..controller.victim_jobs import PRESENT
from ..layers.convert import channel_tuples, image_tuple, mask_tuple
from ..layers.names import TARGET, LayerTuple
from ..layers.places import placed_like
from ..layers.structure_layers import raise_all, split
from .session_layers import boxes_tuple
from .session_victim import SessionVictim

if TYPE_CHECKING:
    from ...results.session.session import Session, SessionBoxes, SessionImage, SessionLabels

Placed = list[tuple[LayerTuple, Any]]


def image_tuples(images: "Sequence[SessionImage]") -> list[LayerTuple]:
    """Return layers of a session's images, with the windows that they were shown in."""
    found = []
    for image in images:
        data, keywords, kind = image_tuple(image.scan, image.name)
        if image.window is not None and not image.scan.colour:
            keywords["contrast_limits"] = image.window
        found.append((data, keywords, kind))
    return found


def painted_tuples(
    labels: "Sequence[SessionLabels]", boxes: "Sequence[SessionBoxes]"
) -> list[LayerTuple]:
    """Return layers of the painted labels and the drawn boxes."""
    found = [mask_tuple(one.mask, one.name) for one in labels]
    return found + [boxes_tuple(one.boxes, one.name) for one in boxes]


class SessionOpening:
    """Adds a session to what a viewer shows; the user's own layers stay unchanged.

    Args:
        controller: the viewer's.
        victim: loads the session's victim.
        report: gets one line when the images and runs are shown.
    """

    def __init__(
        self, controller: Controller, victim: SessionVictim, report: Callable[[str], None]
    ) -> None:
        self._controller, self._victim, self._report = controller, victim, report
        self._awaited: Run | None = None
        self._awaited_victim: Any = None
        self._target: Layer | None = None
        self._dropped = False
        controller.runs.chosen.connect(self._chosen)

    def drop(self) -> None:
        """Show nothing more."""
        self._dropped = True
        self._controller.runs.chosen.disconnect(self._chosen, missing_ok=True)

    def show(self, session: "Session", images: list[LayerTuple], painted: list[LayerTuple]) -> None:
        """Show a session, one layer at a time.

        Args:
            session: as read from its folder.
            images: its `image_tuples`.
            painted: its `painted_tuples`.
        """
        shown: list[Any] = []
        pieces = self._layers(session, images, painted, shown)
        self._controller.jobs.unfold(
            "opening the session", pieces, lambda: self._runs(session, shown)
        )

    def added(self, layer_tuple: LayerTuple, on: Image | None = None) -> Any:
        """Add a layer to the viewer, on an image if one is given, and return it."""
        data, keywords, kind = layer_tuple
        layer = Layer.create(data, keywords, kind)
        if on is not None:
            self._controller.own(layer, on)
        self._controller.layers.append(layer)
        return layer

    @property
    def _over(self) -> bool:
        return self._dropped or self._controller.closed

    def _layers(
        self,
        session: "Session",
        images: list[LayerTuple],
        painted: list[LayerTuple],
        shown: list[Any],
    ) -> Iterator[None]:
        for tuple_, image in zip(images, session.images, strict=True):
            if self._over:
                return
            shown.append(self.added(tuple_))
            for each in channel_tuples(image.scan, image.name):
                self.added(each)
            yield
        places: tuple[Any, ...] = (*session.labels, *session.boxes)
        for number, (tuple_, one) in enumerate(zip(painted, places, strict=True)):
            if self._over:
                return
            beside = None if one.image is None else shown[one.image]
            target = number < len(session.labels) and session.labels[number].target
            self._place(tuple_, beside, target)
            if number == session.target and beside is not None:
                self._target = self._controller.shown(TARGET, beside)
            yield
        for clicked in session.clicks:
            if self._over:
                return
            if shown[clicked.image] in self._controller.layers:
                self._controller.clicks.restore(shown[clicked.image], clicked.data)
            yield

    def _runs(self, session: "Session", shown: list[Any]) -> None:
        if self._over:
            return
        layers = {id(i.scan): layer for i, layer in zip(session.images, shown, strict=True)}
        runs = []
        for one in session.runs:
            layer = layers.get(id(one.example.clean))
            run = self._controller.runs.add(one.example, layer, one.name)
            run.verdicts.update(one.verdicts)
            run.saved = True
            runs.append(run)
        if session.present in PRESENT:
            self._controller.victims.show_as(session.present)
        self._controller.choice = session.choice
        self._controller.choice_opened.emit(session.choice)
        counts = f"{counted(len(runs), 'run')}, {counted(len(shown), 'image')}"
        self._report(f"session opened: {counts}")
        if session.chosen is not None:
            self._controller.choose(shown[session.chosen])
        if session.shown is None:
            self._victim.load(session.victim)
        else:
            self._awaited, self._awaited_victim = runs[session.shown], session.victim
            self._controller.show_run(runs[session.shown])

    def _place(self, layer_tuple: LayerTuple, beside: Image | None, target: bool) -> None:
        """Show labels or boxes on their image."""
        data, keywords, kind = layer_tuple
        if beside is not None and target:
            # The image, opened again, may have a target, which is the user's work.
            self._controller.victims.show_target(beside, layer_tuple, anew=True)
        else:
            place = {} if beside is None else placed_like(beside)
            for each in split((data, {**keywords, **place}, kind)):
                self.added(each, beside)

    def _chosen(self, run: Run | None) -> None:
        """Once the session's run is shown, put its target on top, then load its victim."""
        if run is None or run is not self._awaited:
            return
        self._awaited = None
        layers, target, self._target = self._controller.layers, self._target, None
        if isinstance(target, Labels) and target in layers:
            raise_all(layers, target)
            layers.selection.active = target
        self._victim.load(self._awaited_victim)
