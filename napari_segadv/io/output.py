"""How an image that is derived from a scan is saved: as the scan's file, or as a DICOM series."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from .images import output_format, read, read_array, save, save_array

CHOICES: tuple[str, ...] = ("auto", "dicom", "nifti")
NIFTI = ".nii.gz"
SEGMENTATION = ".dcm"
NEGATIVE = (
    "A NIfTI file does not say that the film is stored inverted, so programs will show it as a "
    "negative."
)


@dataclass(frozen=True)
class Output:
    """Where and how the images that are derived from one scan are saved.

    Attributes:
        ending: suffix of the image's file; "" for a folder of DICOM files.
        note: why that is not the scan's own format, for the user; "" if it is.
        deidentify: whether DICOM files are written without the patient's identifiers.
        told: notes of the last writing, for the user: pixels that differ from what was asked for,
            identifiers.
        parts: how each channel of an image of several is saved; `ending` is then that of the first.
    """

    ending: str
    note: str = ""
    deidentify: bool = False
    told: tuple[str, ...] = ()
    parts: tuple["Output", ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user has to know of the format and of the last writing."""
        own = [part.note for part in self.parts] or [self.note]
        return (*dict.fromkeys(note for note in own if note), *self.told)

    @property
    def dicom(self) -> bool:
        """Whether images are saved as DICOM series; of several channels, whether one is."""
        return not self.ending or any(part.dicom for part in self.parts)

    @property
    def data(self) -> dict[str, Any]:
        """What `result.json` holds of it."""
        if self.parts:
            return {**replace(self, parts=()).data, "channels": [one.data for one in self.parts]}
        return {
            "ending": self.ending,
            "note": self.note,
            "deidentified": self.deidentify,
            "told": list(self.told),
        }

    def write(self, image: Scan, clean: Scan, place: Path) -> tuple[list[Path], tuple[str, ...]]:
        """Write an image; return its file or folder, and notes for the user.

        Of several channels, there is one for each: PLACE_0000, PLACE_0001, as nnU-Net names them.

        Args:
            image: on the clean scan's grid, in its storage type.
            clean: the scan that it was derived from.
            place: its path without a suffix.

        Raises:
            SegadvError: if it can't be written.
        """
        if self.parts:
            paths: list[Path] = []
            told: list[str] = []
            each = zip(self.parts, image.parts, clean.parts, strict=True)
            for number, (output, part, source) in enumerate(each):
                written, notes = output.write(part, source, of_channel(place, number))
                paths += written
                told += notes
            return paths, tuple(dict.fromkeys(told))
        if not self.dicom:
            path = place.with_name(place.name + self.ending)
            save(image, path)
            return [path], ()
        from .dicom_out import write_series

        series = write_series(image.array, clean, place, deidentify=self.deidentify)
        return [place], series.notes

    def write_segmentation(
        self,
        mask: Mask,
        files: Sequence[str | Path],
        place: Path,
        algorithm: str = "",
        description: str = "Segmentation - not for diagnosis",
        which: int = 0,
    ) -> None:
        """Write a label map as a DICOM segmentation.

        Args:
            mask: on the scan's grid.
            files: of the series that it belongs to.
            place: path of the segmentation without a suffix.
            algorithm: the network that made it; "" if a person did.
            description: of the series that it is.
            which: of several segmentations of one image, from 0: each series has its own number.

        Raises:
            SegadvError: if it can't be written.
        """
        from .dicom_out.segmentation import SERIES, write_seg

        path, number = place.with_name(place.name + SEGMENTATION), SERIES + which
        write_seg(mask, files, path, description=description, number=number, algorithm=algorithm)


def of_channel(place: Path, number: int) -> Path:
    """Return the place, without a suffix, of one channel, as nnU-Net numbers them from 0000."""
    return place.with_name(f"{place.name}_{number:04d}")


def save_values(values: Array, place: Path, scan: Scan) -> None:
    """Write an array on an image's grid as float32, for example noise.

    Args:
        values: of the image's shape, or of its grid's with components last.
        place: without a suffix. Of values in each of several channels, there is a file for each:
            PLACE_0000.nii.gz, ...
        scan: the image.
    """
    if not (scan.parts and values.shape == scan.array.shape):
        # A displacement lies where the channels do.
        save_array(values, place.with_name(place.name + NIFTI), scan.singles[0])
        return
    for number, part in enumerate(scan.parts):
        path = of_channel(place, number)
        save_array(values[..., number], path.with_name(path.name + NIFTI), part)


def read_values(place: Path, scan: Scan) -> Array | None:
    """Read an array of an image's shape that `save_values` wrote; None if its files are not there.

    Raises:
        SegadvError: if a file can't be read, or holds something else.
    """
    parts = range(len(scan.parts))
    places = [of_channel(place, number) for number in parts] if scan.parts else [place]
    files = [one.with_name(one.name + NIFTI) for one in places]
    if not all(file.exists() for file in files):
        return None
    if not scan.parts:
        return read_array(files[0], scan.array.shape)
    return np.stack([read_array(file, scan.grid.shape) for file in files], axis=-1)


def is_dicom(scan: Scan) -> bool:
    """Return whether a scan was read from DICOM files."""
    return scan.path is not None and str(scan.meta.get("format", "")).startswith("DICOM")


def output_for(scan: Scan, choice: str = "auto", deidentify: bool = False) -> Output:
    """Decide how images derived from a scan are saved.

    Args:
        scan: the clean scan.
        choice: "auto" for the scan's own format where it can be written without loss, and NIfTI
            otherwise; "dicom" or "nifti".
        deidentify: whether to write DICOM files without the patient's identifiers.

    Raises:
        SegadvError: if DICOM was chosen but can't be written, or if identifiers are to be removed
            from another format.
    """
    if choice not in CHOICES:
        raise SegadvError(f"save as {choice}: choose {', '.join(CHOICES[:-1])} or {CHOICES[-1]}")
    if scan.parts:
        parts = tuple(output_for(part, choice, deidentify) for part in scan.parts)
        return Output(parts[0].ending, deidentify=deidentify, parts=parts)
    found = _output(scan, choice)
    if deidentify and not found.dicom:
        raise SegadvError(
            f"{scan.name}: is not saved as DICOM, so there are no identifiers to remove; remove "
            "--deidentify"
        )
    return replace(found, deidentify=deidentify)


def _output(scan: Scan, choice: str) -> Output:
    if choice == "nifti":
        falls = scan.presentation is not None and scan.presentation.falls
        return Output(NIFTI, NEGATIVE if falls else "")
    if choice == "auto" and not is_dicom(scan):
        return Output(*output_format(scan))
    from .dicom_out import why_not

    reason = why_not(scan)
    if not reason:
        return Output("")
    if choice == "dicom":
        raise SegadvError(f"{scan.name}: can't be written as DICOM: {reason}; save it as NIfTI")
    return Output(
        NIFTI, f"It can't be written as DICOM ({reason}), so the image is saved as NIfTI."
    )


def read_back(image: Scan, clean: Scan, output: Output) -> tuple[Scan, Output]:
    """Return an image as it comes back from its file, and the output with notes on the writing.

    Args:
        image: derived from the clean scan.
        clean: the clean scan.
        output: how it is saved.

    Raises:
        SegadvError: if all its pixels are the same, since no such image can be read.
    """
    for one, source in zip(image.singles, clean.singles, strict=True):
        if one.array.min() == one.array.max():
            raise SegadvError(
                f"{source.name}: every pixel of the adversarial image is {one.array.flat[0]}; "
                "attack it with a smaller epsilon"
            )
    with tempfile.TemporaryDirectory(prefix="segadv-") as folder:
        paths, told = output.write(image, clean, Path(folder) / "image")
        return read(paths), replace(output, told=told)
