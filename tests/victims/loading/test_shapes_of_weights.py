"""What the shapes of weights tell: MONAI's classes with their arguments, or at least the ends."""

import json

import pytest
import torch
from helpers import ARGUMENTS, bands, small_network
from monai.networks import nets
from safetensors.torch import save_file

from napari_segadv.victims.loading.network import build
from napari_segadv.victims.loading.registry import told_by
from napari_segadv.victims.loading.shapes import told_by_shapes

KERNELS = [[3, 3, 1], [3, 3, 3], [3, 3, 3]]
NETWORKS = {
    "UNet": [
        {
            "spatial_dims": 2,
            "in_channels": 3,
            "out_channels": 1,
            "channels": [4, 8],
            "strides": [2],
        },
        {**ARGUMENTS, "num_res_units": 2, "strides": [2, 1]},
        {**ARGUMENTS, "spatial_dims": 3, "num_res_units": 1, "norm": "batch"},
        {**ARGUMENTS, "kernel_size": 5, "up_kernel_size": 5, "act": "relu"},
        {**ARGUMENTS, "bias": False},
    ],
    "SegResNet": [
        {
            "spatial_dims": 3,
            "in_channels": 2,
            "out_channels": 5,
            "init_filters": 8,
            "blocks_down": [1, 2],
            "blocks_up": [1],
        },
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 3,
            "init_filters": 8,
            "blocks_down": [1, 2, 2],
            "blocks_up": [1, 1],
            "upsample_mode": "deconv",
        },
    ],
    "DynUNet": [
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 4,
            "kernel_size": KERNELS,
            "strides": [[1, 1, 1], [2, 2, 1], [2, 2, 2]],
            "upsample_kernel_size": [[2, 2, 1], [2, 2, 2]],
            "filters": [8, 16, 32],
            "norm_name": "instance",
        },
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 4,
            "kernel_size": KERNELS,
            "strides": [[1, 1, 1], [2, 2, 1], [2, 2, 2]],
            "upsample_kernel_size": [[2, 2, 1], [2, 2, 2]],
            "filters": [8, 16, 32],
            "res_block": True,
            "deep_supervision": True,
            "deep_supr_num": 1,
            "norm_name": ["INSTANCE", {"affine": True}],
        },
    ],
    "BasicUNet": [
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 4,
            "features": [8, 8, 16, 16, 32, 8],
        }
    ],
    "SwinUNETR": [{"spatial_dims": 2, "in_channels": 1, "out_channels": 3, "feature_size": 12}],
}


def shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [(name, arguments) for name, listed in NETWORKS.items() for arguments in listed],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_class_and_its_arguments(name, arguments):
    if name == "SwinUNETR":
        pytest.importorskip("einops", reason="MONAI's SwinUNETR needs einops")
    network = getattr(nets, name)(**arguments)
    # As training frameworks save them, too.
    wrapped = {f"module.{key}": shape for key, shape in shapes(network).items()}
    for found in (told_by_shapes(shapes(network)), told_by_shapes(wrapped)):
        assert found["network"] == name
        assert found["arguments"] == arguments
        assert found["dims"] == arguments["spatial_dims"]
        assert found["channels"] == arguments["in_channels"]
        assert len(found["classes"]) == max(arguments["out_channels"], 2)
    json.dumps(found)


def test_of_other_classes_the_ends():
    network = nets.VNet(spatial_dims=3, in_channels=1, out_channels=2)
    expected = {"dims": 3, "channels": 1, "classes": ["background", "class 1"]}
    assert told_by_shapes(shapes(network)) == expected
    # Sorted by name, the first and the last are any.
    assert told_by_shapes(dict(sorted(shapes(network).items())), in_order=False) == {"dims": 3}
    grader = nets.DenseNet121(2, 1, 4)
    assert told_by_shapes(shapes(grader)) == {
        "task": "classification",
        "dims": 2,
        "channels": 1,
        "classes": ["class 0", "class 1", "class 2", "class 3"],
    }
    assert told_by_shapes({}) == {}
    assert told_by_shapes({"weight": (3, 4)}) == {}


def test_names_that_only_look_like_a_class():
    # A UNet with a tensor too many, and names without the rest.
    more = {**shapes(small_network()), "extra.weight": (3, 3, 1, 1)}
    assert "network" not in told_by_shapes(more)
    for start in ("model.1.submodule.0.conv.weight", "convInit.conv.weight"):
        assert "network" not in told_by_shapes({start: (4, 1, 3, 3)})
    deep = {f"model.{'1.submodule.' * 40}0.conv.weight": (4, 4, 3, 3)}
    assert "network" not in told_by_shapes(deep)


def test_files(tmp_path):
    for name, save in (("a.pt", torch.save), ("a.safetensors", save_file)):
        path = tmp_path / name
        save(small_network().state_dict(), path)
        found = told_by(path)
        assert found["network"] == "UNet"
        # What it tells makes a network that the weights fit.
        build(found["network"], found["arguments"], path).load_state_dict(
            small_network().state_dict()
        )
    path = tmp_path / "other.pt"
    torch.save(bands().state_dict(), path)
    assert told_by(path) == {
        "network": "",
        "arguments": {},
        "dims": 2,
        "channels": 1,
        "classes": ["background", "class 1", "class 2"],
    }


def test_the_text_of_a_program(tmp_path):
    path = tmp_path / "bands.ts"
    net = torch.nn.Sequential(torch.nn.Conv3d(1, 4, 3, padding=1), torch.nn.Conv3d(4, 3, 1))
    torch.jit.script(net).save(str(path))
    assert told_by(path) == {
        "dims": 3,
        "channels": 1,
        "classes": ["background", "class 1", "class 2"],
    }
    # A number that goes in and comes out somewhere may be one inside.
    torch.jit.script(bands(dims=3)).save(str(path))
    assert told_by(path) == {"dims": 3, "classes": ["background", "class 1", "class 2"]}
    path.write_bytes(b"no archive")
    assert told_by(path) == {}
