"""The inputs of a saved result, found again: where its record says they are, or beside it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..common.hashing import sha256_of, sha256_of_all
from ..common.json_data import Entry, read_json
from ..data.boxes import Boxes
from ..data.grade import Grade
from ..data.scan import Mask, Scan
from ..errors import SegadvError
from ..io.boxes import boxes_of
from ..io.place import SEPARATOR, split
from ..samples import DEMO
from ..victims.pipeline import Pipeline
from ..victims.prediction import Prediction
from ..victims.tasks import task_of
from .files import EXACT, RESULT, TARGET
from .finding import COPY, file_now, image_now
from .loading import read_exact
from .provenance import hash_of

REMEDY = f"it was changed or is of an earlier version; {COPY}"


@dataclass(frozen=True)
class Saved:
    """The record of a saved result, and where it lies.

    Attributes:
        path: its `result.json`.
        entry: what that holds.
    """

    path: Path
    entry: Entry = field(repr=False)

    @classmethod
    def at(cls, place: str | Path) -> "Saved":
        """Read the record of a result's folder, or a `result.json`.

        Raises:
            SegadvError: if there is none, or if it is not that of one image.
        """
        path = Path(place)
        path = path / RESULT if path.is_dir() else path
        if not path.is_file():
            raise SegadvError(f"{place}: holds no {RESULT}; choose the folder of a saved result")
        entry = Entry(read_json(path), str(path), REMEDY)
        if "image" not in entry.values and "cases" in entry.values:
            raise SegadvError(
                f"{path}: is about several images; only a result of one image can be taken up again"
            )
        return cls(path, entry)

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def goal(self) -> str:
        """ "targeted" or "untargeted"."""
        return self.entry.text("goal")

    def image(self) -> str | list[str] | Scan:
        """Return the place of the image, those of its channels, or itself if it is a phantom.

        Raises:
            SegadvError: if the record names no file, or the file is gone.
        """
        unknown = "give it with --image"
        return image_now(self.entry, self.folder, _moved("image"), unknown)

    def victim(self) -> str:
        """Return what the victim was loaded from, as `load_victim` takes it.

        Raises:
            SegadvError: if the record names no file, or the file is gone.
        """
        return self._network(self.entry.entry("victim"), "victim")

    def surrogates(self) -> list[str]:
        """Return what the surrogates were loaded from.

        Raises:
            SegadvError: as `victim`.
        """
        if "surrogates" not in self.entry.values:
            return []
        return [self._network(one, "surrogate") for one in self.entry.entries("surrogates")]

    def _network(self, entry: Entry, role: str) -> str:
        source = entry.text("path")
        if source.startswith(DEMO):
            return source
        if not entry.text("sha256"):
            raise SegadvError(
                f"{self.path}: its {role} was not loaded from a file, so it can't be found again; "
                f"give it with --{role}"
            )
        return self.found(source, role)

    def given(self, role: str, scan: Scan) -> Any:
        """Return a target, truth, region or care mask as `craft` takes it; None if there was none.

        Args:
            role: one of these, "care" for the care mask.
            scan: the image.

        Raises:
            SegadvError: if it was not kept in a file, or the file is gone.
        """
        inputs = self.entry.entry("inputs")
        if inputs.values.get(role) is None or isinstance(inputs.values[role], str):
            return inputs.values.get(role)
        one = inputs.entry(role)
        kept = self.kept_target(scan) if role == TARGET else None
        if one.values.get("path") is None:
            if kept is not None:
                return kept
            raise SegadvError(
                f"{self.path}: its {role} was painted or computed and is in no file beside it; "
                f"give it with --{role}"
            )
        which = one.text("segments") if "segments" in one.values else ""
        recorded = one.text("path") + (f"{SEPARATOR}{which}" if which else "")
        try:
            place = self.found(recorded, role)
        except SegadvError:
            if kept is None:
                raise
            return kept
        return place if kept is None or not self.difference(role, place) else kept

    def kept_target(self, scan: Scan) -> Prediction | None:
        """Return the target that lies beside the record or is written out in it; None: neither.

        Args:
            scan: the image.

        Raises:
            SegadvError: if it is damaged.
        """
        victim = self.entry.entry("victim")
        task, classes = task_of(victim.text("task")), victim.texts("classes")
        file = self.folder / f"{TARGET}{task.ending}"
        if file.is_file():
            exact = read_exact(self.folder / EXACT)
            parts = {n.split(".", 1)[1]: a for n, a in exact.items() if n.startswith(f"{TARGET}.")}
            found: Prediction = task.load(file, scan.grid, classes, parts)
            return found
        if TARGET in self.entry.values:
            written = self.entry.entry(TARGET)
            if "label" in written.values:
                return Grade(written.index("label", len(classes)) or 0, classes)
            listed = [one.values for one in written.entries("boxes")]
            return boxes_of(listed, scan.grid, classes, str(self.path))
        return None

    def target(self, scan: Scan) -> Prediction | None:
        """Return the target itself, to be looked at; None if there was none or it is gone."""
        try:
            given = self.given(TARGET, scan)
            named = isinstance(self.entry.entry("inputs").values.get(TARGET), str)
            # A name says what to erase; what was kept, what is left then.
            kept = self.kept_target(scan) if named else None
            victim = self.entry.entry("victim")
            task, classes = task_of(victim.text("task")), victim.texts("classes")
            if kept is None and (given is None or self.difference(TARGET, given)):
                return None
            stand_in = Pipeline(lambda x: x, "the model", scan.grid.ndim, classes=classes)
            wanted: Prediction = task.wanted(
                given if kept is None else kept, TARGET, scan, stand_in
            )
        except SegadvError:
            return None
        return wanted.named(classes) if isinstance(wanted, (Mask, Boxes, Grade)) else None

    def difference(self, role: str, given: Any) -> str:
        """Say how an input differs from the recorded one; "" if it is the same, as far as known.

        It is compared by its name, or by its hash if it has one.

        Args:
            role: "target", "truth", "region" or "care".
            given: as `craft` takes it; None: nothing.
        """
        known = self.entry.entry("inputs").values.get(role)
        named = isinstance(given, str) and not split(given)[0].exists()
        if given is None or known is None or isinstance(known, str):
            now, then = _in_words(given), known if isinstance(known, str) else _in_words(known)
            same = given == known or now == then
            return "" if same else f"the {role} is {now} instead of {then}"
        if named:
            # A target such as "none", of which only the mask that it led to is recorded.
            return "" if role == TARGET else f"the {role} is {given} instead of a mask"
        if not isinstance(known, dict) or not isinstance(given, (Mask, str, Path)):
            return ""
        recorded, painted = known.get("sha256"), known.get("path") is None
        if recorded is None or (isinstance(given, Mask) and not painted):
            # Nothing to compare with: the hash is that of a file, which the mask once was.
            return ""
        if isinstance(given, Mask):
            hashes = pixel_hashes(given)
        else:
            path, which = split(given)
            hashes = pixel_hashes(io.read_mask(given)) if painted else _file_hashes(path)
            if recorded in hashes and not painted and which != known.get("segments", ""):
                chosen = known.get("segments") or "all"
                return f"the {role} is {which or 'all'} of its file instead of {chosen}"
        return "" if recorded in hashes else f"the {role} is another one"

    def found(self, place: str, role: str) -> str:
        """Return where a file is now: where it was, below a folder above the result, or beside it.

        Args:
            place: a path, which may be relative to a folder that is not known; or PATH::WHICH.
            role: what it is, for the message.

        Raises:
            SegadvError: if it is in none of these places.
        """
        return file_now(self.folder, place, _moved(role))


def _moved(role: str) -> str:
    """Say what to do about a file that is gone; each role is an option of `segadv repeat`."""
    return f"put it back, or give the {role} with --{role}"


def pixel_hashes(mask: Mask) -> set[str]:
    """Return the hashes that a mask's pixels may have been recorded with: as one byte or two."""
    most = mask.array.max(initial=0)
    fitting = [kind for kind in ("uint8", "uint16") if most <= np.iinfo(kind).max]
    return {hash_of(mask.array.astype(kind)) for kind in fitting}


def _in_words(given: Any) -> str:
    """Return what was recorded or given as an input, in a word or two."""
    if given is None:
        return "none"
    named = isinstance(given, str) and not split(given)[0].exists()
    return str(given) if named else "a mask"


def _file_hashes(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    try:
        return {sha256_of(path), sha256_of_all(io.files_of(path))}
    except SegadvError:
        # A JSON of a class or of boxes is no image.
        return {sha256_of(path)}
