"""The generator of displacement and intensity fields, with a latent code for each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from .fields import DISPLACEMENT, INTENSITY

LEAKY = ("leakyrelu", {"negative_slope": 0.2})
# log sigma is clamped to this range, so that exp() stays finite.
LOG_SIGMA = (-6.0, 2.0)
WIDEST = 128
# Number of times that a decoder doubles a code's map to get to its control points.
DOUBLINGS = 2


@dataclass(frozen=True)
class Layout:
    """The sizes of a generator and its critic.

    Attributes:
        dims: 2 or 3.
        channels: of the images.
        parts: "both", "displacement" or "intensity".
        width: channels of the encoder's first level, and of the critic's.
        levels: number of times that the encoder halves the image.
        latent: channels of each code; a code is a map of one cell for 2^levels pixels.
    """

    dims: int
    channels: int = 1
    parts: str = "both"
    width: int = 16
    levels: int = 4
    latent: int = 8

    @property
    def widths(self) -> list[int]:
        """Channels of each level."""
        return [min(self.width * 2**n, max(WIDEST, self.width)) for n in range(self.levels)]

    @property
    def spacing(self) -> int:
        """Pixels between the fields' control points, roughly."""
        return int(2 ** (self.levels - DOUBLINGS))


@dataclass(frozen=True)
class Scale:
    """How images (N, C, *S) become a generator's input: clipped to a window, then z-scored.

    Attributes:
        low, high: limits of the intensities that the victim sees.
        mean, deviation: of the training images in that window.
        spread: standard deviation of the unclipped training images, with air and bone. The paper
            z-scores its images, so its p and V are in units of this.
    """

    low: float
    high: float
    mean: float
    deviation: float
    spread: float

    @classmethod
    def of(cls, images: Sequence[Tensor], low: float, high: float) -> "Scale":
        """Measure the scale on training images of any shapes."""
        whole = torch.cat([image.flatten() for image in images]).double()
        seen = whole.clamp(low, high)
        deviations = (float(values.std()) or 1.0 for values in (seen, whole))
        return cls(low, high, float(seen.mean()), *deviations)

    def __call__(self, images: Tensor) -> Tensor:
        return (images.clamp(self.low, self.high) - self.mean) / self.deviation


class Generator(nn.Module):
    """Turns an image (N, C, *S) and noise into control values of D and V (Chen 2019, fig. 1).

    An encoder gives mean and log sigma of two codes, z_D and z_V, which are maps as in MONAI's
    AutoencoderKL. Two decoders of the same shape, with separate weights, turn each code into
    control values of one field, as shares of its limit from -1 to 1. The paper leaves sizes open.
    """

    def __init__(self, layout: Layout) -> None:
        from monai.networks.blocks import Convolution

        super().__init__()
        self.layout = layout
        dims, widths = layout.dims, layout.widths
        self.encoder = nn.Sequential(
            *(
                Convolution(dims, before, after, strides=2, act=LEAKY, norm="batch")
                for before, after in zip([layout.channels, *widths], widths, strict=False)
            )
        )
        outputs = {DISPLACEMENT: dims, INTENSITY: layout.channels}
        if layout.parts != "both":
            outputs = {layout.parts: outputs[layout.parts]}
        self.codes = nn.ModuleDict(
            {
                part: Convolution(
                    dims, widths[-1], 2 * layout.latent, kernel_size=1, conv_only=True
                )
                for part in outputs
            }
        )
        self.decoders = nn.ModuleDict(
            {part: decoder(layout, count) for part, count in outputs.items()}
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The fields that it makes."""
        return tuple(self.decoders)

    def noise_shape(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the noise's shape (parts, latent, *) for images of a size, without the batch."""
        cells = [math.ceil(n / 2**self.layout.levels) for n in size]
        return (len(self.parts), self.layout.latent, *cells)

    def distributions(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return mean and sigma of each part's code, for images from `Scale`."""
        features = self.encoder(images)
        found = []
        for part in self.parts:
            mean, log_sigma = self.codes[part](features).chunk(2, dim=1)
            found.append((mean, log_sigma.clamp(*LOG_SIGMA).exp()))
        return found

    def controls(
        self, distributions: Sequence[tuple[Tensor, Tensor]], noise: Tensor
    ) -> dict[str, Tensor]:
        """Return control values (N, K, *G) per part, for standard normal noise (N, parts, ...)."""
        values = {}
        for index, (part, (mean, sigma)) in enumerate(zip(self.parts, distributions, strict=True)):
            values[part] = torch.tanh(self.decoders[part](mean + sigma * noise[:, index]))
        return values

    def forward(self, images: Tensor, noise: Tensor) -> dict[str, Tensor]:
        return self.controls(self.distributions(images), noise)


def decoder(layout: Layout, count: int) -> nn.Module:
    """Build the layers from a code (N, latent, *) to control values before tanh (N, count, *).

    The grid of the control values is 2^DOUBLINGS times as fine as that of the code.
    """
    from monai.networks.blocks import Convolution, UpSample

    channels = layout.widths[::-1][: DOUBLINGS + 1]
    blocks: list[nn.Module] = [
        Convolution(layout.dims, layout.latent, channels[0], act=LEAKY, norm="batch")
    ]
    for before, after in pairwise(channels):
        blocks += [
            UpSample(layout.dims, before, mode="nontrainable"),
            Convolution(layout.dims, before, after, act=LEAKY, norm="batch"),
        ]
    last = Convolution(layout.dims, channels[-1], count, conv_only=True)
    # Starts near no change at all, where the victim's gradient is informative.
    nn.init.normal_(last.conv.weight, std=1e-3)
    nn.init.zeros_(last.conv.bias)
    return nn.Sequential(*blocks, last)
