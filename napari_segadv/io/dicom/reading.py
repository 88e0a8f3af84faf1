"""Reading: a place in a DICOM folder or file to pixels in real units, with all that is known."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset

from ...common.memory import available
from ...common.wording import in_percent
from ...data.scan import Array, Storage
from ...errors import SegadvError
from ..pixels import Pixels
from .belonging import made_from, subject_of, uids
from .choice import Chosen, choose
from .elements import first_text, groups, number, numbers, text
from .files import FAULTS, parse, quiet, reason
from .geometry import axes, picture_grid, volume_grid
from .headers import MAGNIFICATION, Plane, description_of, plane_of, spacing_of
from .kinds import is_projection
from .stored import Layout, frames_of, layout_of
from .straighten import straightened
from .values import (
    Scaling,
    coloured,
    narrowed,
    padding_of,
    scaling_of,
    through_lookup,
    units_of,
    values_of,
)  # fmt: skip
from .windows import presentation_of

# Degrees of a gantry's tilt that are worth a word.
LEAST_TILT = 1.0
META = {
    "modality": "Modality",
    "description": "SeriesDescription",
    "series_number": "SeriesNumber",
    "series": "SeriesInstanceUID",
    "photometric": "PhotometricInterpretation",
    "window_center": "WindowCenter",
    "window_width": "WindowWidth",
    "window_explanation": "WindowCenterWidthExplanation",
    "window_function": "VOILUTFunction",
    "rescale_type": "RescaleType",
    "rescale_slope": "RescaleSlope",
    "rescale_intercept": "RescaleIntercept",
    "lossy": "LossyImageCompression",
}


def read(path: Path, which: str) -> Pixels:
    """Read the image that a place means, in real units.

    Raises:
        SegadvError: if there is none or several, or if it can't be read right.
    """
    chosen = choose(path, which)
    planes = chosen.image.planes
    if chosen.frame is not None:
        planes = (_frame_of(planes[0], chosen.frame),)
    try:
        return _read(chosen, planes)
    except FAULTS as error:
        raise SegadvError(
            f"{path}: its header or pixels are invalid ({reason(error)}); export it again"
        ) from None


def _frame_of(plane: Plane, frame: int) -> Plane:
    """Return one frame of a file whose frames have no place, with the file's scaling."""
    ds = parse(plane.path)
    with quiet():
        spacing, _ = spacing_of(list(groups(ds, frame)))
        found = plane_of(ds, plane.path, frame, "", plane.shape)
    return replace(found, position=(), orientation=(), spacing=spacing)


def _read(chosen: Chosen, planes: Sequence[Plane]) -> Pixels:
    middle = planes[len(planes) // 2]
    scaling: Scaling | None = None
    stack: Array | None = None
    kept: tuple[FileDataset, Layout] | None = None
    images: set[str] = set()
    drawn_on: set[str] = set()
    for index, (plane, ds, layout, frame) in enumerate(_slices(planes)):
        values = _values(frame, plane, ds, layout, planes)
        if stack is None:
            scaling = scaling_of(planes, layout) if layout.mono else None
            stack = _room(planes, values, plane.path)
        if values.dtype != stack.dtype:
            stack = stack.astype(np.result_type(stack.dtype, values.dtype))
        stack[index] = values
        if plane is middle:
            kept = ds, layout
        with quiet():
            images.add(text(ds, "SOPInstanceUID"))
            drawn_on |= made_from(ds, plane.frame)
    assert stack is not None
    assert kept is not None
    found = _pixels(chosen, planes, stack, scaling, middle, *kept)
    with quiet():
        subject = subject_of(kept[0], uids(images), uids(drawn_on), middle.placed)
    return replace(found, grid=replace(found.grid, subject=subject))


def _slices(planes: Sequence[Plane]) -> Iterator[tuple[Plane, FileDataset, Layout, Array]]:
    """Yield the stored numbers of planes, reading each file once for neighbouring ones."""
    start = 0
    while start < len(planes):
        path = planes[start].path
        end = start
        while end < len(planes) and planes[end].path == path:
            end += 1
        ds = parse(path, pixels=True)
        with quiet():
            layout = layout_of(ds, path)
        wanted = [plane.frame or 0 for plane in planes[start:end]]
        frames = frames_of(ds, layout, path, wanted)
        for plane, frame in zip(planes[start:end], frames, strict=True):
            yield plane, ds, layout, frame
        start = end


def _room(planes: Sequence[Plane], values: Array, path: Path) -> Array:
    """Return an empty array for all planes.

    Raises:
        SegadvError: if the memory does not hold it.
    """
    needed = values.nbytes * len(planes)
    if 2 * needed > available():
        raise SegadvError(
            f"{path.parent}: its {needed / 1e9:.3g} GB of pixels need more memory than there is; "
            "use a part of the series"
        )
    return np.empty((len(planes), *values.shape), values.dtype)


def _values(
    frame: Array, plane: Plane, ds: FileDataset, layout: Layout, planes: Sequence[Plane]
) -> Array:
    """Return the values of a frame: through its palette, its Modality LUT or its rescale."""
    if layout.photometric == "PALETTE COLOR":
        return coloured(frame, ds)
    if layout.samples > 1:
        return frame
    if plane.lookup and "ModalityLUTSequence" in ds:
        found = through_lookup(frame, ds)
        return found.astype(np.uint8 if found.max() < 256 else np.uint16)
    return narrowed(values_of(frame, plane, scaling_of(planes, layout)))


def _pixels(
    chosen: Chosen,
    planes: Sequence[Plane],
    stack: Array,
    scaling: Scaling | None,
    middle: Plane,
    ds: FileDataset,
    layout: Layout,
) -> Pixels:
    """Put together what was read."""
    with quiet():
        described = list(groups(ds, middle.frame))
        padding = padding_of(ds, middle) if layout.mono else None
        units, notes = _units(described, planes, layout, stack)
        shown, remarks = presentation_of(described, stack, padding) if layout.mono else (None, ())
        meta = _meta(planes, described, layout)
        if padding is not None:
            meta["padding"] = padding
        notes += _notes(planes, described, layout, stack, padding) + remarks
    storage = scaling.storage if scaling is not None and not middle.lookup else None
    if storage is None:
        storage = Storage(str(stack.dtype))
    if not chosen.image.volume or len(planes) == 1:
        array, grid = stack[0], picture_grid(planes[0])
    elif chosen.straighten:
        array, grid = straightened(stack, chosen.image.course)
        meta["straightened"] = chosen.image.course.angle
        notes += (
            f"Its gantry was tilted by {chosen.image.course.angle:.1f} degrees: the slices were "
            "resampled to right angles by SimpleITK (linear).",
        )
    else:
        array, grid = stack, volume_grid(chosen.image.course)
    return Pixels(array, grid, storage, units, shown, meta, chosen.notes + notes)


def _units(
    described: Sequence[Any], planes: Sequence[Plane], layout: Layout, stack: Array
) -> tuple[str, tuple[str, ...]]:
    """Return the units of an image, with notes; colours have none."""
    if not layout.mono:
        return "grey level", ()
    return units_of(described, planes, float(stack.min()))


def _meta(planes: Sequence[Plane], described: Sequence[Any], layout: Layout) -> dict[str, Any]:
    """Return the facts that are worth keeping, and those that a derived series needs."""
    meta: dict[str, Any] = {}
    for name, keyword in META.items():
        found = first_text(described, keyword)
        if found:
            meta[name] = description_of(described[-1]) if name == "description" else found
    meta["files"] = tuple(dict.fromkeys(str(plane.path) for plane in planes))
    meta["bits_stored"], meta["signed"] = layout.stored, layout.signed
    meta["transfer_syntax"] = layout.syntax
    if any(plane.frame is not None for plane in planes):
        meta["frames"] = tuple(plane.frame or 0 for plane in planes)
    if len({(plane.slope, plane.intercept) for plane in planes}) > 1:
        meta["slopes"] = tuple(plane.slope for plane in planes)
        meta["intercepts"] = tuple(plane.intercept for plane in planes)
    if planes[0].lookup:
        meta["modality_lut"] = True
    return meta


def _notes(
    planes: Sequence[Plane],
    described: Sequence[Any],
    layout: Layout,
    stack: Array,
    padding: tuple[float, float] | None,
) -> tuple[str, ...]:
    """Return what the user has to know about the values and the spacing."""
    notes = []
    if planes[0].lookup:
        notes.append("Its values are those of the header's Modality LUT, not the stored numbers.")
    if len({(plane.slope, plane.intercept) for plane in planes}) > 1 and stack.dtype.kind == "f":
        notes.append("Its slices have different rescale slopes: the values are floating point.")
    if padding is not None:
        inside = (stack >= padding[0]) & (stack <= padding[1])
        share = float(inside.mean())
        if share:
            shown = f"{in_percent(share)}" if share >= 0.005 else "Less than 1 %"
            notes.append(
                f"{shown} of its pixels are padding (value {padding[0]:g}), kept as they are."
            )
    if layout.photometric == "PALETTE COLOR":
        notes.append("Its palette was expanded to RGB.")
    notes += [*_spacing_notes(described), *_tilt_note(planes, described)]
    return tuple(notes)


def _tilt_note(planes: Sequence[Plane], described: Sequence[Any]) -> list[str]:
    """Say that slices lie upright though the header states a tilted gantry."""
    tilt = max((abs(number(each, "GantryDetectorTilt", 0)) for each in described), default=0)
    if tilt < LEAST_TILT or len(planes) < 2 or not planes[0].placed:
        return []
    lying = abs(float(axes(planes[0].orientation)[2][2]))
    if lying < np.cos(np.radians(LEAST_TILT)):
        return []
    return [
        f"Its header states a gantry tilted by {tilt:g} degrees, but positions of slices that are "
        "not: the positions count. If they were not corrected, the volume is sheared."
    ]


def _spacing_notes(described: Sequence[Any]) -> list[str]:
    """Say which spacing a projection has: at the detector, or in the patient."""
    ds = described[-1]
    found, source = spacing_of(described)
    ratio = numbers(ds, "PixelAspectRatio", 2)
    if not found and ratio and min(ratio) > 0 and ratio[0] != ratio[1]:
        return [
            f"Its pixels are not square (PixelAspectRatio {ratio[0]:g} to {ratio[1]:g}), but have "
            "no spacing: they are taken as square."
        ]
    if not is_projection(ds, text(ds, "Modality")) or not found:
        return []
    if source == "ImagerPixelSpacing":
        return ["Its spacing is that at the detector (ImagerPixelSpacing), without magnification."]
    if source == MAGNIFICATION:
        return [
            "Its spacing is that at the detector (ImagerPixelSpacing), divided by the "
            f"magnification that the header estimates ({text(ds, MAGNIFICATION)})."
        ]
    if source == "NominalScannedPixelSpacing":
        return ["Its spacing is that of the scanned film (NominalScannedPixelSpacing)."]
    detector = text(ds, "ImagerPixelSpacing")
    if detector and detector != text(ds, "PixelSpacing"):
        return ["Its spacing is the calibrated one (PixelSpacing), not that at the detector."]
    return []
