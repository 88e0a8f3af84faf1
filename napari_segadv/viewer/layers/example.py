"""What an example becomes: its layers, bottom to top."""

from typing import TYPE_CHECKING, Any

from napari.utils.colormaps import Colormap

from .fields import field_tuples
from .names import ADVERSARIAL, KEY, NOISE, LayerTuple
from .task_view import view_of

if TYPE_CHECKING:
    from ...results.example import Example

# Nothing where nothing changed, so that it can lie on the image: blue below zero, red above.
NOISE_COLOURS = Colormap(
    [
        [0.35, 0.75, 1.0, 1],
        [0.0, 0.3, 0.9, 0.75],
        [0, 0, 0, 0],
        [0.9, 0.2, 0.0, 0.75],
        [1.0, 0.8, 0.3, 1],
    ],
    name="segadv noise",
    display_name="noise (blue - 0 - red)",
)
# Of signed values in these colours. In 3-D, where napari shows the largest value along a ray,
# what is below zero would be lost.
SIGNED: dict[str, Any] = {
    "colormap": NOISE_COLOURS,
    "blending": "translucent_no_depth",
    "rendering": "translucent",
}


def example_tuples(example: "Example") -> dict[str, LayerTuple]:
    """The layers of an example, bottom to top, without their place (see `placed_like`).

    Copies whole volumes, so it is for the thread that computes.
    """
    linf = float(example.measures["linf"]) or 1.0
    return {
        ADVERSARIAL: (
            example.adversarial.array,
            {"rgb": example.clean.colour, "metadata": {KEY: example.adversarial}},
            "image",
        ),
        NOISE: (
            example.noise_shown,
            {
                "metadata": {KEY: example.clean.grid},
                "contrast_limits": (-linf, linf),
                "visible": False,
                **SIGNED,
            },
            "image",
        ),
        **field_tuples(example, SIGNED),
        **view_of(example.task.name).pair(example),
    }
