"""The inferer of a bundle: MONAI's sliding windows, or the whole image at once."""

import re

from ...errors import SegadvError
from ..windows import SlidingWindows
from .bundle_config import BundleConfig
from .bundle_parts import Parts

# The inferer of a RetinaNet's bundle is a script; its windows are those of its detector.
BY_DETECTOR = "scripts.detection_inferer.RetinaNetInferer"
WHOLE_IMAGE = ("SimpleInferer", BY_DETECTOR)
WINDOWS = ("SlidingWindowInferer", "SlidingWindowInfererAdapt", "SliceInferer")
# The inferer of VISTA3D, a script of its bundle: MONAI's sliding window with a Gaussian.
PROMPTING = "scripts.inferer.Vista3dInferer"
PADDED = re.compile(rb"""padding_mode\s*=\s*["'](\w+)["']""")


def check_inferer(parts: Parts, config: BundleConfig) -> None:
    """Raise SegadvError if an inferer is of a kind that is not known."""
    name = parts.inferer_name
    if name not in (*WHOLE_IMAGE, *WINDOWS, PROMPTING):
        known = ", ".join(("SimpleInferer", *WINDOWS))
        raise SegadvError(f"{config.source}: inferer {name} is not known; use one of {known}")


def windows_of(parts: Parts, dims: int, config: BundleConfig) -> SlidingWindows | None:
    """Read the sliding window of an inferer's configuration; None for the whole image.

    Raises:
        SegadvError: if the inferer is of another kind, or invalid.
    """
    inferer = parts.inferer
    check_inferer(parts, config)
    if parts.inferer_name in WHOLE_IMAGE:
        return None
    if inferer.get("with_coord"):
        raise SegadvError(
            f"{config.source}: its inferer tells the network where each window lies (with_coord), "
            "which is not reproduced; use a network that does without"
        )
    try:
        roi = inferer["roi_size"]
        roi = [roi] * (dims if parts.slices is None else 2) if isinstance(roi, int) else list(roi)
        if parts.slices is not None:
            if len(roi) != 2 or inferer.get("spatial_dim", 0) != parts.slices:
                raise ValueError("a SliceInferer needs two sizes, and a spatial_dim from 0 to 2")
            roi.insert(parts.slices, 1)
        if len(roi) != dims:
            raise ValueError(f"roi_size {roi} for a {dims}-D network")
        overlap = inferer.get("overlap", 0.25)
        if parts.inferer_name == PROMPTING:
            inferer = {**inferer, "mode": "gaussian", "padding_mode": _padding_mode(config)}
        return SlidingWindows(
            tuple(int(n) for n in roi),
            int(inferer.get("sw_batch_size", 1)),
            (float(overlap),) if isinstance(overlap, (int, float)) else tuple(overlap),
            str(inferer.get("mode", "constant")),
            float(inferer.get("sigma_scale", 0.125)),
            str(inferer.get("padding_mode", "constant")),
            float(inferer.get("cval", 0.0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SegadvError(
            f"{config.source}: the inferer is incomplete or invalid ({error}); correct it"
        ) from None


def _padding_mode(config: BundleConfig) -> str:
    """Return how a bundle's own inferer pads an image that is smaller than its window."""
    file = "scripts/inferer.py"
    if config.contents.hash_of(file) is None:
        return "constant"
    found = PADDED.search(config.contents.read(file))
    return found[1].decode() if found else "constant"
