"""Saves and opens sessions and single results of a controller, off the main thread.

What is opened is added to what the viewer shows; the user's own layers stay as they are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels, Layer
from psygnal import Signal

from ..errors import SegadvError
from ..scan import Scan
from .controller import Controller
from .layers import TARGET, LayerTuple, image_tuple, mask_tuple, scan_of
from .painted import painted, window_of_layer
from .places import placed_like
from .runner import Poll, Work
from .runs import Run
from .session_victim import SessionVictim

Placed = list[tuple[LayerTuple, Any]]


@dataclass(frozen=True)
class Refused:
    """Why a job could not be done, in a line: it is told by who started it, and no one else."""

    message: str


class Sessions:
    """Files of a controller's runs.

    Signals, all on the main thread:
        said: a line on what was done.
        warned: a line on what is not as it was.
        failed: a line on what could not be done.
    """

    said = Signal(str)
    warned = Signal(str)
    failed = Signal(str)

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self._awaited: Run | None = None
        self._awaited_victim: Any = None
        self._target: Layer | None = None
        self._dropped = False
        self._victim = SessionVictim(controller, self.warned.emit)
        controller.runs.chosen.connect(self._chosen)

    def drop(self) -> None:
        """Shows nothing any more of what is still being opened; what is written is written."""
        self._dropped = True

    def save_run(self, run: Run, folder: Path) -> None:
        """Writes a run into a new folder; ends in `said` or `failed`."""
        example, verdicts = run.example, dict(run.verdicts)

        def work(poll: Poll) -> Path:
            from ..saved import save_run

            return save_run(example, folder, verdicts)

        def done(saved: Path) -> None:
            run.saved = run.verdicts == verdicts
            self.said.emit(f"{run.name}: saved in {saved}")

        self._start(f"saving {run.name}", work, done)

    def save(self, folder: Path) -> None:
        """Writes the session into a new folder; ends in `said`, `warned` or `failed`."""
        controller = self.controller
        victim, target = self._victim.source, controller.shown(TARGET)
        choice = controller.choice
        runs = [(run, run.name, run.example, dict(run.verdicts)) for run in controller.runs]
        shown = next((n for n, r in enumerate(runs) if r[0] is controller.runs.current), None)
        own = [layer for layer in controller.layers if not controller.made(layer)]

        def work(poll: Poll) -> tuple[Path, tuple[str, ...]]:
            from ..session import Session, SessionImage, SessionRun, save_session
            from .drawn import drawn

            notes: list[str] = []
            images: list[tuple[Image, Scan]] = []
            for layer in own:
                if isinstance(layer, Image):
                    try:
                        images.append((layer, scan_of(layer)))
                    except SegadvError as error:
                        notes.append(str(error))
            labels, which = painted(own, images, target, notes)
            session = Session(
                tuple(SessionImage(x.name, scan, window_of_layer(x)) for x, scan in images),
                labels,
                tuple(SessionRun(name, example, said) for _, name, example, said in runs),
                which,
                shown,
                victim,
                boxes=drawn(own, images, notes),
                choice=choice,
            )
            return save_session(session, folder, poll), tuple(notes)

        def done(made: tuple[Path, tuple[str, ...]]) -> None:
            saved, notes = made
            for run, _, _, verdicts in runs:
                run.saved = run.verdicts == verdicts
            self.said.emit(f"session saved in {saved}")
            for note in notes:
                self.warned.emit(f"not saved: {note}")

        self._start("saving the session", work, done)

    def open(self, folder: Path) -> None:
        """Opens a session beside what is there; ends in `said`, `warned` or `failed`."""

        def work(poll: Poll) -> tuple[Any, Placed, Placed]:
            from ..session import open_session
            from .drawn import boxes_tuple

            session = open_session(folder, poll)
            images = []
            for image in session.images:
                data, keywords, kind = image_tuple(image.scan, image.name)
                if image.window is not None and not image.scan.colour:
                    keywords["contrast_limits"] = image.window
                images.append(((data, keywords, kind), image))
            labels: Placed = [(mask_tuple(one.mask, one.name), one) for one in session.labels]
            labels += [(boxes_tuple(one.boxes, one.name), one) for one in session.boxes]
            return session, images, labels

        def done(made: tuple[Any, Placed, Placed]) -> None:
            session, images, labels = made
            shown: list[Any] = []
            pieces = self._opened(session, images, labels, shown)
            self.controller.unfold("opening the session", pieces, lambda: ready(session, shown))

        def ready(session: Any, shown: list[Any]) -> None:
            if isinstance(self.controller.layers, tuple):
                # The viewer was closed meanwhile.
                return
            scans = {
                id(image.scan): layer for image, layer in zip(session.images, shown, strict=True)
            }
            runs = []
            for one in session.runs:
                layer = scans.get(id(one.example.clean))
                run = self.controller.runs.add(one.example, layer, one.name)
                run.verdicts.update(one.verdicts)
                run.saved = True
                runs.append(run)
            self.controller.choice = session.choice
            self.controller.choice_opened.emit(session.choice)
            self.said.emit(f"session opened: {len(runs)} runs, {len(shown)} images")
            if session.shown is None:
                self._victim.load(session.victim)
            else:
                self._awaited, self._awaited_victim = runs[session.shown], session.victim
                self.controller.show_run(runs[session.shown])

        self._start("opening the session", work, done)

    def open_result(self, folder: Path) -> None:
        """Opens a saved result as a further run, and shows it; ends in `said` or `failed`.

        Its image is read from its file; where that is gone, the open images are tried.
        """
        images = [x for x in self.controller.layers if isinstance(x, Image)]
        own = [x for x in images if not self.controller.made(x)]

        def work(poll: Poll) -> tuple[Any, Any, Image | None, LayerTuple]:
            from ..saved import load_example, load_verdicts

            example, layer = _with_image(load_example, folder, own)
            verdicts = load_verdicts(folder, example)
            return example, verdicts, layer, image_tuple(example.clean)

        def done(made: tuple[Any, Any, Image | None, LayerTuple]) -> None:
            example, verdicts, layer, tuple_ = made
            layers = self.controller.layers
            if isinstance(layers, tuple):
                return
            if layer is None or layer not in layers:
                layer = self._added(layers, tuple_)
            run = self.controller.runs.add(example, layer, folder.name)
            run.verdicts.update(verdicts)
            run.saved = True
            self.said.emit(f"opened {folder}")
            self.controller.show_run(run)

        self._start(f"opening {folder.name}", work, done)

    def _start(self, title: str, work: Work, done: Callable[[Any], None]) -> None:
        """Starts a job whose refusals are told here."""

        def guarded(poll: Poll) -> Any:
            try:
                value = work(poll)
            except SegadvError as error:
                return Refused(str(error))
            # A window that was closed meanwhile takes nothing more.
            poll()
            return value

        def ended(value: Any) -> None:
            if self._dropped:
                return
            if isinstance(value, Refused):
                self.failed.emit(value.message)
            else:
                done(value)

        self.controller.start(title, guarded, ended)

    def _opened(
        self, session: Any, images: Placed, labels: Placed, shown: list[Any]
    ) -> Iterator[None]:
        """Adds the layers of a session one at a time; ends early where the viewer is closed."""
        for tuple_, _ in images:
            layers = self.controller.layers
            if isinstance(layers, tuple):
                return
            shown.append(self._added(layers, tuple_))
            yield
        for number, (tuple_, one) in enumerate(labels):
            if isinstance(self.controller.layers, tuple):
                return
            beside = None if one.image is None else shown[one.image]
            self._place(tuple_, beside, number == session.target)
            yield

    @staticmethod
    def _added(layers: Any, made: LayerTuple) -> Any:
        data, keywords, kind = made
        layer = Layer.create(data, keywords, kind)
        layers.append(layer)
        return layer

    def _place(self, made: LayerTuple, beside: Image | None, target: bool) -> None:
        """Shows a label map where its image is; a target that is there becomes the user's own."""
        data, keywords, kind = made
        if beside is None or not target:
            place = {} if beside is None else placed_like(beside)
            self._added(self.controller.layers, (data, {**keywords, **place}, kind))
            return
        earlier = self.controller.shown(TARGET)
        if earlier is not None:
            earlier.name = f"{TARGET} (earlier)"
        self.controller.show_target(beside, made)
        self._target = self.controller.shown(TARGET)

    def _chosen(self, run: Run | None) -> None:
        """The run of an opened session is shown: its target lies on top, and its victim follows."""
        if run is None or run is not self._awaited:
            return
        self._awaited = None
        layers, target, self._target = self.controller.layers, self._target, None
        if isinstance(target, Labels) and target in layers:
            layers.move(layers.index(target), len(layers))
            layers.selection.active = target
        self._victim.load(self._awaited_victim)


def _with_image(
    load: Callable[..., Any], folder: Path, layers: list[Image]
) -> tuple[Any, Image | None]:
    """An example, and the open layer of its image if there is one."""
    for layer in layers:
        try:
            return load(folder, scan_of(layer)), layer
        except SegadvError:
            continue
    return load(folder), None
