"""Folders of segmentation-models-pytorch, compared with the library itself."""

import json
import pickle
import re
import sys
from functools import partial

import numpy as np
import pytest
import torch
from adapter_networks import (
    CLASSES,
    Touch,
    check_attack,
    check_gradient,
    check_refused,
    colour,
    edit_json,
    fitted,
    fundus,
    picture,
    with_weights,
    wrong_weights,
    xray,
)
from adapters_itself import library

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.formats.segmentation_models import IMAGENET, _seen_by_encoder

PACKAGE = "segmentation_models_pytorch"
MEAN, STD = IMAGENET
THIN = {"decoder_channels": (16, 8, 8, 8, 8)}
NETWORKS = {
    "Unet": ("Unet", "resnet18", THIN),
    "UnetPlusPlus": ("UnetPlusPlus", "mobilenet_v2", THIN),
    "FPN": (
        "FPN",
        "resnet18",
        {"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32},
    ),
    "DeepLabV3Plus": ("DeepLabV3Plus", "resnet18", {"decoder_channels": 16}),
    "PSPNet": ("PSPNet", "resnet18", {"psp_out_channels": 16}),
    "Segformer": ("Segformer", "mit_b0", {"decoder_segmentation_channels": 16}),
    "of timm": ("Unet", "tu-resnet10t", THIN),
}


def built(case="Unet", **more):
    name, encoder, given = NETWORKS[case]
    torch.manual_seed(0)
    cls = getattr(library(PACKAGE), name)
    return cls(encoder, encoder_weights=None, **{"classes": 3, **given, **more}).eval()


def saved(folder, case="Unet", network=None, pretrained="imagenet", **more):
    """Save a seeded network as somebody does who began with a pretrained encoder."""
    network = built(case, **more) if network is None else network
    network.save_pretrained(folder)
    edit_json(folder / "config.json", encoder_weights=pretrained)
    (folder.parent / f"{folder.name}.json").write_text(json.dumps({"classes": CLASSES}))
    return folder, network


def prepared(array: np.ndarray, mean=MEAN, std=STD) -> torch.Tensor:
    """A picture as the library's own function prepares it."""
    preprocessing = library(f"{PACKAGE}.encoders._preprocessing")
    values = preprocessing.preprocess_input(
        array, mean=mean, std=std, input_space="RGB", input_range=[0, 1]
    )
    return torch.from_numpy(values).movedim(-1, 0)[None].float()


@pytest.mark.parametrize("case", NETWORKS)
def test_the_mask_is_that_of_the_library(case, tmp_path):
    root, network = saved(tmp_path / "net", case)
    array = sa.read(fundus()).array[640:896, 700:1020]
    with torch.no_grad():
        mask = network(prepared(array)).argmax(1)[0].numpy()
    if case == "of timm":
        edit_json(tmp_path / "net.json", window=[0, 255], mean=MEAN, std=STD)
    victim = load_victim(root)
    assert victim.trust == "data"
    found = victim.predict(sa.Scan.from_array(array, colour=True))
    assert np.array_equal(found.array, mask)
    assert found.classes == CLASSES


def test_the_encoders_mean_and_deviation():
    """As version 0.4 of the library had them in its code; later ones fetch them."""
    half = ((0.5,) * 3, (0.5,) * 3)
    for encoder, weights, expected in (
        ("resnet34", "imagenet", IMAGENET),
        ("resnext101_32x8d", "instagram", IMAGENET),
        ("efficientnet-b3", "imagenet", IMAGENET),
        ("efficientnet-b3", "advprop", half),
        ("timm-efficientnet-b3", "noisy-student", IMAGENET),
        ("timm-tf_efficientnet_lite0", "imagenet", half),
        ("inceptionv4", "imagenet+background", half),
        ("xception", "imagenet", half),
    ):
        assert _seen_by_encoder({"encoder_name": encoder, "encoder_weights": weights}) == expected
    mean, std = _seen_by_encoder({"encoder_name": "dpn68b", "encoder_weights": "imagenet+5k"})
    assert mean == pytest.approx((0.48627, 0.45882, 0.40784), abs=1e-5)
    assert std == pytest.approx((0.23482,) * 3, abs=1e-5)
    assert _seen_by_encoder({"encoder_name": "resnet34", "encoder_weights": None}) is None


def test_an_encoder_of_timm_states_its_own(tmp_path):
    library("timm")
    found = _seen_by_encoder({"encoder_name": "tu-vit_tiny_patch16_224", "encoder_weights": True})
    assert found == ((0.5,) * 3, (0.5,) * 3)


def test_two_classes_by_a_sigmoid_on_grey_images(tmp_path):
    root, network = saved(tmp_path / "net", classes=1, activation="sigmoid")
    edit_json(tmp_path / "net.json", channels=1, classes=["lungs"])
    victim, scan = load_victim(root), sa.read(xray())
    array = np.repeat(scan.array[..., None], 3, axis=-1).astype(np.uint8)
    with torch.no_grad():
        share = network(prepared(array))[0, 0].numpy()
    found = victim.predict(scan)
    assert found.classes == ("background", "lungs")
    sure = np.abs(share - 0.5) > 1e-5
    assert np.array_equal(found.array[sure] == 1, share[sure] > 0.5)


def test_a_second_head_is_left_alone(tmp_path):
    root, network = saved(tmp_path / "net", aux_params={"classes": 4, "pooling": "avg"})
    bound = load_victim(root).on(colour((64, 96)))
    with torch.no_grad():
        masks, labels = network(prepared(picture((64, 96))))
        assert labels.shape == (1, 4)
        assert torch.allclose(bound(bound.image), masks, atol=1e-5)


def test_what_the_network_sees_has_to_be_said(tmp_path):
    root, network = saved(tmp_path / "net", pretrained=None)
    with pytest.raises(SegadvError, match=r"does not say what its network sees; write net.json"):
        load_victim(root)
    edit_json(tmp_path / "net.json", window=[0, 255], mean=[0.5] * 3, std=[0.25] * 3)
    bound = load_victim(root).on(colour((64, 96)))
    with torch.no_grad():
        expected = network(prepared(picture((64, 96)), [0.5] * 3, [0.25] * 3))
        assert torch.allclose(bound(bound.image), expected, atol=1e-5)


def test_windows_over_a_picture_that_does_not_divide(tmp_path):
    root, _ = saved(tmp_path / "net", "UnetPlusPlus")
    with pytest.raises(SegadvError, match="divisible by 32"):
        load_victim(root).predict(colour((70, 90)))
    edit_json(tmp_path / "net.json", roi_size=[64, 64])
    assert load_victim(root).predict(colour((70, 90))).array.shape == (70, 90)


@pytest.mark.parametrize("case", ["Unet", "Segformer"])
def test_the_gradient_is_that_of_finite_differences(case, tmp_path):
    root, _ = saved(tmp_path / "net", case)
    check_gradient(load_victim(root), colour((64, 96)))


def test_an_attack_on_a_trained_network(tmp_path):
    network = built()
    mean, std = (torch.tensor(v)[:, None, None] for v in IMAGENET)
    pad = partial(torch.nn.functional.pad, pad=(0, 0, 0, 16))
    fitted(network, lambda x: network(pad((x / 255 - mean) / std))[..., :48, :], steps=40)
    root, _ = saved(tmp_path / "net", network=network)
    steps = [
        {"_target_": "ScaleIntensityRange", "a_min": 0, "a_max": 255, "b_min": 0, "b_max": 1},
        {
            "_target_": "NormalizeIntensity",
            "subtrahend": MEAN,
            "divisor": STD,
            "channel_wise": True,
        },
        {"_target_": "SpatialPad", "spatial_size": [64, 64], "method": "end"},
    ]
    edit_json(tmp_path / "net.json", preprocessing=steps)
    check_attack(load_victim(root), epsilon=80.0)


def with_config(root, trace, **changes):
    edit_json(root / "config.json", **changes)


def with_pickle(root, trace):
    (root / "model.safetensors").write_bytes(pickle.dumps({"weight": Touch(trace)}))


def with_checkpoint(root, trace):
    torch.save({"weight": Touch(trace)}, root / "other.pth")
    edit_json(
        root / "config.json",
        encoder_name="tu-resnet10t",
        checkpoint_path=str(root / "other.pth"),
    )


HEAD = "segmentation_head.0.weight"
HOSTILE = {
    "another class": (partial(with_config, _model_class="datasets"), "datasets is no network"),
    "a class with a path": (partial(with_config, _model_class="os.system"), "os.system is no"),
    "another checkpoint": (with_checkpoint, "checkpoint_path of Unet is not known"),
    "a network of the hub": (
        partial(with_config, encoder_name="tu-hf-hub:someone/net"),
        "none of segmentation_models_pytorch's own",
    ),
    "a network of a folder": (
        partial(with_config, encoder_name="tu-local-dir:/tmp"),
        "none of segmentation_models_pytorch's own",
    ),
    "an encoder that is not there": (partial(with_config, encoder_name="os"), "encoder os is none"),
    "one that timm does not have": (partial(with_config, encoder_name="tu-os"), "refuses"),
    "huge": (partial(with_config, classes=1 << 40), "too large"),
    "large": (partial(with_config, decoder_channels=[1 << 15] * 5), "would have"),
    "deep": (partial(with_config, encoder_depth=1 << 19), "refuses|layers"),
    "other classes": (partial(with_config, classes=4), "of another shape"),
    "an argument of the wrong kind": (partial(with_config, decoder_channels="os"), "refuses"),
    "an activation that is none": (partial(with_config, activation="os.system"), "refuses"),
    **wrong_weights(with_weights, HEAD),
    "a pickle": (with_pickle, "damaged"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_of_a_folder_runs_or_fetches(case, tmp_path):
    root, _ = saved(tmp_path / "net")
    check_refused(root, HOSTILE[case], tmp_path / "trace")


def test_without_the_library_the_error_says_what_to_install(tmp_path, monkeypatch):
    root, _ = saved(tmp_path / "net")
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(SegadvError, match=re.escape('pip install "napari-segadv[smp]"')):
        load_victim(root)
