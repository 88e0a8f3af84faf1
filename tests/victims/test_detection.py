"""Detection: anchors as cells, boxes on the scan's grid, targets of boxes, files and trust."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from detectors import CLASSES, Squares, square_victim, squares
from helpers import save_bundle
from matplotlib.figure import Figure
from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector

import napari_segadv as sa
from napari_segadv import SegadvError
from napari_segadv.attacks import get
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.scan import Scan
from napari_segadv.results.figure import outline
from napari_segadv.victims.detections import detected
from napari_segadv.victims.detector import SmallRetinaNet
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.victims.tasks import task_in, task_of
from napari_segadv.victims.victim import Victim
from napari_segadv.victims.windows import SlidingWindows

ARGUMENTS = {
    "spatial_dims": 2,
    "in_channels": 3,
    "num_classes": 1,
    "widths": [4, 8, 8, 8],
    "blocks": [1, 1, 1, 1],
    "features": 8,
    "levels": [2, 3, 4],
    "sizes": [[8, 12], [16, 24], [32, 48]],
    "ratios": [0.5, 1.0],
}
TASK = task_of("detection")


def corners(boxes):
    """Box and class of each, in a fixed order."""
    listed = zip(boxes.corners.tolist(), boxes.labels.tolist(), strict=True)
    return sorted((tuple(box), label) for box, label in listed)


def test_logits_have_a_background_and_a_cell_an_anchor():
    victim, scan = square_victim(), squares(bright=[(1, 2)], dark=[(3, 0)])
    model = victim.on(scan)
    images = model.image.clone().requires_grad_()
    logits = model(images)
    assert logits.shape == (1, 3, 4 * 6)
    assert not logits[:, 0].any()
    labels = logits.argmax(1)[0].reshape(4, 6)
    assert (labels[1, 2], labels[3, 0], labels.count_nonzero()) == (1, 2, 2)
    logits[0, 1, 8].backward()
    there = images.grad[0, 0].abs() > 0
    assert there[8:16, 16:24].all()
    assert there.sum() == 64
    assert (model.passes.forward, model.passes.backward) == (1, 1)


@pytest.mark.parametrize("array_order", [True, False])
@pytest.mark.parametrize(
    "steps",
    [
        (),
        (Transform("Flip", {"spatial_axis": 0}),),
        (Transform("SpatialPad", {"spatial_size": [64, 64]}),),
        (Transform("Resize", {"spatial_size": [64, 64], "mode": "nearest"}),),
    ],
)
def test_boxes_come_back_onto_the_scan(steps, array_order):
    side = 64 if steps and steps[0].name == "Resize" else 0
    shape = (32, 32) if side else (32, 48)
    found = square_victim(steps, array_order).predict(
        squares(bright=[(1, 2)], dark=[(3, 0)], shape=shape)
    )
    if side:  # four cells of the network on each square
        assert {label for _, label in corners(found)} == {1, 2}
        assert found.count == 8
        assert min(c for c, label in corners(found) if label == 1) == (8, 16, 12, 20)
        assert max(c for c, label in corners(found) if label == 1) == (12, 20, 16, 24)
    else:
        assert corners(found) == [((8, 16, 16, 24), 1), ((24, 0, 32, 8), 2)]
    assert found.classes == CLASSES
    assert (found.scores > 0.5).all()


def test_boxes_are_those_of_monais_detector():
    torch.manual_seed(0)
    net = SmallRetinaNet(**ARGUMENTS).eval()
    head = net.network.classification_head.cls_logits
    torch.nn.init.normal_(head.weight, std=0.2)
    torch.nn.init.zeros_(head.bias)
    torch.nn.init.normal_(net.network.regression_head.bbox_reg.weight, std=0.1)
    scan = Scan.from_array(
        np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8), colour=True
    )
    victim = Victim(net, "net", 2, channels=3, array_order=True, task="detection")
    model = victim.on(scan)
    theirs = RetinaNetDetector(net.network, net.anchor_generator).eval()
    theirs.set_box_selector_parameters(0.6, 10_000, 0.5, 10_000)
    with torch.no_grad():
        ours = detected(model, model.image, 0.6)
        (expected,) = theirs(model.image)
    assert 3 < ours.count < len(ours.array)
    order = expected["labels_scores"].argsort(descending=True, stable=True)
    np.testing.assert_allclose(ours.corners, expected["boxes"][order], atol=1e-3)
    np.testing.assert_allclose(ours.scores, expected["labels_scores"][order], rtol=1e-5)
    # Each anchor over the threshold belongs to the box that it was merged into.
    on = ours.array > 0
    assert (ours.anchors.owner[on] >= 0).all()
    assert (ours.anchors.owner[~on] == -1).all()
    assert set(ours.anchors.owner[on]) == set(range(ours.count))


def test_wanted_boxes_become_classes_of_anchors():
    clean = square_victim().predict(squares(bright=[(0, 0), (1, 2)], dark=[(3, 0)]))
    wanted = Boxes.of(
        # A box kept though not exact, one of another class, and a new one between two cells.
        [(1, 0, 8, 8), (24, 0, 32, 8), (17, 33, 24, 40)],
        [1, 1, 2],
        clean.grid,
    )
    labels = TASK.fitted(wanted, clean).array.reshape(4, 6)
    expected = np.zeros((4, 6), int)
    expected[0, 0], expected[3, 0], expected[2, 4] = 1, 1, 2
    np.testing.assert_array_equal(labels, expected)
    assert not TASK.fitted(Boxes.of([], [], clean.grid), clean).array.any()


def attack(scan, target, **settings):
    return sa.craft(
        scan, square_victim(), get("pgd")(epsilon=60.0, **settings), target=target, device="cpu"
    )


def test_all_boxes_can_be_erased():
    scan = squares(bright=[(0, 0), (1, 2)], dark=[(3, 0)])
    example = attack(scan, "none")
    assert example.succeeded
    assert example.prediction_adversarial.count == 0
    assert example.target.count == 0
    found = {k: v for k, v in example.measures.items() if "box" in k or k in ("moved", "kept")}
    assert found == {
        "moved": 1.0,
        "kept": 1.0,
        "boxes_clean": 3,
        "boxes_kept": 0,
        "boxes_removed": 3,
        "boxes_added": 0,
        "target_boxes": 0,
        "target_boxes_found": 0,
    }
    assert "target F1 1.000, of 3 boxes 0 kept and 3 removed, 0 added" in example.summary[0]


@pytest.mark.parametrize("name", ["none:dark", "none:2", "none:DARK"])
def test_one_class_can_be_erased(name):
    example = attack(squares(bright=[(0, 0), (1, 2)], dark=[(3, 0)]), name)
    assert example.succeeded
    assert example.prediction_adversarial.labels.tolist() == [1, 1]
    assert example.measures["kept"] == 1
    assert example.target.count == 2
    assert example.measures["target_f1"] == 1


def test_an_edited_prediction_is_reached_and_saved(tmp_path):
    scan = squares(bright=[(0, 0), (1, 2)], dark=[(3, 0)])
    first = attack(scan, "none").save(tmp_path / "first")
    edited = json.loads((first / "prediction_clean.json").read_text())
    assert [box["class"] for box in edited["boxes"]].count("bright") == 2
    edited["boxes"] = [
        {"class": "dark", "box": [0, 0, 8, 8]},
        {"class": "bright", "box": [33, 16, 40, 24]},
    ]
    path = tmp_path / "target.json"
    path.write_text(json.dumps(edited))
    example = sa.craft(
        scan,
        square_victim(),
        get("pgd")(epsilon=150.0, steps=80),
        target=path,
        truth=square_victim().predict(scan),
        device="cpu",
    )
    assert example.succeeded
    after = [((0, 0, 8, 8), 2), ((16, 32, 24, 40), 1)]
    assert corners(example.prediction_adversarial) == after
    m = example.measures
    assert (m["target_boxes"], m["target_boxes_found"], m["target_f1"]) == (2, 2, 1)
    assert (m["boxes_kept"], m["boxes_removed"], m["boxes_added"]) == (0, 3, 2)
    assert (m["f1_with_truth"], m["f1_with_truth_clean"]) == (0, 1)
    saved = example.save(tmp_path / "second")
    result = json.loads((saved / "result.json").read_text())
    assert [b["class"] for b in result["target"]["boxes"]] == ["dark", "bright"]
    assert len(result["prediction_clean"]["boxes"]) == 3
    assert result["victim"]["task"] == "detection"
    written = json.loads((saved / "prediction_adversarial.json").read_text())
    assert sorted(b["class"] for b in written["boxes"]) == ["bright", "dark"]
    assert (saved / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize("method", ["pgd", "fgsm", "dag", "segpgd", "cospgd"])
def test_every_detection_attack_gets_away(method):
    scan = squares(bright=[(0, 0), (1, 2)])
    example = sa.craft(scan, square_victim(), get(method)(epsilon=90.0), device="cpu")
    assert example.measures["boxes_kept"] == 0
    assert example.measures["moved"] == 1
    assert example.record["goal"] == "untargeted"


def test_untargeted_only_anchors_with_boxes_count():
    clean = squares(bright=[(0, 0), (1, 2)])
    model = square_victim().on(clean)
    labels = model(model.image).argmax(1)
    problem = TASK.problem(model, model.image, labels, labels, targeted=False)
    assert problem.weights.count_nonzero() == 2
    assert problem.weights.sum() == 1
    towards = replace(problem, targeted=True)
    assert towards.weights.numel() == 1
    none = replace(problem, labels=torch.zeros_like(labels))
    assert not none.weights.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": Squares()}, "has no anchors"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(SegadvError, match="squares: .*" + message):
        replace(square_victim(), **change).predict(squares())


def test_sizes_that_are_not_divisible_are_padded():
    steps = (Transform("SpatialPad", {"spatial_size": [33, 48]}),)
    scan = squares(bright=[(1, 2)], dark=[(3, 0)])
    found = square_victim(steps).predict(scan)
    assert corners(found) == [((8, 16, 16, 24), 1), ((24, 0, 32, 8), 2)]


@pytest.mark.parametrize("batch", [1, 3])
def test_windows_see_what_the_whole_image_shows(batch):
    scan = squares(bright=[(1, 2)], dark=[(3, 0)])
    windows = SlidingWindows((16, 16), batch, (0.5,), "constant")
    whole, slid = square_victim().on(scan), replace(square_victim(), windows=windows).on(scan)
    image = slid.image.clone().requires_grad_()
    logits, expected = slid(image), whole(whole.image)
    assert torch.allclose(logits, expected, atol=1e-4)
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((logits * weights).sum(), image)
    other = whole.image.clone().requires_grad_()
    (exact,) = torch.autograd.grad((whole(other) * weights).sum(), other)
    assert torch.allclose(gradient, exact, atol=1e-6 * float(exact.abs().max()) + 1e-7)


def test_volumes_and_other_sizes_are_refused(ct):
    with pytest.raises(SegadvError, match="on 2-D images only"):
        square_victim().on(replace(ct, units="grey level"))
    small = Boxes.of([], [], squares(shape=(16, 16)).grid)
    with pytest.raises(SegadvError, match="boxes are for an image of"):
        attack(squares(bright=[(0, 0)]), small)


@pytest.mark.parametrize("name", ["none:polyp", "none:0", "none:"])
def test_an_unknown_class_to_erase_is_named(name):
    with pytest.raises(SegadvError, match="it knows 1 bright, 2 dark"):
        attack(squares(bright=[(0, 0)]), name)


def test_a_class_beyond_the_victims_is_named(tmp_path):
    path = tmp_path / "t.json"
    path.write_text('[{"box": [0, 0, 8, 8], "label": 3}]')
    with pytest.raises(SegadvError, match="holds class 3, which squares does not have"):
        attack(squares(bright=[(0, 0)]), path)


def test_a_bundle_of_literals_is_data(tmp_path):
    torch.manual_seed(0)
    net = SmallRetinaNet(**ARGUMENTS)
    target = "napari_segadv.victims.detector.SmallRetinaNet"
    config = {"network_def": {"_target_": target, **ARGUMENTS}}
    pred = {"format": "boxes", "channel_def": {"0": "background", "1": "polyp"}}
    metadata = {"name": "polyps", "task": "detection of polyps",
                "network_data_format": {"outputs": {"pred": pred}}}  # fmt: skip
    victim = sa.load_victim(str(save_bundle(net, tmp_path / "bundle", config, metadata)))
    assert (victim.trust, victim.task.name) == ("data", "detection")
    assert victim.classes == ("background", "polyp")
    rng = np.random.default_rng(0)
    scan = Scan.from_array(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8), colour=True)
    assert victim.predict(scan).count == 0  # a network that has learnt nothing is sure of nothing
    config["network_def"]["_target_"] = "napari_segadv.victims.detector.Detector"
    with pytest.raises(sa.errors.NeedsTrust):
        sa.load_victim(str(save_bundle(net, tmp_path / "other", config, metadata)))


def test_weights_with_a_description_are_data(tmp_path):
    torch.manual_seed(0)
    torch.save(SmallRetinaNet(**ARGUMENTS).state_dict(), tmp_path / "net.pt")
    target = "napari_segadv.victims.detector.SmallRetinaNet"
    description = {"network": target, "arguments": ARGUMENTS, "task": "detection"}
    description |= {"classes": ["polyp"], "window": [0, 255]}
    (tmp_path / "net.json").write_text(json.dumps(description))
    victim = sa.load_victim(str(tmp_path / "net.pt"))
    assert (victim.task.name, victim.trust, victim.channels) == ("detection", "data", 3)
    assert victim.classes == ("background", "polyp")


@pytest.mark.parametrize(
    ("upright", "place"),
    [((None, None), (4, 9)), ((-1, None), (4, 19)), ((None, -1), (33, 9)), ((-1, -1), (33, 19))],
)
def test_boxes_are_drawn_where_the_picture_is_turned_to(upright, place):
    axes = Figure().subplots()
    grid = squares(shape=(40, 60)).grid
    outline(
        axes,
        Boxes.of([(9.5, 4.5, 20.5, 26.5)], [1], grid, CLASSES),
        tuple(slice(None, None, step) for step in upright),
    )
    (drawn,) = axes.patches
    assert drawn.get_xy() == place
    assert (drawn.get_width(), drawn.get_height()) == (22, 11)
    assert axes.texts[0].get_text() == "bright"


def test_metadata_that_speaks_of_detection_is_understood():
    assert task_in("detection of artefacts") is TASK
    assert task_in("Lung nodule detector") is TASK
    assert task_in("segmentation") is not TASK
