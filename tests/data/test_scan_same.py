"""Two scans are the same image if values, place, units, storage and colour agree."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_segadv import io
from napari_segadv.data.scan import Grid, Scan, Storage


def copied(scan):
    return replace(scan, array=scan.array.copy(), grid=replace(scan.grid))


def test_a_scan_is_the_same_as_itself_and_as_a_copy(ct, scan2d):
    for scan in (ct, scan2d):
        assert scan.same_as(scan)
        assert scan.same_as(copied(scan))
        assert copied(scan).same_as(scan)


def test_where_it_came_from_makes_no_difference(ct):
    other = replace(copied(ct), path=Path("elsewhere.nii.gz"), meta={"modality": "CT"})
    assert ct.same_as(other)


def test_a_file_read_twice_is_the_same_image_and_after_a_change_another(tmp_path, ct):
    io.save(ct, tmp_path / "ct.nii.gz")
    first, second = (io.read(tmp_path / "ct.nii.gz") for _ in range(2))
    assert first.same_as(second)
    array = ct.array.copy()
    array[3, 4, 5] += 1
    io.save(replace(ct, array=array), tmp_path / "ct.nii.gz")
    assert not first.same_as(io.read(tmp_path / "ct.nii.gz"))


def one_brighter(scan):
    array = scan.array.copy()
    array[-1, -1, -1] += 1
    return replace(scan, array=array)


def flipped(scan):
    return replace(scan, grid=replace(scan.grid, direction=np.diag([1.0, 1.0, -1.0])))


OTHERS = {
    "a value": one_brighter,
    "the origin": lambda s: replace(s, grid=replace(s.grid, origin=(0.0, 0.0, 0.0))),
    "the spacing": lambda s: replace(s, grid=replace(s.grid, spacing=(3.0, 1.5, 1.5))),
    "the direction": flipped,
    "the units": lambda s: replace(s, units="grey level"),
    "the type": lambda s: replace(s, storage=Storage("int32")),
    "the slope": lambda s: replace(s, storage=Storage("int16", 2.0)),
    "the intercept": lambda s: replace(s, storage=Storage("int16", 1.0, -1024.0)),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_makes_another_image(ct, what):
    other = OTHERS[what](ct)
    assert not ct.same_as(other)
    assert not other.same_as(ct)


def test_images_of_other_shapes_and_colours(ct):
    grey = Scan.from_array(np.arange(36, dtype=np.uint8).reshape(4, 9))
    assert not grey.same_as(Scan.from_array(grey.array.reshape(9, 4)))
    assert not grey.same_as(ct)
    colour = Scan.from_array(np.arange(60, dtype=np.uint8).reshape(4, 5, 3), colour=True)
    # The same numbers in the same order, but as a volume.
    volume = Scan(colour.array, Grid.pixels((4, 5, 3)), "grey level", Storage("uint8"))
    assert not colour.same_as(volume)
    assert not volume.same_as(colour)
    assert colour.same_as(copied(colour))
