"""Overlapping structures in one layer: a brush changes one of them alone."""

import numpy as np
import pytest
from helpers import disc_image
from napari.components import ViewerModel
from now import NowRunner, controlled
from overlaps import NAMES, discs

from napari_segadv.data.overlapping import Overlapping, are_combinations, combinations
from napari_segadv.data.scan import Grid
from napari_segadv.errors import SegadvError
from napari_segadv.io.structures import read_structures
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.hooks import read
from napari_segadv.viewer.layers.convert import mask_tuple, scan_of
from napari_segadv.viewer.layers.saving import save_labels
from napari_segadv.viewer.layers.structure_layers import overlaps
from napari_segadv.viewer.layers.task_view import view_of
from napari_segadv.viewer.target.designer import Designer

VIEW = view_of("overlapping")


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    controlled(viewer, NowRunner()).victims.victim = discs()
    viewer.add_image(disc_image(), name="xray")
    return viewer


@pytest.fixture
def designer(viewer):
    return Designer(viewer, NowRunner(), NowRunner())


def target_of(viewer, designer):
    """Labels as a file of structures is opened, as the target."""
    scan = scan_of(viewer.layers["xray"])
    data, keywords, _ = mask_tuple(discs().predict(scan), "of a file")
    layer = viewer.add_labels(data, **keywords)
    VIEW.follow(viewer.layers)
    designer.choose(layer)
    Controller.of(viewer).victims.predict(viewer.layers["xray"])
    return layer


def test_the_brush_and_the_eraser_change_the_selected_structure_alone(viewer, designer):
    layer = target_of(viewer, designer)
    before = layer.data.copy()
    place = np.argwhere(before == 3)[0]
    outside = np.argwhere(before == 1)[0]
    layer.brush_size = 1
    layer.selected_label = 2
    layer.mode = "paint"
    layer.paint(outside, 2)
    assert layer.data[tuple(outside)] == 3
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    layer.mode = "erase"
    layer.paint(place, 0)
    assert layer.data[tuple(place)] == 1
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert (layer.data != before).sum() == 0


def test_a_target_shape_changes_the_chosen_structure_alone(viewer, designer):
    layer = target_of(viewer, designer)
    before = layer.data.copy()
    assert designer.classes == {1: NAMES[0], 2: NAMES[1]}
    measured = []
    designer.watch.measured.connect(measured.append)
    designer.apply("erase", {"label": 2})
    designer.watch.measure()
    (change,) = measured[-1].structures
    assert (change.label, change.iou, change.before) == (2, 0.0, (before & 2 != 0).sum())
    assert change.after == 0
    np.testing.assert_array_equal(layer.data, before & 1)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_layer_is_wanted_as_what_it_holds(viewer, designer):
    layer, image = target_of(viewer, designer), viewer.layers["xray"]
    scan, victim = scan_of(image), discs()
    wanted = victim.task.wanted(VIEW.wanted(layer, image, scan), "target", scan, victim)
    assert isinstance(wanted, Overlapping)
    assert wanted.structures == NAMES
    np.testing.assert_array_equal(wanted.array, layer.data)
    foreign = viewer.add_labels(layer.data.copy(), name="labels of somebody")
    with pytest.raises(SegadvError, match="is one label map"):
        victim.task.wanted(VIEW.wanted(foreign, image, scan), "target", scan, victim)


def test_other_layers_are_painted_as_ever(viewer):
    layer = viewer.add_labels(np.ones((8, 8), np.uint8), name="region")
    VIEW.follow(viewer.layers)
    layer.brush_size = 1
    layer.paint((2, 2), 2)
    assert layer.data[2, 2] == 2


def test_names_that_are_shortened_for_the_screen_are_still_known():
    names = combinations([f"a structure with a long name, number {k}" for k in range(4)])
    grid = Grid.pixels((4, 4))
    mask = Overlapping(np.arange(16, dtype=np.uint8).reshape(4, 4), grid, names)
    viewer = ViewerModel()
    data, keywords, _ = mask_tuple(mask, "target")
    layer = viewer.add_labels(data, **keywords)
    assert overlaps(layer)
    assert not are_combinations(("background", "a", "b", "c"))
    assert not overlaps(viewer.add_labels(data.copy()))


def test_a_layer_is_saved_as_structures_and_opened_again(viewer, designer, tmp_path):
    layer = target_of(viewer, designer)
    data, attributes, _ = layer.as_layer_data_tuple()
    path = tmp_path / "structures.nii.gz"
    save_labels(path, data, attributes)
    found = read_structures(path, NAMES)
    np.testing.assert_array_equal(found.array.reshape(data.shape), data)
    for place, (opened, keywords, kind) in enumerate(read(str(path))):
        assert kind == "labels"
        np.testing.assert_array_equal(np.squeeze(opened), data >> place & 1)
        assert overlaps(viewer.add_labels(opened, **keywords))
    with pytest.raises(SegadvError, match=r"use \.nii\.gz"):
        save_labels(tmp_path / "structures.png", data, attributes)
