"""The files that pydicom ships for its own tests: each is read as pydicom reads it, or refused."""

import sys
from pathlib import Path

import pytest

from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom.reading import read
from napari_segadv.io.formats.dicom import is_dicom

DOCS = Path(__file__).parents[3] / "docs"
sys.path.insert(0, str(DOCS))
try:
    from formats_dicom import FILES, REFUSED, name_of, outcome, which
finally:
    sys.path.remove(str(DOCS))

# io.read knows these as masks before the reader of DICOM images sees them.
MASKS = {
    "liver_1frame.dcm": "is a segmentation (SEG)",
    "liver_expb_1frame.dcm": "is a segmentation (SEG)",
    "rtstruct.dcm": "is no image (RT Structure Set Storage)",
}
NO_IMAGES = [path for path in FILES if not is_dicom(path) or name_of(path) in REFUSED]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_read_as_pydicom_reads_it_or_refused(path):
    assert outcome(path).startswith(("read", "refused: "))


@pytest.mark.parametrize("path", NO_IMAGES, ids=name_of)
def test_the_reader_of_dicom_images_refuses_it_in_one_line(path):
    name = name_of(path)
    reason = {**REFUSED, **MASKS}[name] if is_dicom(path) else "is not a DICOM file"
    with pytest.raises(SegadvError) as refused:
        read(path, which(path))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_there_are_files_to_read():
    assert len(FILES) > 170
    assert len(FILES) - len(NO_IMAGES) > 80
