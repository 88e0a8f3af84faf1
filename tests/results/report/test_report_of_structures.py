"""The report of a run on overlapping structures: each has a row of its own pixels."""

import numpy as np
import pytest
from helpers import disc_image
from overlaps import NAMES, discs

import napari_segadv as sa
from napari_segadv.data.scan import Scan
from napari_segadv.measures.structures import mean_iou
from napari_segadv.results.by_slice import IOU, slice_figures
from napari_segadv.results.report.structures import structures_of
from napari_segadv.results.report.views import structure_of


@pytest.fixture(params=["picture", "volume"])
def example(request):
    array = disc_image()
    if request.param == "volume":
        array = np.stack([disc_image(seed=n) for n in range(3)])
    scan, victim = Scan.from_array(array), discs()
    target = victim.predict(scan).with_structure(2, np.zeros(scan.grid.shape))
    return sa.craft(scan, victim, sa.attacks.PGD(epsilon=60.0, steps=30), target=target)


def test_each_structure_has_a_row_of_its_own_pixels(example):
    found = structures_of(example)
    assert [row.name for row in found.rows] == [NAMES[1], NAMES[0]]
    erased, kept = found.rows
    maps = example.prediction_clean.maps
    assert erased.changed
    assert erased.before == f"{maps[1].sum():,}"
    assert "gone)" in erased.overlap
    assert not kept.changed
    assert kept.before == kept.asked == f"{maps[0].sum():,}"
    assert structure_of(example) == 2


def test_the_iou_of_a_slice_is_that_of_the_structures(example):
    figures = slice_figures(example)
    after, target = example.prediction_adversarial.maps, example.target.maps
    if example.clean.grid.ndim == 2:
        after, target = after[:, None], target[:, None]
    for z in range(len(figures)):
        assert figures.values[IOU][z] == mean_iou(after[:, z], target[:, z])


def test_a_report_is_written(example, tmp_path):
    page = sa.report(example, tmp_path / "report.html").read_text()
    assert NAMES[1] in page
    assert "pixels of each structure" in page
