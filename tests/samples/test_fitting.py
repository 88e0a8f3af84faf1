"""Which built-in victim is offered for an image: the one that segments images of its kind."""

import numpy as np
import pytest

from napari_segadv import load_victim
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.samples import bundle_facts, fitting, phantom

OWN = ("chest-xray", "fundus", "abdomen-ct")


def scan_of(shape, units="grey level", dtype="uint8", colour=False):
    array = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    grid = Grid.pixels(shape[:-1] if colour else shape)
    return Scan(array, grid, units, Storage(dtype), colour)


@pytest.mark.parametrize(
    ("scan", "name"),
    [
        (scan_of((30, 40)), "chest-xray"),
        (scan_of((30, 40), dtype="uint16"), "chest-xray"),
        (scan_of((30, 40, 3), colour=True), "fundus"),
        (scan_of((4, 30, 40), "HU", "int16"), "abdomen-ct"),
        (scan_of((4, 30, 40), "HU", "float32"), "abdomen-ct"),
        (scan_of((4, 30, 40)), None),
        (scan_of((4, 30, 40, 3), colour=True), None),
        (scan_of((30, 40), "HU", "int16"), None),
    ],
    ids=["grey", "16 bits", "colour", "ct", "ct as float", "mr", "colour volume", "ct slice"],
)
def test_the_victim_for_an_image(scan, name):
    assert fitting(scan) == name


@pytest.mark.parametrize("name", OWN)
def test_a_phantom_gets_the_victim_that_knows_it(name):
    scan, _ = phantom(name, 1)
    assert fitting(scan) == name


@pytest.mark.parametrize("name", OWN)
def test_it_is_one_that_segments_and_takes_the_image(name):
    assert bundle_facts()[name].task.startswith("segmentation")
    scan, _ = phantom(name, 1)
    victim = load_victim(f"demo:{fitting(scan)}")
    assert victim.channels == (3 if scan.colour else 1)
    assert victim.dims == scan.grid.ndim


@pytest.mark.parametrize("name", ["fundus-grade", "endoscopy"])
def test_victims_of_other_tasks_are_not_offered(name):
    scan, _ = phantom(name, 1)
    assert not bundle_facts()[name].task.startswith("segmentation")
    assert fitting(scan) == "fundus"
