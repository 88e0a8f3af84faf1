"""Hugging Face's image processors as a step: the differentiable form, and the library's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from ...errors import SegadvError
from .axes import Back
from .chain import BoundTransform, Space, Step, bind
from .nnunet import Planned
from .pictures import BYTES, CropCentre, ResizePicture, Standardise, as_bytes, enlarged

# Bytes by which Pillow's rounding after each axis may move a value, with weights that add up to
# more than 1 in between.
ROUNDED = 2.0
# What says which steps run. Those of labels, and the conversion of pictures to RGB, change nothing
# in an image that has its channels.
APPLIED = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_flip_channel_order")
WITHOUT_EFFECT = ("do_convert_rgb", "do_reduce_labels", "reduce_labels")
# What turns a known step into another one, with the values that don't.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "keep_aspect_ratio": (None, False),
    "ensure_multiple_of": (None, 1),
    "size_divisor": (None,),
    "rescale_offset": (None, False),
    "offset": (None, False),
}
# ConvNeXt's processors crop pictures below this size, and stretch larger ones to a square.
CROPPED_BELOW = 384
Processor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]


@dataclass(frozen=True)
class ImageProcessor(Planned):
    """What an image processor does to bytes, and its library's way back for logits.

    On the way back, logits of any size are mapped to the image's pixels bilinearly with
    `align_corners=False`, as `post_process_semantic_segmentation` does.

    Attributes:
        settings: of the processor, as plain data, for records.
        steps: the differentiable form.
        itself: from bytes (y, x, channels) to what its network sees (channels, y, x).
        exact: whether to call the processor itself, which rounds; without a gradient.
    """

    settings: Mapping[str, Any]
    steps: tuple[Step, ...] = field(repr=False)
    itself: Processor = field(repr=False)
    exact: bool = False

    @property
    def arguments(self) -> Mapping[str, Any]:
        return dict(self.settings)

    @property
    def window(self) -> tuple[float, float] | None:
        return BYTES

    @property
    def rescales(self) -> bool:
        return True

    @property
    def resizes(self) -> bool:
        """Whether it resizes bytes, and so rounds them."""
        return any(isinstance(step, ResizePicture) for step in self.steps)

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        """Fix the step on the grid of an image, and compare it with the processor itself there.

        Raises:
            SegadvError: if they differ by more than rounding, or the processor refuses the image.
        """
        if len(space.shape) != 2:
            raise SegadvError(f"preprocessing step {self.name} needs single images or slices")
        chain = bind(self.steps, image, space)
        rounded = torch.from_numpy(as_bytes(image[None])).movedim(-1, 1).to(image)
        ours, theirs = chain.forward(rounded), self._exactly(rounded)
        self._compare(ours, theirs)

        def backward(z: Tensor, way: Back) -> Tensor:
            return enlarged(z, space.shape, way)

        forward = self._exactly if self.exact else chain.forward
        return BoundTransform(forward, backward), forward(image[None])[0], chain.space

    def _exactly(self, x: Tensor) -> Tensor:
        try:
            found = [torch.from_numpy(np.array(self.itself(one))) for one in as_bytes(x)]
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise SegadvError(
                f"its image processor refuses the image ({reason}); correct its settings"
            ) from None
        return torch.stack(found).to(x)

    def _compare(self, ours: Tensor, theirs: Tensor) -> None:
        remedy = "describe what the network sees in a JSON beside the folder (docs/victims.md)"
        if ours.shape != theirs.shape:
            raise SegadvError(
                f"its image processor makes {tuple(theirs.shape[1:])} of the image, not "
                f"{tuple(ours.shape[1:])}, so it can't be reproduced; {remedy}"
            )
        byte = self._byte().view(1, -1, 1, 1)
        off = float(((ours - theirs).abs() / byte.to(ours)).max())
        # What is not resized is not rounded either.
        most = ROUNDED if self.resizes else 0.01
        if not off <= most:
            raise SegadvError(
                f"its image processor differs by {off:.3g} grey levels from what its settings "
                f"say, so it can't be reproduced; {remedy}"
            )

    def _byte(self) -> Tensor:
        """Return what one grey level is worth after the steps, for each channel."""
        last = next(step for step in self.steps if isinstance(step, Standardise))
        return last.factor / torch.tensor(last.std or (1.0,))


def steps_of(settings: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the steps that an image processor's settings stand for, in its order.

    Args:
        settings: all of them, with the library's defaults.

    Raises:
        SegadvError: if a step is not known.
    """
    for key, value in settings.items():
        if key.startswith("do_") and value and key not in (*APPLIED, *WITHOUT_EFFECT):
            raise SegadvError(f"image processor: {key} is not known, so it has no gradient here")
        if value not in NEUTRAL.get(key, (value,)):
            raise SegadvError(f"image processor: {key} is not known, so it has no gradient here")
    steps: list[Step] = []
    if settings.get("do_resize"):
        steps += _resized(settings)
    if settings.get("do_center_crop"):
        steps.append(CropCentre(_rectangle(settings.get("crop_size"), "crop_size")))
    normalised = settings.get("do_normalize")
    steps.append(
        Standardise(
            float(settings["rescale_factor"]) if settings.get("do_rescale") else 1.0,
            _numbers(settings["image_mean"]) if normalised else (),
            _numbers(settings["image_std"]) if normalised else (),
            reversed=bool(settings.get("do_flip_channel_order")),
        )
    )
    return tuple(steps)


def _resized(settings: Mapping[str, Any]) -> list[Step]:
    size = settings.get("size")
    resample = Image.Resampling(settings.get("resample", 2)).name.lower()
    if not isinstance(size, Mapping) or "shortest_edge" not in size:
        return [ResizePicture(_rectangle(size, "size"), resample)]
    if size.get("longest_edge"):
        raise SegadvError("image processor: a size with longest_edge is not known")
    edge = int(size["shortest_edge"])
    if "crop_pct" not in settings:
        return [ResizePicture(edge, resample)]
    if edge >= CROPPED_BELOW:
        return [ResizePicture((edge, edge), resample)]
    whole = int(edge / float(settings["crop_pct"]))
    return [ResizePicture(whole, resample), CropCentre((edge, edge))]


def _rectangle(size: Any, name: str) -> tuple[int, int]:
    if not isinstance(size, Mapping) or not {"height", "width"} <= size.keys():
        raise SegadvError(f"image processor: {name} must have height and width")
    return int(size["height"]), int(size["width"])


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in (value if isinstance(value, (list, tuple)) else [value]))
