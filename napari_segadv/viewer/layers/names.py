"""What the layers of this plugin are called, and how their data are handed to napari."""

from typing import Any

# Of what lies in a layer's metadata: the Scan, Grid or prediction that it shows.
KEY = "segadv"
ADVERSARIAL, NOISE, TARGET = "adversarial", "noise", "target"
CLEAN, AFTER = "prediction (clean)", "prediction (adversarial)"
# What a running attack tries, and what becomes of it when a run has ended.
PREVIEW, PREVIEW_SEEN = "preview", "preview (prediction)"
BECOMES = {PREVIEW: ADVERSARIAL, PREVIEW_SEEN: AFTER}
# Of predictions, so that the image is seen below.
SEE_THROUGH = 0.4

# Data (an array; of shapes a list of arrays), keywords and kind, as napari's readers give them.
LayerTuple = tuple[Any, dict[str, Any], str]
