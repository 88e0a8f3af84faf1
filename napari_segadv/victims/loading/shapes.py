"""What the shapes of a network's weights tell: its dimensions and channels, often its class.

A class counts only if a network that is built with the arguments found has exactly the same
tensors, by name and shape. What leaves no trace in them (strides, activations) is MONAI's usual.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...common.wording import class_name
from ...errors import SegadvError
from .network import PREFIXES, network_class
from .offline import offline

Shapes = Mapping[str, tuple[int, ...]]
Arguments = dict[str, Any]
# What a class raises that can't be built, or not with these arguments.
_REFUSED = (SegadvError, TypeError, ValueError, RuntimeError, ImportError, LookupError)
# Numbers of axes of a convolution's weights, with those of the channels: in 2-D and in 3-D.
CONVOLUTIONS = {4: 2, 5: 3}
# Classes of one logit: a sigmoid between background and one structure.
TWO = 2
# No network that segments has more classes, and none more levels.
MOST_CLASSES, MOST_LEVELS = 1000, 12


def told_by_shapes(shapes: Shapes, in_order: bool = True) -> dict[str, Any]:
    """Return what the weights of a network tell of its description.

    Args:
        shapes: of its tensors, by name.
        in_order: whether the tensors lie in the order in which the network was built.

    Returns:
        Keys of a description: `network` and `arguments` if a class of MONAI's fits, `dims`,
        `channels`, and `classes` by number; empty if nothing is told.
    """
    shapes = _without_prefix(shapes)
    for name, guess in GUESSES.items():
        # A file may hold anything under the names that a guess looks for.
        with contextlib.suppress(LookupError, ValueError, TypeError, StopIteration):
            for arguments in guess(shapes):
                if _fits(name, arguments, shapes):
                    found = facts(
                        arguments["spatial_dims"],
                        arguments["in_channels"],
                        arguments["out_channels"],
                    )
                    return {"network": name, "arguments": arguments, **found}
    return _by_ends(shapes, in_order)


def facts(dims: int, inside: int | None, outside: int | None) -> dict[str, Any]:
    """Return keys of a description for a network's dimensions and channels, as far as known.

    A network with one channel at its end has two classes.
    """
    found: dict[str, Any] = {"dims": dims}
    if inside is not None:
        found["channels"] = inside
    if outside is not None and 0 < outside <= MOST_CLASSES:
        count = max(outside, TWO)
        found["classes"] = ["background", *(class_name(n) for n in range(1, count))]
    return found


def _without_prefix(shapes: Shapes) -> Shapes:
    """Leave out a prefix that a training framework has put before all names."""
    for prefix in PREFIXES:
        # UNet's own names begin like one of them.
        own = prefix == "model." and any(re.match(r"model\.[012]\.", name) for name in shapes)
        if shapes and not own and all(name.startswith(prefix) for name in shapes):
            return {name.removeprefix(prefix): shape for name, shape in shapes.items()}
    return shapes


def _by_ends(shapes: Shapes, in_order: bool) -> dict[str, Any]:
    """Return what the first and the last convolution tell."""
    convolutions = [n for n, s in shapes.items() if n.endswith("weight") and len(s) in CONVOLUTIONS]
    dims = {CONVOLUTIONS[len(shapes[name])] for name in convolutions}
    if len(dims) != 1:
        return {}
    if not in_order:
        return {"dims": dims.pop()}
    weights = [name for name, shape in shapes.items() if name.endswith("weight") and len(shape) > 1]
    last = weights[-1]
    # Of a transposed convolution, only the bias tells the channels that come out.
    bias = shapes.get(f"{last.removesuffix('weight')}bias", shapes[last])
    found = facts(dims.pop(), shapes[convolutions[0]][1], bias[0])
    if last in convolutions:
        return found
    # A matrix at the end: one answer for the whole image, and no class is the background.
    count = len(found.pop("classes", ()))
    return {
        "task": "classification",
        **found,
        **({"classes": [class_name(n) for n in range(count)]} if count else {}),
    }


def _fits(name: str, arguments: Arguments, shapes: Shapes) -> bool:
    """Return whether a network that is built with these arguments has exactly these tensors."""
    # Without memory for the weights, where the class can be built so.
    for device in ("meta", "cpu"):
        with contextlib.suppress(*_REFUSED), offline(), torch.device(device):
            network = network_class(name, Path(name))(**arguments)
            expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
            return expected == dict(shapes)
    return False


def _count(shapes: Shapes, pattern: str) -> int:
    """Return how many different texts the first group of a pattern has in the names."""
    found = {match.group(1) for name in shapes if (match := re.match(pattern, name))}
    return len(found)


def _dims(shape: Sequence[int]) -> int:
    return CONVOLUTIONS[len(shape)]


def _unet(shapes: Shapes) -> Iterator[Arguments]:
    """MONAI's UNet: each level is the middle of the one above."""
    levels: list[str] = []
    place = "model."
    while any(name.startswith(f"{place}1.submodule.") for name in shapes):
        levels.append(f"{place}0.")
        place += "1.submodule."
        if len(levels) > MOST_LEVELS:
            return
    units = _count(shapes, r"model\.0\.conv\.(unit\d+)\.conv\.weight$")
    inner = "conv.unit0.conv.weight" if units else "conv.weight"
    first = shapes[f"{levels[0]}{inner}"]
    channels = [shapes[f"{level}{inner}"][0] for level in (*levels, place)]
    strides = []
    for level in levels:
        side = shapes.get(f"{level}residual.weight")
        # A shortcut of one pixel is that of a level that keeps the size.
        strides.append(1 if side is not None and max(side[2:]) == 1 and max(first[2:]) > 1 else 2)
    up = "model.2.0.conv.weight" if units else "model.2.conv.weight"
    known: Arguments = {
        "spatial_dims": _dims(first),
        "in_channels": first[1],
        "out_channels": shapes[up][1],
        "channels": channels,
        "strides": strides,
        "kernel_size": first[2],
        "up_kernel_size": shapes[up][2],
        "num_res_units": units,
    }
    known = {key: value for key, value in known.items() if value != _USUAL.get(key)}
    for more in _VARIANTS:
        yield {**known, **more}


# Values that need not be said, and settings of a UNet that show in its tensors.
_USUAL = {"kernel_size": 3, "up_kernel_size": 3, "num_res_units": 0}
_VARIANTS: tuple[Arguments, ...] = (
    {},
    {"norm": "batch"},
    {"act": "relu"},
    {"norm": "batch", "act": "relu"},
    {"bias": False},
    {"norm": "batch", "bias": False},
)


def _segresnet(shapes: Shapes) -> Iterator[Arguments]:
    first, last = shapes["convInit.conv.weight"], shapes["conv_final.2.conv.weight"]
    down = _count(shapes, r"down_layers\.(\d+)\.")
    known: Arguments = {
        "spatial_dims": _dims(first),
        "in_channels": first[1],
        "out_channels": last[0],
        "init_filters": first[0],
        "blocks_down": [
            _count(shapes, rf"down_layers\.{n}\.(\d+)\.conv1\.") for n in range(min(down, 99))
        ],
        "blocks_up": [
            _count(shapes, rf"up_layers\.{n}\.(\d+)\.conv1\.") for n in range(min(down - 1, 99))
        ],
    }
    for mode in ("nontrainable", "deconv"):
        for groups in (8, 1):
            more: Arguments = {} if mode == "nontrainable" else {"upsample_mode": mode}
            if known["init_filters"] % 8 == 0 or groups == 1:
                norm = {} if groups != 1 else {"norm": ["GROUP", {"num_groups": 1}]}
                yield {**known, **more, **norm}


def _dynunet(shapes: Shapes) -> Iterator[Arguments]:
    blocks = ["input_block"]
    blocks += [f"downsamples.{n}" for n in range(_count(shapes, r"downsamples\.(\d+)\."))]
    blocks.append("bottleneck")
    weights = [shapes[f"{block}.conv1.conv.weight"] for block in blocks]
    ups = [
        list(shapes[f"upsamples.{n}.transp_conv.conv.weight"][2:]) for n in range(len(blocks) - 1)
    ]
    heads = _count(shapes, r"(?:deep_supervision_)?heads\.(\d+)\.")
    known: Arguments = {
        "spatial_dims": _dims(weights[0]),
        "in_channels": weights[0][1],
        "out_channels": shapes["output_block.conv.conv.weight"][0],
        "kernel_size": [list(shape[2:]) for shape in weights],
        "strides": [[1] * len(ups[0]), *reversed(ups)],
        "upsample_kernel_size": list(reversed(ups)),
        "filters": [shape[0] for shape in weights],
    }
    if any(".conv3." in name for name in shapes):
        known["res_block"] = True
    if heads:
        known |= {"deep_supervision": True, "deep_supr_num": heads}
    for norm in (["INSTANCE", {"affine": True}], "instance", "batch"):
        yield {**known, "norm_name": norm}


def _basic_unet(shapes: Shapes) -> Iterator[Arguments]:
    first, last = shapes["conv_0.conv_0.conv.weight"], shapes["final_conv.weight"]
    down = [shapes[f"down_{n}.convs.conv_0.conv.weight"][0] for n in range(1, 5)]
    yield {
        "spatial_dims": _dims(first),
        "in_channels": first[1],
        "out_channels": last[0],
        "features": [first[0], *down, last[1]],
    }


def _swin_unetr(shapes: Shapes) -> Iterator[Arguments]:
    first, last = shapes["swinViT.patch_embed.proj.weight"], shapes["out.conv.conv.weight"]
    known: Arguments = {
        "spatial_dims": _dims(first),
        "in_channels": first[1],
        "out_channels": last[0],
        "feature_size": first[0],
    }
    yield known
    yield {**known, "use_v2": True}


# What proposes arguments for a class, which the tensors then confirm or not.
GUESSES: Mapping[str, Callable[[Shapes], Iterator[Arguments]]] = {
    "UNet": _unet,
    "SegResNet": _segresnet,
    "DynUNet": _dynunet,
    "BasicUNet": _basic_unet,
    "SwinUNETR": _swin_unetr,
}
