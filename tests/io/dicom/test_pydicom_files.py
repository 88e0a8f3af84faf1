"""The files that pydicom ships for its own tests: each is read as pydicom reads it, or refused.

Pixels that pydicom can't decode without packages under the GPL are held against SimpleITK's.
"""

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom.reading import read
from napari_segadv.io.formats.dicom import is_dicom

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
NO_PIXELS = "has no Rows and Columns, so it holds no image"
DOSE, SEGMENTS = "is a dose distribution (RTDOSE)", "is a segmentation (SEG)"
# Why a file is refused; those that are not here are read.
REFUSED = {
    "ExplVR_BigEndNoMeta.dcm": "is no image (RT Ion Plan Storage)",
    "ExplVR_LitEndNoMeta.dcm": "is no image (RT Ion Plan Storage)",
    # The size in its code stream is damaged on purpose.
    "JPEG2000-embedded-sequence-delimiter.dcm": "they are 1024 x 3722445056, but the header says",
    "MR_truncated.dcm": "its pixel data ends after 8130 of 8192 bytes",
    "UN_sequence.dcm": NO_PIXELS,
    "badVR.dcm": DOSE,
    "empty_charset_LEI.dcm": "is no image (a DICOM file without pixels)",
    "liver_1frame.dcm": SEGMENTS,
    "liver_expb_1frame.dcm": SEGMENTS,
    "meta_missing_tsyntax.dcm": "is no image (a DICOM file without pixels)",
    "nested_priv_SQ.dcm": "is no image (a DICOM file without pixels)",
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
    "rtstruct.dcm": "is no image (RT Structure Set Storage)",
    "test-SR.dcm": "is no image (Comprehensive SR Storage)",
    "waveform_ecg.dcm": "is no image (12-lead ECG Waveform Storage)",
    "dicomdirtests/DICOMDIR": "holds 24 images; choose one",
}
for _path in FILES:
    if _path.name.startswith("DICOMDIR-"):
        REFUSED[str(_path.relative_to(FOLDER))] = "is the table of contents of a disc"
    elif "TINY_ALPHA" in _path.parts:
        REFUSED[str(_path.relative_to(FOLDER))] = NO_PIXELS
REFUSED["dicomdirtests/TINY_ALPHA/DICOMDIR"] = "but none with an image that can be read (only CT)"


def name_of(path):
    return str(path.relative_to(FOLDER))


def expected(path, frame):
    """The values of a frame, in real units or RGB, as pydicom or else SimpleITK has them."""
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


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_read_as_pydicom_reads_it_or_refused(path):
    if not is_dicom(path):
        with pytest.raises(SegadvError, match="is not a DICOM file"):
            read(path, "file")
        return
    reason = REFUSED.get(name_of(path))
    if reason is not None:
        with pytest.raises(SegadvError) as refusal:
            read(path, "" if "DICOMDIR" in path.name else "file")
        assert reason in str(refusal.value)
        assert "\n" not in str(refusal.value)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(path, force=True)
        frames = int(ds.get("NumberOfFrames", 1) or 1)
        for frame in {0, frames - 1}:
            found = read(path, str(frame + 1) if frames > 1 else "file")
            exact = found.array.dtype.kind in "iu"
            np.testing.assert_allclose(
                found.array, expected(path, frame), rtol=0 if exact else 1e-6, atol=0
            )
