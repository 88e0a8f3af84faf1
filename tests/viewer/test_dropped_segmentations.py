"""Segmentations that are dropped on the viewer become labels."""

import dicom_sources as made
import numpy as np
import pytest

from napari_segadv.errors import SegadvError
from napari_segadv.viewer.hooks import get_reader, read


def test_a_dicom_segmentation_becomes_labels(tmp_path):
    files = made.ct(tmp_path / "ct", made.stored_volume())
    beside = made.seg(files[0].parent / "seg.dcm", files, made.labels())
    for path in (beside, made.seg(tmp_path / "seg.dcm", files, made.labels())):
        assert get_reader(str(path)) is not None
        ((data, keywords, kind),) = read(str(path))
        assert kind == "labels"
        # From the first frame that holds a structure.
        np.testing.assert_array_equal(data, made.labels()[1:])
        assert keywords["affine"][0, 3] == pytest.approx(43.0)


def test_contours_say_that_they_need_their_image(tmp_path):
    path = made.rtstruct(tmp_path / "rs.dcm", {1: ("a", [np.eye(3)])})
    with pytest.raises(SegadvError, match="contours, which need the grid of their image"):
        read(str(path))
