"""Examples shown as the controller shows them, for what the Compare panel does to layers."""

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
    controller.runs.current = run
    return run
