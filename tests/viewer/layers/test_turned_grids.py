"""Everything that is shown beside a volume lies on it and is saved on its grid, however it is
stored: flipped, stretched, oblique, sagittal."""

from itertools import product

import numpy as np
import pytest
from helpers import volume_victim
from napari.components import ViewerModel
from napari.layers import Labels, Vectors
from now import NowRunner, controlled
from qtpy.QtCore import Qt
from roles import role, titles
from turned import SAGITTAL, TURN

from napari_segadv import io
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.viewer.attack.preview import Preview
from napari_segadv.viewer.compare.comparison import Comparison
from napari_segadv.viewer.compare.contours import CONTOURS
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import (
    ADVERSARIAL,
    AFTER,
    CLEAN,
    NOISE,
    PREVIEW,
    PREVIEW_SEEN,
    TARGET,
)
from napari_segadv.viewer.layers.places import placed_like, same_place
from napari_segadv.viewer.layers.saving import save_image, save_labels

SHAPE, PLACE = (5, 20, 24), (-40.0, 30.0, 20.0)
GRIDS = {
    "anisotropic": Grid(SHAPE, (3.0, 1.5, 1.25), PLACE, np.eye(3)),
    "flipped": Grid(SHAPE, (3.0, 1.5, 1.25), PLACE, np.diag([-1.0, 1.0, -1.0])),
    "oblique": Grid(SHAPE, (3.0, 1.5, 1.25), PLACE, TURN),
    "sagittal": Grid(SHAPE, (3.0, 1.5, 1.25), PLACE, SAGITTAL),
}


def volume(grid):
    """A bright block in a noisy volume."""
    array = np.random.default_rng(0).normal(0, 30, SHAPE).astype(np.int16)
    array[1:4, 6:14, 8:20] += 150
    return Scan(array, grid, "HU", Storage("int16"))


@pytest.fixture(params=GRIDS)
def shown(request):
    """A volume in a viewer without a window, its layer, and a controller that does all at once."""
    viewer, scan = ViewerModel(), volume(GRIDS[request.param])
    controller = controlled(viewer, NowRunner())
    controller.victims.victim = volume_victim(2)
    controller.jobs.failed.connect(pytest.fail)
    data, keywords, _ = image_tuple(scan, "ct")
    return viewer, viewer.add_image(data, **keywords), controller, scan


def attacked(viewer, image, controller, method, **settings):
    """A run for a target that moves the structure; returns the target's layer too."""
    controller.victims.make_target(image, "shift", {"label": 1, "shift": (0.0, 2.0, 3.0)})
    target = controller.shown(TARGET)
    settings = {"steps": 2, "goal": None, **settings}
    controller.attack(image, method, settings, target)
    assert np.abs(controller.example.noise).max() > 0
    return target


def check(layer, image, scan, folder, name):
    """A layer lies on its image, pixel for pixel, and its file has the image's grid."""
    assert same_place(layer, image), layer.name
    assert layer.data.shape == SHAPE
    assert layer.units == image.units
    data, attributes, kind = layer.as_layer_data_tuple()
    path = folder / f"{name}.nii.gz"
    if isinstance(layer, Labels):
        save_labels(path, data, attributes)
        back = io.read_mask(path)
    else:
        save_image(path, data, attributes)
        back = io.read(path)
    assert back.grid.same_as(scan.grid), layer.name
    np.testing.assert_array_equal(back.array, np.asarray(layer.data))


def test_target_predictions_noise_and_image_lie_on_the_volume(shown, tmp_path):
    viewer, image, controller, scan = shown
    attacked(viewer, image, controller, "pgd", epsilon=20.0)
    names = titles(viewer)
    assert sorted(names) == sorted(["ct", ADVERSARIAL, NOISE, CLEAN, AFTER, TARGET])
    for layer, name in zip(viewer.layers, names, strict=True):
        check(layer, image, scan, tmp_path, name)
    back = io.read(tmp_path / "adversarial.nii.gz")
    np.testing.assert_array_equal(back.array, controller.example.adversarial.array)
    assert back.storage.dtype == "int16"
    target = io.read_mask(tmp_path / "target.nii.gz").array
    clean = io.read_mask(tmp_path / "prediction (clean).nii.gz").array
    middle = [np.array(np.nonzero(labels == 1)).mean(axis=1) for labels in (target, clean)]
    assert (middle[0] - middle[1])[1] > 0
    assert (middle[0] - middle[1])[2] > 0


def test_arrows_and_shading_of_a_deformation_lie_on_the_volume(shown, tmp_path):
    viewer, image, controller, scan = shown
    attacked(viewer, image, controller, "deform", epsilon=60.0, intensity=20.0)
    arrows, shading = role(viewer, "displacement"), role(viewer, "intensity")
    assert isinstance(arrows, Vectors)
    assert len(arrows.data)
    for corner in product(*((0, size - 1) for size in SHAPE)):
        there = image.data_to_world(corner)
        np.testing.assert_allclose(arrows.data_to_world(corner), there, atol=1e-6)
    # Every arrow begins within the volume.
    starts = arrows.data[:, 0]
    assert (starts >= 0).all()
    assert (starts <= np.array(SHAPE) - 1).all()
    assert same_place(shading, image)
    np.testing.assert_array_equal(shading.data, controller.example.fields["intensity"])
    for name in (ADVERSARIAL, NOISE, CLEAN, AFTER, TARGET):
        check(role(viewer, name), image, scan, tmp_path, name)


def test_what_comparing_adds_lies_on_the_volume(shown, tmp_path):
    viewer, image, controller, scan = shown
    attacked(viewer, image, controller, "pgd", epsilon=20.0)
    viewer.layers.remove(role(viewer, TARGET))
    comparison = Comparison(viewer, controller)
    for mode in ("swipe", "difference"):
        comparison.compare(mode)
        check(role(viewer, mode), image, scan, tmp_path, mode)
    difference = io.read(tmp_path / "difference.nii.gz").array
    np.testing.assert_array_equal(difference, controller.example.noise)
    comparison.show(CONTOURS)
    target = controller.example.target.array
    middle = target.shape[0] // 2
    viewer.dims.set_point(0, image.data_to_world((middle, 0, 0))[0])
    lines = role(viewer, "contour (target)")
    ends = np.concatenate([lines.data[:, 0], lines.data.sum(axis=1)]) * lines.scale
    assert set(ends[:, 0]) == {viewer.dims.point[0]}
    # The contour encloses exactly the target's pixels, but for the width of its line.
    rows, columns = np.nonzero(target[middle])
    # It ends at the centres of the outermost pixels, or it would widen the range of the sliders.
    limits = zip((rows, columns), target.shape[1:], strict=True)
    edges = product(*((max(0, n.min() - 0.5), min(m - 1, n.max() + 0.5)) for n, m in limits))
    corners = np.array([image.data_to_world((middle, *edge)) for edge in edges])
    for limit in (np.min, np.max):
        found, there = limit(ends[:, 1:], axis=0), limit(corners[:, 1:], axis=0)
        np.testing.assert_allclose(found, there, atol=lines.edge_width * lines.scale[-1])
    comparison.close()


def test_the_preview_lies_on_the_volume(shown):
    viewer, image, controller, _ = shown
    seen = []

    def look():
        for name in (PREVIEW, PREVIEW_SEEN):
            layer = role(viewer, name)
            assert same_place(layer, image)
            assert layer.data.shape == SHAPE
            assert layer.units == image.units
            seen.append(name)

    Preview(controller, image, lambda: 2).begin(look)
    assert seen == [PREVIEW, PREVIEW_SEEN]


@pytest.mark.parametrize("kind", GRIDS)
def test_labels_that_are_added_on_a_volume_are_saved_on_its_grid(
    make_napari_viewer, tmp_path, kind
):
    viewer, scan = make_napari_viewer(), volume(GRIDS[kind])
    data, keywords, _ = image_tuple(scan, "ct")
    image = viewer.add_image(data, **keywords)
    mine = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine", **placed_like(image))
    mine.brush_size = 3
    mine.paint((2, 7, 9), 2)
    assert mine.data.any()
    mine.save(str(tmp_path / "mine.nii.gz"), plugin="napari-segadv")
    back = io.read_mask(tmp_path / "mine.nii.gz")
    assert back.grid.same_as(scan.grid)
    np.testing.assert_array_equal(back.array, mine.data)


def test_labels_from_naparis_own_button_are_saved_on_the_grid_of_an_oblique_volume(
    window, qtbot, tmp_path
):
    scan = volume(GRIDS["oblique"])
    data, keywords, _ = image_tuple(scan, "ct")
    image = window.add_image(data, **keywords)
    qtbot.mouseClick(window.window._qt_viewer.layerButtons.newLabelsButton, Qt.LeftButton)
    mine = window.layers[-1]
    assert isinstance(mine, Labels)
    assert same_place(mine, image)
    mine.data_setitem((np.array([2]), np.array([7]), np.array([9])), 3)
    mine.save(str(tmp_path / "mine.nii.gz"), plugin="napari-segadv")
    back = io.read_mask(tmp_path / "mine.nii.gz")
    assert back.grid.same_as(scan.grid)
    np.testing.assert_array_equal(np.argwhere(back.array == 3), [(2, 7, 9)])
