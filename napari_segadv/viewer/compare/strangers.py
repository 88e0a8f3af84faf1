"""Layers that belong to neither image: whose they are, and whether they may stay in view."""

from typing import Any

from napari.layers import Image, Labels, Layer

from ...data.scan import Mask
from ..controller.controller import Controller
from ..controller.runs import Run
from ..layers.names import AFTER, CLEAN, ERASED, PREVIEW, PREVIEW_SEEN, TARGET
from ..layers.structure_layers import members
from .predictions import stands_for

# Layers that come and change by themselves.
BY_THEMSELVES = (PREVIEW, PREVIEW_SEEN, ERASED)


def is_mark(controller: Controller, run: Run, layer: Layer) -> bool:
    """Return whether a layer is the user's own, such as points: the same on both images.

    Images, results, targets and copies of what belongs to the adversarial image are not.
    """
    if isinstance(layer, Image) or controller.made(layer) or is_target(controller, layer):
        return False
    return not is_copy(run, layer)


def is_target(controller: Controller, layer: Layer) -> bool:
    """Return whether a layer is the chosen image's target, or one of its structures."""
    target = controller.shown(TARGET)
    return target is not None and _among(layer, members(target))


def is_copy(run: Run, layer: Layer) -> bool:
    """Return whether a layer shows a run's target or its adversarial prediction."""
    example = run.example
    maps = (example.target, example.prediction_adversarial)
    return isinstance(layer, Labels) and any(
        isinstance(mask, Mask) and stands_for(layer, mask) for mask in maps
    )


def comes_by_itself(controller: Controller, layer: Layer) -> bool:
    """Return whether not the user but a running attack or a panel shows a layer."""
    return _among(layer, [controller.shown(role) for role in BY_THEMSELVES])


def goes_with_an_image(controller: Controller, run: Run, layer: Layer) -> bool:
    """Return whether a layer is shown with one of the two images: a prediction or the target."""
    predictions = [controller.shown(role) for role in (CLEAN, AFTER)]
    return (
        _among(layer, predictions)
        or is_target(controller, layer)
        or (not controller.made(layer) and is_copy(run, layer))
    )


def _among(layer: Layer, layers: list[Any]) -> bool:
    return any(layer is each for each in layers)
