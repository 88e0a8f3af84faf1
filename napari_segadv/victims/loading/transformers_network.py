"""Networks and image processors of transformers, built from a folder's configuration as data."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...errors import SegadvError
from .network import built, cause, check_finite, one_line
from .packages import needed
from .sizes import check_numbers, check_size

EXTRA = "transformers"
# Keys of a configuration that lead to code, or to files elsewhere.
REMOTE = frozenset(
    {
        "auto_map",
        "trust_remote_code",
        "custom_pipelines",
        "quantization_config",
        "use_kernels",
        "kernel_config",
        "use_pretrained_backbone",
        "use_timm_backbone",
        "backbone",
        "backbone_kwargs",
    }
)
ATTENTION = (None, "eager", "sdpa")
# Networks of other packages, which transformers only wraps.
WRAPPED = ("timm_wrapper", "timm_backbone")
# What an image processor is told; other keys are for other programs, or of no effect.
SETTINGS = frozenset(
    {
        *("do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale"),
        *("rescale_factor", "do_normalize", "image_mean", "image_std", "crop_pct", "do_pad"),
        *("pad_size", "do_flip_channel_order", "keep_aspect_ratio", "ensure_multiple_of"),
        *("size_divisor", "rescale_offset", "do_convert_rgb"),
    }
)
PASSED_OVER = frozenset(
    {
        *("image_processor_type", "feature_extractor_type", "_valid_processor_keys", "data_format"),
        *("input_data_format", "return_tensors", "do_reduce_labels", "reduce_labels", "device"),
        *("disable_grouping", "default_to_square", "processor_class", "transformers_version"),
        *("image_seq_length", "_processor_class"),
    }
)


def task_and_class(config: Mapping[str, Any], source: Path) -> tuple[str, str]:
    """Return the task of a configuration, and the name of its network's class.

    Raises:
        SegadvError: if transformers has no such network for one of our tasks, or the
            configuration leads to code or to files elsewhere.
    """
    for place, key, value in _entries(config):
        odd = key in REMOTE and value
        if odd or ("attn_implementation" in key and isinstance(value, str | None)):
            if not odd and value in ATTENTION:
                continue
            raise SegadvError(
                f"{source}: {place} ({one_line(ValueError(value))}) leads to code or files that "
                "are not in the folder; save the model without it, with its backbone as "
                "backbone_config"
            )
    check_numbers(config, source)
    models = needed("transformers.models.auto.modeling_auto", EXTRA)
    kind, named = str(config.get("model_type")), config.get("architectures")
    name = str(named[0]) if isinstance(named, list) and len(named) == 1 else ""
    for task, table in (
        ("segmentation", models.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES),
        ("classification", models.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES),
    ):
        found = table.get(kind, ())
        if kind not in WRAPPED and name and name in ((found,) if isinstance(found, str) else found):
            return task, name
    raise SegadvError(
        f"{source}: {name or 'its architecture'} ({kind}) is no network of transformers that "
        "segments pictures (...ForSemanticSegmentation) or classifies them "
        "(...ForImageClassification); use one of these"
    )


def _entries(value: Any, place: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield f"{place}{key}", str(key), one
            yield from _entries(one, f"{place}{key}::")
    elif isinstance(value, list):
        for one in value:
            yield from _entries(one, place)


def build_saved(
    name: str, config: Mapping[str, Any], weights: dict[str, Tensor], path: Path
) -> nn.Module:
    """Build a network of transformers and fill it, in single precision and evaluation mode.

    Args:
        name: of its class, which `task_and_class` has found.
        config: of the network.
        weights: all of its tensors.
        path: of the weights, for messages.

    Raises:
        SegadvError: if the configuration is not that of the weights.
    """
    library, cls = needed("transformers", EXTRA), _class(name, path)
    configs = needed("transformers.models.auto.configuration_auto", EXTRA)
    with _quiet(library), built(name, path, "configuration", "is it that of another model?"):
        made = configs.CONFIG_MAPPING[config["model_type"]].from_dict(dict(config))
        # Other outputs than the logits would cost memory.
        made.output_attentions = made.output_hidden_states = False
        check_size(lambda: cls(made), weights, path)
        network, report = cls.from_pretrained(
            None,
            config=made,
            state_dict=weights,
            dtype=torch.float32,
            output_loading_info=True,
            # Those are refused below, by name.
            ignore_mismatched_sizes=True,
        )
    _check_report(report, path)
    check_finite(network, path)
    evaluated: nn.Module = network.eval().requires_grad_(False)
    return evaluated


def _class(name: str, path: Path) -> Any:
    """Return a class of transformers, which imports the module that has it."""
    try:
        return getattr(needed("transformers", EXTRA), name)
    except (ImportError, AttributeError, RuntimeError) as error:
        raise SegadvError(
            f"{path}: transformers can't import {name} ({cause(error)}); install the packages that "
            "it needs, torchvision for the torch that is here"
        ) from None


def _check_report(report: Mapping[str, Any], path: Path) -> None:
    missing, extra, shapes = (
        sorted(map(str, report.get(f"{kind}_keys", ())))
        for kind in ("missing", "unexpected", "mismatched")
    )
    if missing or extra or shapes or report.get("error_msgs"):
        first = (*shapes, *missing, *extra, "all")[0]
        raise SegadvError(
            f"{path}: weights don't fit config.json ({len(missing)} missing, {len(extra)} unknown, "
            f"{len(shapes)} of another shape, such as {first[:120]}); is it that of another model?"
        )


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Keep transformers from writing reports and progress bars."""
    log = library.utils.logging
    before, shown = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(before)
        if shown:
            log.enable_progress_bar()


def image_processor(
    settings: Mapping[str, Any], kind: str, source: Path
) -> tuple[dict[str, Any], Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]]:
    """Build an image processor from preprocessor_config.json.

    It is the one that computes by Pillow: the library's other one needs torchvision, and gives
    what differs from it by rounding.

    Args:
        settings: the file's.
        kind: the network's model type, for files that don't name a processor.
        source: the file, for messages.

    Returns:
        All of its settings as plain data, and the processor: from bytes (y, x, channels) to what
        the network sees (channels, y, x).

    Raises:
        SegadvError: if it is not one of transformers's own, or has settings that are not known.
    """
    check_numbers(settings, source)
    odd = sorted(key for key, value in settings.items() if key in REMOTE and value)
    odd += sorted(settings.keys() - SETTINGS - PASSED_OVER - REMOTE)
    if odd:
        raise SegadvError(
            f"{source}: {odd[0]} is not known, so it can't be reproduced; remove it, or describe "
            "what the network sees in a JSON beside the folder"
        )
    table = needed("transformers.models.auto.image_processing_auto", EXTRA)
    known = {
        one["torchvision"].removesuffix("Fast"): one["pil"]
        for one in map(dict, table.IMAGE_PROCESSOR_MAPPING_NAMES.values())
        if one.get("torchvision") and one.get("pil")
    }
    default = dict(table.IMAGE_PROCESSOR_MAPPING_NAMES.get(kind, {})).get("torchvision") or ""
    named = settings.get("image_processor_type") or settings.get("feature_extractor_type")
    name = re.sub("FeatureExtractor$", "ImageProcessor", str(named or default))
    name = name.removesuffix("Fast").removesuffix("Pil")
    if name not in known:
        raise SegadvError(
            f"{source}: {name or 'its image processor'} is not one of transformers's own for "
            "pictures, so it can't be reproduced; describe what the network sees in a JSON beside "
            "the folder"
        )
    library, cls = needed("transformers", EXTRA), _class(known[name], source)
    try:
        with _quiet(library):
            processor = cls(**{key: value for key, value in settings.items() if key in SETTINGS})
            found = {
                key: _plain(value)
                for key, value in processor.to_dict().items()
                if key in SETTINGS or key == "image_processor_type"
            }
    except Exception as error:  # noqa: BLE001 - it raises about its arguments
        raise SegadvError(
            f"{source}: {name} refuses its settings ({cause(error)}); correct them"
        ) from None

    def run(picture: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        with _quiet(library):
            made = processor(picture, return_tensors="np", input_data_format="channels_last")
        values: npt.NDArray[Any] = made["pixel_values"][0]
        return values

    return found, run


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
