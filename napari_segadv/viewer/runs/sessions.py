"""Saves and opens sessions and single results of a controller, off the main thread.

A session is added to the viewer; the user's own layers stay unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image
from psygnal import Signal

from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.runner import Poll, Work
from ..controller.runs import Run
from ..layers.convert import channel_tuples, image_tuple, scan_of
from ..layers.names import LayerTuple
from .kept import Kept
from .session_opening import SessionOpening, image_tuples, painted_tuples
from .session_victim import SessionVictim


@dataclass(frozen=True)
class Refused:
    """Why a job could not be done, in one line. Only the object that started the job reports it."""

    message: str


class Sessions:
    """Files of a controller's runs.

    Signals, all on the main thread:
        said: one line on what was done.
        warned: one line on what differs from what was saved, or was not saved.
        failed: one line on what could not be done.
    """

    said = Signal(str)
    warned = Signal(str)
    failed = Signal(str)

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self._dropped = False
        self._victim = SessionVictim(controller, self.warned.emit)
        self._opening = SessionOpening(controller, self._victim, self.said.emit)

    def drop(self) -> None:
        """Show nothing more of a session that is being opened; files already written stay."""
        self._dropped = True
        self._opening.drop()
        self._victim.drop()

    def save_run(self, run: Run, folder: Path, save_as: tuple[str, bool] | None = None) -> None:
        """Write a run into a new folder; ends in `said` or `failed`.

        Args:
            run: the run.
            folder: where to write it.
            save_as: format of its images, and whether to remove identifiers, as `output_for`
                takes them; None: as it was crafted.
        """
        example, verdicts = run.example, dict(run.verdicts)

        def work(poll: Poll) -> tuple[str, ...]:
            from ...io.output import output_for
            from ...results.loading import told_of
            from ...results.saving import save_run

            if save_as is None:
                save_run(example, folder, verdicts)
            else:
                output = output_for(example.clean, *save_as)
                save_run(example.with_output(output), folder, verdicts)
            return told_of(folder)

        def done(told: tuple[str, ...]) -> None:
            run.saved = run.verdicts == verdicts
            self.said.emit(". ".join([f"{run.name}: saved in {folder}", *told]))

        self._start(f"saving {run.name}", work, done)

    def save(self, folder: Path) -> None:
        """Write the session into a new folder; ends in `said`, `warned` or `failed`."""
        kept = Kept.of(self.controller, self._victim.source)

        def done(result: tuple[Path, tuple[str, ...]]) -> None:
            saved, notes = result
            kept.note_saved()
            self.said.emit(f"session saved in {saved}")
            for note in notes:
                self.warned.emit(f"not saved: {note}")
            self.controller.session_saved.emit(kept)

        self._start("saving the session", lambda poll: kept.write(folder, poll), done)

    def open(self, folder: Path) -> None:
        """Open a session beside the present layers; ends in `said`, `warned` or `failed`."""

        def work(poll: Poll) -> tuple[Any, list[LayerTuple], list[LayerTuple]]:
            from ...results.session.folder import open_session

            session = open_session(folder, poll)
            painted = painted_tuples(session.labels, session.boxes)
            return session, image_tuples(session.images), painted

        self._start("opening the session", work, lambda opened: self._opening.show(*opened))

    def open_result(self, folder: Path) -> None:
        """Open a saved result as another run, and show it; ends in `said` or `failed`.

        Its image is taken from the open layers; if none of them fits, it is read from its file.
        """
        images = [x for x in self.controller.layers if isinstance(x, Image)]
        own = [x for x in images if not self.controller.made(x)]

        def work(poll: Poll) -> tuple[Any, Any, Image | None, LayerTuple]:
            from ...results.loading import load_example, load_verdicts

            example, layer = _with_image(load_example, folder, own)
            verdicts = load_verdicts(folder, example)
            return example, verdicts, layer, image_tuple(example.clean)

        def done(opened: tuple[Any, Any, Image | None, LayerTuple]) -> None:
            example, verdicts, layer, tuple_ = opened
            if self.controller.closed:
                return
            if layer is None or layer not in self.controller.layers:
                layer = self._opening.added(tuple_)
                for each in channel_tuples(example.clean):
                    self._opening.added(each)
            run = self.controller.runs.add(example, layer, folder.name)
            run.verdicts.update(verdicts)
            run.saved = True
            self.said.emit(f"opened {folder}")
            self.controller.show_run(run)

        self._start(f"opening {folder.name}", work, done)

    def _start(self, title: str, work: Work, done: Callable[[Any], None]) -> None:
        """Start a job; if it is refused, emit `failed`."""

        def guarded(poll: Poll) -> Any:
            try:
                value = work(poll)
            except SegadvError as error:
                return Refused(str(error))
            # Stops the job if the window was closed meanwhile.
            poll()
            return value

        def ended(value: Any) -> None:
            if self._dropped:
                return
            if isinstance(value, Refused):
                self.failed.emit(value.message)
            else:
                done(value)

        self.controller.jobs.start(title, guarded, ended)


def _with_image(
    load: Callable[..., Any], folder: Path, layers: list[Image]
) -> tuple[Any, Image | None]:
    """Load an example; return it with the open layer of its image, or with None."""
    for layer in layers:
        try:
            return load(folder, scan_of(layer)), layer
        except SegadvError:
            continue
    return load(folder), None
