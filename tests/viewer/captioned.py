"""What is seen under each caption of the Compare panel, judged from the canvas and napari's grid.

Nothing here asks the panel. The film of `pictured` is all dark if it is clean and all pale if it is
adversarial, and what belongs to each of them has colours of its own.
"""

import numpy as np
from compare_window import on_canvas, show
from napari.layers import Image
from pictured import DARK, PALE, SHAPE, film, found, grey_at, seen, show_target

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import PREVIEW, PREVIEW_SEEN, SEE_THROUGH

SIDES = ("segadv_left", "segadv_right")
OF_CLEAN = {"clean fill", "clean line"}
OF_AFTER = {"adversarial fill", "adversarial line", "target line"}
GREYS = {"clean": DARK, "adversarial": PALE}
NOT_OF = {"clean": OF_AFTER, "adversarial": OF_CLEAN}


def film_shown(window, flat, target=True):
    """A film with its run and its target in a window; returns image and adversarial image."""
    example = film(flat)
    image, adversarial = show(window, example)
    for layer in (image, adversarial):
        layer.contrast_limits = (0, 255)
    if target:
        show_target(Controller.of(window), image, example)
    window.fit_to_view()
    return image, adversarial


def previewed(window, image, flat):
    """The layers of a running attack, as its preview shows them."""
    controller, example = Controller.of(window), film(flat)
    pale, labels = example.adversarial.array.copy(), example.prediction_adversarial.array.copy()
    look = {"contrast_limits": (0, 255)}
    made = controller.show_beside(image, PREVIEW, (pale, look, "image"))
    look = {"colormap": controller.shown("prediction (clean)").colormap, "opacity": SEE_THROUGH}
    return made, controller.show_beside(image, PREVIEW_SEEN, (labels, look, "labels"))


def captions(window):
    """The captions that are seen: one for the canvas, or one for each of its sides."""
    overlays = window.canvas.overlays
    sides = [overlays[n].text for n in SIDES if n in overlays and overlays[n].visible]
    text = overlays.text
    return sides or ([text.text] if text.visible and text.text else [])


def tile(window, column):
    """The layers that napari's grid shows in a tile."""
    there = window.canvas.grid.contents_at((0, column), window.layers)
    return [window.layers[index] for index in there]


def judge(window, qtbot):
    """Fails if something else is seen under a caption than it says; returns the captions."""
    picture = seen(window, qtbot)
    # At once: a blink may go on with the next event.
    there = captions(window)
    middle = picture.shape[1] // 2
    if there in (["clean"], ["adversarial"]):
        assert not window.canvas.grid.enabled
        # Beside everything that is predicted.
        assert grey_at(picture, window, (30, 30)) in (GREYS[there[0]], GREYS[there[0]] + 1)
        assert not found(picture) & NOT_OF[there[0]]
    elif there == ["clean", "adversarial"] and window.canvas.grid.enabled:
        for column, name in enumerate(there):
            part = picture[:, :middle] if column == 0 else picture[:, middle:]
            assert len([x for x in tile(window, column) if isinstance(x, Image)]) == 1
            assert shade(part) == name
            assert not found(part) & NOT_OF[name]
    elif there == ["clean", "adversarial"]:
        # The swipe line lies in the middle of the film.
        line = round(on_canvas(window, (0, SHAPE[1] / 2))[0])
        for name, part in zip(there, (picture[:, : line - 8], picture[:, line + 8 :]), strict=True):
            assert shade(part) == name
            assert not found(part) & NOT_OF[name]
    elif there:
        assert there == ["adversarial minus clean"]
        drawn = [x for x in window.layers if isinstance(x, Image) and x.visible and x.opacity]
        assert [Controller.of(window).title(x) for x in drawn] == ["difference"]
        assert shade(picture) is None
    return there


def shade(picture):
    """Which of the two images is seen; None: neither."""
    grey = (picture.max(axis=-1) - picture.min(axis=-1)) < 8
    counts = {n: (grey & (abs(picture[..., 0] - g) < 4)).sum() for n, g in GREYS.items()}
    most = max(counts, key=counts.get)
    if counts[most] < 2000:
        return None
    # Captions are white with soft edges.
    assert min(counts.values()) < 300, counts
    return most


def marks(window, kind):
    """What a user adds by napari's buttons."""
    if kind == "labels":
        return window.add_labels(np.zeros(SHAPE, np.uint8), name="my labels")
    points = np.array([[20.0, 20.0]])
    return window.add_points(points, face_color="yellow", size=4, name="my points")


def roles_in(window, layers):
    return [Controller.of(window).title(layer) for layer in layers]
