"""Weights of torchvision's networks, compared with torchvision itself."""

import json
import pickle
import sys
from functools import partial
from pathlib import Path

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
    fitted,
    fundus,
    wrong_weights,
    xray,
)
from adapters_itself import library
from PIL import Image

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.consent import remembered

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SEEN = {"window": [0, 255], "mean": MEAN, "std": STD}
# The smallest, which the tests use where any will do.
SMALL = "lraspp_mobilenet_v3_large"


def built(name, **arguments):
    torch.manual_seed(0)
    models = library("torchvision").models
    more = {"weights_backbone": None} if "resnet" in name or "lraspp" in name else {}
    more = more if name in models.list_models(models.segmentation) else {}
    return models.get_model(name, weights=None, **more, **arguments).eval()


def saved(folder, name=SMALL, network=None, **described):
    """Save a seeded network of three classes with its description; return file and network."""
    network = built(name, num_classes=3) if network is None else network
    path = folder / "net.pth"
    torch.save(network.state_dict(), path)
    description = {"network": f"torchvision.{name}", "classes": CLASSES, **SEEN, **described}
    path.with_suffix(".json").write_text(json.dumps(description))
    return path, network


def preset(image: Image.Image, edge: int) -> torch.Tensor:
    """A picture as torchvision's own preset prepares it."""
    presets = library("torchvision.transforms._presets")
    return presets.SemanticSegmentation(resize_size=edge)(image)[None]


@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "fcn_resnet50", SMALL])
def test_the_mask_is_that_of_torchvision(name, tmp_path):
    path, network = saved(tmp_path, name, resize=130)
    image = Image.open(fundus()).convert("RGB").crop((700, 400, 1420, 941))
    with torch.no_grad():
        logits = network(preset(image, 130))["out"]
    size = image.size[::-1]
    logits = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)
    victim = load_victim(path)
    assert victim.trust == "data"
    assert victim.name == "net"
    found = victim.predict(sa.Scan.from_array(np.array(image), colour=True))
    assert np.array_equal(found.array, logits.argmax(1)[0].numpy())
    assert found.classes == CLASSES
    assert remembered() == {}


def test_an_auxiliary_head_is_found_in_the_file(tmp_path):
    network = built("fcn_resnet50", num_classes=3, aux_loss=True)
    path, _ = saved(tmp_path, "models.segmentation.fcn_resnet50", network)
    bound = load_victim(path).on(colour())
    with torch.no_grad():
        x = (bound.image / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[
            :, None, None
        ]
        assert torch.allclose(bound(bound.image), network(x)["out"], atol=1e-5)


def test_a_classifier_on_a_grey_image(tmp_path):
    network = built("densenet121", num_classes=3)
    path, _ = saved(tmp_path, "densenet121", network, task="classification", channels=1)
    grade = load_victim(path).predict(sa.read(xray()))
    image = torch.from_numpy(np.array(Image.open(xray()).convert("RGB"))).movedim(-1, 0)[None]
    x = (image / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        assert grade.probabilities == pytest.approx(network(x)[0].softmax(0).tolist(), abs=1e-5)


def test_the_gradient_is_that_of_finite_differences(tmp_path):
    path, _ = saved(tmp_path, resize=[40, 72], resample="bicubic")
    check_gradient(load_victim(path), colour((64, 96)))


def test_an_attack_on_a_trained_network(tmp_path):
    network = built(SMALL, num_classes=3)
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.3
    fitted(network, lambda x: network((x / 255 - mean) / std)["out"], steps=40)
    path, _ = saved(tmp_path, network=network)
    check_attack(load_victim(path))


def described(path: Path, trace, **changes):
    beside = path.with_suffix(".json")
    content = json.loads(beside.read_text()) | changes
    content = {key: value for key, value in content.items() if value is not None}
    beside.write_text(json.dumps(content))


def with_weights(path, trace, change):
    weights = torch.load(path)
    change(weights)
    torch.save(weights, path)


def as_pickle(path, trace):
    path.write_bytes(pickle.dumps({"weight": Touch(trace)}))


def as_saved_pickle(path, trace):
    torch.save({"weight": Touch(trace)}, path)


HEAD = "classifier.low_classifier.weight"
HOSTILE = {
    "another network": (partial(described, network="torchvision.resnet50"), '"task" to that'),
    "a class that is not there": (
        partial(described, network="torchvision.os"),
        "has no network os",
    ),
    "a detector": (
        partial(described, network="torchvision.fasterrcnn_resnet50_fpn"),
        "has no network fasterrcnn",
    ),
    "weights to fetch": (
        partial(described, arguments={"weights": "COCO_WITH_VOC_LABELS_V1"}),
        "weights would fetch weights",
    ),
    "a backbone to fetch": (
        partial(described, arguments={"weights_backbone": "IMAGENET1K_V1"}),
        "would fetch weights",
    ),
    "huge": (partial(described, arguments={"num_classes": 1 << 40}), "too large"),
    "large": (partial(described, arguments={"num_classes": 1 << 20}), "would have"),
    "another number of classes": (
        partial(described, arguments={"num_classes": 4}),
        "of another shape",
    ),
    "an argument that is not there": (
        partial(described, arguments={"code": "x"}),
        "code of lraspp",
    ),
    **wrong_weights(with_weights, HEAD),
    "a pickle": (as_pickle, "damaged|other code"),
    "code in a file of torch": (as_saved_pickle, "whole network or other code"),
    "a size that is no size": (partial(described, resize=[1, 2, 3]), "whole numbers of pixels"),
    "a size that is a text": (partial(described, resize="520"), "whole numbers|invalid"),
    "a filter that is none": (partial(described, resize=64, resample="os"), "resample os"),
    "one mean too few": (partial(described, mean=[0.5], std=[0.5, 0.5]), "as many"),
    "two channels": (partial(described, channels=2), "takes 3 channels, not 2"),
    "nothing of what it sees": (
        partial(described, window=None, mean=None, std=None),
        "does not say what the network sees",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_of_a_file_runs_or_fetches(case, tmp_path):
    path, _ = saved(tmp_path)
    check_refused(path, HOSTILE[case], tmp_path / "trace", tmp_path / "net")


def test_without_torchvision_the_error_says_what_to_install(tmp_path, monkeypatch):
    path, _ = saved(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(SegadvError, match=r'pip install "napari-segadv\[torchvision\]"'):
        load_victim(path)
