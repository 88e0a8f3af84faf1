"""Examples shown as the controller shows them, for what the Compare panel does to layers."""

from dataclasses import replace

import numpy as np
from napari.components import ViewerModel

from napari_segadv.viewer.compare.comparison import Comparison
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.example import example_tuples


def shown(example):
    """A viewer in which an example is shown as a run, its controller and its comparison."""
    viewer = ViewerModel()
    controller = Controller.of(viewer)
    data, keywords, _ = image_tuple(example.clean, "image")
    image = viewer.add_image(data, **keywords)
    again(controller, example, image)
    return viewer, controller, Comparison(viewer, controller)


def again(controller, example, image):
    """A run, as the controller shows it."""
    run = controller.runs.add(example, image)
    list(controller._shown.show_example(image, example, example_tuples(example)))
    controller._now_shown(image, run)
    return run


def state(viewer):
    """All that a comparison may change."""
    names = ("visible", "opacity", "blending", "contour", "colormap")
    layers = [(x.name, *(getattr(x, n, None) for n in names)) for x in viewer.layers]
    grid, camera = viewer.canvas.grid, viewer.scene.camera
    return layers, (grid.enabled, grid.stride, grid.shape), camera.zoom, camera.center


def same(one, other):
    assert [x[0] for x in one[0]] == [x[0] for x in other[0]]
    for before, after in zip(one[0], other[0], strict=True):
        assert before[:5] == after[:5]
        assert before[5] is after[5]
    assert one[1] == other[1]
    np.testing.assert_allclose(one[2], other[2])
    np.testing.assert_allclose(one[3], other[3])


def border_length(labels):
    """The length of all edges between pixels of unlike labels; outside is background."""
    padded = np.pad(labels, 1)
    return sum(np.count_nonzero(np.diff(padded.astype(int), axis=axis)) for axis in range(2))


def drawn_length(layer):
    """The length of the lines of a layer of contours, without what fills the corners."""
    return np.linalg.norm(layer.data[:, 1], axis=-1).sum() - len(layer.data) * layer.edge_width


def colour_example(flat):
    """The example of a photograph in colours."""

    def coloured(scan):
        return replace(
            scan, array=np.dstack([scan.array, scan.array // 2, scan.array]), colour=True
        )

    noise = np.dstack([flat.noise] * 3)
    return replace(
        flat, clean=coloured(flat.clean), adversarial=coloured(flat.adversarial), noise=noise
    )
