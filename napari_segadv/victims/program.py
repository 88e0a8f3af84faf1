"""A program as victim: it is given an image file and writes a mask file. It has no gradient.

What cannot be opened, such as a vendor's device, can still be asked. Its mask is the judge; an
attack sees its classes as logits that leave no doubt, so only searches by scores work on it.
"""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch
from torch import Tensor

from .. import io
from ..common.atomic_files import beside
from ..common.hashing import sha256_of, sha256_of_array
from ..common.processes import Ended, run
from ..common.screen import one_line
from ..data.labels import MOST_LABEL
from ..data.scan import Array, Mask, Scan, Storage
from ..errors import SegadvError
from ..io.geometry import flat_grid
from ..io.masks import held
from .bound import BoundVictim
from .pipeline import BYTES, Pipeline
from .prediction import Prediction
from .scan_tensors import as_array
from .victim import Victim

# The logit of the class that a program predicts, against 0 of the others: its softmax is exactly 1.
SURE = 1000.0
# In a command: a file, or a folder with one file an image.
PLACES = re.compile(r"\{(input|input_\d+|output|input_folder|output_folder)\}")
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Most characters that are shown of what a program says.
SAID = 200
FOLDER = "program"
BY_HAND = "run it by hand to see why"


class Agreed:
    """The files whose hashes somebody agreed to; a changed one is found before it runs again."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._known = {path: (self._stamp(path), sha256_of(path)) for path in files}

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each file."""
        return {str(path): sha256 for path, (_, sha256) in self._known.items()}

    def changed(self) -> Path | None:
        """Return a file that is no longer what it was, if there is one."""
        for path, (stamp, sha256) in self._known.items():
            try:
                now = self._stamp(path)
                if now != stamp and sha256_of(path) != sha256:
                    return path
            except OSError:
                return path
            self._known[path] = now, sha256
        return None

    def _stamp(self, path: Path) -> tuple[int, ...]:
        found = path.stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass(frozen=True, eq=False)
class Program:
    """A command that reads image files and writes mask files.

    Attributes:
        source: the file that describes it, for messages.
        name: of the victim, for messages.
        arguments: the program's path and what it is called with; PLACES are filled in.
        input, output: names of the files; `{name}` tells the images apart, and `{channel}` the
            channels of one, from 0000 as nnU-Net numbers them.
        classes: names, background first.
        numbers: class of each number in the mask; None: they are the same.
        others: class of the numbers that are not listed; None: they are an error.
        seconds: after which it is stopped.
        environment: variables that it gets besides those of this process.
        agreed: its files.
        channels: names of the channels that an image has in a file each; none: it is one file.
    """

    source: Path
    name: str
    arguments: tuple[str, ...]
    input: str
    output: str
    classes: tuple[str, ...]
    agreed: Agreed
    numbers: Mapping[int, int] | None = None
    others: int | None = None
    seconds: float = 600.0
    environment: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = ()

    @property
    def takes_folders(self) -> bool:
        """Whether one call predicts several images."""
        named = {place for part in self.arguments for place in PLACES.findall(part)}
        return named <= {"input_folder", "output_folder"}

    def predict(self, scans: Sequence[Scan], poll: Callable[[], None]) -> list[Array]:
        """Run it once and return its class numbers for each scan, on the scan's grid.

        Args:
            scans: one, or several if it takes folders.
            poll: called while it runs; if it raises, the program is stopped.

        Raises:
            SegadvError: if it fails, takes too long, or writes no mask that fits the scan.
        """
        changed = self.agreed.changed()
        if changed is not None:
            raise SegadvError(
                f"{self.name}: {changed} has changed since you agreed to run it; load "
                f"{self.source.name} again and look at the question"
            )
        found: list[Array] = []
        try:
            # What is left there of a process that was killed is removed, too: it shows a patient.
            with beside(Path(tempfile.gettempdir()) / FOLDER) as place:
                found = self._predict(scans, place.resolve(), poll)
        except OSError as error:
            if isinstance(error.__context__, SegadvError):
                raise error.__context__ from None
            reason = error.strerror or error
            if not found:
                self._fail(f"temporary files can't be written ({reason})", "make room for them")
            self._fail(
                f"the program has left {error.filename}, which can't be removed ({reason})",
                "remove it, and let the program write files that belong to you",
            )
        return found

    def _predict(
        self, scans: Sequence[Scan], folder: Path, poll: Callable[[], None]
    ) -> list[Array]:
        into, out, work = (folder / name for name in ("input", "output", "work"))
        for made in (into, out, work):
            made.mkdir()
        names = [f"case{number:04d}" for number in range(len(scans))]
        read = [self._write(scan, into, name) for scan, name in zip(scans, names, strict=True)]
        written = [out / self.output.replace("{name}", name) for name in names]
        places = {"input": read[0][0], "output": written[0], "input_folder": into}
        places |= {f"input_{number}": path for number, path in enumerate(read[0], start=1)}
        places["output_folder"] = out
        arguments = [PLACES.sub(lambda m: str(places[m[1]]), part) for part in self.arguments]
        ended = run(arguments, work, seconds=self.seconds, environment=self.environment, poll=poll)
        if ended.problem:
            remedy = f'raise "timeout" in {self.source.name}' if ended.late else BY_HAND
            self._fail(f"the program {ended.problem}{_said(ended)}", remedy)
        return [self._read(path, scan, ended) for path, scan in zip(written, scans, strict=True)]

    def _write(self, scan: Scan, folder: Path, name: str) -> list[Path]:
        """Write an image's files, one for each of several channels; return their paths."""
        paths = []
        for number, one in enumerate(scan.singles):
            file = self.input.replace("{name}", name).replace("{channel}", f"{number:04d}")
            paths.append(folder / file)
            try:
                io.save(one, paths[-1])
            except SegadvError as error:
                reason = str(error).removeprefix(f"{paths[-1]}: ").partition("; ")[0]
                self._fail(
                    f"{one.name} can't be written as {self.input} ({reason})",
                    f'name another format as "input" in {self.source.name}',
                )
        return paths

    def _read(self, path: Path, scan: Scan, ended: Ended) -> Array:
        """Return the classes in the mask that the program has written for a scan."""
        if not path.exists() and not path.is_symlink():
            others = sorted(other.name for other in path.parent.iterdir())[:3]
            instead = f", but {', '.join(map(one_line, others))}" if others else ""
            self._fail(
                f"the program wrote no {path.name}{instead}{_said(ended)}",
                f'correct "output" or the command in {self.source.name}',
            )
        if path.resolve() != path:
            self._fail("the program's mask is a link to another place", "let it write a file")
        try:
            mask = io.read_mask(path)
        except SegadvError as error:
            reason = str(error).removeprefix(f"{path}: ").partition("; ")[0]
            self._fail(
                f"what the program wrote is no mask ({reason}){_said(ended)}",
                f'correct "output" or the command in {self.source.name}',
            )
        return self._classes(self._on_grid(mask, scan))

    def _on_grid(self, mask: Mask, scan: Scan) -> Mask:
        """Return the mask if each of its pixels lies where the scan's does."""
        grid = scan.grid
        if grid.ndim == 2 and mask.grid.ndim == 3 and mask.grid.shape[0] == 1:
            mask = replace(mask, array=mask.array[0], grid=flat_grid(mask.grid))
        if mask.grid.shape != grid.shape:
            found, needed = (" x ".join(map(str, g.shape)) for g in (mask.grid, grid))
            self._fail(
                f"the program's mask has {found} pixels but the image has {needed}",
                "let it write masks on the image's own grid",
            )
        if not mask.grid.same_as(grid):
            self._fail(
                "the program's mask lies elsewhere than the image (origin, spacing, direction)",
                "let it write the image's geometry into the mask",
            )
        return mask

    def _classes(self, mask: Mask) -> Array:
        """Return the victim's class numbers for those in the mask."""
        table = np.full(MOST_LABEL + 1, -1 if self.others is None else self.others, np.int32)
        if self.numbers is not None:
            for number, label in self.numbers.items():
                table[number] = label
        elif mask.classes:
            known = {name.casefold(): label for label, name in enumerate(self.classes)}
            for number, name in enumerate(mask.classes):
                table[number] = known.get(name.casefold(), table[number])
            table[0] = 0
        else:
            table[: len(self.classes)] = np.arange(len(self.classes))
        unknown = next((number for number in held(mask.array) if table[number] < 0), None)
        if unknown is not None:
            named = f" ({one_line(mask.class_name(unknown))})" if mask.classes else ""
            self._fail(
                f"the program's mask holds number {unknown}{named}, which is none of its classes",
                f'list it under "labels" in {self.source.name}',
            )
        return table[mask.array].astype(np.uint8 if len(self.classes) <= 256 else np.uint16)

    def _fail(self, what: str, remedy: str) -> NoReturn:
        raise SegadvError(f"{self.name}: {what}; {remedy}")


def _said(ended: Ended) -> str:
    """Return the last line that a program has written, for a message."""
    said = one_line(COLOURS.sub("", ended.said), SAID)
    return f", its last words: {said}" if said else ""


def no_network(x: Tensor) -> Tensor:
    """Stand in for the network that a program does not show.

    Raises:
        SegadvError: always.
    """
    raise SegadvError("a program has no network to call; let it predict a Scan")


class BoundProgram(BoundVictim):
    """A program on the grid of a scan: a class for every pixel, S' = S, from the mask it writes.

    Its logits are SURE for the class of a pixel and 0 for the others. They have no gradient. The
    program gets what a file of the image holds: its numbers are rounded to the scan's storage type.
    """

    differentiable: ClassVar[bool] = False

    def check(self, victim: Pipeline, scan: Scan) -> None:
        assert isinstance(victim, ProgramVictim)
        if scan.parts and not victim.program.channels:
            raise SegadvError(
                f"{victim.name}: is a program that gets one file an image; {scan.name} has "
                f"{scan.channels} channels, each in its own file. If the program takes them so, "
                f'list their names as "channels" in {victim.program.source.name}.'
            )
        if scan.colour and victim.program.channels:
            raise SegadvError(
                f"{victim.name}: is a program that gets a file for each of its channels "
                f"({', '.join(victim.program.channels)}); {scan.name} is in colour. Choose another "
                "model or image."
            )

    def __init__(self, victim: Pipeline, *given: Any, **more: Any) -> None:
        super().__init__(victim, *given, **more)
        # The classes of the clean image's parts: an attack on a few slices changes no others.
        self._known: dict[str, Array] | None = None

    def default_name(self, label: int) -> str:
        return super().default_name(label) if label else "background"

    @property
    def program(self) -> Program:
        """The program."""
        assert isinstance(self.victim, ProgramVictim)
        return self.victim.program

    @property
    def about(self) -> dict[str, Any]:
        return {"command": list(self.program.arguments), "calls": self.passes.calls}

    def __call__(self, images: Tensor, /) -> Tensor:
        if images.requires_grad and torch.is_grad_enabled():
            assert isinstance(self.victim, Victim)
            self.victim.require_gradient()
        return self.logits(images)

    def logits(self, images: Tensor) -> Tensor:
        classes = torch.from_numpy(np.stack(self._classes(images)).astype(np.int64))
        shape = (len(images), len(self.program.classes), *images.shape[2:])
        out = torch.zeros(shape, device=images.device)
        return out.scatter_(1, classes.unsqueeze(1).to(images.device), SURE)

    def prediction(self, images: Tensor) -> Prediction:
        first = images if len(images) == 1 else images[:1]
        return Mask(self._classes(first)[0], self.scan.grid, self.program.classes)

    def _classes(self, images: Tensor) -> list[Array]:
        """Return the class numbers (*S) of each of the images (N, C, *S)."""
        scans = [
            self.scan if images is self.image and not self.presented else self._scan_of(image)
            for image in images.detach().split(1)
        ]
        if not self.by_slice:
            return self._asked(scans, 1.0)
        depth = len(self.scan.array)
        parts = [_slice(scan, z) for scan in scans for z in range(depth)]
        found = self._asked(parts, 1.0 / depth)
        return [np.stack(found[n : n + depth]) for n in range(0, len(found), depth)]

    def _asked(self, scans: Sequence[Scan], weight: float) -> list[Array]:
        """Return the class numbers of scans; ask the program only for those that are new.

        Args:
            scans: images, or slices of some.
            weight: of one of them, as a share of a whole image.
        """
        keys = [sha256_of_array(scan.array) for scan in scans]
        found = {key: self._known[key] for key in keys if self._known and key in self._known}
        new = {key: scan for key, scan in zip(keys, scans, strict=True) if key not in found}
        several = self.program.takes_folders
        groups = [list(new)] if several and new else [[key] for key in new]
        for group in groups:
            asked = self.program.predict([new[key] for key in group], self.passes.on_piece)
            found |= zip(group, asked, strict=True)
            self.passes.calls += 1
            self.passes.forward += weight * len(group)
            self.passes.on_piece()
        if self._known is None:
            self._known = dict(found)
        return [found[key] for key in keys]

    def _scan_of(self, image: Tensor) -> Scan:
        """Return an image (1, C, *S) as the Scan that its files would hold."""
        scan = self.scan
        if self.presented is None or self.victim.window is None:
            values = as_array(self._present(image), scan)
            if not scan.parts:
                return _as_stored(scan, values)
            pairs = zip(scan.parts, np.moveaxis(values, -1, 0), strict=True)
            return Scan.of_parts([_as_stored(part, own) for part, own in pairs])
        values = as_array(self.presented(image), scan)
        if self.victim.expects == "grey level" and self.victim.window[1] == BYTES[1]:
            return replace(scan, array=np.rint(values).astype(np.uint8), storage=Storage("uint8"))
        return replace(scan, array=values, storage=Storage("float32"))


def _as_stored(scan: Scan, values: Array) -> Scan:
    """Return an image with other intensities, as whole numbers if it has those."""
    values = np.rint(values) if scan.array.dtype.kind in "iu" else values
    return replace(scan, array=np.ascontiguousarray(values.astype(scan.array.dtype)))


def _slice(scan: Scan, z: int) -> Scan:
    """Return a slice along a volume's first axis, in its plane, as an image of its own."""
    if scan.parts:
        return Scan.of_parts([_slice(part, z) for part in scan.parts])
    grid = flat_grid(replace(scan.grid, shape=(1, *scan.grid.shape[1:])))
    return replace(scan, array=scan.array[z], grid=grid)


@dataclass(frozen=True, eq=False)
class ProgramVictim(Victim):
    """A program as victim.

    Attributes, besides those of `Victim`:
        program: the program; the victim's `network` is none.
        intensities: the window that it sees, in the image's units; None if that is not known.
        windows_of_channels: the same for each of several channels, in its own units; empty: one
            for all.
    """

    program: Program = field(kw_only=True)
    intensities: tuple[float, float] | None = field(default=None, kw_only=True)
    windows_of_channels: tuple[tuple[float, float], ...] = field(default=(), kw_only=True)

    @property
    def window(self) -> tuple[float, float] | None:
        return self.intensities

    def channel_windows(self, count: int) -> tuple[tuple[float, float] | None, ...]:
        return self.windows_of_channels or super().channel_windows(count)

    @property
    def binding(self) -> type[BoundVictim]:
        return BoundProgram
