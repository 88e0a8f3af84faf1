"""Overlapping structures as a DICOM segmentation: a segment each, read back by their names."""

import dicom_sources as made
import highdicom as hd
import numpy as np

import napari_segadv as sa
from napari_segadv.data.overlapping import Overlapping, combinations
from napari_segadv.io.dicom_out import write_seg
from napari_segadv.io.structures import read_structures
from napari_segadv.victims.tasks import task_of

NAMES = ("core", "whole tumour", "enhancing")


def test_each_structure_is_a_segment(tmp_path):
    made.ct(tmp_path / "ct", made.stored_volume())
    scan = sa.read(tmp_path / "ct")
    numbers = np.random.default_rng(0).integers(0, 8, scan.grid.shape, dtype=np.uint8)
    mask = Overlapping(numbers, scan.grid, combinations(NAMES))
    write_seg(mask, scan.meta["files"], tmp_path / "seg.dcm")
    written = hd.seg.segread(tmp_path / "seg.dcm")
    labels = [written.get_segment_description(n).segment_label for n in written.segment_numbers]
    assert tuple(labels) == NAMES
    found = read_structures(tmp_path / "seg.dcm", NAMES, scan.grid)
    np.testing.assert_array_equal(found.array, mask.array)
    assert task_of("overlapping").listing(found) == "1 core, 2 whole tumour, 4 enhancing"


def test_a_structure_that_is_nowhere_is_kept(tmp_path):
    made.ct(tmp_path / "ct", made.stored_volume())
    scan = sa.read(tmp_path / "ct")
    numbers = np.zeros(scan.grid.shape, np.uint8)
    numbers[1, 3:8, 3:8] = 3
    mask = Overlapping(numbers, scan.grid, combinations(NAMES))
    write_seg(mask, scan.meta["files"], tmp_path / "seg.dcm")
    found = read_structures(tmp_path / "seg.dcm", NAMES, scan.grid)
    np.testing.assert_array_equal(found.array, mask.array)
