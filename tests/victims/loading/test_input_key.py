"""The key of a network's input is the one on which its transforms act."""

import json

import pytest
import torch
from test_read_as_monai import AFTER, WINDOW, about, alike, config, monais, save_small_ct
from zoo import FIRST, LOAD, composed
from zoo_itself import save_zoo

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim

PAD = {"_target_": "DivisiblePadd", "keys": "image", "k": 16}
BEFORE = composed(LOAD, FIRST, WINDOW, PAD)


@pytest.mark.parametrize("named", ["ct", "image"])
@pytest.mark.parametrize("key", ["image", "ct"])
def test_the_metadatas_name_of_the_input_does_not_decide(key, named, tmp_path):
    meta = about()
    inputs = meta["network_data_format"]["inputs"]
    meta["network_data_format"]["inputs"] = {named: inputs["image"]}
    text = json.dumps(config(BEFORE, AFTER)).replace('"@image_key"', f'"{key}"')
    text = text.replace('"image"', f'"{key}"')
    root = save_zoo(tmp_path, json.loads(text), meta)
    victim, path = load_victim(root), save_small_ct(tmp_path)
    assert [step.name for step in victim.steps] == ["ScaleIntensityRange", "DivisiblePad"]
    if key == "image":
        found = victim.predict(sa.read(path), present="none").array
        assert alike(found, monais(root, path)) == 1


def test_steps_on_several_other_keys_are_refused(tmp_path):
    steps = composed(LOAD, FIRST, {**WINDOW, "keys": ["t1", "t2"]})
    root = save_zoo(tmp_path, config(steps), about())
    with pytest.raises(SegadvError, match="acts on the network's input, image, but some act on t1"):
        load_victim(root)


def test_the_only_key_of_a_json_is_the_images(tmp_path):
    from monai.networks.nets import UNet

    arguments = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3}
    arguments |= {"channels": [4, 8], "strides": [2]}
    torch.save(UNet(**arguments).state_dict(), tmp_path / "net.pt")
    steps = [{"_target_": "NormalizeIntensityd", "keys": ["img"]}]
    about_it = {"network": "UNet", "arguments": arguments, "preprocessing": steps}
    (tmp_path / "net.json").write_text(json.dumps(about_it))
    assert [step.name for step in load_victim(tmp_path / "net.pt").steps] == ["NormalizeIntensity"]
    steps.append({"_target_": "Resized", "keys": ["other"], "spatial_size": [8, 8, 8]})
    (tmp_path / "net.json").write_text(json.dumps(about_it))
    with pytest.raises(SegadvError, match="some act on img, other; name the input image"):
        load_victim(tmp_path / "net.pt")


def test_a_crop_by_another_image_is_refused(tmp_path):
    crop = {"_target_": "CropForegroundd", "keys": "image", "source_key": "label"}
    root = save_zoo(tmp_path, config(composed(LOAD, FIRST, crop)), about())
    with pytest.raises(SegadvError, match="crops image by the content of label"):
        load_victim(root)
