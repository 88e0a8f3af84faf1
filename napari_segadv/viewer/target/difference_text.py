"""The text on how far a target is from the prediction, as rich text."""

from collections.abc import Mapping

import numpy as np
from napari.layers import Labels

from ...common.screen import markup
from ...common.wording import amount, class_name, share
from ...measures.target_change import Change, TargetChange
from ..layers.structure_layers import colour_in

# Structures that are listed; the rest are counted.
LISTED = 4


def difference_text(
    found: TargetChange | None, classes: Mapping[int, str], layer: Labels | None
) -> str:
    """Return what differs: the pixels, and each changed structure after a square of its colour."""
    if layer is None:
        return "no target yet"
    if found is None:
        return "no prediction to compare the target with"
    if not found.pixels:
        return "the target is the prediction"
    size = f" ({figure(found, found.pixels)})" if found.grid.physical else ""
    noun = "voxels" if found.grid.ndim == 3 else "pixels"
    lines = [f"<b>{found.pixels:,} {noun} changed</b>{size}"]
    for change in found.structures[:LISTED]:
        name = markup(classes.get(change.label, class_name(change.label)))
        square = f'<span style="color:{css(layer, change.label)}">&#9632;</span>'
        lines.append(f"{square} {name}: {change_text(found, change)}")
    more = len(found.structures) - LISTED
    if more > 0:
        lines.append(f"and {more} more structures")
    return "<br>".join(lines)


def change_text(found: TargetChange, change: Change) -> str:
    """Return the IoU and the sizes of a structure. One that was erased has no IoU."""
    before, after = (found.number(n) for n in (change.before, change.after))
    sizes = f"{amount(before)} → {amount(after)} {found.units}"
    if not change.after:
        return f"IoU \N{EN DASH}, 100 % gone, {sizes}"
    return f"IoU {share(change.iou)}, {sizes}"


def figure(found: TargetChange, pixels: int) -> str:
    """Return pixels as a number with its unit."""
    return f"{amount(found.number(pixels))} {found.units}"


def css(layer: Labels, label: int) -> str:
    """Return the colour of a class in a layer."""
    rgb = colour_in(layer, label)
    red, green, blue = np.rint(255 * np.asarray((0.5,) * 3 if rgb is None else rgb[:3])).astype(int)
    return f"rgb({red},{green},{blue})"
