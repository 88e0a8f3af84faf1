"""What a bundle's configuration says is read as MONAI reads it, refused, or told: never dropped."""

import json
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from zoo import FIRST, HEAD, LOAD, NAMES, UNET, composed, metadata, window
from zoo_itself import parser_of, save_zoo

from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim

WINDOW = window(-57, 164)
SIGMOID = {"_target_": "Activationsd", "keys": "pred", "sigmoid": True}
SOFTMAX = {"_target_": "Activationsd", "keys": "pred", "softmax": True}
LARGEST = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
BACK = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
BACK |= {"orig_keys": "image", "nearest_interp": False, "to_tensor": True}
AFTER = composed(SOFTMAX, BACK, LARGEST)


def config(pre=None, post=None, classes=3, **more) -> dict:
    """A configuration of a seeded 3-D network; parts that are None are left out."""
    network = {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": classes}
    parts = {"preprocessing": pre, "postprocessing": post}
    kept = {key: part for key, part in parts.items() if part is not None}
    return {"network_def": network, **kept, "inferer": {"_target_": "SimpleInferer"}, **more}


def about(classes=3) -> dict:
    return metadata(3, 1, NAMES if classes == 3 else {})


def save_small_ct(folder: Path, turned=1.0) -> Path:
    """A CT of 24 x 20 x 16 voxels with a ball and a cuboid."""
    rng = np.random.default_rng(3)
    x, y, z = np.mgrid[:24, :20, :16]
    volume = rng.normal(-60, 25, (24, 20, 16))
    volume += 150 * (np.hypot(np.hypot(x - 8, y - 9), z - 8) < 5)
    volume[14:20, 6:15, 4:12] += 320
    image = nibabel.Nifti1Image(volume.astype(np.int16), np.diag([-1.3, 1.2, 2.2 * turned, 1.0]))
    nibabel.save(image, folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


def rewritten(root: Path, content: dict) -> None:
    (root / "configs" / "inference.json").write_text(json.dumps(content))


def monais(root, path, pre="preprocessing", post="postprocessing", inferer="inferer", net=None):
    """The mask (z, y, x) that MONAI makes of an image, from named parts of the configuration."""
    parser = parser_of(root)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        data = parser.get_parsed_content(pre)({"image": str(path)})
        network = parser.get_parsed_content("network_def").eval()
        network.load_state_dict(torch.load(root / "models" / "model.pt"))
        whole = network if net is None else parser.get_parsed_content(net).eval()
        data["pred"] = parser.get_parsed_content(inferer)(data["image"][None], whole)[0]
        mask = parser.get_parsed_content(post)(data)["pred"]
    return torch.as_tensor(mask)[0].numpy().T


def alike(mask, other) -> float:
    on = (mask > 0) | (other > 0)
    assert on.any()
    return float((mask == other)[on].mean())


OWN = {
    "preprocessing": (
        config(composed(LOAD, FIRST, {**WINDOW, "_target_": "scripts.own.ScaleIntensityRanged"})),
        "preprocessing step scripts.own.ScaleIntensityRanged is not known",
    ),
    "loader": (
        config(composed({**LOAD, "_target_": "scripts.own.LoadImaged"}, FIRST, WINDOW)),
        "preprocessing step scripts.own.LoadImaged is not known",
    ),
    "inferer": (
        config(composed(LOAD, FIRST, WINDOW), inferer={"_target_": "scripts.own.SimpleInferer"}),
        "inferer scripts.own.SimpleInferer is not known",
    ),
    "windows": (
        config(
            composed(LOAD, FIRST, WINDOW),
            inferer={"_target_": "own.SlidingWindowInferer", "roi_size": [16, 16, 16]},
        ),
        "inferer own.SlidingWindowInferer is not known",
    ),
    "script of another bundle": (
        config(composed(LOAD, FIRST, WINDOW), inferer={"_target_": "own.RetinaNetInferer"}),
        "inferer own.RetinaNetInferer is not known",
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_a_class_of_its_own_is_not_monais_whatever_its_name(name, tmp_path):
    content, says = OWN[name]
    root = save_zoo(tmp_path, config(), about())
    rewritten(root, HEAD | content)
    with pytest.raises(SegadvError, match=says):
        load_victim(root)


def test_a_postprocessing_step_of_its_own_is_told(tmp_path):
    own = {"_target_": "scripts.own.KeepLargestConnectedComponentd", "keys": "pred"}
    full = {"_target_": "monai.transforms.KeepLargestConnectedComponentd", "keys": "pred"}
    root = save_zoo(tmp_path, config(composed(LOAD, FIRST), composed(LARGEST, own, full)), about())
    victim = load_victim(root)
    (note,) = victim.notes
    assert "step scripts.own.KeepLargestConnectedComponentd is not known and was not" in note
    assert [step.name for step in victim.decision.after] == ["KeepLargestConnectedComponent"]


@pytest.mark.parametrize("keys", ["pred", ["pred"], ["label", "pred"]])
def test_arguments_with_one_value_for_each_key(keys, tmp_path):
    """Classes of which the largest counts are no structures that overlap."""
    value = [None, True] if "label" in keys else [True]
    post = [{**SIGMOID, "keys": "pred"}, {**LARGEST, "keys": keys, "argmax": value}]
    root = save_zoo(tmp_path, config(composed(LOAD, FIRST), composed(*post)), about())
    assert load_victim(root).task.name == "segmentation"
