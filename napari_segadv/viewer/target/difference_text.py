"""The line that says how far a target is from the prediction, as rich text."""

from collections.abc import Mapping
from html import escape

import numpy as np
from napari.layers import Labels

from ...common.wording import class_name, share
from ...measures.target_change import TargetChange

# Structures that are listed; of more, their number.
LISTED = 4


def departure_text(
    found: TargetChange | None, classes: Mapping[int, str], layer: Labels | None
) -> str:
    """What differs, and each changed structure behind a square of its colour."""
    if layer is None:
        return "no target yet"
    if found is None:
        return "no prediction to compare the target with"
    if not found.pixels:
        return "the target is the prediction"
    size = f" ({figure(found, found.pixels)})" if found.grid.physical else ""
    lines = [f"<b>{found.pixels:,} pixels changed</b>{size}"]
    for change in found.structures[:LISTED]:
        name = escape(classes.get(change.label, class_name(change.label)))
        before, after = (found.number(n) for n in (change.before, change.after))
        square = f'<span style="color:{css(layer, change.label)}">&#9632;</span>'
        sizes = f"{number(before)} → {number(after)} {found.units}"
        lines.append(f"{square} {name}: IoU {share(change.iou)}, {sizes}")
    more = len(found.structures) - LISTED
    if more > 0:
        lines.append(f"and {more} more structures")
    return "<br>".join(lines)


def figure(found: TargetChange, pixels: int) -> str:
    """Pixels as a number with its unit."""
    return f"{number(found.number(pixels))} {found.units}"


def number(value: float) -> str:
    """Three digits at least, grouped by thousands."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def css(layer: Labels, label: int) -> str:
    """The colour of a class in a layer."""
    rgb = layer.get_color(label)
    red, green, blue = np.rint(255 * np.asarray((0.5,) * 3 if rgb is None else rgb[:3])).astype(int)
    return f"rgb({red},{green},{blue})"
