"""Classifiers in the zoo's form: what they are made from, and that they predict as MONAI does."""

import numpy as np
import pytest
import torch
from helpers import disc_image
from monai.networks.nets import torchvision_fc
from PIL import Image
from torch import nn
from zoo import DENSITY, TEMPLATE, TUMOURS, metadata, named
from zoo_itself import parser_of, save_colour, save_zoo, theirs

import napari_segadv as sa
from napari_segadv.errors import NeedsTrust
from napari_segadv.victims import load_victim


class Backbones:
    """Stands in for torchvision.models: networks that end as those of torchvision do."""

    def __init__(self):
        self.asked = []

    def resnet18(self, weights=None, **arguments):
        self.asked.append(weights)
        features = nn.Sequential(nn.Conv2d(3, 8, 7, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(7))
        return nn.Sequential(features, nn.AvgPool2d(7), nn.Linear(8, 2))

    def inception_v3(self, weights=None, **arguments):
        self.asked.append(weights)
        pool = nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(nn.Conv2d(3, 512, 7, 5), pool, nn.Dropout(), nn.Linear(512, 2))


@pytest.fixture
def backbones(monkeypatch):
    found = Backbones()
    monkeypatch.setattr(torchvision_fc, "models", found)
    return found


def agreed(root):
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    assert "network_def: _target_ TorchVisionFCModel" in asked.value.runs
    return load_victim(root, asked.value.sha256)


def step_of(victim, scan):
    """The gradient of the last class's logit, and the image after a step of an attack."""
    bound = victim.on(scan, present="none")
    image = bound.image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(bound(image)[:, -1].sum(), image)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    attack = sa.attacks.PGD(epsilon=8.0, steps=1)
    return sa.craft(scan, victim, attack, target=1 - victim.predict(scan, present="none").label % 2,
                    present="none")  # fmt: skip


def test_a_patch_of_a_slide_is_seen_as_its_reader_cuts_it_out(backbones, tmp_path):
    meta = metadata(2, 3, named("metastasis"), format="classification", num_channels=1)
    root = save_zoo(tmp_path, TUMOURS, meta | {"task": "Metastasis detection"})
    backbones.asked.clear()
    victim = agreed(root)
    # Weights that the bundle's own replace are not fetched.
    assert backbones.asked == [None]
    assert (victim.task.name, victim.channels, victim.dims) == ("classification", 3, 2)
    assert victim.classes == ("not metastasis", "metastasis")
    scan = sa.read(save_colour(tmp_path))
    network = parser_of(root).get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(root / "models" / "model.pt"))
    # A reader of slides gives (channel, row, column).
    patch = torch.from_numpy(np.moveaxis(scan.array, -1, 0).astype(np.float32))
    with torch.no_grad():
        (logit,) = network(patch[None] / 255 * 2 - 1).flatten().tolist()
    found = victim.predict(scan, present="none")
    assert found.probabilities[1] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)
    step_of(victim, scan)


def test_grades_with_a_threshold_each(backbones, tmp_path):
    meta = metadata(2, 3, named("A", "B", "C", "D"), format="labels", num_channels=4)
    root = save_zoo(tmp_path, DENSITY, meta | {"task": "Breast Density Classification"})
    victim = agreed(root)
    # in_channels are those of the last layer.
    assert (victim.task.name, victim.channels, victim.classes) == (
        "classification",
        3,
        tuple("ABCD"),
    )
    assert victim.independent
    scan = sa.read(save_colour(tmp_path))
    logits = theirs(root, scan.path)[0]
    found = victim.predict(scan, present="none")
    assert found.label == int(logits.argmax())
    assert found.probabilities == pytest.approx(logits.sigmoid().tolist(), abs=1e-6)
    assert any("several or none" in note for note in step_of(victim, scan).notes)


def test_a_template_needs_no_agreement(tmp_path):
    names = named("background", "circle", "triangle", "rectangle")
    meta = metadata(2, 1, names, type="probabilities", format="classes", num_channels=4)
    root = save_zoo(tmp_path, TEMPLATE, meta | {"task": "Classification Template in 2D images"})
    victim = load_victim(root)
    assert (victim.task.name, victim.trust) == ("classification", "data")
    Image.fromarray(disc_image()).save(tmp_path / "shape.png")
    scan = sa.read(tmp_path / "shape.png")
    logits = theirs(root, scan.path)[0]
    found = victim.predict(scan, present="none")
    assert found.probabilities == pytest.approx(logits.softmax(0).tolist(), abs=1e-6)
    step_of(victim, scan)
