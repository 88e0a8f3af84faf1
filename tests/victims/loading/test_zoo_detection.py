"""Detection in volumes: a RetinaNet with windows, in the zoo's form, finds MONAI's boxes."""

import json
import warnings
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import torch
from monai.apps.detection.networks import retinanet_network
from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
from monai.networks.blocks import backbone_fpn_utils
from torch import nn
from zoo import NODULES
from zoo_itself import parser_of, save_ct, save_zoo

import napari_segadv as sa
from napari_segadv.data.boxes import overlap
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.results.loading import load_example
from napari_segadv.results.report import report
from napari_segadv.victims import load_victim
from napari_segadv.victims.detections import detected


class Layers(nn.ModuleDict):
    """Stands in for a class of torchvision: some layers of a network, of which some are given."""

    def __init__(self, network, return_layers):
        layers = {}
        for name, layer in network.named_children():
            layers[name] = layer
            if not set(return_layers) - set(layers):
                break
        super().__init__(layers)
        self.given = dict(return_layers)

    def forward(self, x):
        found = {}
        for name, layer in self.items():
            x = layer(x)
            if name in self.given:
                found[self.given[name]] = x
        return found


@pytest.fixture(autouse=True)
def torchvisions(monkeypatch):
    """The two parts of torchvision that MONAI builds such a network with."""
    utils = SimpleNamespace(IntermediateLayerGetter=Layers)
    monkeypatch.setattr(backbone_fpn_utils, "torchvision_models", SimpleNamespace(_utils=utils))
    monkeypatch.setattr(retinanet_network, "_validate_trainable_layers", lambda *_, **__: 5)


META = {
    "name": "Nodules",
    "task": "CT lung nodule detection",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1, "spatial_shape": ["16*n", "16*n", "8*n"]}},
        "outputs": {"pred": {"type": "object", "format": "dict", "num_channels": 1}},
    },
}


def nodules(folder, **more):
    """A bundle whose seeded network finds a few boxes."""
    root = save_zoo(folder, NODULES | more, META)
    path = root / "models" / "model.pt"
    weights = torch.load(path)
    head = "classification_head.cls_logits"
    weights[f"{head}.weight"] *= 4
    weights[f"{head}.bias"][:] = -3.5
    torch.save(weights, path)
    return root


def small(folder, x, y, z):
    """A part of the volume, for which few windows are needed."""
    path = save_ct(folder)
    nibabel.save(nibabel.load(path).slicer[:x, :y, :z], folder / "small.nii.gz")
    return sa.read(folder / "small.nii.gz")


def agreed(root):
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    assert any("resnet10" in run for run in asked.value.runs)
    # What only sets up the detector is read, and does not run.
    assert not any("detector.set_" in run for run in asked.value.runs)
    return load_victim(root, asked.value.sha256)


def theirs(root, path, windows, least):
    """Boxes, scores and the image as MONAI's own detector finds them."""
    parser = parser_of(root)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        image = parser.get_parsed_content("preprocessing")({"image": str(path)})["image"]
        network = parser.get_parsed_content("network_def").eval()
        network.load_state_dict(torch.load(root / "models" / "model.pt"))
        detector = RetinaNetDetector(network, parser.get_parsed_content("anchor_generator")).eval()
        detector.set_box_selector_parameters(least, 100_000, 0.22, 100_000)
        if windows:
            detector.set_sliding_window_inferer(windows, 1, 0.25, "constant")
        (found,) = detector([image.as_tensor()], use_inferer=bool(windows))
    return found["boxes"].numpy(), found["labels_scores"].numpy(), image


# The second window has fewer pixels than the image, but is deeper, so the image is padded.
@pytest.mark.parametrize("size", [[32, 32, 16], [16, 32, 32], None])
def test_the_boxes_are_monais(size, tmp_path):
    root = nodules(tmp_path, infer_patch_size=size or [512, 512, 192])
    scan = sa.read(save_ct(tmp_path))
    victim = agreed(root)
    assert (victim.task.name, victim.dims, victim.channels) == ("detection", 3, 1)
    assert victim.network.nms == 0.22
    model = victim.on(scan, present="none")
    with torch.no_grad():
        scores = model(model.image)[0, 1].sigmoid()
    least = float(scores.sort(descending=True).values[90])
    expected, known, image = theirs(root, scan.path, size, least)
    with torch.no_grad():
        found = detected(model, model.image, least)
    assert found.count > 3
    order = np.argsort(-known, kind="stable")
    np.testing.assert_allclose(found.scores, known[order], rtol=1e-4)
    # From the network's axes (x, y, z), of which the first is flipped here, to the array's.
    wide = image.shape[1]
    x0, y0, z0, x1, y1, z1 = expected[order].T
    turned = np.stack([z0, y0, wide - x1, z1, y1, wide - x0], axis=1)
    assert np.diag(overlap(found.corners, turned.astype(np.float32))).min() > 0.999


def test_the_gradient_in_windows_is_exact(tmp_path):
    victim = agreed(nodules(tmp_path))
    scan = small(tmp_path, 44, 32, 16)
    model = victim.on(scan, present="none")
    image = model.image.clone().requires_grad_()
    logits = model(image)
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((logits * weights).sum(), image)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    step = gradient / gradient.norm()
    with torch.no_grad():
        up, down = (float((model(model.image + e * step) * weights).double().sum())
                    for e in (1.0, -1.0))  # fmt: skip
    assert (up - down) / 2.0 == pytest.approx(float(gradient.norm()), rel=0.05)


def test_boxes_in_a_volume_are_erased_and_saved(tmp_path):
    victim = agreed(nodules(tmp_path))
    scan = small(tmp_path, 32, 30, 16)
    attack = sa.attacks.PGD(epsilon=60.0, steps=2)
    example = sa.craft(scan, victim, attack, target="none", present="none")
    assert example.measures["boxes_clean"] > 0
    assert example.measures["moved"] > 0
    saved = example.save(tmp_path / "result")
    written = json.loads((saved / "prediction_clean.json").read_text())
    assert written["size"] == [32, 30, 16]
    assert all(len(one["box"]) == 6 for one in written["boxes"])
    assert (saved / "figure.png").stat().st_size > 10_000
    assert any("from a score of 0.02, here" in note for note in example.notes)
    again = load_example(saved)
    # The file rounds them.
    before = example.prediction_clean.corners
    np.testing.assert_allclose(again.prediction_clean.corners, before, atol=0.006)
    report(saved, tmp_path / "page.html")
    assert "<rect" in (tmp_path / "page.html").read_text()
    # A box of a saved prediction can be asked for.
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"boxes": written["boxes"][:1]}))
    wanted = victim.task.fitted(
        victim.task.wanted(path, "target", scan, victim), example.prediction_clean
    )
    assert 0 < np.count_nonzero(wanted.array) < np.count_nonzero(example.prediction_clean.array)


WRONG = {
    "anchors": ({"anchor_generator": "$monai.apps.other(3)"}, "anchors of its RetinaNetD.* code"),
    "other anchors": ({"anchor_generator": {"_target_": "Other"}}, "RetinaNetD.* are Other; use"),
    "code": (
        {"detector_ops": ["$@detector.set_sliding_window_inferer(roi_size=open('x').read())"]},
        "has an argument that is code",
    ),
    "two sizes": (
        {"detector_ops": ["$@detector.set_sliding_window_inferer([32, 32])"]},
        "for a 3-D network",
    ),
    "no number": (
        {"detector_ops": ["$@detector.set_box_selector_parameters(nms_thresh='a')"]},
        "incomplete or invalid",
    ),
}


def test_what_is_set_up_in_another_way_is_refused_before_anybody_is_asked(tmp_path):
    root = nodules(tmp_path)
    config = root / "configs" / "inference.json"
    content = json.loads(config.read_text())
    for change, message in WRONG.values():
        config.write_text(json.dumps(content | change))
        with pytest.raises(SegadvError, match=message) as error:
            load_victim(root)
        assert not isinstance(error.value, NeedsTrust)
    # What does not decide the boxes may be anything.
    other = ["$@detector.set_target_keys(open('x'), 'label')", "$print('@detector', 'odd')"]
    config.write_text(json.dumps(content | {"detector_ops": other}))
    assert agreed(root).windows is None
