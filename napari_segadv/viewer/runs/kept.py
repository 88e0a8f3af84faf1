"""What a session holds, taken from a viewer at one moment, to be written off the main thread."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer, Points

from ...data.scan import Scan
from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.runner import Poll
from ..controller.runs import Run
from ..layers.convert import copied, scan_of
from ..layers.names import JOINED, TARGET
from ..layers.structure_layers import in_files
from .session_layers import Own, drawn_boxes, joined, painted_labels, window_of_layer

if TYPE_CHECKING:
    from ...results.session.session import VictimSource
    from ...results.verdicts import Verdict


@dataclass(frozen=True, eq=False)
class Kept:
    """The runs and the user's own layers, copied: what is painted from now on is not part of it.

    Attributes:
        runs: each with its name, example and verdicts at that moment.
        shown: number of the run that is shown.
        layers: the user's own in the viewer; of several of a target, the first.
        own: the same, copied where they can be painted on, each with its image; a target is one.
        clicks: on images, by structure, in their pixels.
        image: the chosen image.
        victim: where it came from.
        choice, present: as the controller has them.
    """

    runs: "tuple[tuple[Run, str, Any, dict[int, Verdict]], ...]"
    shown: int | None
    layers: tuple[Layer, ...]
    own: tuple[Own, ...]
    clicks: tuple[tuple[Image, Any], ...]
    image: Image | None
    victim: "VictimSource | None"
    choice: int | str | None
    present: str

    @classmethod
    def of(cls, controller: Controller, victim: "VictimSource | None") -> "Kept":
        """Take what a controller's viewer holds now; call it on the main thread."""
        current = controller.runs.current
        runs = tuple((run, run.name, run.example, dict(run.verdicts)) for run in controller.runs)
        layers = tuple(in_files(x for x in controller.layers if not controller.made(x)))
        return cls(
            runs,
            next((n for n, (run, *_) in enumerate(runs) if run is current), None),
            layers,
            tuple(_own(controller, layer) for layer in layers),
            tuple((image, controller.clicks.on(image)) for image in controller.images),
            controller.image,
            victim,
            controller.choice,
            controller.victims.present,
        )

    def write(self, folder: Path, poll: Poll) -> "Written":
        """Write it as a session.

        Raises:
            SegadvError: if it can't be written.
        """
        from ...results.session.folder import save_session
        from ...results.session.session import Session, SessionClicks, SessionImage, SessionRun

        left_out: dict[Own, str] = {}
        images: list[tuple[Image, Scan]] = []
        for layer, own in zip(self.layers, self.own, strict=True):
            # Further channels of an image are saved with it.
            if isinstance(layer, Image) and JOINED not in layer.metadata:
                try:
                    images.append((layer, scan_of(layer)))
                except SegadvError as error:
                    left_out[own] = str(error)
        labels = painted_labels(self.own, images, left_out)
        clicks = tuple(
            SessionClicks(found, number)
            for number, (layer, _) in enumerate(images)
            for image, found in self.clicks
            if image is layer and found is not None
        )
        chosen = next((n for n, (layer, _) in enumerate(images) if layer is self.image), None)
        targets = (n for n, one in enumerate(labels) if one.target and one.image == chosen)
        session = Session(
            tuple(SessionImage(x.name, scan, window_of_layer(x)) for x, scan in images),
            labels,
            tuple(SessionRun(name, example, judged) for _, name, example, judged in self.runs),
            next(targets, None),
            self.shown,
            self.victim,
            boxes=drawn_boxes(self.own, images, left_out),
            clicks=clicks,
            choice=self.choice,
            present=self.present,
            chosen=chosen,
        )
        saved = save_session(session, folder, poll)
        held = self._of([own for own in self.own if own not in left_out], [x for x, _ in images])
        return Written(saved, held, tuple(left_out.values()))

    def _of(self, own: list[Own], images: list[Image]) -> "Kept":
        """Return the part that a session holds: some of the layers, and clicks on some images."""
        on_image = [x for x in own if not isinstance(x.layer, Points) or x.image in images]
        pairs = [(x, y) for x, y in zip(self.layers, self.own, strict=True) if y in on_image]
        return replace(
            self,
            layers=tuple(layer for layer, _ in pairs),
            own=tuple(each for _, each in pairs),
            clicks=tuple((image, found) for image, found in self.clicks if image in images),
        )

    def note_saved(self) -> None:
        """Note which runs are saved, unless they were judged anew meanwhile."""
        for run, _, _, verdicts in self.runs:
            run.saved = run.verdicts == verdicts


@dataclass(frozen=True, eq=False)
class Written:
    """A session on the disk.

    Attributes:
        folder: where it is.
        held: what it holds.
        notes: one line on each layer that is left out.
    """

    folder: Path
    held: Kept
    notes: tuple[str, ...]


def _own(controller: Controller, layer: Layer) -> Own:
    image = controller.image_of(layer)
    target = image is not None and controller.shown(TARGET, image) is layer
    return Own(joined(layer) or copied(layer), image, target)
