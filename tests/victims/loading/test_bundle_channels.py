"""Bundles of four MRI sequences and networks described by JSON: as MONAI predicts, and attacked."""

import json

import numpy as np
import torch
from zoo import FIRST, LOAD, NAMES, TYPED, UNET, after, composed, metadata, named
from zoo_itself import save_zoo, theirs

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.overlapping import Overlapping
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.results.loading import load_example
from napari_segadv.victims import load_victim

SEQUENCES = {
    "network_def": {**UNET, "spatial_dims": 3, "in_channels": 4, "out_channels": 3},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "Spacingd", "keys": "@image_key", "pixdim": [1.5, 1.5, 2.0]}
        | {"mode": "bilinear"},
        {"_target_": "NormalizeIntensityd", "keys": "@image_key", "nonzero": True}
        | {"channel_wise": True},
        TYPED,
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 16], "overlap": 0.5},
    "postprocessing": after(),
}


def save_sequences(folder, count=4) -> list:
    """MRI sequences of one head with air of 0, each in a range of its own; return their paths."""
    rng = np.random.default_rng(0)
    shape = (14, 34, 30)
    grid = Grid(shape, (2.5, 1.2, 1.4), (-20.0, 30.0, 10.0), np.diag([1.0, -1.0, 1.0]))
    places = [np.linspace(-1, 1, size) for size in shape]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*places, indexing="ij")))
    paths = []
    for number in range(count):
        tissue = 300 * (number + 1) + 200 * (radius < 0.4) + rng.normal(0, 40, shape)
        array = np.where(radius < 0.9, tissue, 0).clip(0).astype(np.int16)
        paths.append(folder / f"brain_{number:04d}.nii.gz")
        io.save(Scan(array, grid, "grey level", Storage("int16")), paths[-1])
    return paths


def test_four_sequences_get_the_mask_that_monai_gives_them(tmp_path):
    about = metadata(3, 4, NAMES)
    (image,) = about["network_data_format"]["inputs"].values()
    image["channel_def"] = {"0": "T1c", "1": "T1", "2": "T2", "3": "FLAIR"}
    root = save_zoo(tmp_path, SEQUENCES, about)
    scan = sa.read(save_sequences(tmp_path))
    victim = load_victim(root)
    assert victim.channel_names == ("T1c", "T1", "T2", "FLAIR")
    assert (victim.trust, victim.channels, scan.channels) == ("data", 4, 4)
    logits, mask = theirs(root, [part.path for part in scan.parts])
    bound = victim.on(scan)
    found = bound.predict()
    expected = mask[0].numpy().T
    structure = (expected > 0) | (found.array > 0)
    assert structure.any()
    assert len(np.unique(expected)) > 1
    assert (found.array == expected)[structure].mean() >= 0.999
    assert bound.agreement(found) >= 0.999
    with torch.no_grad():
        ours = bound._slid(None)(bound.prepared(bound.image))[0]
    span = float(logits.max() - logits.min())
    assert float((ours - logits).abs().max()) <= 1e-4 * span


def test_one_of_four_sequences_is_changed(tmp_path):
    root = save_zoo(tmp_path, SEQUENCES, metadata(3, 4, NAMES))
    scan, victim = sa.read(save_sequences(tmp_path)), load_victim(root)
    target = victim.predict(scan).array.copy()
    target[:, :17] = 0
    attack = sa.attacks.PGD(epsilon=8.0, steps=4)
    head = (scan.array > 0).all(axis=-1)
    limits = {"region": head.astype(np.uint8), "channels": ["brain_0002"]}
    example = sa.craft(scan, victim, attack, target=target, **limits)
    assert [bool(example.noise[..., n].any()) for n in range(4)] == [False, False, True, False]
    folder = example.save(tmp_path / "out")
    # MONAI's own pipeline finds the same in the files.
    files = [folder / f"adversarial_{number:04d}.nii.gz" for number in range(4)]
    _, mask = theirs(root, files)
    found, after_ = mask[0].numpy().T, example.prediction_adversarial.array
    structure = (found > 0) | (after_ > 0)
    assert (found == after_)[structure].mean() >= 0.999


def test_tumours_that_overlap_in_four_sequences_from_files_to_files(tmp_path):
    """As for the zoo's bundle of brain tumours: MONAI finds the result's figures in its files."""
    sigmoid = {"_target_": "Activationsd", "keys": "pred", "sigmoid": True}
    cut = {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5}
    *_, back, _ = after(sigmoid)["transforms"]
    config = {**SEQUENCES, "postprocessing": composed(sigmoid, back, cut)}
    root = save_zoo(tmp_path, config, metadata(3, 4, named("core", "whole", "enhancing")))
    scan, victim = sa.read(save_sequences(tmp_path)), load_victim(root)
    clean = victim.predict(scan)
    assert clean.structures == ("core", "whole", "enhancing")
    assert len(np.unique(clean.array)) > 4
    head = (scan.array > 0).all(axis=-1)
    target = clean.with_structure(2, clean.maps[1] & (np.arange(34) > 17)[:, None])
    assert not np.array_equal(target.array, clean.array)
    attack = sa.attacks.PGD(epsilon=8.0, steps=4)
    limits = {"region": head.astype(np.uint8), "channels": {"brain_0003": 1.0, "brain_0001": 0.5}}
    example = sa.craft(scan, victim, attack, target=target, **limits)
    assert example.measures["moved"] > 0
    folder = example.save(tmp_path / "out")
    files = [folder / f"adversarial_{number:04d}.nii.gz" for number in range(4)]
    found = np.stack([one.numpy().T for one in theirs(root, files)[1]]) > 0
    np.testing.assert_array_equal(found, example.prediction_adversarial.maps)
    theirs_ = Overlapping.of(found, scan.grid, clean.structures)
    figures = victim.task.measure(clean, theirs_, target=target, truth=None, care=None)
    written = json.loads((folder / "result.json").read_text())["measures"]
    assert figures == {name: written[name] for name in figures}
    again = load_example(folder)
    np.testing.assert_array_equal(again.prediction_adversarial.maps, found)


def test_a_network_described_by_json(tmp_path):
    from monai.networks.nets import UNet

    arguments = {"spatial_dims": 3, "in_channels": 4, "out_channels": 3}
    arguments |= {key: value for key, value in UNET.items() if not key.startswith("_")}
    torch.manual_seed(0)
    torch.save(UNet(**arguments).state_dict(), tmp_path / "net.pt")
    description = {
        "network": "monai.networks.nets.UNet",
        "arguments": arguments,
        "task": "segmentation",
        "classes": ["background", "a", "b"],
        "channels": ["T1", "T1c", "T2", "FLAIR"],
        "window": [0, 1500],
        "roi_size": [16, 16, 16],
    }
    (tmp_path / "net.json").write_text(json.dumps(description))
    victim = load_victim(tmp_path / "net.pt")
    assert victim.channels == 4
    assert victim.channel_names == ("T1", "T1c", "T2", "FLAIR")
    scan = sa.read(save_sequences(tmp_path))
    assert victim.on(scan).windows == ((0.0, 1500.0),) * 4
    assert victim.predict(scan).array.shape == scan.grid.shape
