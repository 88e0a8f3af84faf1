"""The fields of an attack as layers: the displacement as arrows, the intensity field as image."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.scan import Array, one_component

if TYPE_CHECKING:
    from ...results.example import Example

DISPLACEMENT, INTENSITY = "displacement", "intensity"
FIELDS = frozenset({DISPLACEMENT, INTENSITY})

# Most arrows along the longer side of a slice, and in the whole volume.
ARROWS, MOST_ARROWS = 32, 40_000
# Share of the longest arrow's length: shorter ones would be dots.
SHORTEST = 0.05


def arrows(displacement: Array) -> tuple[Array, dict[str, Any]]:
    """Return vectors (K, 2, dims) of a displacement (*S, dims), and the keywords of their layer.

    The image at p was taken from p + D(p), so an arrow from p along -D(p) shows where things
    moved. Every slice has its arrows, on a coarser grid; the layer's `length` is the factor by
    which they are drawn longer than true.
    """
    *shape, dims = displacement.shape
    rows, columns = shape[-2:]
    gap = max(1, math.ceil(max(rows, columns) / ARROWS))
    while math.prod([*shape[:-2], rows // gap + 1, columns // gap + 1]) > MOST_ARROWS:
        gap += 1
    cut = (*(slice(None),) * (dims - 2), *(slice(gap // 2, None, gap),) * 2)
    starts = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)[cut]
    starts, moves = starts.reshape(-1, dims), -displacement[cut].reshape(-1, dims)
    sizes = np.linalg.norm(moves, axis=1)
    longest = float(sizes.max(initial=0.0))
    long_enough = sizes > SHORTEST * longest
    data = np.stack([starts, moves], axis=1)[long_enough].astype(np.float32)
    return data, {
        "features": {"pixels": sizes[long_enough]},
        "length": max(1.0, gap / longest) if longest else 1.0,
        "edge_width": max(0.5, gap / 8),
        "vector_style": "arrow",
        "edge_color": "pixels",
        "edge_colormap": "autumn",
    }


def field_tuples(
    example: "Example", signed: dict[str, Any]
) -> dict[str, tuple[Array, dict[str, Any], str]]:
    """Return the layers of an example's fields, if it has any, without their place.

    Args:
        example: the example.
        signed: keywords of a layer of values of both signs.
    """
    found: dict[str, tuple[Array, dict[str, Any], str]] = {}
    if INTENSITY in example.fields:
        shading = one_component(example.fields[INTENSITY], example.clean.multichannel)
        largest = float(np.abs(shading).max()) or 1.0
        found[INTENSITY] = (
            shading,
            {
                "contrast_limits": (-largest, largest),
                "visible": False,
                **signed,
            },
            "image",
        )
    if DISPLACEMENT in example.fields:
        data, look = arrows(example.fields[DISPLACEMENT])
        found[DISPLACEMENT] = (data, {**look, "visible": False}, "vectors")
    return found
