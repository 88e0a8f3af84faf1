"""The layers of an example, bottom to top."""

from typing import TYPE_CHECKING, Any

from napari.utils.colormaps import Colormap

from .convert import colormap_of, image_tuple
from .fields import field_tuples
from .names import ADVERSARIAL, KEY, NOISE, LayerTuple, of_channel
from .task_view import view_of

if TYPE_CHECKING:
    from ...results.example import Example

# Blue below zero, red above, transparent where nothing changed, so that the image shows through.
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
# Keywords of a layer of signed values. By default napari's 3-D view shows the largest value along
# a ray, which would lose the values below zero.
SIGNED: dict[str, Any] = {
    "colormap": NOISE_COLOURS,
    "blending": "translucent_no_depth",
    "rendering": "translucent",
}


def example_tuples(example: "Example") -> dict[str, LayerTuple]:
    """Return the layers of an example, bottom to top, without their place (see `placed_like`).

    Copies whole volumes, so call it off the main thread.
    """
    seen = example.seen
    found = {
        ADVERSARIAL: (
            seen.adversarial.array,
            {"rgb": seen.clean.colour, "metadata": {KEY: seen.adversarial}},
            "image",
        ),
        NOISE: _noise(seen),
    }
    for number, channel in enumerate(example.channels[1:], start=1):
        found |= _channel(example.channel(number), channel.name)
    return found | {
        **field_tuples(seen, SIGNED),
        **view_of(example.task.name).pair(example),
    }


def _noise(example: "Example") -> LayerTuple:
    linf = float(example.measures["linf"]) or 1.0
    keywords = {
        "metadata": {KEY: example.clean.grid},
        "contrast_limits": (-linf, linf),
        "visible": False,
        **SIGNED,
    }
    return example.noise_shown, keywords, "image"


def _channel(example: "Example", name: str) -> dict[str, LayerTuple]:
    """Return the layers of a further channel, hidden at first."""
    data, keywords, kind = image_tuple(example.adversarial)
    keywords = {k: v for k, v in keywords.items() if k in ("metadata", "contrast_limits")}
    shown = example.clean.shown
    keywords |= {"contrast_limits": shown.limits, "colormap": colormap_of(shown), "visible": False}
    return {
        of_channel(ADVERSARIAL, name): (data, keywords, kind),
        of_channel(NOISE, name): _noise(example),
    }
