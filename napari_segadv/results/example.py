"""Example: the result of an attack, and the folder that it is saved to, all or nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import io
from ..common.atomic_files import written_whole
from ..common.hashing import sha256_of_all, sha256_of_files
from ..common.wording import counted, percent, with_units
from ..data.channels import Channel, in_percent
from ..data.scan import Mask, Scan, one_component
from ..errors import SegadvError
from ..io.output import Output, output_for, save_values
from ..victims.prediction import Prediction
from ..victims.task import Task
from .figure import figure
from .files import (
    ADVERSARIAL,
    FIGURE,
    NOISE,
    PREDICTIONS,
    RESULT,
    TARGET,
    files_in,
    refuse_existing,
)


@dataclass(frozen=True, eq=False)
class Example:
    """An adversarial example, as its file holds it.

    Attributes:
        task: the victim's task, which knows what predictions are.
        clean: the scan that was attacked.
        adversarial: the scan as read back from a file of the clean one's format.
        noise: their difference, float32, in the scan's units; of several channels, each in its own.
        target: what the victim should predict; None if untargeted.
        prediction_clean, prediction_adversarial: the victim's predictions, the latter of the file
            read back.
        measures: figures of the file read back, see docs/figures.md.
        measures_before_saving: the same figures of the image before it was rounded to the file's
            type.
        record: everything `result.json` holds besides the measures.
        window: (low, high) of the intensities that the victim sees.
        notes: what the user should know (another file format, a budget below one grey level).
        fields: float32 arrays of an attack that deforms or shades: "displacement" (*S, dims), in
            pixels along each axis of the array, where the image at p takes its value from
            p + D(p); and "intensity", shaped as the noise, in the scan's units. The image that
            they make is then held to budget and bounds and rounded, so the noise is not exactly
            what they make.
        output: how its images are saved; None: as `output_for` says of the clean scan.
        channels: of an image of several channels, as the victim sees them; `window` is then that
            of the percent in which its figures count, 0 to 100.
    """

    task: Task[Any]
    clean: Scan
    adversarial: Scan
    noise: npt.NDArray[np.float32]
    target: Prediction | None
    prediction_clean: Prediction
    prediction_adversarial: Prediction
    measures: Mapping[str, Any]
    measures_before_saving: Mapping[str, Any]
    record: Mapping[str, Any]
    window: tuple[float, float]
    notes: tuple[str, ...] = ()
    fields: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    output: Output | None = None
    channels: tuple[Channel, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the file read back reaches the attack's goal."""
        return bool(self.record["succeeded"])

    @property
    def noise_shown(self) -> npt.NDArray[np.float32]:
        """The noise as one signed value per pixel: of several, that furthest from 0.

        In the units of `measures`.
        """
        return one_component(self.noise_counted, self.clean.multichannel)

    @property
    def noise_counted(self) -> npt.NDArray[np.float32]:
        """The noise in the units of `measures`: of several channels, in percent of windows."""
        if not self.channels:
            return self.noise
        return in_percent(self.noise, self.channels).astype(np.float32)

    def channel(self, number: int) -> "Example":
        """Return what happened to one of several channels, in its own units and window.

        Predictions, target and their figures stay those of the whole image.
        """
        figures = self.measures["channels"][number]
        earlier = self.measures_before_saving.get("channels")
        fields = {
            name: values[..., number] if values.shape == self.clean.array.shape else values
            for name, values in self.fields.items()
        }
        return replace(
            self,
            clean=self.clean.parts[number],
            adversarial=self.adversarial.parts[number],
            noise=np.ascontiguousarray(self.noise[..., number]),
            measures={**self.measures, **figures},
            measures_before_saving={
                **self.measures_before_saving,
                **({} if earlier is None else earlier[number]),
            },
            window=self.channels[number].window,
            fields=fields,
            output=None,
            channels=(),
        )

    @property
    def seen(self) -> "Example":
        """The first channel of several, which a viewer shows beside the others; else itself."""
        # Itself is not cached: an example that holds itself is not freed when it is let go.
        return self._first if self.channels else self

    @cached_property
    def _first(self) -> "Example":
        return self.channel(0)

    @property
    def result(self) -> dict[str, Any]:
        """The contents of `result.json`."""
        return {
            **self.record,
            "measures": dict(self.measures),
            "measures_before_saving": dict(self.measures_before_saving),
            "notes": list(self.notes),
            "window": list(self.window),
        }

    def with_output(self, output: Output | None) -> "Example":
        """Return the same example, to be saved otherwise, without notes on the earlier output."""
        earlier = () if self.output is None else self.output.notes
        notes = tuple(note for note in self.notes if note not in earlier)
        return replace(self, output=output, notes=notes)

    @property
    def ending(self) -> str:
        """How the attack ended in a few words: the goal was reached, or how near it came.

        The best share is rounded down: it must not look better than it is.
        """
        if self.succeeded:
            return "goal reached"
        from ..attacks.base import DEFAULT_GOAL  # late: it imports torch

        shares = [self.measures.get(name) for name in ("moved", "kept")]
        reached = min((value for value in shares if value is not None), default=0.0)
        if not reached:
            # A classifier's class is reached or it is not: no share is worth showing.
            return "stopped"
        goal = self.record["parameters"].get("goal")
        best = percent(reached).removesuffix(" %")
        return f"stopped at {best} of {100 * (DEFAULT_GOAL if goal is None else goal):g} %"

    @property
    def summary(self) -> tuple[str, ...]:
        """The result in two lines for people."""
        m = self.measures
        head = f"{self.ending} after {counted(self.record['steps'], 'step')}"
        headline = self.task.headline(self.prediction_clean, self.prediction_adversarial, m)
        head += f": {headline}" if headline else ""
        return head, f"{self._largest}, mean {m['mean_abs']:.3g}, L2 {m['l2']:.4g}"

    @property
    def _largest(self) -> str:
        """The largest change in a few words; of several channels, that of each."""
        m = self.measures
        if not self.channels:
            largest = with_units(format(m["linf"], "g"), m["units"])
            return f"largest change {largest} ({m['linf_percent_of_window']:.2g} % of the window)"
        each = ", ".join(
            f"{one['name']} {with_units(format(one['linf'], '.4g'), one['units'])} "
            f"({one['linf_percent_of_window']:.2g} %)"
            for one in m["channels"]
        )
        return f"largest change {m['linf']:.2g} % of a window: {each}; in % of windows"

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the example's files into a folder, all or nothing; return the folder.

        Args:
            folder: created, with its parents.
            overwrite: replace an earlier result there.

        Raises:
            SegadvError: if the folder exists (and is not a segadv result, or `overwrite` is off),
                or can't be written.
        """
        folder = Path(folder)
        refuse_existing(folder, overwrite)
        with written_whole(folder, overwrite) as new:
            self.write(new)
        return folder

    def write(self, folder: Path) -> None:
        """Write the files into an existing folder, which holds nothing else; see `save`."""
        output = self.output or output_for(self.clean)
        paths, told = output.write(self.adversarial, self.clean, folder / ADVERSARIAL)
        output = replace(output, told=told)
        if not np.array_equal(io.read(paths).array, self.adversarial.array):
            raise SegadvError(
                f"{paths[0].name}: reads back differently from what was measured; please "
                "report it with the image's format"
            )
        for name, values in {NOISE: self.noise, **self.fields}.items():
            save_values(values, folder / name, self.clean)
        for name in PREDICTIONS:
            self.task.save(getattr(self, name), folder / f"{name}{self.task.ending}")
        if not output.parts:
            self._write_segmentations(output, paths[0], folder)
        figure(self).savefig(folder / FIGURE)
        stored = stored_as(paths)
        found = {
            **self.result,
            "notes": [*self.with_output(None).notes, *output.notes],
            "adversarial": stored,
            "output": output.data,
            "files": files_in(folder),
        }
        text = json.dumps(found, indent=1, allow_nan=False)
        (folder / RESULT).write_text(text + "\n", encoding="utf-8")

    def _write_segmentations(self, output: Output, written: Path, folder: Path) -> None:
        """Write masks as DICOM segmentations too, where the image is a DICOM series."""
        if not output.dicom:
            return
        derived = sorted(written.iterdir())
        # The files of the clean image name the patient.
        source = derived if output.deidentify else self.clean.meta["files"]
        before, after = PREDICTIONS
        network = Path(str(self.record["victim"].get("path") or "")).name
        for number, (name, files, algorithm, words) in enumerate(
            (
                (before, source, network, "Prediction, clean image"),
                (after, derived, network, "Prediction, ADVERSARIAL image"),
                (TARGET, source, "", "Target of an attack"),
            )
        ):
            mask = getattr(self, name)
            if isinstance(mask, Mask):
                # An archive lists series by their descriptions: the files' names are gone there.
                words += " - not for diagnosis"
                output.write_segmentation(mask, files, folder / name, algorithm, words, number)


def stored_as(paths: Sequence[Path]) -> dict[str, Any]:
    """Describe the files of an adversarial image: one, or of several channels one for each."""
    hashes = [
        sha256_of_all(_series(path) if path.is_dir() else io.files_of(path)) for path in paths
    ]
    if len(paths) == 1:
        return {"file": paths[0].name, "sha256": hashes[0]}
    return {"files": [path.name for path in paths], "sha256": sha256_of_files(hashes)}


def _series(folder: Path) -> list[Path]:
    """Return the files of a written series, without those that file browsers hide there."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
