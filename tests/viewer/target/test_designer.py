"""The target designer without a window: in place, undone at once, measured."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import disc_image, disc_labels
from napari.components import ViewerModel
from now import NowRunner, controlled

from napari_segadv import targets
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.viewer.layers import edits
from napari_segadv.viewer.layers.convert import image_tuple, mask_tuple
from napari_segadv.viewer.layers.names import CLEAN
from napari_segadv.viewer.target.designer import EMPTY, PREDICTION, Designer
from napari_segadv.viewer.target.dragging import DragToShift


@pytest.fixture
def viewer(band_victim):
    viewer = ViewerModel()
    controlled(viewer, NowRunner()).victims.victim = band_victim
    viewer.add_image(disc_image(), name="xray")
    return viewer


@pytest.fixture
def designer(viewer):
    return Designer(viewer, NowRunner(), NowRunner())


def heard(signal):
    got = []
    signal.connect(got.append)
    return got


def test_from_the_prediction_through_a_shape_and_back(viewer, designer):
    measured = heard(designer.watch.measured)
    designer.begin(viewer.layers["xray"], PREDICTION)
    target = designer.target
    clean = designer.controller.shown(CLEAN)
    np.testing.assert_array_equal(target.data, clean.data)
    assert target.data is not clean.data
    assert designer.classes == {1: "dim", 2: "bright"}
    designer.watch.measure()
    assert measured[-1].pixels == 0
    designer.apply("erase", {"label": 2})
    assert target.data.max() == 1
    assert designer.target is target
    designer.watch.measure()
    assert [(c.label, c.iou) for c in measured[-1].structures] == [(2, 0.0)]
    designer.undo()
    np.testing.assert_array_equal(target.data, clean.data)
    designer.redo()
    assert target.data.max() == 1
    target.undo()
    np.testing.assert_array_equal(target.data, clean.data)


def test_starting_again_paints_over_what_was_there_and_can_be_undone(viewer, designer):
    image = viewer.layers["xray"]
    designer.begin(image, PREDICTION)
    target = designer.target
    painted = target.data.copy()
    truth = viewer.add_labels(disc_labels(), name="truth")
    designer.begin(image, truth)
    assert designer.target is target
    np.testing.assert_array_equal(target.data, disc_labels())
    np.testing.assert_array_equal(truth.data, disc_labels())
    designer.begin(image, EMPTY)
    assert not target.data.any()
    target.undo()
    target.undo()
    np.testing.assert_array_equal(target.data, painted)


def test_the_users_own_layer_is_edited_but_never_started_over(viewer, designer):
    truth = viewer.add_labels(disc_labels(), name="truth")
    designer.choose(truth)
    designer.begin(viewer.layers["xray"], EMPTY)
    assert designer.target is not truth
    np.testing.assert_array_equal(truth.data, disc_labels())
    designer.choose(truth)
    designer.apply("grow", {"label": 1, "mm": 2.0})
    assert (truth.data == 1).sum() > (disc_labels() == 1).sum()


def test_without_a_victim(viewer, designer):
    designer.controller.victims.victim = None
    image = viewer.layers["xray"]
    with pytest.raises(SegadvError, match="no model is loaded"):
        designer.begin(image, PREDICTION)
    designer.begin(image, EMPTY)
    assert designer.target.get_color(3)[3] == 1
    designer.target.paint((20, 20), 3)
    assert (designer.target.data == 3).any()
    measured = heard(designer.watch.measured)
    designer.watch.measure()
    assert measured == [None]


def test_a_truth_with_unnamed_classes_can_be_seen(viewer, designer):
    designer.controller.victims.victim = None
    labels = disc_labels()
    labels[labels == 2] = 9
    designer.begin(viewer.layers["xray"], viewer.add_labels(labels, name="truth"))
    assert designer.classes[9] == "class 9"
    assert designer.target.get_color(9)[3] == 1


def test_a_change_in_many_pieces_is_one_step_of_the_history(viewer, designer, monkeypatch):
    monkeypatch.setattr(edits, "SIZE", 50)
    truth = viewer.add_labels(disc_labels().astype(np.int64), name="truth")
    designer.choose(truth)
    designer.apply("swap", {"label": 1, "to": 2})
    swapped = targets.swap(Mask(disc_labels(), Grid.pixels((48, 64))), 1, 2).array
    np.testing.assert_array_equal(truth.data, swapped)
    truth.undo()
    np.testing.assert_array_equal(truth.data, disc_labels())


def test_what_can_go_wrong_is_one_line(viewer, designer):
    failed = heard(designer.failed)
    with pytest.raises(SegadvError, match="no target to change"):
        designer.apply("erase", {"label": 1})
    truth = viewer.add_labels(disc_labels(), name="truth")
    designer.choose(truth)
    designer.apply("erase", {"label": 7})
    designer.apply("erase", {"label": 1, "to": 300})
    designer.apply("resize", {"label": 1, "size": 1.0})
    assert "has no pixels of class 7" in failed[0]
    assert "class numbers up to 255" in failed[1]
    assert "changes nothing" in failed[2]
    with pytest.raises(SegadvError, match="the target already"):
        designer.begin(viewer.layers["xray"], truth)
    viewer.layers.remove(truth)
    assert designer.target is None
    with pytest.raises(SegadvError, match="no target to change"):
        designer.undo()
    with pytest.raises(SegadvError, match="no image"):
        designer.begin(None, EMPTY)


def test_shapes_are_in_mm_of_the_image(viewer, designer):
    """Labels of the user's own have the grid of the image that they lie on."""
    grid = Grid((10, 30, 30), (4.0, 1.0, 1.0), (0.0,) * 3, np.diag([1.0, -1.0, -1.0]))
    scan = Scan(np.zeros(grid.shape, np.int16), grid, "HU", Storage("int16"))
    data, keywords, _ = image_tuple(scan, "ct")
    image = viewer.add_image(data, **keywords)
    labels = np.zeros(grid.shape, np.uint8)
    labels[4:6, 10:20, 10:20] = 1
    mine = viewer.add_labels(labels, name="mine", affine=image.affine, units=image.units)
    designer.choose(mine)
    designer.apply("grow", {"label": 1, "mm": 4.0})
    found = np.array(np.nonzero(mine.data))
    np.testing.assert_array_equal(found.min(axis=1), (3, 6, 6))
    np.testing.assert_array_equal(found.max(axis=1), (6, 23, 23))


def drag(layer, start, stop, ndim=2, shown=(0, 1), button=1):
    """What napari does with a layer's drag callbacks, in world coordinates."""
    event = SimpleNamespace(
        type="mouse_press", button=button, position=start, dims_displayed=list(shown)
    )
    for callback in list(layer.mouse_drag_callbacks):
        run = callback(layer, event)
        if run is None or not hasattr(run, "send"):
            continue
        if next(run, "ended") == "ended":
            return
        event.type = "mouse_move"
        for share in (0.5, 1.0):
            event.position = tuple(a + share * (b - a) for a, b in zip(start, stop, strict=True))
            next(run)
        event.type = "mouse_release"
        next(run, None)


def test_dragging_moves_a_structure_and_is_undone_at_once(viewer, designer):
    target = viewer.add_labels(disc_labels(), name="truth")
    designer.choose(target)
    mouse = DragToShift(designer)
    said = heard(mouse.said)
    mouse.start()
    assert not target.mouse_pan
    drag(target, (24, 19), (29, 15))
    moved = targets.shift(Mask(disc_labels(), Grid.pixels((48, 64))), 1, (5, -4)).array
    np.testing.assert_array_equal(target.data, moved)
    assert "+5, -4" in said[-1]
    target.undo()
    np.testing.assert_array_equal(target.data, disc_labels())
    # On the background the selected structure is what moves; a click moves nothing.
    target.selected_label = 2
    drag(target, (2, 2), (4, 2))
    assert not (target.data == 2)[:16].any()
    target.undo()
    drag(target, (24, 19), (24, 19))
    drag(target, (24, 19), (500, 19))
    np.testing.assert_array_equal(target.data, disc_labels())
    target.mode = "paint"
    assert not mouse.on
    target.mode = "pan_zoom"
    assert target.mouse_pan
    drag(target, (24, 19), (29, 15))
    np.testing.assert_array_equal(target.data, disc_labels())


def test_dragging_in_a_slice_moves_the_whole_structure_in_plane(viewer, designer):
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[1:5, 5:10, 5:10] = 1
    grid = Grid(labels.shape, (3.0, 2.0, 2.0), (0.0,) * 3, np.diag([1.0, -1.0, 1.0]))
    data, keywords, _ = mask_tuple(Mask(labels, grid, ("none", "a")), "t")
    target = viewer.add_labels(data, **keywords)
    designer.choose(target)
    viewer.dims.set_point(0, 6.0)
    mouse = DragToShift(designer)
    mouse.to = None
    mouse.start()
    places = [tuple(target.data_to_world(p)) for p in ((2, 7, 7), (2, 10, 6))]
    drag(target, *places, ndim=3, shown=(1, 2))
    np.testing.assert_array_equal(target.data, np.roll(labels, (0, 3, -1), (0, 1, 2)))
    drag(target, *places, ndim=3, shown=(0, 1, 2))
    np.testing.assert_array_equal(target.data, np.roll(labels, (0, 3, -1), (0, 1, 2)))


def test_a_scroll_is_no_change_and_an_undo_is_one(viewer, designer):
    labels = np.zeros((6, 20, 20), np.uint8)
    target = viewer.add_labels(labels, name="mine")
    designer.choose(target)
    target.paint((2, 5, 5), 1)
    touched = []
    designer.watch.touched.connect(lambda: touched.append(1))
    for z in range(5):
        viewer.dims.set_point(0, z)
    assert not touched
    target.undo()
    assert touched
