"""An interactive model in DeepEdit's form, with seeded weights, for the picture of its clicks."""

import json
from pathlib import Path

import torch
from monai.networks.nets import BasicUNet

IMAGE, GUIDANCE = {"keys": "image"}, {"ref_image": "image", "guidance": "guidance"}
NAMES = {"spleen": 1, "background": 0}
NETWORK = {"spatial_dims": 3, "in_channels": 3, "out_channels": 2, "features": [4] * 6}
WINDOW = {"a_min": -175, "a_max": 250, "b_min": 0.0, "b_max": 1.0, "clip": True}
STEPS = [
    {"_target_": "LoadImaged", **IMAGE},
    {"_target_": "EnsureChannelFirstd", **IMAGE},
    {"_target_": "Orientationd", **IMAGE, "axcodes": "RAS"},
    {"_target_": "ScaleIntensityRanged", **IMAGE, **WINDOW},
    {"_target_": "AddGuidanceFromPointsDeepEditd", **GUIDANCE, "label_names": NAMES},
    {"_target_": "Resized", **IMAGE, "spatial_size": [64, 64, 64], "mode": "area"},
    {"_target_": "ResizeGuidanceMultipleLabelDeepEditd", **GUIDANCE},
    {"_target_": "AddGuidanceSignalDeepEditd", **IMAGE, "guidance": "guidance"},
]
BACK = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image"}
AFTER = [
    {"_target_": "Activationsd", "keys": "pred", "softmax": True},
    {**BACK, "nearest_interp": False, "to_tensor": True},
    {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
]
CONFIG = {
    "network_def": {"_target_": "BasicUNet", **NETWORK},
    "preprocessing": {"_target_": "Compose", "transforms": STEPS},
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": {"_target_": "Compose", "transforms": AFTER},
}
METADATA = {
    "name": "deepedit",
    "task": "Interactive segmentation of the spleen",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 3}},
        "outputs": {
            "pred": {"format": "segmentation", "channel_def": {"0": "background", "1": "spleen"}}
        },
    },
}


def bundle(folder: Path) -> Path:
    """Write the model as a MONAI bundle, and return it."""
    root = folder / "spleen_deepedit_annotation"
    for name in ("configs", "models"):
        (root / name).mkdir(parents=True)
    for name, content in (("inference", CONFIG), ("metadata", METADATA)):
        (root / "configs" / f"{name}.json").write_text(json.dumps(content))
    torch.manual_seed(0)
    torch.save(BasicUNet(**NETWORK).state_dict(), root / "models" / "model.pt")
    return root
