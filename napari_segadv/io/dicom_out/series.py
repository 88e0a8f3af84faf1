"""A derived series: the adversarial image in copies of the files that the clean one came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import set_pixel_data
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from ...common.atomic_files import beside
from ...data.scan import Array, Scan
from ...errors import SegadvError
from ..dicom import stored as stored_numbers
from ..dicom.files import FAULTS, parse
from ..dicom.headers import plane_of
from ..segments.dicom_files import items, meta_of, understood
from .identifiers import carried, remove_identifiers, residual, words_of
from .sources import Source, header_of, source_of, writing
from .stored import Stored, layout_of, stored_of

DESCRIPTION = "ADVERSARIAL - not for diagnosis"
DERIVATION = (
    "Adversarial example: the pixels were changed by napari-segadv so that a network errs. Not for "
    "diagnosis."
)
LOSSY = (
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203",
)  # fmt: skip
# True of the source only.
DROPPED = (
    "IconImageSequence", "DigitalSignaturesSequence", "MACParametersSequence",
    "InstanceCreationDate", "InstanceCreationTime", "InstanceCreatorUID",
    "SmallestPixelValueInSeries", "LargestPixelValueInSeries", "PixelDataProviderURL",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "FrameTimeVector",
)  # fmt: skip
PALETTE = tuple(
    f"{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for part in ("Descriptor", "Data")
)
FRAME_TYPES = (
    "CTImageFrameTypeSequence", "MRImageFrameTypeSequence", "PETFrameTypeSequence",
    "XAXRFFrameCharacteristicsSequence", "XRay3DFrameTypeSequence",
)  # fmt: skip


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        files: in the order of the image's slices.
        series: UID of the series.
        notes: what the user has to know, a sentence each: pixels that differ from what was asked
            for, and identifiers.
    """

    files: tuple[Path, ...]
    series: str
    notes: tuple[str, ...]


def write_series(
    array: Array,
    scan: Scan,
    folder: str | Path,
    *,
    deidentify: bool = False,
    description: str = DESCRIPTION,
    names: str = "{:04d}.dcm",
) -> Written:
    """Write an image that was derived from a scan as a DICOM series.

    Each slice is a copy of its source's file with other pixels. Stored numbers lie between the
    clean ones and those asked for, so the distance to the clean image does not grow.

    Args:
        array: of the scan's shape, in its units, quantised as the scan's storage asks.
        scan: the clean scan, as read from DICOM.
        folder: where to write; it is made if it does not exist.
        deidentify: whether to remove identifiers by the basic profile of the standard. Then all
            UIDs change, and viewers do not know that both series belong together.
        description: of the series.
        names: of the files, by the number of the slice, from 1.

    Returns:
        The files, and notes for the user.

    Raises:
        SegadvError: if the scan did not come from DICOM files or can't be written as such (see
            `sources.why_not`), if a file exists already, or if it can't be written.
    """
    source, folder = source_of(scan), Path(folder)
    if array.shape != scan.array.shape:
        raise SegadvError(
            f"{folder}: an array of shape {array.shape} is no image of {scan.name}, which has "
            f"{scan.array.shape}; give one value for each"
        )
    flat = scan.grid.ndim == 2
    pair = (array[None], scan.array[None]) if flat else (array, scan.array)
    count = 1 if source.frames is not None else len(source.files)
    paths = tuple(folder / names.format(number) for number in range(1, count + 1))
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise SegadvError(f"{there}: exists already; name another folder")
    tally = Tally()
    series = generate_uid(None)
    with writing(folder, "save the image as NIfTI"):
        folder.mkdir(parents=True, exist_ok=True)
        with beside(paths[0]) as half:
            for number, path in enumerate(paths):
                each = slice(None) if source.frames is not None else slice(number, number + 1)
                dataset = _derived(source, number, pair[0][each], pair[1][each], scan.colour, tally)
                _finish(dataset, series, description, deidentify, tally)
                dataset.save_as(half / path.name, enforce_file_format=True)
            _move(half, paths)
    return Written(paths, series, tally.notes(scan, deidentify))


def _move(half: Path, paths: Sequence[Path]) -> None:
    """Move new files to their places, where nothing is: all of them or, if one fails, none."""
    moved: list[Path] = []
    try:
        for path in paths:
            moved.append(path)
            (half / path.name).replace(path)
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        raise


class Tally:
    """What has to be told of all slices."""

    def __init__(self) -> None:
        self.rounded = self.clipped = self.padded = 0
        self.identifiers: dict[str, None] = {}
        self.overlays = False

    def count(self, stored: Stored) -> None:
        self.rounded += stored.rounded
        self.clipped += stored.clipped
        self.padded += stored.padded

    def notes(self, scan: Scan, deidentify: bool) -> tuple[str, ...]:
        told = []
        if self.rounded:
            told.append(f"{self.rounded} pixels were rounded towards the clean image.")
        if self.clipped:
            told.append(f"{self.clipped} pixels were cut off at the range that the file can hold.")
        if self.padded:
            told.append(f"{self.padded} pixels at the padding value were left as they are.")
        if self.overlays:
            told.append("Drawings in unused bits of the pixels (overlays) are left out.")
        named = ", ".join(self.identifiers)
        if deidentify:
            told.append(
                f"Identifiers were removed, but these may remain: {named}."
                if named
                else "Identifiers were removed by the basic profile of the standard."
            )
        elif named:
            told.append(f"The series carries the patient's identifiers: {named}.")
        return tuple(told)


def _derived(
    source: Source, number: int, values: Array, clean: Array, colour: bool, tally: Tally
) -> Dataset:
    """Return the data set of a file with the pixels of its slices."""
    path = source.files[number]
    dataset = header_of(path)
    with understood(path):
        layout = layout_of(dataset, clean if colour else None, path)
        if colour:
            stored = [
                Stored(plane.astype(layout.dtype), layout.bits, before)
                for plane, before in zip(values, clean, strict=True)
            ]
        else:
            frames = source.frames or (0,)
            stored = [
                stored_of(plane, before, _rescale(dataset, frame, path), layout, path)
                for plane, before, frame in zip(values, clean, frames, strict=True)
            ]
            _check_pixels(source, number, stored[0], stored[-1])
        for each in stored:
            tally.count(each)
        pixels = np.stack([each.array for each in stored])
        _choose_frames(dataset, source, path)
        multiple = "NumberOfFrames" in dataset
        extremes = {
            keyword: int(end)
            for keyword, end in (
                ("SmallestImagePixelValue", pixels.min()),
                ("LargestImagePixelValue", pixels.max()),
            )
            if keyword in dataset and not colour
        }
        syntax = str(meta_of(dataset).get("TransferSyntaxUID", ""))
        _drop(dataset, colour, tally)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        bits = max(each.bits for each in stored)
        set_pixel_data(
            dataset,
            np.ascontiguousarray(pixels if multiple else pixels[0]),
            layout.photometric,
            bits,
            generate_instance_uid=False,
        )
        for keyword, value in extremes.items():
            dataset.add_new(keyword, "SS" if layout.dtype.kind == "i" else "US", value)
        if syntax in LOSSY:
            dataset.LossyImageCompression = "01"
    return dataset


def _rescale(dataset: Dataset, frame: int, path: Path) -> tuple[float, float]:
    """Return slope and intercept of a file, or of one of its frames, as reading takes them."""
    plane = plane_of(dataset, path, frame, "", (0, 0))
    return plane.slope, plane.intercept


def _check_pixels(source: Source, number: int, first: Stored, last: Stored) -> None:
    """Refuse a scan whose slices are not those of its files, in their order.

    The first and the last slice are looked at.
    """
    path, frames = source.files[number], source.frames or (0,)
    looked_at = {(frames[0], id(first)): first, (frames[-1], id(last)): last}
    if number not in (0, len(source.files) - 1):
        return
    for (frame, _), stored in looked_at.items():
        dataset = parse(path, pixels=True)
        layout = stored_numbers.layout_of(dataset, path)
        (held,) = stored_numbers.frames_of(dataset, layout, path, [frame])
        if not np.array_equal(held, stored.before):
            raise SegadvError(
                f"{path}: holds other pixels than the image has there; read the image again, or "
                "save it as NIfTI"
            )


def _choose_frames(dataset: Dataset, source: Source, path: Path) -> None:
    """Keep the descriptions of the frames that the image has, in its order."""
    held = int(dataset.get("NumberOfFrames") or 1)
    frames = source.frames
    if frames is None:
        if held > 1:
            raise SegadvError(
                f"{path}: has {held} frames, but the image has one slice; save it as NIfTI"
            )
        return
    if not all(0 <= frame < held for frame in frames):
        raise SegadvError(
            f"{path}: has {held} frames, but the image has {len(frames)} slices; save it as NIfTI"
        )
    each = items(dataset, "PerFrameFunctionalGroupsSequence")
    if each:
        dataset.PerFrameFunctionalGroupsSequence = [each[frame] for frame in frames]
    dataset.NumberOfFrames = len(frames)


def _drop(dataset: Dataset, colour: bool, tally: Tally) -> None:
    """Remove what is true of the source only."""
    for keyword in (*DROPPED, "SmallestImagePixelValue", "LargestImagePixelValue"):
        if keyword in dataset:
            del dataset[keyword]
    if colour:
        for keyword in PALETTE:
            if keyword in dataset:
                del dataset[keyword]
    tally.overlays |= _drop_overlays(dataset)


def _drop_overlays(dataset: Dataset) -> bool:
    """Remove overlays whose drawing is in the bits that a pixel did not need, or was removed."""
    found = False
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x3000) not in dataset:
            for element in list(dataset.group_dataset(group)):
                found = True
                del dataset[element.tag]
    return found


def _finish(
    dataset: Dataset, series: UID, description: str, deidentify: bool, tally: Tally
) -> None:
    """Say what the data set is, and where it comes from; remove identifiers if asked to."""
    referenced = _reference(dataset)
    if deidentify:
        words = words_of(dataset)
        remove_identifiers(dataset)
        _drop_overlays(dataset)
        tally.identifiers |= dict.fromkeys(residual(dataset, words))
        referenced = []
    else:
        tally.identifiers |= dict.fromkeys(carried(dataset))
    dataset.SourceImageSequence = referenced
    if not referenced:
        del dataset.SourceImageSequence
    dataset.SeriesInstanceUID, dataset.SOPInstanceUID = series, generate_uid(None)
    dataset.SeriesNumber = _series_number(dataset.get("SeriesNumber"))
    dataset.SeriesDescription = description
    dataset.DerivationDescription = DERIVATION
    dataset.ImageType = _image_type(dataset.get("ImageType"))
    for group in (
        *items(dataset, "SharedFunctionalGroupsSequence"),
        *items(dataset, "PerFrameFunctionalGroupsSequence"),
    ):
        for keyword in FRAME_TYPES:
            for item in items(group, keyword):
                item.FrameType = _image_type(item.get("FrameType"))
    dataset.ContributingEquipmentSequence = [
        *items(dataset, "ContributingEquipmentSequence"),
        _equipment(),
    ]
    meta = dataset.file_meta
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _reference(dataset: Dataset) -> list[Dataset]:
    """Return the item that names the source; none if it has no UID."""
    instance = dataset.get("SOPInstanceUID")
    if not instance:
        return []
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = dataset.SOPClassUID, instance
    item.PurposeOfReferenceCodeSequence = [
        _code("121322", "Source image for image processing operation")
    ]
    return [item]


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _equipment() -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [_code("109103", "Modifying Equipment")]
    item.Manufacturer = item.ManufacturerModelName = "napari-segadv"
    item.ContributionDescription = DERIVATION
    return item


def _image_type(found: Any) -> list[str]:
    """Return the type of a derived image; what follows the first two values is kept."""
    kept: Sequence[str] = [] if not found or isinstance(found, str) else list(found)[2:]
    return ["DERIVED", "SECONDARY", *map(str, kept)]


def _series_number(found: Any) -> int:
    """Return a number that sorts the series behind those of the study."""
    try:
        return 9000 + min(max(int(found or 0), 0), 1_000_000)
    except FAULTS:
        return 9000
