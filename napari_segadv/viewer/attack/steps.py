"""The steps of an attack in their order, and what is still missing before it can run."""

from typing import Any

from ..controller.controller import Controller
from ..layers.task_view import CHOOSE, view_of
from ..widgets.layout import same

# Titles of the panel's groups.
IMAGE, MODEL, TARGET, ATTACK = "1 Image", "2 Model", "3 Target", "4 Attack"


def missing(controller: Controller, image: Any, target: Any) -> str:
    """Return what has to be done before an attack can run, the first step first; "" for nothing.

    Args:
        controller: knows the victim, and whether the attacks are loaded.
        image: the layer that is chosen; None: none.
        target: what is chosen in the list of targets.
    """
    victims = controller.victims
    if image is None:
        return "open an image first"
    if victims.victim is None or not victims.attacks:
        return "wait for the model" if controller.jobs.busy else "choose a model first"
    lacking = controller.clicks.missing(image)
    if lacking:
        return lacking
    if same(target, CHOOSE):
        return view_of(victims.task).missing
    return ""
