"""A target of overlapping structures: a layer for each, and one history for all of them."""

import numpy as np
import pytest
from helpers import disc_image
from napari.components import ViewerModel
from napari.layers import Labels
from now import NowRunner, controlled
from overlaps import NESTED, nested
from sessions import there_and_back

from napari_segadv.common.palette import colour
from napari_segadv.data.overlapping import Overlapping, combinations
from napari_segadv.data.scan import Grid
from napari_segadv.errors import SegadvError
from napari_segadv.io import read_mask
from napari_segadv.io.structures import read_structures
from napari_segadv.results.session.folder import open_session
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.hooks import read, write_structures
from napari_segadv.viewer.keeping.unsaved import Unsaved
from napari_segadv.viewer.layers.convert import mask_of, mask_tuple, scan_of
from napari_segadv.viewer.layers.names import AFTER, CLEAN, TARGET
from napari_segadv.viewer.layers.saving import save_labels
from napari_segadv.viewer.layers.structure_layers import (
    leads,
    map_of,
    members,
    name_in,
    numbers_in,
    set_of,
    structure_at,
)
from napari_segadv.viewer.layers.task_view import view_of
from napari_segadv.viewer.runs.kept import Kept
from napari_segadv.viewer.runs.sessions import Sessions
from napari_segadv.viewer.target.designer import EMPTY, PREDICTION, Designer
from napari_segadv.viewer.views.twins import Twin

VIEW = view_of("overlapping")


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    controller = controlled(viewer, NowRunner())
    controller.jobs.failed.connect(pytest.fail)
    controller.victims.victim = nested()
    viewer.add_image(disc_image(), name="mri")
    return viewer


@pytest.fixture
def designer(viewer):
    return Designer(viewer, NowRunner(), NowRunner())


@pytest.fixture
def layers(viewer, designer):
    """The layers of the target, which is the prediction."""
    designer.begin(viewer.layers["mri"], PREDICTION)
    return members(designer.target)


def stroke(layer, point, label=1):
    layer.brush_size = 1
    layer.paint(tuple(point), label)


def places(layers):
    """A pixel of the background, one of the first structure alone, and one of all three."""
    numbers = numbers_in(layers[0])
    return [tuple(np.argwhere(numbers == n)[0]) for n in (0, 1, 7)]


def test_each_structure_has_a_binary_layer_of_its_own_colour_and_name(viewer, layers):
    clean = Controller.of(viewer).shown(CLEAN)
    assert {layer.name for layer in layers} == {f"mri / target: {name}" for name in NESTED}
    for place, (layer, name) in enumerate(zip(layers, NESTED, strict=True)):
        assert layer.name.endswith(name)
        np.testing.assert_array_equal(layer.data, clean.data >> place & 1)
        np.testing.assert_allclose(layer.get_color(1)[:3], colour(1 << place))
        assert list(layer.features["class"]) == ["background", name]
        assert layer.contour
    np.testing.assert_array_equal(numbers_in(layers[0]), clean.data)
    # The smallest on top, and the prediction as one layer.
    assert [x for x in viewer.layers if isinstance(x, Labels)] == [clean, *layers]


def test_lists_have_the_target_once(viewer, designer, layers):
    controller = Controller.of(viewer)
    assert VIEW.choices(controller.here(Labels)[1:], ()) == [layers[0]]
    assert controller.title(layers[0]) == TARGET
    assert controller.shown(TARGET) is layers[0]
    assert not any(controller.made(layer) for layer in layers)
    assert designer.classes == {1: "whole", 2: "core", 4: "enhancing"}


def test_painting_a_layer_changes_its_structure_alone(viewer, layers):
    whole, core, enhancing = layers
    outside, _, inside = places(layers)
    stroke(core, outside)
    assert numbers_in(whole)[outside] == 2
    stroke(core, inside, 0)
    assert numbers_in(enhancing)[inside] == 5
    # Whatever number napari's box has: what is painted is the structure, in its colour.
    enhancing.metadata = {}
    stroke(enhancing, outside, 9)
    assert numbers_in(whole)[outside] == 6
    np.testing.assert_array_equal(enhancing.get_color(9), enhancing.get_color(1))
    image = viewer.layers["mri"]
    wanted = VIEW.wanted(whole, image, scan_of(image))
    assert isinstance(wanted, Overlapping)
    assert wanted.structures == NESTED
    np.testing.assert_array_equal(wanted.array, numbers_in(core))
    # As a region, each layer is what it shows.
    region = mask_of(core, image, scan_of(image).grid, "region", alone=True)
    np.testing.assert_array_equal(region.array, core.data)


def test_undo_takes_back_what_was_done_last_on_whichever_layer(layers):
    whole, core, _ = layers
    outside, alone, inside = places(layers)
    before = numbers_in(whole)
    stroke(whole, outside)
    stroke(core, alone)
    after = numbers_in(whole)
    whole.undo()
    assert (numbers_in(whole)[outside], numbers_in(whole)[alone]) == (1, 1)
    whole.undo()
    np.testing.assert_array_equal(numbers_in(whole), before)
    whole.undo()
    core.redo()
    core.redo()
    np.testing.assert_array_equal(numbers_in(whole), after)
    whole.redo()
    core.undo()
    stroke(core, inside, 0)
    # What was taken back before a new stroke is gone.
    whole.redo()
    assert (numbers_in(whole)[alone], numbers_in(whole)[inside]) == (1, 5)


def test_undo_goes_back_as_far_as_napari_keeps(layers):
    whole, core, _ = layers
    points = np.argwhere(numbers_in(whole) == 0)[:60]
    for point in points:
        stroke(whole, point)
        stroke(core, point)
    for _ in range(200):
        core.undo()
    left = numbers_in(whole)[tuple(points.T)]
    assert left.tolist() == [3] * 10 + [0] * 50
    for _ in range(200):
        core.redo()
    assert (numbers_in(whole)[tuple(points.T)] == 3).all()


@pytest.mark.parametrize(
    ("shape", "settings", "changed"),
    [
        ("erase", {"label": 2}, [1]),
        ("heart", {"label": 4}, [2]),
        ("grow", {"label": 1, "mm": 3.0}, [0]),
        ("swap", {"label": 1, "to": 4}, [0, 2]),
        ("shift", {"label": 2, "shift": (3, 4)}, [1]),
    ],
)
def test_shapes_change_the_chosen_structure_and_undo_takes_them_back(
    designer, layers, shape, settings, changed
):
    before = [layer.data.copy() for layer in layers]
    designer.apply(shape, settings)
    off = [k for k in range(3) if (layers[k].data != before[k]).any()]
    assert off == changed
    designer.undo()
    for layer, data in zip(layers, before, strict=True):
        np.testing.assert_array_equal(layer.data, data)
    designer.redo()
    assert [k for k in range(3) if (layers[k].data != before[k]).any()] == changed
    assert set(np.unique(layers[0].data)) <= {0, 1}


def test_the_difference_is_that_of_each_structure(designer, layers):
    measured = []
    designer.watch.measured.connect(measured.append)
    touched = []
    designer.watch.touched.connect(lambda: touched.append(1))
    stroke(layers[2], places(layers)[2], 0)
    assert touched
    designer.watch.measure()
    (change,) = measured[-1].structures
    assert (change.label, change.before - change.after) == (4, 1)


def test_a_new_target_is_painted_over_the_old_one_and_undone_at_once(viewer, designer, layers):
    stroke(layers[1], places(layers)[0])
    before = numbers_in(layers[0])
    designer.begin(viewer.layers["mri"], EMPTY)
    assert members(designer.target) == layers
    assert not numbers_in(layers[0]).any()
    layers[2].undo()
    np.testing.assert_array_equal(numbers_in(layers[0]), before)


def test_choosing_a_structure_chooses_its_layer_with_the_same_brush(viewer, designer, layers):
    designer.label = 1
    designer.paint()
    assert viewer.layers.selection.active is layers[0]
    layers[0].brush_size = 7
    designer.label = 4
    assert viewer.layers.selection.active is layers[2]
    assert (str(layers[2].mode), layers[2].brush_size) == ("paint", 7)
    assert str(layers[0].mode) == "pan_zoom"
    viewer.layers.selection.active = layers[1]
    assert (designer.label, designer.canvas) == (2, layers[1])


def test_a_click_means_the_chosen_structure_or_the_smallest(layers):
    outside, alone, inside = places(layers)
    assert [structure_at(layers[0], point) for point in (outside, alone, inside)] == [0, 1, 4]
    assert structure_at(layers[0], inside, 2) == 2
    assert structure_at(layers[0], alone, 4) == 1


def test_a_structure_is_seen_whole_whichever_others_overlap_it(viewer, layers):
    clean = Controller.of(viewer).shown(CLEAN)
    for label in (1, 2, 4):
        expected = (clean.data & label != 0) * label
        np.testing.assert_array_equal(map_of(clean, label), expected)
        np.testing.assert_array_equal(map_of(layers[0], label), expected)
    viewer.layers.remove(layers[1])
    assert not map_of(layers[0], 2).any()
    # Labels whose classes exclude each other are what they are.
    plain = viewer.add_labels(clean.data.copy())
    assert np.shares_memory(map_of(plain, 2), plain.data)


def test_a_target_whose_layer_was_removed_is_refused_and_another_can_be_made(
    viewer, designer, layers
):
    controller, image = Controller.of(viewer), viewer.layers["mri"]
    viewer.layers.remove(layers[0])
    assert controller.shown(TARGET) is None
    # The rest is listed, by its first layer; nothing takes the missing structure for erased.
    assert leads(viewer.layers)[-1] is layers[1]
    with pytest.raises(SegadvError, match="the layer of whole was removed"):
        VIEW.wanted(layers[1], image, scan_of(image))
    designer.choose(layers[1])
    with pytest.raises(SegadvError, match="the layer of whole was removed"):
        designer.apply("erase", {"label": 2})
    set_of(layers[1]).label = 1
    assert designer.canvas is None
    # In its place again, it is as it was.
    viewer.layers.append(layers[0])
    assert VIEW.wanted(layers[1], image, scan_of(image)).array.any()
    viewer.layers.remove(layers[0])
    designer.begin(image, PREDICTION)
    new = members(designer.target)
    assert len(new) == 3
    assert not set(new) & set(layers)
    assert layers[1].name == "mri / target (earlier): core"


def test_a_layer_that_was_moved_away_is_told(viewer, layers):
    image = viewer.layers["mri"]
    layers[1].translate = (5, 0)
    with pytest.raises(SegadvError, match="the layer of core was removed or moved"):
        VIEW.wanted(layers[0], image, scan_of(image))


def test_a_copy_of_a_layer_does_not_belong_to_the_target(viewer, layers):
    data, state, kind = layers[1].as_layer_data_tuple()
    copy = viewer.add_layer(layers[1].create(data.copy(), state, kind))
    assert set_of(copy) is None
    before = numbers_in(layers[0])
    stroke(copy, places(layers)[0])
    np.testing.assert_array_equal(numbers_in(layers[0]), before)
    copy.undo()
    viewer.layers.remove(copy)
    assert VIEW.wanted(layers[0], viewer.layers["mri"], scan_of(viewer.layers["mri"]))


def test_painting_in_a_further_view_is_painting_the_structure(viewer, layers):
    whole, core, _ = layers
    outside, alone, _ = places(layers)
    twin = Twin(viewer, core)
    stroke(whole, outside)
    stroke(twin.layer, alone)
    assert numbers_in(whole)[alone] == 3
    assert set_of(twin.layer) is None
    twin.layer.undo()
    assert (numbers_in(whole)[alone], numbers_in(whole)[outside]) == (1, 1)
    twin.layer.undo()
    assert numbers_in(whole)[outside] == 0
    twin.layer.redo()
    assert numbers_in(whole)[outside] == 1
    twin.close()


def test_what_is_unsaved_is_told_once_for_the_target(viewer, layers, tmp_path):
    controller = Controller.of(viewer)
    unsaved = Unsaved(controller)
    assert unsaved.painted() == []
    stroke(layers[2], places(layers)[0])
    assert unsaved.painted() == ["mri / target"]
    kept = Kept.of(controller, None)
    (own,) = [one for one in kept.own if isinstance(one.layer, Labels)]
    assert own.target
    np.testing.assert_array_equal(own.layer.data, numbers_in(layers[0]))
    unsaved.saved(kept)
    assert unsaved.painted() == []
    stroke(layers[1], places(layers)[0])
    assert unsaved.painted() == ["mri / target"]
    # Of one that is no longer whole, each layer is kept by itself.
    viewer.layers.remove(layers[0])
    assert unsaved.painted() == ["mri / target: core", "mri / target: enhancing"]
    kept = Kept.of(controller, None)
    unsaved.saved(kept)
    assert unsaved.painted() == []
    kept.write(tmp_path / "s", lambda: None)
    named = {one.name: one for one in open_session(tmp_path / "s").labels}
    assert set(named) == {"mri / target: core", "mri / target: enhancing"}
    assert named["mri / target: core"].mask.classes == ("background", "core")
    np.testing.assert_array_equal(named["mri / target: core"].mask.array, layers[1].data)


def test_the_users_own_targets_come_back_from_a_session_layer_by_layer(viewer, layers, tmp_path):
    layers[0].name = "mine: whole"
    Kept.of(Controller.of(viewer), None).write(tmp_path / "s", lambda: None)
    fresh = ViewerModel()
    opened = controlled(fresh, NowRunner())
    Sessions(opened).open(tmp_path / "s")
    assert opened.shown(TARGET) is None
    again = members(fresh.layers[-1])
    assert [layer.name for layer in again] == [f"mine: {name}" for name in NESTED]
    np.testing.assert_array_equal(numbers_in(again[0]), numbers_in(layers[0]))


def test_the_layers_are_saved_in_one_file_and_opened_again(viewer, layers, tmp_path):
    path = tmp_path / "target.nii.gz"
    stroke(layers[1], places(layers)[0])
    wanted = numbers_in(layers[0])
    # As napari hands over what is selected, in the order of its list.
    tuples = [layer.as_layer_data_tuple() for layer in reversed(layers)]
    assert write_structures(str(path), tuples) == [str(path)]
    np.testing.assert_array_equal(read_structures(path, NESTED).array[0], wanted)
    for each in read(str(path)):
        viewer.add_layer(Labels.create(*each))
    opened = members(viewer.layers[-1])
    assert len(opened) == 3
    np.testing.assert_array_equal(numbers_in(opened[0])[0], wanted)
    assert name_in(opened[0]) == "target.nii.gz"
    for some in (tuples[:2], [tuples[0], tuples[1], opened[0].as_layer_data_tuple()]):
        with pytest.raises(SegadvError, match="not all structures of one target"):
            write_structures(str(path), some)
    # One alone is a mask of its structure.
    data, attributes, _ = layers[1].as_layer_data_tuple()
    save_labels(tmp_path / "core.nii.gz", data, attributes)
    found = read_mask(tmp_path / "core.nii.gz")
    np.testing.assert_array_equal(np.squeeze(found.array), layers[1].data)


def test_a_renamed_layer_makes_the_target_the_users_own(viewer, designer, layers):
    controller, image = Controller.of(viewer), viewer.layers["mri"]
    image.name = "1"
    assert [layer.name for layer in layers] == [f"1 / target: {name}" for name in NESTED]
    assert name_in(layers[2]) == "1 / target"
    layers[1].name = "mine"
    assert controller.shown(TARGET) is None
    assert VIEW.wanted(layers[0], image, scan_of(image)).array.any()
    before = numbers_in(layers[0])
    designer.begin(image, EMPTY)
    np.testing.assert_array_equal(numbers_in(layers[0]), before)
    assert controller.shown(TARGET) not in layers
    assert layers[1].name == "mine"


def test_layers_follow_their_image(viewer, layers):
    controller, image = Controller.of(viewer), viewer.layers["mri"]
    layers[1].visible = False
    other = viewer.add_image(disc_image(seed=3), name="other")
    assert not any(layer.visible for layer in layers)
    assert controller.shown(TARGET) is None
    controller.choose(image)
    assert [layer.visible for layer in layers] == [True, False, True]
    assert all(controller.image_of(layer) is image for layer in layers)
    viewer.layers.remove(other)


def test_structures_of_one_name_have_layers_of_their_own():
    viewer = ViewerModel()
    controller = controlled(viewer, NowRunner())
    image = viewer.add_image(disc_image((4, 4)), name="mri")
    numbers = np.arange(16, dtype=np.uint8).reshape(4, 4) & 3
    mask = Overlapping(numbers, Grid.pixels((4, 4)), combinations(["core", "core"]))
    controller.victims.show_target(image, mask_tuple(mask, TARGET))
    target = controller.shown(TARGET)
    assert len({layer.name for layer in members(target)}) == 2
    np.testing.assert_array_equal(numbers_in(target), numbers)
    image.name = "2"
    assert controller.shown(TARGET) is target


def test_an_attack_gets_what_was_painted(viewer, layers, tmp_path):
    controller, image = Controller.of(viewer), viewer.layers["mri"]
    whole, core, enhancing = layers
    for point in np.argwhere(core.data):
        stroke(core, point, 0)
    for point in np.argwhere(enhancing.data):
        stroke(enhancing, point, 0)
    controller.attack(image, "pgd", {"epsilon": 60.0, "steps": 60}, whole)
    example = controller.example
    np.testing.assert_array_equal(example.target.array, whole.data)
    assert example.target.structures == NESTED
    assert example.succeeded
    assert not (controller.shown(AFTER).data & 6).any()
    assert viewer.layers[-3:] == layers
    there_and_back(example, tmp_path)
