"""Detection in a real window: boxes as shapes, targets to erase or to edit, and the way back."""

import numpy as np
import pytest
from clicks import click, idle
from napari.layers import Layer, Shapes
from reopened import docked, opened, saved
from roles import role, titles

from napari_segadv.common.palette import colour
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.scan import Grid
from napari_segadv.errors import SegadvError
from napari_segadv.results.session.folder import open_session
from napari_segadv.samples import DEMO_SEED, phantom
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE
from napari_segadv.viewer.layers.task_view import CHOOSE, UNTARGETED
from napari_segadv.viewer.layers.tasks.detection import VIEW, boxes_in, erasure, outlines, rectangle

CLASSES = ("background", "specularity", "bubbles", "saturation", "blur")


@pytest.fixture
def ready(window, panel, qtbot):
    """A frame and the built-in detector, its boxes shown."""
    window.open_sample("napari-segadv", "endoscopy")
    panel.victim_section.choose("demo:endoscopy")
    idle(qtbot, panel.controller)
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    return panel


def test_boxes_are_shown_where_they_are(window, ready, qtbot):
    clean = role(window, CLEAN)
    assert isinstance(clean, Shapes)
    _, truth = phantom("endoscopy", DEMO_SEED)
    assert len(clean.data) == truth.count
    assert set(clean.features["class"]) == set(truth.texts)
    for text, name, edge in zip(
        clean.text.values, clean.features["class"], clean.edge_color, strict=True
    ):
        assert text.startswith(f"{name} 0.")
        np.testing.assert_allclose(edge[:3], colour(CLASSES.index(name)), atol=1e-6)
    texts = ["none", "none:1", "none:2", "none:3", "none:4"]
    assert list(ready.target.choices) == [CHOOSE, *map(erasure, texts), UNTARGETED]
    assert not ready.target_section.isVisible()
    assert "blur" in ready.victim_section.about.text()
    assert not ready.run_button.isEnabled()
    assert ready.missing.text() == VIEW.missing


def test_a_class_is_erased(window, ready, qtbot):
    panel = ready
    panel.target.value = erasure("none:2")
    window.add_shapes(np.zeros((0, 4, 2)), name="other")  # the choice outlives new layers
    assert panel.target.value == erasure("none:2")
    panel.attack_section.budget.epsilon.value = 4
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    before, after = role(window, CLEAN), role(window, AFTER)
    assert "bubbles" in set(before.features["class"])
    assert "bubbles" not in set(after.features["class"])
    assert not before.visible
    assert after.visible
    # Above their image, below what the user draws.
    image = panel.image.value.name
    assert titles(window) == [image, ADVERSARIAL, NOISE, CLEAN, AFTER, "other"]
    assert "removed" in panel.status.text()


def test_a_session_keeps_what_is_to_be_erased(window, ready, qtbot, folder, make_napari_viewer):
    ready.target.value = erasure("none:3")
    saved(qtbot, docked(window), folder)
    assert open_session(folder).choice == "none:3"
    fresh = make_napari_viewer(show=True)
    _, panel = fresh.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    qtbot.waitUntil(lambda: bool(panel.controller.victims.attacks))
    idle(qtbot, panel.controller)
    opened(qtbot, docked(fresh))
    assert panel.target.value is erasure("none:3")


def test_an_edited_copy_is_a_target(window, ready, qtbot):
    panel = ready
    clean = role(window, CLEAN)
    data, keywords, kind = clean.as_layer_data_tuple()
    copy = Layer.create(data, {**keywords, "name": "wanted"}, kind)
    window.add_layer(copy)
    assert panel.target.value is copy
    gone = {n for n, name in enumerate(copy.features["class"]) if name != "blur"}
    copy.selected_data = gone
    copy.remove_selected()
    assert set(copy.features["class"]) == {"blur"}
    # As napari's features table does it, which tells nobody.
    copy.features.loc[0, "class"] = "saturation"
    copy.selected_data = {0}
    np.testing.assert_allclose(copy.edge_color[0][:3], colour(3), atol=1e-6)
    assert copy.text.values[0].startswith("saturation")
    panel.attack_section.budget.epsilon.value = 12
    panel.attack_section.form.editors["steps"].value = 60
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    after = role(window, AFTER)
    assert list(after.features["class"]) == ["saturation"]
    assert "goal reached" in panel.status.text()
    assert list(copy.features["class"]) == ["saturation"]


def boxes(*corners, labels=(), scores=()):
    made = Boxes.of(corners, labels, Grid.pixels((40, 60)), CLASSES)
    return Boxes(made.corners, made.labels, made.grid, np.array(scores, np.float32), CLASSES)


def added(viewer, tuple_):
    data, keywords, _ = tuple_
    return viewer.add_shapes(data, **keywords)


def test_shapes_become_the_boxes_that_they_were(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((40, 60)), scale=(2, 0.5), translate=(7, -3))
    place = {"scale": image.scale, "translate": image.translate}
    shown = outlines(boxes((1, 2, 11, 22), labels=[4], scores=[0.9]), **place)
    assert boxes_in(added(viewer, shown), image) == [{"class": "blur", "box": [2, 1, 22, 11]}]
    # Drawn in the world: another scale, the same place.
    drawn = viewer.add_shapes(
        [rectangle((1, 2, 11, 22)) * [2, 0.5] + [7, -3]], features={"class": ["blur"]}
    )
    (found,) = boxes_in(drawn, image)
    np.testing.assert_allclose(found["box"], [2, 1, 22, 11])


def test_no_boxes_are_shown_and_can_be_drawn_on(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = added(viewer, outlines(boxes()))
    assert not len(layer.data)
    layer.add(rectangle((1, 2, 11, 22)), shape_type="rectangle")
    assert list(layer.features["class"]) == ["specularity"]
    image = viewer.add_image(np.zeros((40, 60)))
    assert boxes_in(layer, image) == [{"class": "specularity", "box": [2, 1, 22, 11]}]


def test_shapes_without_a_class_are_refused(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((40, 60)))
    layer = viewer.add_shapes([rectangle((1, 2, 11, 22))], name="mine")
    with pytest.raises(SegadvError, match="layer mine: shape 1 has no class"):
        boxes_in(layer, image)
    deep = viewer.add_shapes(np.zeros((0, 4, 3)), ndim=3, name="deep")
    with pytest.raises(SegadvError, match="layer deep: has 3 dimensions"):
        boxes_in(deep, image)


def test_a_box_in_a_volume_is_a_rectangle_on_each_of_its_slices(make_napari_viewer):
    corners = [[1, 2, 3, 4, 12, 23], [4, 2, 3, 6, 12, 23], [2.2, 1, 1, 2.4, 5, 5]]
    made = Boxes.of(corners, [4, 4, 2], Grid.pixels((6, 40, 60)), CLASSES)
    found = Boxes(made.corners, made.labels, made.grid, np.full(3, 0.9, np.float32), CLASSES)
    assert [list(found.slices(n)) for n in range(3)] == [[1, 2, 3], [4, 5], [2]]
    assert found.on_slice(2).corners.tolist() == [[2, 3, 12, 23], [1, 1, 5, 5]]
    assert found.on_slice(2).labels.tolist() == [4, 2]
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((6, 40, 60)), scale=(3, 2, 0.5), translate=(1, 7, -3))
    layer = added(viewer, outlines(found, scale=image.scale, translate=image.translate))
    assert layer.ndim == 3
    assert list(layer.features["class"]) == ["blur"] * 5 + ["bubbles"]
    # Two boxes of one class that touch, with like rectangles, can't be told apart.
    assert boxes_in(layer, image) == [
        {"class": "blur", "box": [3, 2, 1, 23, 12, 6]},
        {"class": "bubbles", "box": [1, 1, 2, 5, 5, 3]},
    ]
