"""Describing a model that does not describe itself: tried on an image, then saved. No window.

Nothing of the model's file runs before the user has agreed to it, as when it is loaded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image
from psygnal import Signal

from ...common.atomic_files import write_text
from ...data.scan import Scan
from ...errors import NeedsTrust, SegadvError
from ..layers.convert import scan_of
from .jobs import Jobs
from .runner import Poll
from .victim_jobs import Predicted, VictimJobs


@dataclass(frozen=True, eq=False)
class Draft:
    """A description that is not saved.

    Attributes:
        path: the model's file.
        text: the JSON that would lie beside it.
        layer: the image that it is tried on.
        present: how the image is presented to the model, as `Victim.on` takes it.
        trust: the hash of code that may run.
    """

    path: Path
    text: str
    layer: Image
    present: str
    trust: str | None = None


@dataclass(frozen=True, eq=False)
class Trial:
    """A draft that gave a prediction."""

    draft: Draft
    scan: Scan
    victim: Any
    prediction: Any


class Descriptions:
    """Tries and saves descriptions.

    Signals, all on the main thread:
        tried: the Trial.
        refused: the Draft, and why it gives no prediction, in one line.
        trust_asked: the Draft, and the NeedsTrust; to agree, try it again with its hash.
    """

    tried = Signal(object)
    refused = Signal(object, str)
    trust_asked = Signal(object, object)

    def __init__(self, jobs: Jobs, victims: VictimJobs) -> None:
        self._jobs, self._victims = jobs, victims

    def draft(self, path: Path, text: str, layer: Image | None, trust: str | None = None) -> Draft:
        """Return a draft to try on an image.

        Raises:
            SegadvError: if there is no image.
        """
        if layer is None:
            raise SegadvError("no image is chosen; open one to try the model on")
        return Draft(path, text, layer, self._victims.presented(layer), trust)

    def try_out(self, draft: Draft, device: str = "auto") -> None:
        """Predict with a description; ends in `tried`, `refused` or `trust_asked`.

        Raises:
            SegadvError: if the layer is not an image that can be predicted.
        """
        scan = scan_of(draft.layer)

        def work(poll: Poll) -> Trial | SegadvError:
            from ...common.device import pick_device
            from ...victims import load_victim
            from ...victims.loading.description import drafted

            try:
                with drafted(draft.path, draft.text):
                    victim = load_victim(str(draft.path), draft.trust)
                found = victim.predict(scan, pick_device(device), poll, draft.present)
            except SegadvError as error:
                return error
            return Trial(draft, scan, victim, found)

        def done(found: Trial | SegadvError) -> None:
            if isinstance(found, NeedsTrust):
                self.trust_asked.emit(draft, found)
            elif isinstance(found, SegadvError):
                self.refused.emit(draft, str(found))
            else:
                self._remember(found)
                self.tried.emit(found)

        self._jobs.start(f"trying {draft.path.name}", work, done)

    def _remember(self, trial: Trial) -> None:
        """Remember what the user has agreed to: the file has been loaded with it."""
        from ...victims.loading.consent import remember

        if trial.draft.trust is not None:
            try:
                remember(trial.draft.trust, trial.draft.path)
            except SegadvError as error:
                self._jobs.failed.emit(f"{error}; you will be asked again")

    def save(self, trial: Trial) -> None:
        """Write the description beside its model, and load that.

        Raises:
            SegadvError: if the file can't be written, or is there by now.
        """
        from ...victims.loading.description import beside

        draft, source = trial.draft, beside(trial.draft.path)
        if source.exists():
            raise SegadvError(f"{source}: is there by now; remove it, or load the model with it")
        write_text(source, draft.text)

        def loaded() -> None:
            victim = self._victims.victim
            if victim.sha256 == trial.victim.sha256:
                # The same file and description: its prediction is known.
                self._victims.keep(Predicted(trial.scan, victim, draft.present, trial.prediction))

        self._victims.load_victim(str(draft.path), draft.trust, loaded)
