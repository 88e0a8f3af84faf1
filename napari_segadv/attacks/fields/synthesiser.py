"""A trained generator, with the steps from an image to its input and from its output to fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import SegadvError
from .fields import DISPLACEMENT, INTENSITY, Lattice
from .networks import Generator, Scale

Distributions = Sequence[tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Synthesiser:
    """Makes displacement and intensity fields for images with a generator.

    A 2-D generator makes the fields of a volume slice by slice: they move nothing across slices,
    and the same noise for all slices keeps neighbours alike.

    Attributes:
        network: the generator.
        scale: how an image becomes its input.
        displacement: largest displacement along each axis, in pixels.
        intensity: largest value of the intensity field, in the image's units.
        xi: the mean cross-entropy that it was trained to reach.
        about: what it was trained for and on, as plain data.
    """

    network: Generator
    scale: Scale
    displacement: float
    intensity: float
    xi: float
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its folder, once it has one."""
        return str(self.about.get("path", "the generator"))

    @property
    def dims(self) -> int:
        return self.network.layout.dims

    def to(self, device: torch.device) -> "Synthesiser":
        """Return it with its network on a device; the network itself is moved."""
        return replace(self, network=self.network.to(device))

    def check(self, images: Tensor) -> None:
        """Raise SegadvError if images (N, C, *S) are not of the kind it was trained on."""
        channels, dims = images.shape[1], images.ndim - 2
        if channels != self.network.layout.channels or dims < self.dims:
            kind = "colour" if self.network.layout.channels == 3 else "grey"
            raise SegadvError(
                f"{self.name}: was trained on {kind} {self.dims}-D images, but this one "
                f"is {dims}-D (channels: {channels}); train a generator on such images"
            )

    def noise(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw standard normal noise (N, parts, latent, *) for images (N, C, *S)."""
        shape = self.network.noise_shape(images.shape[-self.dims :])
        return torch.randn((len(images), *shape), generator=generator).to(images.device)

    def codes(self, images: Tensor) -> Distributions:
        """Return mean and sigma of the codes of images (N, C, *S), or of all their slices."""
        return self.network.distributions(self.scale(self.flat(images)))

    def fields(
        self, images: Tensor, codes: Distributions, noise: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Make D (N, dims, *S) in pixels and V (N, C, *S) in the image's units; None if unused.

        Args:
            images: (N, C, *S).
            codes: mean and sigma of the codes of these images.
            noise: (N, parts, latent, *).
        """
        flat = self.flat(images)
        repeated = noise.repeat_interleave(len(flat) // len(noise), dim=0)
        controls = self.network.controls(codes, repeated)
        # A warp by NaN reads memory outside the image.
        if not all(bool(values.isfinite().all()) for values in controls.values()):
            raise SegadvError(
                f"{self.name}: gives NaN instead of fields; train it again, at a lower rate"
            )
        fields = {
            part: Lattice.of_size(flat, values.shape[2:]).expand(values)
            for part, values in controls.items()
        }
        d, v = fields.get(DISPLACEMENT), fields.get(INTENSITY)
        if d is not None:
            d = self._whole(self.displacement * d, images)
            # Nothing moves along the axis that slices are stacked on.
            missing = images.ndim - 2 - self.dims
            d = F.pad(d, (0, 0) * (images.ndim - 2) + (missing, 0))
        return d, None if v is None else self._whole(self.intensity * v, images)

    def flat(self, images: Tensor) -> Tensor:
        """Return images (N, C, *S) as the generator takes them: a 2-D one takes their slices."""
        if images.ndim - 2 == self.dims:
            return images
        return images.transpose(1, 2).flatten(0, 1)

    def _whole(self, flat: Tensor, images: Tensor) -> Tensor:
        if images.ndim - 2 == self.dims:
            return flat
        whole: Tensor = flat.unflatten(0, (len(images), -1))
        return whole.transpose(1, 2)
