"""From a detector's anchors to boxes on a scan's grid, and from target boxes to anchors."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.boxes import Anchors, Boxes, Corners, Labels, matches, overlap
from ..errors import SegadvError
from .bound import BoundVictim
from .level_windows import fits_at_once, sliding_levels
from .scan_tensors import ras_affine
from .windows import SlidingWindows, one_pass

# The background's logit: a class is predicted if its score is above 0.5.
BACKGROUND = 0.0
# Most anchors for a target box where nothing was found, about as many as learn a box in training,
# and the least IoU of their boxes with it; the nearest anchor is taken in any case.
NEW_ANCHORS, NEAR = 6, 0.5
# Raised by reading an output that is not a RetinaNet's.
WRONG_OUTPUTS = (KeyError, TypeError, IndexError, AttributeError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Found:
    """A detection network's output for images.

    Attributes:
        logits: (N, K, A), the background's first.
        regression: (N, A, 2 d), which turns anchors into boxes.
        anchors: (A, 2 d), boxes on the network's grid.
        size: of the image on that grid, without what is padded to it.
    """

    logits: Tensor
    regression: Tensor
    anchors: Tensor
    size: tuple[int, ...]

    @classmethod
    def by(cls, model: BoundVictim, images: Tensor) -> "Found":
        """Run the network once on images (N, C, *S)."""
        from .detector import anchors_of, by_anchor

        detector: Any = model.victim.network
        dims = model.victim.dims
        others: list[Tensor] = []

        def read(x: Tensor, maps: Any) -> Tensor:
            try:
                classes, regression = maps["classification"], maps["box_regression"]
                anchors = anchors_of(detector, x, classes)
                values = sum(m[0].numel() for m in classes) // len(anchors)
                others.extend((by_anchor(regression, 2 * dims), anchors))
                z = by_anchor(classes, values).transpose(1, 2)
            except WRONG_OUTPUTS as error:
                raise SegadvError(
                    f"{model.victim.name}: the network does not return what MONAI's RetinaNet "
                    f"returns ({' '.join(str(error).split())[:100]}); see docs/victims.md"
                ) from None
            return torch.cat([torch.full_like(z[:, :1], BACKGROUND), z], dim=1)

        images = model.prepared(images)
        x = _divisible(images, getattr(detector.network, "size_divisible", 1))
        windows = model.victim.windows
        if windows is None or fits_at_once(images.shape[2:], windows):
            logits = one_pass(x, lambda x: read(x, model.output(x)), model.passes)
        else:
            logits = read(x, _slid(x, model, windows))
        regression, anchors = others
        return cls(logits, regression, anchors, tuple(images.shape[2:]))


def _divisible(images: Tensor, step: Any) -> Tensor:
    """Pad images (N, C, *S) with 0 at their ends, as MONAI's detector does."""
    from monai.utils import ensure_tuple_rep

    size = images.shape[2:]
    steps = ensure_tuple_rep(step, len(size))
    missing = [-n % s for n, s in zip(size, steps, strict=True)]
    return F.pad(images, [p for m in reversed(missing) for p in (0, m)]) if any(missing) else images


def _slid(x: Tensor, model: BoundVictim, windows: SlidingWindows) -> dict[str, list[Tensor]]:
    """Run the network in windows over x (N, C, *S); return its maps."""

    def network(part: Tensor) -> list[Tensor]:
        maps = model.output(part)
        try:
            return [*maps["classification"], *maps["box_regression"]]
        except WRONG_OUTPUTS:
            raise SegadvError(
                f"{model.victim.name}: the network does not return what MONAI's RetinaNet returns; "
                "see docs/victims.md"
            ) from None

    found = sliding_levels(x, network, windows, model.passes)
    half = len(found) // 2
    return {"classification": list(found[:half]), "box_regression": list(found[half:])}


def detected(model: BoundVictim, images: Tensor, least: float) -> Boxes:
    """Return the boxes found in the first of the images; called without a gradient.

    Args:
        model: the victim on a scan.
        images: (N, C, *S).
        least: a box needs a score above this.
    """
    from monai.data.box_utils import batched_nms

    found = Found.by(model, images)
    detector: Any = model.victim.network
    logits = model.checked(found.logits)[0].float()
    z, labels = logits[1:].max(0)
    scores = z.sigmoid()
    decoded = detector.box_coder.decode_single(found.regression[0].float(), found.anchors)
    corners = to_scan(model, decoded.cpu().double().numpy())
    dims = model.scan.grid.ndim
    there = (scores > least).cpu().numpy() & (corners[:, :dims] < corners[:, dims:]).all(axis=1)
    there &= _thick(decoded, found.size).cpu().numpy()
    place = torch.from_numpy(np.flatnonzero(there)).to(scores.device)
    boxes = torch.from_numpy(corners).to(scores.device)[place]
    if len(place):
        best = batched_nms(boxes, scores[place], labels[place], detector.nms)
        place = place[best]
    chosen = place.cpu().numpy()
    numbers: Labels = (labels + 1).cpu().numpy()
    numbers[~there] = 0
    result = Boxes(
        corners[chosen],
        numbers[chosen],
        model.scan.grid,
        scores[place].cpu().numpy(),
        model.class_names(found.logits),
    )
    return replace(result, anchors=Anchors(numbers, corners, owners(numbers, corners, result)))


def _thick(boxes: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return which boxes (A, 2 d) are a pixel thick inside an image, as MONAI's detector wants."""
    most = torch.as_tensor(size, device=boxes.device)
    low, high = (half.clamp_min(0).minimum(most) for half in boxes.chunk(2, dim=1))
    return (high >= low + 1).all(dim=1)


def to_scan(model: BoundVictim, corners: Any) -> Corners:
    """Map boxes from the network's grid and axis order to the scan's grid in array order."""
    dims = model.scan.grid.ndim
    matrix = np.linalg.inv(ras_affine(model.scan)) @ model.chain.space.affine
    # An affine maps pixel centres; edges lie half a pixel before them.
    ends = [half @ matrix[:-1, :-1].T + matrix[:-1, -1] for half in np.split(corners - 0.5, 2, 1)]
    low, high = np.minimum(*ends) + 0.5, np.maximum(*ends) + 0.5
    size = np.array(model.scan.grid.shape[-dims:])
    both = np.concatenate([np.clip(low, 0, size), np.clip(high, 0, size)], axis=1)
    return np.asarray(both, np.float32)


def owners(labels: Labels, corners: Corners, boxes: Boxes) -> Labels:
    """Return for each anchor the nearest box of its class, by IoU; -1 for background."""
    owner = np.full(len(labels), -1, np.int64)
    on = np.flatnonzero(labels)
    if len(on) and boxes.count:
        share = overlap(corners[on], boxes.corners)
        share[labels[on][:, None] != boxes.labels[None]] = -1
        owner[on] = share.argmax(1)
    return owner


def anchor_labels(wanted: Boxes, reference: Boxes) -> Labels:
    """Return the classes (A,) with which a prediction's anchors show the wanted boxes.

    If a predicted box matches a wanted box, whatever its class, its anchors take the wanted class.
    The anchors of other predicted boxes become background. A wanted box where nothing was found is
    assigned to the anchors whose boxes lie nearest to it.
    """
    anchors = reference.anchors
    assert anchors is not None
    labels = np.zeros_like(anchors.labels)
    pairs = dict(matches(wanted, reference, any_class=True))
    for index, known in pairs.items():
        labels[anchors.owner == known] = wanted.labels[index]
    taken = np.isin(anchors.owner, list(pairs.values()))
    for index in sorted(set(range(wanted.count)) - pairs.keys()):
        share = overlap(wanted.corners[index : index + 1], anchors.corners)[0]
        share[taken] = -1
        nearest = share.argsort(kind="stable")[::-1][:NEW_ANCHORS]
        near = nearest[: max(1, int((share[nearest] >= NEAR).sum()))]
        labels[near] = wanted.labels[index]
        taken[near] = True
    return labels
