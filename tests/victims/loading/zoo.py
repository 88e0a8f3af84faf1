"""Bundles in the form of MONAI's model zoo, written by hand with seeded weights, and MONAI itself.

`theirs` runs a bundle as MONAI does: its own parser, loaders, transforms, inferer and inversion.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from helpers import disc_image
from PIL import Image

# What nearly every published configuration begins with.
HEAD = {
    "imports": ["$import glob", "$import os"],
    "bundle_root": ".",
    "image_key": "image",
    "output_dir": "$@bundle_root + '/eval'",
    "dataset_dir": "/workspace/data",
    "datalist": "$list(sorted(glob.glob(@dataset_dir + '/imagesTs/*.nii.gz')))",
    "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "network": "$@network_def.to(@device)",
    "dataset": {
        "_target_": "Dataset",
        "data": "$[{'image': i} for i in @datalist]",
        "transform": "@preprocessing",
    },
    "handlers": [
        {
            "_target_": "CheckpointLoader",
            "load_path": "$@bundle_root + '/models/model.pt'",
            "load_dict": {"model": "@network"},
        }
    ],
    "evaluator": {"_target_": "SupervisedEvaluator", "device": "@device", "network": "@network"},
    "initialize": ["$setattr(torch.backends.cudnn, 'benchmark', True)"],
    "run": ["$@evaluator.run()"],
}
LOAD = {"_target_": "LoadImaged", "keys": "@image_key"}
FIRST = {"_target_": "EnsureChannelFirstd", "keys": "@image_key"}
TYPED = {"_target_": "EnsureTyped", "keys": "@image_key", "device": "@device"}
UNET = {"_target_": "UNet", "channels": [4, 8, 16], "strides": [2, 2], "num_res_units": 1}


def window(low: float, high: float, keys: Any = "@image_key") -> dict:
    """A CT's window, as the zoo's bundles write it."""
    scaled = {"a_min": low, "a_max": high, "b_min": 0.0, "b_max": 1.0, "clip": True}
    return {"_target_": "ScaleIntensityRanged", "keys": keys, **scaled}


def composed(*steps: dict) -> dict:
    return {"_target_": "Compose", "transforms": list(steps)}


def after(*steps: dict) -> dict:
    """A postprocessing that ends with the way back to the image's grid and the largest class."""
    back = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
    back |= {"orig_keys": "@image_key", "nearest_interp": False, "to_tensor": True}
    largest = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
    return composed(*steps, back, largest)


def metadata(dims: int, channels: int, names: Any, **output: Any) -> dict:
    shape = [48, 64] if dims == 2 else [32, 32, 16]
    pred = {"type": "image", "format": "segmentation", "num_channels": 3, "channel_def": names}
    return {
        "name": "Zoo",
        "task": "Segmentation of discs",
        "network_data_format": {
            "inputs": {"image": {"num_channels": channels, "spatial_shape": shape}},
            "outputs": {"pred": {**pred, **output}},
        },
    }


NAMES = {"0": "background", "1": "dim", "2": "bright"}
PLAIN = {
    "labels": {"background": 0, "dim": 1, "bright": 2},
    "network_def": {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": "$len(@labels)"},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "Spacingd", "keys": "@image_key", "pixdim": [1.5, 1.5, 2.0]}
        | {"mode": "bilinear", "dtype": "$torch.float32"},
        window(-57, 164),
        TYPED,
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 16]}
    | {"sw_batch_size": 4, "overlap": "$1 / 2", "mode": "gaussian"},
    "postprocessing": after({"_target_": "Activationsd", "keys": "pred", "softmax": True}),
}
# A 2-D network on the slices of a volume whose steps see all of it, as for the heart's short axis.
SLICES = {
    "network_def": {**UNET, "spatial_dims": 2, "in_channels": 1, "out_channels": 3},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "NormalizeIntensityd", "keys": "@image_key"},
        {"_target_": "ScaleIntensityd", "keys": "@image_key"},
        TYPED,
    ),
    "inferer": {"_target_": "SliceInferer", "roi_size": [32, -1], "spatial_dim": 2}
    | {"sw_batch_size": 3, "overlap": 0.5},
    "postprocessing": after(),
}
# Three windows of one CT as channels.
COPIES = ["soft", "lung", "bone"]
JOINED = {
    "network_def": {**UNET, "spatial_dims": 3, "in_channels": 3, "out_channels": 3},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "CopyItemsd", "keys": "@image_key", "times": 3, "names": COPIES},
        window(-160, 240, "soft"),
        window(-1000, 200, ["lung"]),
        window(-100, 900, "bone"),
        {"_target_": "ConcatItemsd", "keys": COPIES, "name": "@image_key", "dim": 0},
        TYPED,
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 16], "overlap": 0.25},
    "postprocessing": after(),
}
# A searched network: its architecture lies in a file of its own.
DINTS = {
    "arch_ckpt_path": "/workspace/models/pancreas/models/search_code_18590.pt",
    "arch_ckpt": "$torch.load(@arch_ckpt_path, map_location=torch.device('cuda'))",
    "dints_space": {
        "_target_": "TopologyInstance",
        "channel_mul": 0.2,
        "num_blocks": 3,
        "num_depths": 3,
        "use_downsample": True,
        "arch_code": ["$@arch_ckpt['code_a']", "$@arch_ckpt['code_c']"],
        "device": "$torch.device('cuda')",
    },
    "network_def": {
        "_target_": "DiNTS",
        "dints_space": "@dints_space",
        "in_channels": 1,
        "num_classes": 3,
        "use_downsample": True,
        "node_a": "$torch.from_numpy(@arch_ckpt['node_a'])",
    },
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        window(-87, 199),
        TYPED,
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 32], "overlap": 0.25},
    "postprocessing": after(),
}
# Classes of a whole image by a sigmoid for each, of which the largest counts.
GRADES = {
    "network_def": {"_target_": "SEResNet50", "spatial_dims": 2, "in_channels": 3}
    | {"num_classes": 2, "layers": [1, 1, 1, 1], "inplanes": 8},
    "preprocessing": composed(
        LOAD,
        {**FIRST, "channel_dim": -1},
        {"_target_": "Resized", "keys": "@image_key", "spatial_size": [64, 64]}
        | {"mode": "bilinear", "align_corners": False},
        {"_target_": "CastToTyped", "dtype": "$torch.float32", "keys": "@image_key"},
        {"_target_": "NormalizeIntensityd", "keys": "@image_key", "nonzero": True}
        | {"channel_wise": True},
        TYPED,
    ),
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": composed({"_target_": "Activationsd", "keys": "pred", "sigmoid": True}),
}


# A network whose image has a size of its own, as an older MONAI wanted it.
SWIN = {
    **PLAIN,
    "network_def": {"_target_": "SwinUNETR", "spatial_dims": 3, "in_channels": 1}
    | {"out_channels": 3, "feature_size": 12, "use_checkpoint": False},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [64, 64, 64], "overlap": 0.25},
}


def save_zoo(folder: Path, config: dict, meta: dict, arch: dict | None = None) -> Path:
    """Write a bundle with seeded weights; `arch` is the file of a searched architecture."""
    root = folder / "Zoo"
    for name in ("configs", "models", "docs"):
        (root / name).mkdir(parents=True)
    (root / "configs" / "inference.json").write_text(json.dumps(HEAD | config))
    (root / "configs" / "metadata.json").write_text(json.dumps(meta))
    if arch is not None:
        torch.save(arch, root / "models" / "search_code_18590.pt")
    torch.manual_seed(1)
    network = parser_of(root).get_parsed_content("network_def")
    torch.save(network.state_dict(), root / "models" / "model.pt")
    return root


def parser_of(root: Path) -> Any:
    """MONAI's own parser, as `monai.bundle run --bundle_root` sets it up; on the CPU."""
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    config = json.loads((root / "configs" / "inference.json").read_text())
    text = json.dumps(config).replace("torch.device('cuda')", "torch.device('cpu')")
    text = text.replace("/workspace/models/pancreas", str(root))
    # Arrays in it, which a newer torch refuses to read by default.
    text = text.replace("map_location=", "weights_only=False, map_location=")
    parser.read_config(json.loads(text))
    parser["bundle_root"] = str(root)
    return parser


def theirs(root: Path, path: Path | list[Path]) -> tuple[torch.Tensor, torch.Tensor]:
    """What MONAI makes of an image file: the network's output, and what the bundle would save.

    Several files are its channels.
    """
    files = [str(one) for one in path] if isinstance(path, list) else str(path)
    parser = parser_of(root)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        data = parser.get_parsed_content("preprocessing")({"image": files})
        network = parser.get_parsed_content("network_def").eval()
        network.load_state_dict(torch.load(root / "models" / "model.pt"))
        inferer = parser.get_parsed_content("inferer")
        logits = inferer(data["image"][None], network)[0]
        data["pred"] = logits.clone()
        saved = parser.get_parsed_content("postprocessing")(data)["pred"]
    return logits.as_tensor() if hasattr(logits, "as_tensor") else logits, torch.as_tensor(saved)


def save_ct(folder: Path) -> Path:
    """A volume as NIfTI, anisotropic and flipped, with a sphere and a cuboid."""
    rng = np.random.default_rng(3)
    x, y, z = np.mgrid[:44, :40, :18]
    volume = rng.normal(-60, 25, (44, 40, 18))
    volume += 150 * (np.hypot(np.hypot(x - 16, y - 18), (z - 9) * 1.6) < 9)
    volume[26:38, 12:30, 4:13] += 320
    volume[:3] = -1000
    image = nibabel.Nifti1Image(volume.astype(np.int16), np.diag([-1.3, 1.2, 2.2, 1.0]))
    nibabel.save(image, folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


def save_colour(folder: Path) -> Path:
    """A photograph as PNG."""
    picture = np.dstack([disc_image(seed=n) // (n + 1) + 20 for n in range(3)])
    Image.fromarray(picture.astype(np.uint8)).save(folder / "eye.png")
    return folder / "eye.png"
