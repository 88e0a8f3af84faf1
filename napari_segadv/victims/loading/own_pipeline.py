"""A bundle's own pipeline, built and run by MONAI: what its program would write."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import Cancelled, SegadvError
from ..members import OnSlices
from ..postprocessing import PRED
from ..preprocessing.axes import Affine
from ..structures import combined
from .network import cause
from .offline import offline
from .own_config import NEUTRAL, OwnConfig

IMAGE = "image"


class _Unreadable(Exception):
    """No reader of MONAI's reads a file."""


@dataclass(frozen=True)
class OwnPipeline:
    """Transforms and inferer of a bundle, as its configuration has them.

    Attributes:
        config: the parts of the configuration that MONAI's parser builds.
        key: under which its transforms have the network's input.
        structures: how many overlapping structures it predicts, a map each; 0: a label map.
        images: under which its transforms have the images that it joins as channels; (): one.
        left_out: how many of the maps, from the first, are no structures.
        source: under which they have the image as it is loaded; "": under `key`.
        refused: why MONAI's parser can't be given the configuration; "": it can.
    """

    config: OwnConfig = field(default_factory=OwnConfig)
    key: str = IMAGE
    structures: int = 0
    images: tuple[str, ...] = ()
    left_out: int = 0
    source: str = ""
    refused: str = ""

    @property
    def until(self) -> str:
        """The step after the network at which the comparison ends; "": none."""
        return self.config.until

    def __call__(
        self, network: nn.Module, image: Tensor, affine: Affine, files: Sequence[Path] = ()
    ) -> Tensor | None:
        """Predict an image (C, *S) in the network's axis order as MONAI does.

        Args:
            network: with its weights.
            image: in the image's units.
            affine: from index to RAS world.
            files: that hold this image, for each of its channels if it has several; (): none.

        Returns:
            The label map (*S), of overlapping structures the number of their combination; None if
            the pipeline does not end in one on the image's grid.

        Raises:
            SegadvError: if MONAI can't build the configuration, or refuses a step.
        """
        if self.refused:
            raise SegadvError(self.refused)
        network = network.network if isinstance(network, OnSlices) else network
        try:
            with warnings.catch_warnings(), torch.no_grad(), offline():
                warnings.simplefilter("ignore")
                try:
                    mask = self._mask(network, image, affine, files)
                except _Unreadable:
                    mask = self._mask(network, image, affine, ())
        except (SegadvError, Cancelled):
            raise
        except Exception as error:  # noqa: BLE001 - MONAI's classes raise anything
            raise SegadvError(
                f"MONAI's own pipeline fails on this image ({cause(error)})"
            ) from None
        if not self.structures and len(mask) > 1 and _is_one_hot(mask):
            mask = mask.argmax(0, keepdim=True)
        if len(mask) != (self.structures or 1) or mask.shape[1:] != image.shape[1:]:
            return None
        if not self.structures:
            whole = mask[0].float().round()
            # Else it ends in probabilities, or in what an interpolation makes of classes.
            return whole.long() if bool((whole == mask[0]).all()) else None
        if not ((mask == 0) | (mask == 1)).all():
            return None  # it ends in probabilities
        return combined(mask[None, self.left_out :])[0]

    def _mask(
        self, network: nn.Module, image: Tensor, affine: Affine, files: Sequence[Path]
    ) -> Tensor:
        """Return what the pipeline makes of an image; the arguments are those of a call."""
        from monai.data import decollate_batch, list_data_collate
        from monai.inferers import SimpleInferer

        before, after, inferer = self._built()
        loaders = _loaders(before)
        if files:
            data = self._of_files(loaders, files)
        else:
            # On the processor, where MONAI's loaders put images.
            data = self._of_array(before, image.cpu(), torch.from_numpy(affine))
        data = before(data)
        data[self.key] = torch.as_tensor(data[self.key])
        data = {name: one for name, one in data.items() if isinstance(one, Tensor)}
        batch = list_data_collate([data])
        batch[PRED] = (inferer or SimpleInferer())(batch[self.key].to(image.device), network)
        (one,) = decollate_batch(batch)
        return torch.as_tensor(after(one)[PRED])

    def _built(self) -> tuple[Any, Any, Any]:
        """Return the transforms before and after the network, and the inferer, built by MONAI."""
        from monai.bundle import ConfigParser
        from monai.transforms import Compose

        parser = ConfigParser(_copied(self.config.content))
        names = self.config.before, self.config.after, self.config.inferer
        before, after, inferer = (
            None if name is None else parser.get_parsed_content(name) for name in names
        )
        wrapped = [
            one if isinstance(one, Compose) else Compose(_listed(one)) for one in (before, after)
        ]
        return *wrapped, inferer

    def _of_files(self, loaders: Sequence[Any], files: Sequence[Path]) -> dict[str, Any]:
        """Return files as a bundle's program is given them."""
        if not loaders:
            raise _Unreadable
        for loader in loaders:
            loader._loader = _Reading(loader._loader)
        paths = [str(file) for file in files]
        if self.images:
            return self._with_others(loaders, dict(zip(self.images, paths, strict=True)))
        one = paths if len(paths) > 1 else paths[0]
        return self._with_others(loaders, {self.source or self.key: one})

    def _of_array(self, before: Any, image: Tensor, affine: Tensor) -> dict[str, Any]:
        """Return an image (C, *S) for a bundle's loaders, which give it as if it were a file's."""
        loaders = _loaders(before)
        odd = sorted(_arguments_of_loaders(self.config.content) - NEUTRAL - {"_target_"})
        if odd:
            raise SegadvError(
                f"its loader has {', '.join(odd)}, which acts on files alone, and the image comes "
                "from none"
            )
        for loader in loaders:
            loader._loader = _Placed(loader._loader, affine, _last(before))
        if self.images:
            return self._with_others(loaders, dict(zip(self.images, image.split(1), strict=True)))
        if not loaders:
            return {self.source or self.key: _placed(image, affine, 0)}
        return self._with_others(loaders, {self.source or self.key: image})

    def _with_others(self, loaders: Sequence[Any], data: dict[str, Any]) -> dict[str, Any]:
        """Return data with an image for each further key that is loaded, such as a label."""
        first = next(iter(data.values()))
        others = {str(key): first for loader in loaders for key in loader.keys}
        return {**others, **data}


@dataclass(frozen=True)
class _Reading:
    """A loader of MONAI's, of which it is known whether it failed."""

    loader: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __call__(self, *given: Any) -> Any:
        try:
            return self.loader(*given)
        except Exception as error:
            raise _Unreadable from error


@dataclass(frozen=True)
class _Placed:
    """Takes the place of a loader of MONAI's: gives images (C, *S) as it gives those of files.

    Attributes:
        loader: MONAI's.
        affine: from index to RAS world.
        last: whether the channels of an image that has several are its last axis.
    """

    loader: Any
    affine: Tensor
    last: bool

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __call__(self, image: Tensor, *_: Any) -> Any:
        from monai.transforms import EnsureChannelFirst
        from monai.utils import convert_data_type

        # Readers give one channel without an axis for it, and those of several files first.
        array, channel = (image, 0.0) if len(image) > 1 else (image[0], float("nan"))
        if len(image) > 1 and self.last:
            array, channel = image.movedim(0, -1), -1.0
        array = convert_data_type(array, dtype=self.loader.dtype)[0]
        found = _placed(torch.as_tensor(array), self.affine, channel)
        if self.loader.ensure_channel_first:
            found = EnsureChannelFirst()(found)
        return found if self.loader.image_only else (found, dict(found.meta))


def _placed(image: Tensor, affine: Tensor, channel: float) -> Any:
    """Return an image on a grid, with the facts that MONAI's loaders give it."""
    from monai.data import MetaTensor

    shape = image.shape[1:] if channel == 0 else image.shape[: affine.shape[0] - 1]
    meta = {"original_affine": affine.clone(), "spatial_shape": list(shape)}
    meta |= {"original_channel_dim": channel, "filename_or_obj": IMAGE}
    return MetaTensor(image.clone(), affine=affine.clone(), meta=meta)


def _last(before: Any) -> bool:
    """Return whether transforms say that the channels are an image's last axis, as of colours."""
    from monai.transforms import EnsureChannelFirstd

    found = [one for one in before.flatten().transforms if isinstance(one, EnsureChannelFirstd)]
    return any(one.adjuster.input_channel_dim == -1 for one in found)


def _loaders(before: Any) -> list[Any]:
    from monai.transforms import LoadImaged

    return [one for one in before.flatten().transforms if isinstance(one, LoadImaged)]


def _arguments_of_loaders(content: Any) -> set[str]:
    """Return the names of the arguments of all loaders in a configuration."""
    if isinstance(content, Mapping):
        inner = set().union(*map(_arguments_of_loaders, content.values()), set())
        if "LoadImage" in str(content.get("_target_")):
            inner |= {str(key) for key in content}
        return inner
    if isinstance(content, list):
        return set().union(*map(_arguments_of_loaders, content), set())
    return set()


def _copied(content: Any) -> Any:
    """Return a configuration that MONAI's parser may change; what is in it stays the same."""
    if isinstance(content, Mapping):
        return {key: _copied(one) for key, one in content.items()}
    return [_copied(one) for one in content] if isinstance(content, list) else content


def _is_one_hot(mask: Tensor) -> bool:
    """Return whether exactly one channel of each pixel is 1, and the others are 0."""
    return bool(((mask == 0) | (mask == 1)).all() and (mask.sum(0) == 1).all())


def _listed(found: Any) -> list[Any]:
    """Return transforms as a list: none, one, or those of a list."""
    if found is None:
        return []
    return [found] if callable(found) else list(found)
