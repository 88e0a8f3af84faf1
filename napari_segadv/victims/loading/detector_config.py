"""A bundle's detector: MONAI's RetinaNetDetector with its anchors, read as data.

Published bundles set it up by calls in expressions (`$@detector.set_sliding_window_inferer(...)`).
They are read, not run: their arguments are literals or refer to some.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ...errors import SegadvError
from ..detector import NMS, Detector
from ..preprocessing.chain import is_monais
from ..windows import SlidingWindows
from .bundle_config import BundleConfig, arguments_of
from .evaluation import Evaluation
from .values import holds_code

KIND = "RetinaNetDetector"
ANCHORS = ("AnchorGenerator", "AnchorGeneratorWithAnchorShape")
# Methods that decide what it predicts, with the names of their arguments given by place.
BOXES, WINDOWS, CODER = (
    "set_box_selector_parameters",
    "set_sliding_window_inferer",
    "set_box_coder_weights",
)
BY_PLACE = {
    BOXES: ("score_thresh", "topk_candidates_per_level", "nms_thresh", "detections_per_img"),
    WINDOWS: (
        "roi_size",
        "sw_batch_size",
        "overlap",
        "mode",
        "sigma_scale",
        "padding_mode",
        "cval",
    ),
    CODER: ("weights",),
}
# MONAI's own.
OVERLAP, LEAST_SCORE = 0.5, 0.05


@dataclass(frozen=True)
class DetectorConfig:
    """How a bundle's detector finds boxes.

    Attributes:
        anchors: class and arguments of its anchor generator.
        windows: its sliding window; None: it sees the whole image.
        nms: of two boxes with a higher IoU only the better one stays.
        least: the score from which its own program lists boxes.
        weights: of the box coder; None: all 1.
    """

    anchors: tuple[str, Mapping[str, Any]]
    windows: SlidingWindows | None = None
    nms: float = NMS
    least: float = LEAST_SCORE
    weights: tuple[float, ...] | None = field(default=None)

    def made(self, network: nn.Module) -> Detector:
        """Return the detector of a network that gives MONAI's maps.

        Raises:
            SegadvError: if MONAI refuses the anchors.
        """
        from monai.apps.detection.utils import anchor_utils
        from monai.apps.detection.utils.box_coder import BoxCoder

        name, arguments = self.anchors
        try:
            generator = getattr(anchor_utils, name)(**arguments)
            coder = None if self.weights is None else BoxCoder(self.weights)
        except (TypeError, ValueError, RuntimeError, IndexError) as error:
            reason = " ".join(str(error).split())[:120]
            raise SegadvError(f"its anchors are invalid ({reason}); correct them") from None
        return Detector(network, generator, coder, self.nms).eval()

    def describe(self) -> str:
        """Say in a line what its own program does otherwise."""
        return (
            f"its own program lists boxes from a score of {self.least:g}, here they count from 0.5"
        )


def detector_of(config: BundleConfig, evaluation: Evaluation, dims: int) -> DetectorConfig | None:
    """Read the detector of a bundle; None if it has none of this kind.

    Raises:
        SegadvError: if it is set up in a way that is not known.
    """
    found = next((key for key, part in config.content.items() if _kind(part) == KIND), None)
    if found is None:
        return None
    part = evaluation.part(found)
    anchors = part.get("anchor_generator") if isinstance(part, Mapping) else None
    if _kind(anchors) not in ANCHORS or holds_code(anchors):
        raise SegadvError(
            f"{config.source}: the anchors of its {KIND} are {_kind(anchors) or 'code'}; use one "
            f"of {', '.join(ANCHORS)} with literals"
        )
    assert isinstance(anchors, Mapping)
    calls: dict[str, dict[str, Any]] = {}
    for name, given, named in evaluation.calls(found, BY_PLACE.keys()):
        call = _named(name, given, named)
        if calls.setdefault(name, call) != call:
            raise SegadvError(
                f"{config.source}: {name} is called in two ways, and which of them counts is "
                "unclear; remove one"
            )
    try:
        return _config((_kind(anchors), arguments_of(anchors)), calls, dims)
    except (KeyError, TypeError, ValueError) as error:
        raise SegadvError(
            f"{config.source}: the set-up of its {KIND} is incomplete or invalid ({error}); "
            "correct it"
        ) from None


def _kind(part: Any) -> str:
    target = part.get("_target_", "") if isinstance(part, Mapping) else ""
    return str(target).rsplit(".", 1)[-1] if is_monais(str(target)) else str(target)


def _named(name: str, given: list[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict(zip(BY_PLACE.get(name, ()), given, strict=False)), **named}


def _config(
    anchors: tuple[str, Mapping[str, Any]], calls: Mapping[str, Mapping[str, Any]], dims: int
) -> DetectorConfig:
    boxes, weights = calls.get(BOXES, {}), calls.get(CODER, {}).get("weights")
    return DetectorConfig(
        anchors,
        _windows(calls[WINDOWS], dims) if WINDOWS in calls else None,
        float(boxes.get("nms_thresh", NMS)),
        float(boxes.get("score_thresh", LEAST_SCORE)),
        None if weights is None else tuple(float(n) for n in weights),
    )


def _windows(given: Mapping[str, Any], dims: int) -> SlidingWindows:
    roi = given["roi_size"]
    sizes = [int(roi)] * dims if isinstance(roi, (int, float)) else [int(n) for n in roi]
    if len(sizes) != dims:
        raise ValueError(f"roi_size {sizes} for a {dims}-D network")
    overlap = given.get("overlap", OVERLAP)
    return SlidingWindows(
        tuple(sizes),
        int(given.get("sw_batch_size", 1)),
        (float(overlap),) if isinstance(overlap, (int, float)) else tuple(overlap),
        str(given.get("mode", "constant")),
        float(given.get("sigma_scale", 0.125)),
        str(given.get("padding_mode", "constant")),
        float(given.get("cval", 0.0)),
    )
