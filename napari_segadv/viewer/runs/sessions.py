"""Saves and opens sessions and single results of a controller, off the main thread.

A session is added to the viewer; the user's own layers stay unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image
from psygnal import Signal, SignalInstance

from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.runner import Poll, Work
from ..controller.runs import Run
from ..layers.convert import channel_tuples, image_tuple, scan_of
from ..layers.names import LayerTuple
from ..notices import complain, tell, warn
from .kept import Kept, Written
from .session_opening import SessionOpening, image_tuples, painted_tuples
from .session_victim import SessionVictim

SAVING = "saving the session"


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
        """Show nothing more of a session that is being opened; what is written is still told."""
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
            self._tell(self.said, ". ".join([f"{run.name}: saved in {folder}", *told]), tell)

        self._start(f"saving {run.name}", work, done, saves=True)

    def save(self, folder: Path, then: Callable[[], None] = lambda: None) -> None:
        """Write the session into a new folder; ends in `said`, `warned` or `failed`.

        While jobs run or wait it is written after them, with what they have made.

        Args:
            folder: where to write it.
            then: called once it is written.
        """
        if self.controller.jobs.busy:
            # A job of its own: what is saved is taken when its turn comes.
            self._start(SAVING, lambda poll: None, lambda _: self._save(folder, then), saves=True)
        else:
            self._save(folder, then)

    def _save(self, folder: Path, then: Callable[[], None]) -> None:
        kept = Kept.of(self.controller, self._victim.source)

        def done(written: Written) -> None:
            written.held.note_saved()
            self._tell(self.said, f"session saved in {written.folder}", tell)
            for note in written.notes:
                self._tell(self.warned, f"not saved: {note}", warn)
            self.controller.session_saved.emit(written.held)
            then()

        self._start(SAVING, lambda poll: kept.write(folder, poll), done, saves=True)

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

    def _tell(self, signal: SignalInstance, line: str, notify: Callable[[str], None]) -> None:
        """Tell one line; if the panel that was to hear of it is gone, as napari's notification."""
        if not self._dropped:
            signal.emit(line)
        elif not self.controller.closed:
            notify(line)

    def _start(
        self, title: str, work: Work, done: Callable[[Any], None], saves: bool = False
    ) -> None:
        """Start a job; if it is refused, emit `failed`.

        Args:
            title: of the job.
            work: computes, in another thread.
            done: gets what `work` returned.
            saves: whether files are written, which is also noted after `drop`.
        """

        def guarded(poll: Poll) -> Any:
            try:
                value = work(poll)
            except SegadvError as error:
                return Refused(str(error))
            # Stops the job if the window was closed meanwhile.
            poll()
            return value

        def ended(value: Any) -> None:
            if isinstance(value, Refused):
                self._tell(self.failed, value.message, complain)
            elif not self._dropped or (saves and not self.controller.closed):
                done(value)

        self.controller.jobs.start(title, guarded, ended, wanted=saves)


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
