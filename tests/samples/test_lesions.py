"""Lesions of the graded fundus phantom: as many as asked for, where a retina has them."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from napari_segadv.samples.eye import lesions
from napari_segadv.samples.eye.pose import pose_eye
from napari_segadv.samples.phantoms.fundus_grade import CLASSES, LOADS

KINDS = ("microaneurysms", "haemorrhages", "exudates", "cotton_wool", "preretinal")


@pytest.fixture
def eye():
    return pose_eye(np.random.default_rng(3), 512)


def test_places_are_on_the_retina_and_off_the_disc(eye):
    rng = np.random.default_rng(0)
    for reach in (0.0, 40.0):
        points = np.array(lesions.places(rng, eye, 200, eye.fovea, reach))
        assert len(points) == 200
        assert (np.abs(points - eye.middle) < 0.85 * eye.field).all()
        assert (np.abs(points) > 0.75 * eye.disc).all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_painted_as_often_as_asked(eye, kind):
    paint = getattr(lesions, kind)
    scene = np.full((*eye.z.shape, 3), 0.5, np.float32)
    np.testing.assert_array_equal(paint(np.random.default_rng(0), eye, scene, 0), scene)
    changed = np.abs(paint(np.random.default_rng(1), eye, scene, 3) - scene).max(-1) > 0.02
    # Two may touch each other.
    assert 1 <= ndimage.label(changed)[1] <= 3
    many = np.abs(paint(np.random.default_rng(1), eye, scene, 12) - scene).max(-1) > 0.02
    assert many.sum() > 1.5 * changed.sum()
    pale = kind in ("exudates", "cotton_wool")
    shift = (paint(np.random.default_rng(1), eye, scene, 3) - scene)[changed]
    assert (shift.mean() > 0) == pale


def test_grades_differ_in_load():
    assert len(LOADS) == len(CLASSES) == 5
    for lower, higher in pairwise(LOADS[:4]):
        assert lower.microaneurysms[1] < higher.microaneurysms[0]
        for kind in KINDS:
            assert getattr(lower, kind)[1] <= getattr(higher, kind)[1]
    assert all(load.cotton_wool == (0, 0) for load in LOADS[:3])
    assert [load.preretinal[0] for load in LOADS] == [0, 0, 0, 0, 1]
