"""Classification in the viewer: the class as text over the image, and classes to choose from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.layers import Image, Layer

from ....common.palette import colour
from ....common.screen import untagged
from ....data.grade import Grade
from ....data.scan import Grid, Scan
from ..convert import legend
from ..names import AFTER, CLEAN, KEY, LayerTuple
from ..task_view import TaskView

if TYPE_CHECKING:
    from ....results.example import Example

# Height of the band as a share of the image's, and size of the text in points.
BAND, FONT = 0.09, 15


class ClassificationView(TaskView):
    """A prediction is a dark band with text across the image: clean on top, adversarial below."""

    name: ClassVar[str] = "classification"
    on_top: ClassVar[bool] = True
    missing: ClassVar[str] = "choose a target: a class, or none (untargeted)"

    def clean(self, prediction: Grade, scan: Scan) -> LayerTuple:
        return band(f"clean: {prediction.text}", prediction, scan.grid, above=True)

    def pair(self, example: "Example") -> dict[str, LayerTuple]:
        before, after, grid = *predictions(example), example.clean.grid
        return {
            CLEAN: band(f"clean: {before.text}", before, grid, above=True),
            AFTER: band(f"adversarial: {after.text}", after, grid, above=False),
        }

    def choices(self, layers: Sequence[Layer], classes: Sequence[str]) -> list[Any]:
        return [(name, number) for number, name in enumerate(classes)]

    def plain(self, chosen: Any) -> int | str | None:
        return chosen if isinstance(chosen, int) else None

    def wanted(self, chosen: int, beside: Image, scan: Scan) -> int:
        return chosen

    def legend(self, classes: Sequence[str]) -> str:
        return legend({n + 1: name for n, name in enumerate(classes)})


def predictions(example: "Example") -> tuple[Grade, Grade]:
    """Return the clean and the adversarial prediction."""
    before, after = example.prediction_clean, example.prediction_adversarial
    assert isinstance(before, Grade)
    assert isinstance(after, Grade)
    return before, after


def band(text: str, grade: Grade, grid: Grid, above: bool) -> LayerTuple:
    """Return a shapes layer with a text in a band across the image, in each slice of a volume.

    Args:
        text: the text.
        grade: the prediction, whose class gives the text its colour.
        grid: of the image.
        above: whether the band is along the upper edge as shown, else along the lower one.
    """
    *slices, height, width = grid.shape
    top = above == (np.diag(grid.direction)[-2] > 0)
    first = 0.0 if top else height * (1 - BAND)
    low, high = first - 0.5, first + BAND * height - 0.5
    corners = np.array([[low, -0.5], [low, width - 0.5], [high, width - 0.5], [high, -0.5]])
    data = [corners]
    if slices:
        data = [np.insert(corners, 0, z, axis=1) for z in range(slices[0])]
    keywords = {
        "shape_type": "polygon",
        "face_color": [[0.0, 0.0, 0.0, 0.65]],
        "edge_width": 0,
        "opacity": 1.0,
        "features": {"text": [untagged(text)] * len(data)},
        "text": {"string": "{text}", "size": FONT, "color": [*colour(grade.label + 1)]},
        "metadata": {KEY: grade},
    }
    return data, keywords, "shapes"


VIEW = ClassificationView()
