"""Arguments that are left out have no effect in MONAI; those that have one are refused."""

import json
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from zoo import NAMES, UNET, composed, metadata
from zoo_itself import parser_of, save_zoo

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.victims.preprocessing.reading import from_monai

LOAD = {"_target_": "LoadImaged", "keys": "image"}
FIRST = {"_target_": "EnsureChannelFirstd", "keys": "image"}
WINDOW = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -57.0, "a_max": 164.0}
WINDOW |= {"b_min": 0.0, "b_max": 4.0, "clip": True}
FLOATS = {"_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32"}
CAST = {"_target_": "CastToTyped", "keys": "image", "dtype": "$torch.uint8"}
SPACING = {"_target_": "Spacingd", "keys": "image", "pixdim": [2.0, 2.0, 2.0]}
RESIZED = {"_target_": "Resized", "keys": "image", "spatial_size": [8, 8, 8], "mode": "nearest"}
COPY = {"_target_": "CopyItemsd", "keys": "image", "times": 1, "names": "fg"}
BRIGHT = {"_target_": "ThresholdIntensityd", "keys": "fg", "threshold": 3000, "above": True}
CROP = {"_target_": "CropForegroundd", "keys": "image", "source_key": "fg", "allow_smaller": True}
NIBABEL = {**LOAD, "reader": "NibabelReader"}


def bundle(folder: Path, steps: list[dict]) -> Path:
    network = {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": 3}
    config = {"network_def": network, "preprocessing": composed(*steps)}
    config |= {"inferer": {"_target_": "SimpleInferer"}, "postprocessing": composed()}
    return save_zoo(folder, config, metadata(3, 1, NAMES))


def ct(folder: Path) -> Path:
    """A volume of 12 bits whose last axis runs downwards."""
    rng = np.random.default_rng(3)
    volume = rng.integers(-1000, 900, (16, 12, 8)).astype(np.int16)
    volume[4:9, 3:8, 2:6] = 4999
    image = nibabel.Nifti1Image(volume, np.diag([-1.3, 1.2, -2.2, 1.0]))
    nibabel.save(image, folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


def monais(root: Path, path: Path) -> torch.Tensor:
    """What MONAI's own preprocessing makes of an image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = parser_of(root).get_parsed_content("preprocessing")({"image": str(path)})
    return torch.as_tensor(made["image"], dtype=torch.float32)


def ours(root: Path, path: Path) -> torch.Tensor:
    bound = load_victim(root).on(sa.read(path), present="none")
    return bound.prepared(bound.image)[0]


# Steps with an argument that changes what MONAI makes of a CT, and the same steps without it.
CHANGES = {
    "the closest canonical": (
        [{**NIBABEL, "as_closest_canonical": True}, FIRST, WINDOW],
        [NIBABEL, FIRST, WINDOW],
    ),
    "loaded as bytes": (
        [{**LOAD, "dtype": "$np.uint8"}, FIRST, FLOATS, WINDOW],
        [LOAD, FIRST, WINDOW],
    ),
    "loaded with half of the digits": (
        [{**LOAD, "dtype": "float16"}, FIRST, {**WINDOW, "a_max": 70000.0}],
        [LOAD, FIRST, {**WINDOW, "a_max": 70000.0}],
    ),
    "whole numbers that overflow": (
        [{**LOAD, "dtype": "int16"}, FIRST, {**WINDOW, "a_min": 32767}],
        [LOAD, FIRST, {**WINDOW, "a_min": 32767}],
    ),
    "cast after scaling": ([LOAD, FIRST, WINDOW, CAST, FLOATS], [LOAD, FIRST, WINDOW]),
    "cast by its name": (
        [LOAD, FIRST, WINDOW, {**FLOATS, "dtype": "uint8"}, FLOATS],
        [LOAD, FIRST, WINDOW],
    ),
    "to a tensor of bytes": (
        [LOAD, FIRST, WINDOW, {**CAST, "_target_": "ToTensord"}, FLOATS],
        [LOAD, FIRST, WINDOW],
    ),
    "the type of one key of two": (
        [
            *(LOAD, FIRST, COPY, WINDOW),
            {**CAST, "keys": ["fg", "image"], "dtype": ["$torch.float32", "$torch.uint8"]},
            FLOATS,
        ],
        [LOAD, FIRST, WINDOW],
    ),
    "scaled to bytes": (
        [LOAD, FIRST, {**WINDOW, "dtype": "$np.uint8"}, FLOATS],
        [LOAD, FIRST, WINDOW],
    ),
    "resized to bytes": (
        [LOAD, FIRST, WINDOW, {**RESIZED, "dtype": "$torch.uint8"}, FLOATS],
        [LOAD, FIRST, WINDOW, RESIZED],
    ),
    "cropped by a copy that went through more": (
        [LOAD, FIRST, COPY, BRIGHT, CROP, WINDOW],
        [LOAD, FIRST, {**CROP, "source_key": "image"}, WINDOW],
    ),
    "a place that is thrown away": (
        [LOAD, FIRST, {**FLOATS, "track_meta": False}, SPACING, WINDOW],
        [LOAD, FIRST, SPACING, WINDOW],
    ),
    "an axis of the image as channels": (
        [LOAD, {**FIRST, "channel_dim": 1}, WINDOW],
        [LOAD, FIRST, WINDOW],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_changes_pixels_is_refused(case, tmp_path):
    steps, plain = CHANGES[case]
    path = ct(tmp_path)
    root = bundle(tmp_path / "a", steps)
    theirs, without = monais(root, path), monais(bundle(tmp_path / "b", plain), path)
    assert theirs.shape != without.shape or not torch.allclose(theirs, without), "no effect"
    with pytest.raises(SegadvError, match="preprocessing step") as caught:
        ours(root, path)
    assert "\n" not in str(caught.value)
    assert str(root) in str(caught.value) or "can't hold its value" in str(caught.value)


# Steps with arguments that change nothing; each is what MONAI makes of the image.
KEEPS = {
    "a reader by its name": [{**NIBABEL, "as_closest_canonical": False}, FIRST, WINDOW],
    "whole numbers that it has": [{**LOAD, "dtype": "int16"}, FIRST, WINDOW],
    "whole numbers made fractions": [{**LOAD, "dtype": "int16"}, FIRST, FLOATS, SPACING, WINDOW],
    "more digits": [{**LOAD, "dtype": "$np.float64"}, FIRST, WINDOW, FLOATS],
    "loaded with channels": [{**LOAD, "ensure_channel_first": True}, WINDOW],
    "a device": [LOAD, FIRST, WINDOW, {**FLOATS, "device": "@device", "track_meta": True}],
    "no place at the end": [LOAD, FIRST, SPACING, WINDOW, {**FLOATS, "track_meta": False}],
    "another key's type": [LOAD, FIRST, COPY, WINDOW, {**CAST, "keys": "fg"}],
    "cropped by its own copy": [LOAD, FIRST, COPY, CROP, WINDOW],
    "cropped by a copy like it": [
        *(LOAD, FIRST, COPY, {**BRIGHT, "keys": ["image", "fg"]}),
        *(CROP, WINDOW),
    ],
    "a type by its name": [LOAD, FIRST, {**WINDOW, "dtype": "float32"}],
}


@pytest.mark.parametrize("case", KEEPS)
def test_what_changes_nothing_is_read(case, tmp_path):
    path = ct(tmp_path)
    root = bundle(tmp_path, KEEPS[case])
    found, theirs = ours(root, path), monais(root, path)
    assert found.shape == theirs.shape
    assert torch.allclose(found, theirs, atol=1e-4)


def test_a_picture_whose_axes_are_turned_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (16, 24)).astype(np.uint8)).save(tmp_path / "a.png")
    load = {**LOAD, "reader": "PILReader"}
    config = {
        "network_def": {**UNET, "spatial_dims": 2, "in_channels": 1, "out_channels": 3},
        "inferer": {"_target_": "SimpleInferer"},
    }
    shapes = []
    for turned in (True, False):
        steps = composed({**load, "reverse_indexing": turned}, FIRST)
        root = save_zoo(tmp_path / str(turned), {**config, "preprocessing": steps}, PLANE)
        shapes.append(tuple(monais(root, tmp_path / "a.png").shape))
    assert shapes == [(1, 24, 16), (1, 16, 24)]
    assert tuple(ours(tmp_path / "True" / "Zoo", tmp_path / "a.png").shape) == shapes[0]
    with pytest.raises(SegadvError, match="reverse_indexing = False may change pixels"):
        load_victim(root)


PLANE = metadata(2, 1, NAMES)


def test_bytes_hold_a_picture_and_no_ct(tmp_path):
    """NuClick's bundle loads its photographs so."""
    steps = [{**LOAD, "dtype": "uint8"}, FIRST, {**WINDOW, "a_min": 0.0, "a_max": 255.0}]
    stored, scaled = from_monai(steps)
    assert isinstance(scaled, Transform)
    root = bundle(tmp_path, steps)
    path = ct(tmp_path)
    nibabel.save(nibabel.Nifti1Image(np.arange(256, dtype=np.uint8).reshape(8, 8, 4), np.eye(4)),
                 tmp_path / "bytes.nii")  # fmt: skip
    found = ours(root, tmp_path / "bytes.nii")
    assert torch.allclose(found, monais(root, tmp_path / "bytes.nii"))
    with pytest.raises(SegadvError, match="uint8, which can't hold its value [-0-9]+;"):
        ours(root, path)


@pytest.mark.parametrize(
    "step",
    [
        {**LOAD, "reader": "scripts.reader.Own"},
        {**LOAD, "reader": "$monai.data.PILReader(converter=lambda x: x.rotate(9))"},
        {**LOAD, "reader": {"_target_": "PILReader"}},
        {**LOAD, "dtype": "$np.dtype('uint8')"},
        {**LOAD, "dtype": None},
        {**LOAD, "keys": "$[k for k in ['image']]", "dtype": "$list([1])[0]"},
        {**LOAD, "swap_ij": False},
        {**LOAD, "converter": "$lambda x: x"},
        {**LOAD, "something_new": 1},
        {**FIRST, "channel_dim": "@nothing"},
        {**CAST, "dtype": "nonsense"},
    ],
    ids=str,
)
def test_what_is_not_known_is_refused_in_a_line(step, tmp_path):
    root = bundle(tmp_path, [])
    config = root / "configs" / "inference.json"
    content = json.loads(config.read_text())
    content["preprocessing"] = composed(step, WINDOW)
    config.write_text(json.dumps(content))
    with pytest.raises(SegadvError, match="inference.json: ") as caught:
        load_victim(root)
    assert "\n" not in str(caught.value)
