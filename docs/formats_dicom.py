"""What becomes of pydicom's test files, for the table that docs/formats.py writes.

Each is read and held against the values that pydicom reads. Pixels that pydicom can't decode
without packages under the GPL are held against SimpleITK's.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.io.formats.dicom import is_dicom

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
# A row of the table names so many files and counts the others.
LISTED = 3
NO_IMAGE = "not an image that can be read"
FRAMES = "frames without a place of their own"
NO_PIXELS = "has no Rows and Columns, so it holds no image"
HEADER_ONLY = "is no image (a DICOM file without pixels)"
DOSE, SEGMENTS = "is a dose distribution (RTDOSE)", "is a segmentation, not an image"
# Why a file is refused; those that are not here are read.
REFUSED = {
    "ExplVR_BigEndNoMeta.dcm": "is no image (RT Ion Plan Storage)",
    "ExplVR_LitEndNoMeta.dcm": "is no image (RT Ion Plan Storage)",
    # The size in its code stream is damaged on purpose.
    "JPEG2000-embedded-sequence-delimiter.dcm": "its pixels can't be decoded"
    " (they are 1024 x 3722445056, but the header says 1024 x 256)",
    "MR_truncated.dcm": "its pixel data ends after 8130 of 8192 bytes",
    "UN_sequence.dcm": NO_PIXELS,
    "badVR.dcm": DOSE,
    "empty_charset_LEI.dcm": HEADER_ONLY,
    "liver_1frame.dcm": SEGMENTS,
    "liver_expb_1frame.dcm": SEGMENTS,
    "meta_missing_tsyntax.dcm": HEADER_ONLY,
    "nested_priv_SQ.dcm": HEADER_ONLY,
    "no_meta.dcm": "is not a DICOM file",
    "no_meta_group_length.dcm": NO_PIXELS,
    "priv_SQ.dcm": NO_PIXELS,
    "reportsi.dcm": "is no image (Basic Text SR Storage)",
    "reportsi_with_empty_number_tags.dcm": "is no image (Basic Text SR Storage)",
    "rtdose.dcm": DOSE,
    "rtdose_1frame.dcm": DOSE,
    "rtdose_expb.dcm": DOSE,
    "rtdose_expb_1frame.dcm": DOSE,
    "rtdose_rle.dcm": DOSE,
    "rtdose_rle_1frame.dcm": DOSE,
    "rtplan.dcm": "is no image (RT Plan Storage)",
    "rtplan_truncated.dcm": "is no image (RT Plan Storage)",
    "rtstruct.dcm": SEGMENTS,
    "test-SR.dcm": "is no image (Comprehensive SR Storage)",
    "waveform_ecg.dcm": "is no image (12-lead ECG Waveform Storage)",
    "dicomdirtests/DICOMDIR": "holds 24 images; choose one",
}


def name_of(path: Path) -> str:
    """Return the name of one of pydicom's files, with its folders."""
    return path.relative_to(FOLDER).as_posix()


for _path in FILES:
    if _path.name.startswith("DICOMDIR-"):
        REFUSED[name_of(_path)] = "is the table of contents of a disc"
    elif "TINY_ALPHA" in _path.parts:
        REFUSED[name_of(_path)] = NO_PIXELS
REFUSED["dicomdirtests/TINY_ALPHA/DICOMDIR"] = (
    "holds DICOM files, but none with an image that can be read (only CT)"
)


def which(path: Path) -> str:
    """Return what chooses a file alone, not its series; a DICOMDIR stands for its disc."""
    return "" if "DICOMDIR" in path.name else "file"


def refusal(place: str) -> str:
    """Return the line in which an image is refused, "" if it is read."""
    try:
        io.read(place)
    except SegadvError as error:
        return str(error)
    return ""


def expected(path: Path, frame: int) -> Any:
    """Return the values of a frame, in real units or RGB, as pydicom or else SimpleITK has them."""
    ds = pydicom.dcmread(path, force=True)
    try:
        stored = pixel_array(ds, index=frame)
    except RuntimeError:
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        return found.reshape(found.shape[1:])
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        # Its entries are bytes in the upper half of 16 bits.
        return apply_color_lut(stored, ds)[..., :3] / 256
    return apply_modality_lut(stored, ds)


def check(path: Path) -> int:
    """Compare each frame of a DICOM file with what pydicom reads; return how many there are.

    Raises:
        AssertionError: if they differ.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = int(pydicom.dcmread(path, force=True).get("NumberOfFrames", 1) or 1)
        for frame in range(frames):
            found = io.read(f"{path}::{frame + 1 if frames > 1 else 'file'}").array
            exact = found.dtype.kind in "iu"
            np.testing.assert_allclose(
                found, expected(path, frame), rtol=0 if exact else 1e-6, atol=0, err_msg=str(path)
            )
    return frames


def outcome(path: Path) -> str:
    """Return "read", or the reason for which one of pydicom's files is refused.

    Raises:
        AssertionError: if it is read wrongly, or not refused for the reason in REFUSED.
    """
    reason = REFUSED.get(name_of(path)) if is_dicom(path) else NO_IMAGE
    chosen = which(path)
    if reason is None:
        frames = check(path)
        if frames == 1:
            return "read"
        reason, chosen = f"{frames} {FRAMES}", ""
    said = refusal(f"{path}::{chosen}" if chosen else str(path))
    assert reason in said, f"{path}: {said}"
    assert "\n" not in said, f"{path}: {said}"
    if reason == NO_IMAGE:
        return "refused: not a format that is read"
    return f"refused: {reason}" + ("; `::1` and so on are read" if FRAMES in reason else "")


def outcomes() -> dict[str, list[str]]:
    """Return each outcome with the names of the files that have it, "read" first."""
    found: dict[str, list[str]] = {}
    for path in FILES:
        found.setdefault(outcome(path), []).append(name_of(path))
    return dict(sorted(found.items(), key=lambda item: (item[0] != "read", -len(item[1]), item[0])))


def row(said: str, names: list[str]) -> str:
    """Return the row of the table for the files that have one outcome."""
    listed = ", ".join(f"`{name}`" for name in names[:LISTED])
    if said == "read":
        listed = f"{len(names)} files"
    elif len(names) > LISTED:
        listed = f"{len(names)} files: {listed} and {len(names) - LISTED} more"
    elif len(names) > 1:
        listed = f"{len(names)} files: {listed}"
    return f"| pydicom | {listed} | {said} |"
