"""Recipe: how a small network is built, fed and trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...io.cases import Case, ClassMap, intensity_window, median_spacing

Network = Literal["unet", "segresnet"]


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained. Sizes and spacings are in array order.

    Attributes:
        dims: 2 or 3.
        network: "unet" or "segresnet".
        width: channels of the first level.
        widest: most channels of a level.
        levels: number of resolutions of the network.
        epochs: passes over the cases.
        patch: pixels along each axis that the network sees at a time.
        patches: patches of a case in one epoch.
        batch: patches in a step.
        spacing: mm; None: the median of the cases.
        window: intensity window; None: taken from the cases.
        channel_wise: without a window, scale each of several channels by its own percentiles.
        resize: pixels that every image is resized to; None: no resizing.
        crop: crop 2-D images to what is brighter than the window's lower end before resizing.
        bend: share of the patches that are rotated and scaled at random.
        rate: largest learning rate.
        seed: of everything random.
        bfloat16: compute the network in bfloat16, which is faster on processors with AMX.
    """

    dims: int = 2
    network: Network = "unet"
    width: int = 16
    widest: int = 256
    levels: int = 4
    epochs: int = 100
    patch: tuple[int, ...] = ()
    patches: int = 0
    batch: int = 0
    spacing: tuple[float, ...] | None = None
    window: tuple[float, float] | None = None
    channel_wise: bool = False
    resize: tuple[int, ...] | None = None
    crop: bool = False
    bend: float = 0.5
    rate: float = 2e-3
    seed: int = 0
    bfloat16: bool = False

    def completed(self, cases: Sequence[Case], classes: ClassMap) -> "Recipe":
        """Return a copy in which the cases supply everything that was left open."""
        longest = 64 if self.dims == 3 else 512
        step = 2 ** (self.levels - 1)
        shape = cases[0].scan.grid.shape[-self.dims :]
        shape = self.resize or shape
        patch = self.patch or tuple(
            min(longest, max(step, math.ceil(n / step) * step)) for n in shape
        )
        return replace(
            self,
            patch=patch,
            patches=self.patches or (8 if self.dims == 3 else 1),
            batch=self.batch or (2 if self.dims == 3 else 4),
            spacing=self.spacing or median_spacing(cases, self.dims),
            window=self.window or intensity_window(cases, classes),
            channel_wise=self.channel_wise or bool(cases[0].scan.parts),
        )

    def network_config(self, channels: int, classes: int) -> dict[str, Any]:
        """Return the network as a bundle's `network_def`."""
        if self.network == "segresnet":
            return {
                "_target_": "SegResNet",
                "spatial_dims": self.dims,
                "init_filters": self.width,
                "in_channels": channels,
                "out_channels": classes,
                "blocks_down": [1] * self.levels,
                "blocks_up": [1] * (self.levels - 1),
            }
        return {
            "_target_": "UNet",
            "spatial_dims": self.dims,
            "in_channels": channels,
            "out_channels": classes,
            "channels": [min(self.width * 2**n, self.widest) for n in range(self.levels)],
            "strides": [2] * (self.levels - 1),
            "num_res_units": 1,
        }

    def preprocessing(self) -> list[dict[str, Any]]:
        """Return the preprocessing as a bundle's transforms, axes in MONAI's (x, y, z) order."""
        steps: list[dict[str, Any]] = []
        if self.spacing is not None:
            axcodes = "RAS"[: self.dims]
            steps.append({"_target_": "Orientationd", "keys": "image", "axcodes": axcodes})
            pixdim = list(reversed(self.spacing))
            steps.append(
                {"_target_": "Spacingd", "keys": "image", "pixdim": pixdim, "mode": "bilinear"}
            )
        if self.window is not None:
            low, high = self.window
            scaling: dict[str, Any] = {"a_min": low, "a_max": high, "clip": True}
            steps.append({"_target_": "ScaleIntensityRanged", "keys": "image", **scaling})
        else:
            scaling = {"lower": 0.5, "upper": 99.5, "clip": True}
            scaling |= {"channel_wise": True} if self.channel_wise else {}
            steps.append(
                {"_target_": "ScaleIntensityRangePercentilesd", "keys": "image", **scaling}
            )
        steps[-1] |= {"b_min": 0.0, "b_max": 1.0}
        if self.crop:
            cropping = {"source_key": "image", "allow_smaller": True}
            steps.append({"_target_": "CropForegroundd", "keys": "image", **cropping})
        if self.resize is not None:
            size = list(reversed(self.resize))
            mode = "bilinear" if self.dims == 2 else "trilinear"
            smooth = {"mode": mode, "anti_aliasing": True}
            steps.append({"_target_": "Resized", "keys": "image", "spatial_size": size, **smooth})
        return steps
