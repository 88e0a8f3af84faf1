"""A saved result, predicted from its file by MONAI alone, has the figures of its result.json."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import decollate_batch, list_data_collate
from scipy.ndimage import zoom

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.samples import BUNDLES, phantom
from napari_segadv.victims import load_victim

# mm of the images; the network was trained at 3 mm.
RESOLUTIONS = [(2.0, 2.0, 2.0), (3.0, 3.0, 3.0), (4.5, 4.5, 4.5)]
INVERT = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
INVERT |= {"orig_keys": "image"}
SOFTMAX = {"_target_": "Activationsd", "keys": "pred", "softmax": True}
ARGMAX = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
WAYS = {
    "logits, linear": [INVERT | {"nearest_interp": False}, SOFTMAX, ARGMAX],
    "softmax, linear": [SOFTMAX, INVERT | {"nearest_interp": False}, ARGMAX],
    "labels, nearest": [SOFTMAX, ARGMAX, INVERT | {"nearest_interp": True}],
}


def bundle(folder: Path, way: str) -> Path:
    """The built-in network, which was trained, with small windows and another way back."""
    root = folder / "bundle"
    shutil.copytree(BUNDLES / "abdomen-ct", root)
    file = root / "configs" / "inference.json"
    config = json.loads(file.read_text())
    config["inferer"]["roi_size"] = [32, 32, 32]
    config["postprocessing"]["transforms"] = WAYS[way]
    file.write_text(json.dumps(config))
    return root


def volume(folder: Path, spacing) -> Path:
    """The left upper abdomen of a phantom, a cube of 9 cm, resampled."""
    scan, _ = phantom("abdomen-ct", seed=30000)
    factors = np.array(scan.grid.spacing) / spacing
    whole = zoom(scan.array.astype(np.float32), factors, order=1)
    middle = np.rint(np.array([57, 98, 100]) * factors).astype(int)
    half = np.rint(45 / np.array(spacing)).astype(int)
    part = whole[tuple(slice(m - h, m + h) for m, h in zip(middle, half, strict=True))]
    path = folder / "ct.nii.gz"
    io.save(sa.Scan.from_array(np.rint(part).astype(np.int16), spacing, "HU"), path)
    return path


def predicted_by_monai(root: Path, image: Path) -> np.ndarray:
    """The mask that the bundle's configuration makes of a file, in (z, y, x)."""
    parser = ConfigParser()
    parser.read_config(root / "configs" / "inference.json")
    parser["network_def"]["_target_"] = "monai.networks.nets.UNet"
    network = parser.get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(root / "models" / "model.pt", weights_only=True))
    item = parser.get_parsed_content("preprocessing")({"image": str(image)})
    batch = list_data_collate([item])
    with torch.no_grad():
        batch["pred"] = parser.get_parsed_content("inferer")(batch["image"], network)
    (done,) = map(parser.get_parsed_content("postprocessing"), decollate_batch(batch))
    return np.asarray(done["pred"])[0].transpose(2, 1, 0).astype(np.uint8)


@pytest.mark.parametrize("spacing", RESOLUTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_figures_are_those_of_monais_masks(way, spacing, tmp_path):
    root, path = bundle(tmp_path, way), volume(tmp_path, spacing)
    scan, victim = sa.read(path), load_victim(root)
    clean = victim.predict(scan)
    target = clean.array.copy()
    # The spleen becomes liver.
    target[target == 2] = 1
    assert (clean.array == 2).mean() > 0.01
    attack = sa.attacks.PGD(epsilon=20.0, steps=4)
    folder = sa.craft(scan, victim, attack, target=target).save(tmp_path / "out")
    figures = json.loads((folder / "result.json").read_text())["measures"]
    before = predicted_by_monai(root, path)
    after = predicted_by_monai(root, folder / "adversarial.nii.gz")
    np.testing.assert_array_equal(before, clean.array)
    np.testing.assert_array_equal(after, io.read_mask(folder / "prediction_adversarial.nii.gz"))
    off, on = target != before, (target != 0) | (before != 0)
    assert figures["moved"] == (after == target)[off].mean()
    assert figures["kept"] == 1 - ((after != target) & ~off).sum() / on.sum()
    assert 0 < figures["moved"] < 1
    shares = []
    for label in np.unique(target)[1:]:
        both, either = (after == label) & (target == label), (after == label) | (target == label)
        shares.append(both.sum() / either.sum())
    assert figures["target_iou"] == pytest.approx(np.mean(shares), abs=1e-12)
