"""The names of this plugin's layers, and the form in which their data go to napari."""

from typing import Any

from ...common.screen import untagged

# The key in a layer's metadata for the Scan, Grid or prediction that it shows.
KEY = "segadv"
# The key for the Scan of several channels whose first channel a layer shows; other channels have
# layers of their own, which know that Scan by the second key.
JOINT, JOINED = "segadv channels", "segadv channel of"
# The key for the target shapes that made the labels, and the hash of those labels.
MADE = "segadv made"
# The key for the target of overlapping structures of which a layer shows one, and for which one.
PART = "segadv structure"
# What layers are to the image that they belong to: their roles.
ADVERSARIAL, NOISE, TARGET = "adversarial", "noise", "target"
CHANNEL = "channel"
CLEAN, AFTER = "prediction (clean)", "prediction (adversarial)"
# A hatch over what the target takes away from the prediction's structures.
ERASED = "erased"
# What the user shows an interactive model.
CLICKS = "clicks"
# The layers of a running attack, and what they become when it has ended.
PREVIEW, PREVIEW_SEEN = "preview", "preview (prediction)"
BECOMES = {PREVIEW: ADVERSARIAL, PREVIEW_SEEN: AFTER}
# How high layers lie above their image. What is not listed lies between noise and predictions.
HEIGHTS = {
    CHANNEL: 0,
    ADVERSARIAL: 1,
    PREVIEW: 1,
    NOISE: 2,
    CLEAN: 4,
    AFTER: 5,
    PREVIEW_SEEN: 5,
    ERASED: 6,
    TARGET: 7,
    CLICKS: 8,
}
BETWEEN = 3
# Opacity of predictions, so that the image shows through.
SEE_THROUGH = 0.4

# Data (an array; for shapes a list of arrays), keywords and kind, as napari's readers return them.
LayerTuple = tuple[Any, dict[str, Any], str]


def of_channel(role: str, channel: str) -> str:
    """Return the role of a further channel's layer.

    Examples:
        >>> of_channel(NOISE, "T1")
        'noise, T1'
    """
    return f"{role}, {untagged(channel)}"


def of_structure(role: str, structure: str) -> str:
    """Return the role of the layer that shows one of several structures.

    Examples:
        >>> of_structure(TARGET, "core")
        'target: core'
    """
    return f"{role}: {untagged(structure)}"


def is_target(role: str | None) -> bool:
    """Return whether a role is that of a target, or of one structure of it.

    Examples:
        >>> is_target("target: core"), is_target("targeted")
        (True, False)
    """
    return role is not None and (role == TARGET or role.startswith(of_structure(TARGET, "")))


def layer_name(image: str, role: str) -> str:
    """Return the name of a layer that belongs to an image.

    Examples:
        >>> layer_name("thorax", TARGET)
        'thorax / target'
    """
    return f"{untagged(image)} / {role}"
