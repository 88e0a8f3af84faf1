"""DICOM: a series by its folder or by any one of its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ...errors import SegadvError
from ..itk import guarded, read_image
from ..registry import Format, check_name

SERIES_UID = "0020|000e"
TAGS = {
    "modality": "0008|0060",
    "description": "0008|103e",
    "series_number": "0020|0011",
    "photometric": "0028|0004",
    "window_center": "0028|1050",
    "window_width": "0028|1051",
    "rescale_slope": "0028|1053",
    "rescale_intercept": "0028|1052",
    "bits_stored": "0028|0101",
    "signed": "0028|0103",
}


@dataclass(frozen=True)
class Series:
    """One series of a folder."""

    uid: str
    files: tuple[str, ...]
    description: str

    @property
    def title(self) -> str:
        return f"{self.description or 'no description'}, {len(self.files)} files"


def is_dicom(path: Path) -> bool:
    """Return True for a file with DICOM's magic bytes and for a folder that directly holds one."""
    if path.is_dir():
        return any(is_dicom(child) for child in sorted(path.iterdir()) if child.is_file())
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            file.seek(128)
            return file.read(4) == b"DICM"
    except OSError:
        return False


def list_series(folder: Path) -> list[Series]:
    """List the series whose files lie directly in a folder, the largest first.

    Raises:
        SegadvError: if ITK can't read something in it.
    """
    for path in (folder, *folder.iterdir()):
        check_name(path)
    warned = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader = sitk.ImageSeriesReader
        found = [
            (uid, reader.GetGDCMSeriesFileNames(str(folder), uid))
            for uid in reader.GetGDCMSeriesIDs(str(folder))
        ]
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warned)
    series = [
        Series(uid, tuple(files), tags_of(Path(files[0])).get("description", ""))
        for uid, files in found
    ]
    return sorted(series, key=lambda s: (-len(s.files), s.uid))


def tags_of(path: Path) -> dict[str, str]:
    """Return the header entries that we keep, by their names in TAGS."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    guarded(reader.ReadImageInformation, path)
    found = {"series": SERIES_UID, **TAGS}
    return {
        name: reader.GetMetaData(tag).strip()
        for name, tag in found.items()
        if reader.HasMetaDataKey(tag)
    }


def choose(path: Path) -> tuple[str, ...]:
    """Return the files, in order, of the one series that a path means.

    Raises:
        SegadvError: if a folder holds no series, or several: then it lists one file of each.
    """
    folder = path if path.is_dir() else path.parent
    series = list_series(folder)
    if path.is_file():
        for one in series:
            if any(Path(name) == path for name in one.files):
                return one.files
        return (str(path),)
    if not series:
        raise SegadvError(f"{path}: no DICOM series in this folder; name a folder that holds one")
    if len(series) > 1:
        choices = "; ".join(f"{one.files[0]} ({one.title})" for one in series)
        raise SegadvError(
            f"{path}: holds {len(series)} series; name one file of the one you mean: {choices}"
        )
    return series[0].files


def check_spacing(files: Sequence[str], image: sitk.Image, path: Path) -> None:
    """Refuse a series with a missing slice: ITK would shift everything behind the gap."""
    if len(files) < 3 or image.GetDimension() != 3:
        return
    reader = sitk.ImageFileReader()
    positions = []
    for name in files:
        reader.SetFileName(name)
        guarded(reader.ReadImageInformation, path)
        positions.append(reader.GetOrigin())
    steps = np.linalg.norm(np.diff(np.array(positions), axis=0), axis=1)
    uneven = np.flatnonzero(np.abs(steps - np.median(steps)) > 0.1 * np.median(steps) + 1e-3)
    if len(uneven):
        after = Path(files[int(uneven[0])]).name
        raise SegadvError(
            f"{path}: slices are {np.median(steps):.3g} mm apart but {steps[uneven[0]]:.3g} mm "
            f"after {after}: a slice is missing or doubled; complete the series or use a part of it"
        )


def read(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    """Read the image in real units (GDCM applies slope and intercept) and its tags."""
    files = choose(path)
    if len(files) == 1:
        image = read_image(Path(files[0]))
        if image.GetDimension() == 3 and image.GetSize()[2] == 1:
            image = image[:, :, 0]
    else:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(files)
        image = guarded(reader.Execute, path)
        check_spacing(files, image, path)
    meta: dict[str, Any] = {**tags_of(Path(files[0])), "files": files}
    return image, meta


FORMATS = (
    Format(
        "DICOM series",
        (".dcm",),
        True,
        read,
        None,
        saved_as=".nii.gz",
        why_not="DICOM can't be written yet, so the image is saved as NIfTI",
        claims=is_dicom,
    ),
)
