"""Shows an opened session in a viewer: its images, labels, boxes and runs, then its victim."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer

from ...common.wording import counted
from ..controller.controller import Controller
from ..controller.runs import Run
from ..layers.convert import image_tuple, mask_tuple
from ..layers.names import TARGET, LayerTuple
from ..layers.places import placed_like
from .session_layers import boxes_tuple
from .session_victim import SessionVictim

if TYPE_CHECKING:
    from ...results.session.session import Session, SessionBoxes, SessionImage, SessionLabels

Placed = list[tuple[LayerTuple, Any]]


def image_tuples(images: "Sequence[SessionImage]") -> list[LayerTuple]:
    """Layers of a session's images, in the windows that they were looked at in."""
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
    """Layers of what was painted and drawn."""
    found = [mask_tuple(one.mask, one.name) for one in labels]
    return found + [boxes_tuple(one.boxes, one.name) for one in boxes]


class SessionOpening:
    """Adds what a session holds to what a viewer shows; the user's own layers stay as they are.

    Args:
        controller: the viewer's.
        victim: loads the session's.
        said: gets a line when images and runs are there.
    """

    def __init__(
        self, controller: Controller, victim: SessionVictim, said: Callable[[str], None]
    ) -> None:
        self._controller, self._victim, self._said = controller, victim, said
        self._awaited: Run | None = None
        self._awaited_victim: Any = None
        self._target: Layer | None = None
        self._dropped = False
        controller.runs.chosen.connect(self._chosen)

    def drop(self) -> None:
        """Shows nothing more."""
        self._dropped = True
        self._controller.runs.chosen.disconnect(self._chosen, missing_ok=True)

    def show(self, session: "Session", images: list[LayerTuple], painted: list[LayerTuple]) -> None:
        """Shows a session, a layer at a time.

        Args:
            session: what was read.
            images: `image_tuples` of it.
            painted: `painted_tuples` of it.
        """
        shown: list[Any] = []
        pieces = self._layers(session, images, painted, shown)
        self._controller.jobs.unfold(
            "opening the session", pieces, lambda: self._runs(session, shown)
        )

    def added(self, made: LayerTuple) -> Any:
        """A new layer of the viewer."""
        data, keywords, kind = made
        layer = Layer.create(data, keywords, kind)
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
        for tuple_ in images:
            if self._over:
                return
            shown.append(self.added(tuple_))
            yield
        places: tuple[Any, ...] = (*session.labels, *session.boxes)
        for number, (tuple_, one) in enumerate(zip(painted, places, strict=True)):
            if self._over:
                return
            beside = None if one.image is None else shown[one.image]
            self._place(tuple_, beside, number == session.target)
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
        self._controller.choice = session.choice
        self._controller.choice_opened.emit(session.choice)
        counts = f"{counted(len(runs), 'run')}, {counted(len(shown), 'image')}"
        self._said(f"session opened: {counts}")
        if session.shown is None:
            self._victim.load(session.victim)
        else:
            self._awaited, self._awaited_victim = runs[session.shown], session.victim
            self._controller.show_run(runs[session.shown])

    def _place(self, made: LayerTuple, beside: Image | None, target: bool) -> None:
        """Shows a label map where its image is; a target that is there becomes the user's own."""
        data, keywords, kind = made
        if beside is None or not target:
            place = {} if beside is None else placed_like(beside)
            self.added((data, {**keywords, **place}, kind))
            return
        earlier = self._controller.shown(TARGET)
        if earlier is not None:
            earlier.name = f"{TARGET} (earlier)"
        self._controller.victims.show_target(beside, made)
        self._target = self._controller.shown(TARGET)

    def _chosen(self, run: Run | None) -> None:
        """The run of an opened session is shown: its target lies on top, and its victim follows."""
        if run is None or run is not self._awaited:
            return
        self._awaited = None
        layers, target, self._target = self._controller.layers, self._target, None
        if isinstance(target, Labels) and target in layers:
            layers.move(layers.index(target), len(layers))
            layers.selection.active = target
        self._victim.load(self._awaited_victim)
