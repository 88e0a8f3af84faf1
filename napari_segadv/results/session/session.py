"""Session: what the viewer saves of one sitting, and its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...common.json_data import Entry
from ...data.boxes import Boxes
from ...data.scan import Mask, Scan
from ...samples import DEMO
from ..example import Example
from ..verdicts import Verdict


@dataclass(frozen=True)
class VictimSource:
    """Where a victim came from; never its weights.

    Attributes:
        source: as `load_victim` takes it: "demo:NAME", or the path of a file or folder.
        name: its name.
        sha256: the hash of its whole file or folder.
        trust: its tier then: "data", "code" or "built-in". It is no consent to run code now.
        task: the name of its task.
        classes: class names.
        shown: the classes that it was asked for, if others than its file says, as
            `victims.shown.shown_to` takes them.
    """

    source: str
    name: str
    sha256: str
    trust: str
    task: str
    classes: tuple[str, ...]
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {**self.__dict__, "classes": list(self.classes), "shown": dict(self.shown)}

    @classmethod
    def read(cls, entry: Entry) -> "VictimSource":
        """Read a source from plain data."""
        names = ("source", "name", "sha256", "trust", "task")
        texts = {name: entry.text(name) for name in names}
        # Earlier versions did not save it.
        shown = entry.entry("shown").values if "shown" in entry.values else {}
        return cls(**texts, classes=entry.texts("classes"), shown=shown)

    @property
    def missing(self) -> bool:
        """Whether its file or folder is gone."""
        try:
            return not self.source.startswith(DEMO) and not Path(self.source).exists()
        except (OSError, ValueError):
            # The source can't be the name of a file.
            return True


@dataclass(frozen=True, eq=False)
class SessionImage:
    """A clean image, and the window (low, high) that it was shown in, if that is known."""

    name: str
    scan: Scan
    window: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class SessionLabels:
    """A painted label map.

    Attributes:
        name: its name.
        mask: the labels.
        image: number of the image that it belongs to; None: none.
        target: whether it is the target of that image.
    """

    name: str
    mask: Mask
    image: int | None = None
    target: bool = False


@dataclass(frozen=True, eq=False)
class SessionBoxes:
    """Drawn boxes; `image` is the number of the image that they lie on."""

    name: str
    boxes: Boxes
    image: int

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, without the image's number."""
        both = zip(self.boxes.labels.tolist(), self.boxes.corners.tolist(), strict=True)
        return {
            "name": self.name,
            "classes": list(self.boxes.classes),
            "boxes": [{"label": label, "corners": corners} for label, corners in both],
        }


@dataclass(frozen=True, eq=False)
class SessionClicks:
    """Clicks on an image by structure, in its pixels; `image` is its number."""

    points: Mapping[str, Sequence[Sequence[float]]]
    image: int

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, without the image's number."""
        return {"points": {name: [list(p) for p in some] for name, some in self.points.items()}}


@dataclass(frozen=True, eq=False)
class SessionRun:
    """A run; its image is the example's clean one."""

    name: str
    example: Example
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Session:
    """What a session holds.

    Attributes:
        images: the open images; those of runs are saved without being listed here.
        labels: the painted label maps.
        runs: the runs, in order.
        target: number of the labels that are the target of the chosen image; None: none.
        shown: number of the run that is shown; None: none.
        victim: where it came from; None: none was loaded.
        boxes: the drawn boxes.
        clicks: that a model is shown; images that none lie on are not listed.
        choice: a target that is neither labels nor boxes: the number of a class, "none" or "none:2"
            for boxes to erase, "untargeted"; None: none.
        present: how images are presented to the victim, as the viewer's list has it.
        chosen: number of the image that was worked on; None: none, or unknown.
    """

    images: tuple[SessionImage, ...] = ()
    labels: tuple[SessionLabels, ...] = ()
    runs: tuple[SessionRun, ...] = ()
    target: int | None = None
    shown: int | None = None
    victim: VictimSource | None = None
    boxes: tuple[SessionBoxes, ...] = ()
    clicks: tuple[SessionClicks, ...] = ()
    choice: int | str | None = None
    present: str = "auto"
    chosen: int | None = None
