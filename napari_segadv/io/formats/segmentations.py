"""Segmentations: structures with names, which are read as masks and are no images."""

from pathlib import Path

from ...errors import SegadvError
from ..pixels import Pixels
from ..registry import Format
from ..segments import contours, seg, slicer
from ..segments.dicom_files import CONTOURS, LABEL_MAP, SEGMENTATION, only_file, sop_class
from . import nrrd


def _is_seg(path: Path) -> bool:
    return sop_class(only_file(path)) in (SEGMENTATION, LABEL_MAP)


def _is_contours(path: Path) -> bool:
    return sop_class(only_file(path)) == CONTOURS


def _no_image(path: Path, which: str) -> Pixels:
    raise SegadvError(f"{path}: is a segmentation, not an image; give it as a mask")


FORMATS = (
    Format(
        "DICOM segmentation",
        (),
        _no_image,
        None,
        saved_as=".seg.nrrd",
        claims=_is_seg,
        read_segments=lambda path, which, grid: seg.read(only_file(path), which, grid),
    ),
    Format(
        "RTSTRUCT",
        (),
        _no_image,
        None,
        saved_as=".seg.nrrd",
        claims=_is_contours,
        read_segments=lambda path, which, grid: contours.read(only_file(path), which, grid),
        dimensions="3-D",
    ),
    Format(
        "3D Slicer segmentation",
        slicer.SUFFIXES,
        _no_image,
        slicer.write,
        saved_as=".seg.nrrd",
        files=nrrd.files,
        claims=slicer.is_segmentation,
        read_segments=slicer.read,
    ),
)
