"""The names of this plugin's layers, and the form in which their data go to napari."""

from typing import Any

# The key in a layer's metadata for the Scan, Grid or prediction that it shows.
KEY = "segadv"
# The key for the target shapes that made the labels, and the hash of those labels.
MADE = "segadv made"
ADVERSARIAL, NOISE, TARGET = "adversarial", "noise", "target"
CLEAN, AFTER = "prediction (clean)", "prediction (adversarial)"
# A hatch over what the target takes away from the prediction's structures.
ERASED = "erased"
# The layers of a running attack, and what they become when it has ended.
PREVIEW, PREVIEW_SEEN = "preview", "preview (prediction)"
BECOMES = {PREVIEW: ADVERSARIAL, PREVIEW_SEEN: AFTER}
# Opacity of predictions, so that the image shows through.
SEE_THROUGH = 0.4

# Data (an array; for shapes a list of arrays), keywords and kind, as napari's readers return them.
LayerTuple = tuple[Any, dict[str, Any], str]
