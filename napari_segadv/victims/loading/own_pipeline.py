"""A bundle's own pipeline, run by MONAI from beginning to end: what its program would write."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SegadvError
from ..decision import TIDYING
from ..decision import WITHOUT_EFFECT as AFTERWARDS
from ..preprocessing.axes import Affine
from ..preprocessing.chain import CONCATENATES, COPIES, SPATIAL, WITHOUT_EFFECT, plain_name
from ..preprocessing.intensity import INTENSITY
from ..structures import combined
from ..windows import SlidingWindows
from .network import cause
from .own_joins import OWN, with_meta

# Steps before the network that are MONAI's own, and steps after it.
FIRST = frozenset(INTENSITY) | SPATIAL | {COPIES, CONCATENATES}
LAST = TIDYING | {"Activations", "AsDiscrete", "Invert"}
IMAGE, PRED = "image", "pred"
# Fields of a sliding window that MONAI's inferer has, beside the overlap.
OF_WINDOWS = ("roi_size", "sw_batch_size", "mode", "sigma_scale", "padding_mode", "cval")


@dataclass(frozen=True)
class OwnPipeline:
    """Transforms and inferer of a bundle, literals only.

    Attributes:
        before, after: MONAI's `_target_` dictionaries of its preprocessing and postprocessing.
        windows: its sliding window; None: it sees the whole image.
        key: under which its transforms have the image.
        structures: how many overlapping structures it predicts, a map each; 0: a label map.
        images: under which its transforms have the images that it joins as channels; (): one.
        left_out: how many of the maps, from the first, are no structures.
    """

    before: Sequence[Mapping[str, Any]]
    after: Sequence[Mapping[str, Any]]
    windows: SlidingWindows | None
    key: str = IMAGE
    structures: int = 0
    images: tuple[str, ...] = ()
    left_out: int = 0

    def __call__(self, network: nn.Module, image: Tensor, affine: Affine) -> Tensor | None:
        """Predict an image (C, *S) in the network's axis order as MONAI does.

        Args:
            network: with its weights.
            image: in the image's units.
            affine: from index to RAS world.

        Returns:
            The label map (*S), of overlapping structures the number of their combination; None if
            the pipeline does not end in one on the image's grid.

        Raises:
            SegadvError: if MONAI refuses a step.
        """
        from monai.data import decollate_batch, list_data_collate
        from monai.inferers import SimpleInferer, SlidingWindowInferer
        from monai.transforms import Compose

        before = Compose(list(self._first()))
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                # On the processor, where MONAI's loaders put images.
                data = before(self._loaded(image.cpu(), torch.from_numpy(affine)))
                data[self._input] = torch.as_tensor(data[self._input])
                data = {name: one for name, one in data.items() if isinstance(one, Tensor)}
                windows = self._windows()
                inferer = SlidingWindowInferer(**windows) if windows else SimpleInferer()
                batch = list_data_collate([data])
                batch[PRED] = inferer(batch[self._input].to(image.device), network)
                (one,) = decollate_batch(batch)
                found = Compose(list(self._last(before)))(one)
        except (TypeError, ValueError, RuntimeError, IndexError, KeyError) as error:
            raise SegadvError(
                f"MONAI's own pipeline fails on this image ({cause(error)})"
            ) from None
        mask = torch.as_tensor(found[PRED])
        if len(mask) != (self.structures or 1) or mask.shape[1:] != image.shape[1:]:
            return None
        if not self.structures:
            return mask[0].round().long()
        if not ((mask == 0) | (mask == 1)).all():
            return None  # it ends in probabilities
        return combined(mask[None, self.left_out :])[0]

    @property
    def _input(self) -> str:
        """The key of the network's input: one of our own, but where several images have theirs."""
        return self.key if self.images else IMAGE

    def _loaded(self, image: Tensor, affine: Tensor) -> dict[str, Any]:
        """Return an image (C, *S) as the bundle's loader gives it: each of several by itself."""
        if not self.images:
            return {IMAGE: with_meta({IMAGE: image}, affine)[IMAGE]}
        return with_meta(dict(zip(self.images, image.split(1), strict=True)), affine)

    def _windows(self) -> dict[str, Any]:
        """Return the sliding window as arguments of MONAI's inferer; {} if there is none."""
        if self.windows is None:
            return {}
        overlap = self.windows.overlap
        found = {name: getattr(self.windows, name) for name in OF_WINDOWS}
        return found | {"overlap": overlap[0] if len(overlap) == 1 else overlap}

    def _kept(
        self, configs: Sequence[Mapping[str, Any]], known: frozenset[str]
    ) -> list[Mapping[str, Any]]:
        ignored = WITHOUT_EFFECT | AFTERWARDS
        kept: list[Mapping[str, Any]] = []
        for config in configs:
            name = plain_name(str(config.get("_target_", "")), known | ignored)
            if name in known and not config.get("_disabled_"):
                kept.append({**config, "_target_": name})
        return kept

    def _first(self) -> Iterator[Any]:
        """Make the steps before the network that act on the image, or on a copy of it."""
        import monai.transforms

        names = {name: name for name in self.images} or {self.key: IMAGE}
        for config in self._kept(self.before, FIRST):
            name, arguments = str(config["_target_"]), _arguments(config, self.key, names)
            if not arguments["keys"]:
                continue
            if OWN in config:
                names[self.key] = self._input
                yield config[OWN]
                continue
            if name == COPIES:
                copies = arguments.get("names", ())
                names |= {copy: copy for copy in ([copies] if isinstance(copies, str) else copies)}
            if name == CONCATENATES:
                arguments["name"] = names.setdefault(str(arguments.get("name")), self._input)
            if name == "CropForeground":
                arguments["source_key"] = names.get(str(arguments.get("source_key")), self._input)
            yield getattr(monai.transforms, f"{name}d")(**arguments)

    def _last(self, before: Any) -> Iterator[Any]:
        """Make the steps after the network; `before` are those that an inversion undoes."""
        import monai.transforms

        for config in self._kept(self.after, LAST):
            name, keys = str(config["_target_"]), _keys(config, PRED)
            arguments = _arguments(config, PRED, {PRED if PRED in keys else keys[0]: PRED})
            if name == "Invert":
                # What only joins images leaves no trace: the first image has the way back.
                of = _keys({"keys": config.get("orig_keys") or self.key}, PRED)[0]
                back = of if of in self.images else self._input
                arguments |= {"transform": before, "orig_keys": back}
                arguments.pop("device", None)
            yield getattr(monai.transforms, f"{name}d")(**arguments)


def _keys(config: Mapping[str, Any], default: str) -> list[str]:
    keys = config.get("keys", default)
    return [keys] if isinstance(keys, str) else list(keys)


def _arguments(config: Mapping[str, Any], default: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a step's arguments for some of its keys alone.

    Args:
        config: the step.
        default: its key, if it names none.
        names: of the keys that are kept, with the names that they get.
    """
    arguments = {k: v for k, v in config.items() if not k.startswith("_")}
    keys = _keys(config, default)
    places = [place for place, key in enumerate(keys) if key in names]
    for one in ONE_EACH & arguments.keys():
        value = arguments[one]
        if isinstance(value, list) and len(value) == len(keys):
            arguments[one] = [value[place] for place in places]
    return arguments | {"keys": [names[keys[place]] for place in places]}


# Arguments of the dictionary form that may hold a value for each key.
ONE_EACH = frozenset(
    {
        "mode",
        "padding_mode",
        "align_corners",
        "dtype",
        "argmax",
        "threshold",
        "to_onehot",
        "softmax",
        "sigmoid",
        "nearest_interp",
        "to_tensor",
    }
)
