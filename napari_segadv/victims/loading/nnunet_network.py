"""The networks of nnU-Net's trainer folders, built from the plans as data."""

import importlib
import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import SegadvError
from .network import check_archive, one_line

PACKAGE = "dynamic_network_architectures"
NETWORKS = ("PlainConvUNet", "ResidualEncoderUNet")
# numpy's types of the single numbers in a trainer's log.
NUMBERS = ("Float64", "Float32", "Float16", "Int64", "Int32", "UInt64", "Bool")
BLOCKS = ("BasicBlockD", "BottleneckD")
# Arguments of layers in plans.
OF_LAYERS = frozenset(
    {
        *("eps", "affine", "bias", "p", "inplace", "negative_slope", "momentum"),
        *("track_running_stats", "num_groups", "alpha", "approximate", "init", "num_parameters"),
    }
)
# Layers that plans name by their class, without the number of dimensions.
LAYERS = frozenset(
    {
        *("Conv", "InstanceNorm", "BatchNorm", "GroupNorm", "Dropout"),
        *("LeakyReLU", "ReLU", "ELU", "GELU", "SiLU", "Mish", "PReLU"),
    }
)


def build_planned(architecture: Mapping[str, Any], inputs: int, outputs: int) -> nn.Module:
    """Build a network from the `architecture` of a plan, in evaluation mode.

    Only classes that nnU-Net's own plans name are looked up, so that no other code runs. On torch's
    device "meta" it takes no memory, whatever sizes the plan names, until weights are loaded.

    Raises:
        SegadvError: if it names another class, or the class refuses its arguments.
    """
    name = str(architecture.get("network_class_name", ""))
    short = name.rpartition(".")[2]
    if not name.startswith(f"{PACKAGE}.") or short not in NETWORKS:
        raise SegadvError(
            f"network {name} is not one of nnU-Net's own, so it can't be built; these are: "
            f"{', '.join(NETWORKS)}"
        )
    arguments = dict(architecture.get("arch_kwargs", {}))
    _check_layers(arguments)
    for key in architecture.get("_kw_requires_import", ()):
        if arguments.get(key) is not None:
            arguments[key] = _class_of(str(arguments[key]))
    arguments |= {"input_channels": inputs, "num_classes": outputs, "deep_supervision": False}
    try:
        network: nn.Module = getattr(_package("architectures.unet"), short)(**arguments)
    except (TypeError, ValueError, AssertionError, IndexError, RuntimeError) as error:
        raise SegadvError(f"network {short} refuses its arguments ({one_line(error)})") from None
    return network.eval()


def _check_layers(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of layers that no plan of nnU-Net has, such as where they take memory.

    Raises:
        SegadvError: if there is one.
    """
    for key, given in arguments.items():
        if not key.endswith("_kwargs") or given is None:
            continue
        odd = (
            given if not isinstance(given, Mapping) else next(iter(given.keys() - OF_LAYERS), None)
        )
        if odd is not None:
            raise SegadvError(
                f"its plan's {key} has {str(odd)[:80]}, which is no argument of layers that "
                "nnU-Net's plans use; remove it"
            )


def _package(module: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"{PACKAGE}.{module}")
    except ImportError as error:
        raise SegadvError(
            f"nnU-Net's networks need the package dynamic-network-architectures "
            f"({one_line(error)}); run: pip install --no-deps dynamic-network-architectures"
        ) from None


def _class_of(name: str) -> type:
    """Return a layer of torch, or a block of the networks' package, that a plan names."""
    module, _, short = name.rpartition(".")
    if module.startswith(f"{PACKAGE}.") and short in BLOCKS:
        found: type = getattr(_package("building_blocks.residual"), short)
        return found
    layer = short[:-2] if short.endswith(("2d", "3d")) else short
    if layer not in LAYERS or module.partition(".")[0] != "torch" or not hasattr(nn, short):
        raise SegadvError(f"{name} is not a layer that nnU-Net's plans use, so it is not looked up")
    of_torch: type = getattr(nn, short)
    return of_torch


# Plans of before nnU-Net 2.3 name the parts of an architecture one by one.
def old_architecture(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `architecture` of a configuration in the old form.

    Raises:
        SegadvError: if it is not complete.
    """
    short = str(configuration.get("UNet_class_name"))
    plain = short == "PlainConvUNet"
    try:
        stages = len(configuration["n_conv_per_stage_encoder"])
        base, most = configuration["UNet_base_num_features"], configuration["unet_max_num_features"]
        dims = len(configuration["patch_size"])
        arguments = {
            "n_stages": stages,
            "features_per_stage": [min(base * 2**i, most) for i in range(stages)],
            "conv_op": f"torch.nn.Conv{dims}d",
            "kernel_sizes": configuration["conv_kernel_sizes"],
            "strides": configuration["pool_op_kernel_sizes"],
            "n_conv_per_stage" if plain else "n_blocks_per_stage": configuration[
                "n_conv_per_stage_encoder"
            ],
            "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
            "conv_bias": True,
            "norm_op": f"torch.nn.InstanceNorm{dims}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        }
    except KeyError as error:
        raise SegadvError(f"its plan describes no network ({error} is missing)") from None
    return {
        "network_class_name": f"{PACKAGE}.architectures.unet.{short}",
        "arch_kwargs": arguments,
        "_kw_requires_import": ["conv_op", "norm_op", "nonlin"],
    }


def read_checkpoint(path: Path, held: bytes | None = None) -> dict[str, Any]:
    """Read a checkpoint of nnU-Net's trainer; no code in the file runs.

    Args:
        path: the file.
        held: its bytes, if they have been read already.

    Raises:
        SegadvError: if it is damaged, or holds anything but tensors, plain data and numpy's
            numbers, which are all that a trainer writes.
    """
    scalar = np.float64(0).__reduce__()[0]  # numpy's maker of single numbers
    allowed: list[Any] = [np.dtype, *(getattr(np.dtypes, f"{kind}DType") for kind in NUMBERS)]
    # Where numpy 1 and numpy 2 have it.
    allowed += [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    try:
        held = path.read_bytes() if held is None else held
    except OSError as error:
        raise SegadvError(f"{path}: can't be read ({error.strerror or error})") from None
    check_archive(held, path)
    try:
        with torch.serialization.safe_globals(allowed):
            content = torch.load(io.BytesIO(held), map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a damaged file makes torch raise almost anything
        if "weights only" in str(error).lower() or "weights_only" in str(error):
            raise SegadvError(
                f"{path}: holds more than weights, plain data and numbers, so it is not loaded "
                f"({_culprit(error)}); save it again with nnU-Net's own trainer"
            ) from None
        raise SegadvError(
            f"{path}: damaged or incomplete ({one_line(error)}); copy the file again"
        ) from None
    needed = ("network_weights", "trainer_name", "init_args")
    if not isinstance(content, dict) or not all(key in content for key in needed):
        raise SegadvError(
            f"{path}: is not a checkpoint of nnU-Net v2, which holds {', '.join(needed)}"
        )
    return content


def _culprit(error: Exception) -> str:
    """Return what torch names as not allowed, or its message."""
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    return found[1] if found else one_line(error)


def weights_in(held: Any, path: Path) -> Mapping[str, Tensor]:
    """Return the weights of a checkpoint.

    Raises:
        SegadvError: if what it holds in their place is something else.
    """
    if not isinstance(held, Mapping) or not all(isinstance(v, Tensor) for v in held.values()):
        raise SegadvError(f"{path}: its network_weights are not weights")
    return held


def fill(network: nn.Module, weights: Any, path: Path) -> nn.Module:
    """Load a checkpoint's weights into a network, which may be on the device "meta".

    Raises:
        SegadvError: if they don't fit, or hold NaN or infinity.
    """
    found = weights_in(weights, path).items()
    held = {str(key).removeprefix("module."): value for key, value in found}
    expected = network.state_dict()
    odd = sorted(held.keys() ^ expected.keys())
    odd += [key for key in expected if key in held and held[key].shape != expected[key].shape]
    if odd:
        raise SegadvError(
            f"{path}: its weights don't fit the network of plans.json ({len(odd)} differ, such as "
            f"{odd[0]}); is the plan that of another model?"
        )
    held = {k: v.float() if v.is_floating_point() else v for k, v in held.items()}
    network.load_state_dict(held, assign=True)
    network.requires_grad_(False)
    for key, value in network.state_dict().items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise SegadvError(f"{path}: {key} holds NaN or infinite weights; use another file")
    return network
