"""What is under the pointer, in words: HU -34 | clean: liver | adversarial: heart."""

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from ...common.wording import class_name
from ..controller.controller import Controller
from ..layers.convert import painted, units_of
from ..layers.names import ADVERSARIAL, AFTER, CLEAN

BACKGROUND = "background"


def words(controller: Controller, image: Image | None, position: Any) -> str:
    """Return what the images show at a place of the world, and what the model sees there.

    Args:
        controller: knows the results of the image that is read.
        image: that is read.
        position: in the world.
    """
    value = None if image is None else value_at(image, position)
    if image is None or value is None:
        return ""
    parts = [in_units(value, units_of(image))]
    run = controller.runs.current
    adversarial = controller.shown(ADVERSARIAL if run is None else run.role(ADVERSARIAL))
    altered = value_at(adversarial, position) if isinstance(adversarial, Image) else None
    if altered is not None and not np.array_equal(altered, value):
        parts[0] += f" (adversarial {plain(altered)})"
    for name, role in (("clean", CLEAN), ("adversarial", AFTER)):
        layer = controller.shown(role)
        number = value_at(layer, position) if isinstance(layer, Labels) else None
        if isinstance(layer, Labels) and number is not None:
            parts.append(f"{name}: {class_in(layer, int(number))}")
    return " | ".join(parts)


def value_at(layer: Layer, position: Any) -> Any:
    """Return a layer's value at a place of the world, seen or hidden; None outside it."""
    if len(position) < layer.ndim:
        return None
    index = np.rint(layer.world_to_data(position)).astype(int)
    if isinstance(layer, Labels):
        data = painted(layer)
    else:
        data = layer.data[0] if layer.multiscale else layer.data
    if not np.all((index >= 0) & (index < data.shape[: layer.ndim])):
        return None
    return np.asarray(data[tuple(index)])


def class_in(layer: Labels, number: int) -> str:
    """Return the name of a class, as a layer of labels knows it."""
    table = layer.features
    if {"index", "class"} <= set(table):
        named = dict(zip(table["index"], table["class"], strict=True))
        if number in named:
            return str(named[number])
    return class_name(number) if number else BACKGROUND


def in_units(value: Any, units: str) -> str:
    """Return an intensity with its unit: "HU -34", "grey level 128", "RGB 200, 90, 30"."""
    return f"RGB {plain(value)}" if np.ndim(value) else f"{units} {plain(value)}"


def plain(value: Any) -> str:
    """Return an intensity in at most five digits, a colour as its parts."""
    return ", ".join(f"{part:.5g}" for part in np.atleast_1d(value)[:3])
