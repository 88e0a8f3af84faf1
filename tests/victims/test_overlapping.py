"""Victims whose structures may overlap: what is attacked, what counts, and what files hold."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch
from helpers import disc_image, save_torchscript
from overlaps import NAMES, Discs, discs

import napari_segadv as sa
from napari_segadv.attacks.losses import LOSSES, Outputs
from napari_segadv.data.overlapping import Overlapping, combinations, maps_of, numbers_of
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.measures.structures import overlaps_each
from napari_segadv.victims import Victim, load_victim
from napari_segadv.victims.heads import Head
from napari_segadv.victims.structures import combined, joint, pairs, single, taken_apart
from napari_segadv.victims.tasks.overlapping import OfStructures


def random_logits(count=3, shape=(5, 6), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, count, *shape, generator=generator) * 3


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_a_softmax_over_combinations_is_a_sigmoid_for_each_structure(count):
    z = random_logits(count)
    logits = joint(z)
    assert logits.shape[1] == 2**count
    assert torch.equal(single(logits), z)
    maps = z > 0
    assert torch.equal(combined(maps), logits.argmax(1))
    assert torch.equal(taken_apart(combined(maps), count).bool(), maps)
    shares = logits.softmax(1)
    for k in range(count):
        there = [c for c in range(2**count) if c >> k & 1]
        torch.testing.assert_close(shares[:, there].sum(1), z[:, k].sigmoid())
    labels = torch.randint(0, 2**count, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    whole = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        z, taken_apart(labels, count).float(), reduction="none"
    )
    torch.testing.assert_close(whole, each.sum(1))


def test_a_structure_far_surer_than_another_does_not_decide_for_it():
    """Their sum holds no digit of the smaller one."""
    z = torch.tensor([1e6, 1e-3, -1e-3]).reshape(1, 3, 1)
    assert combined(single(joint(z)) >= 0).item() == 3


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("cared", [False, True])
def test_an_attack_counts_what_the_measures_count(seed, targeted, cared):
    rng = np.random.default_rng(seed)
    scan = Scan.from_array(np.arange(42, dtype=np.uint8).reshape(6, 7))
    names = combinations(("a", "b", "c"))
    clean, target, after = (
        Overlapping(rng.integers(0, 8, (6, 7), dtype=np.uint8), scan.grid, names) for _ in range(3)
    )
    care = Mask((rng.random((6, 7)) > 0.4).astype(np.uint8), scan.grid) if cared else None
    z = torch.from_numpy(maps_of(after.array, 3)).float()[None] * 4 - 2
    problem = OfStructures(
        model=lambda images: joint(z),
        clean=torch.zeros(1, 1, 6, 7),
        labels=torch.from_numpy(target.array).long()[None],
        reference=torch.from_numpy(clean.array).long()[None],
        targeted=targeted,
        care=None if care is None else torch.from_numpy(care.array)[None],
    )
    moved, kept = Outputs(joint(z), problem).shares()
    given = {"target": target, "truth": None} if targeted else {"target": None, "truth": target}
    figures = overlaps_each(clean, after, care=care, **given)
    assert moved.item() == pytest.approx(figures["moved"])
    assert figures["kept"] is None or kept.item() == pytest.approx(figures["kept"])


def test_each_structure_is_measured_by_itself():
    """A pixel that leaves one structure and stays in another has moved once and is kept once."""
    grid = Scan.from_array(np.arange(4, dtype=np.uint8).reshape(1, 4)).grid
    names = combinations(("whole", "core"))
    clean, target, after = (
        Overlapping(np.array([row], np.uint8), grid, names)
        for row in ([3, 3, 1, 0], [1, 1, 1, 0], [1, 3, 0, 0])
    )
    figures = overlaps_each(clean, after, target=target, truth=clean, care=None)
    assert figures["moved"] == 1 / 2
    # One pixel of whole is lost, of five pairs of a pixel and a structure.
    assert figures["kept"] == pytest.approx(1 - 1 / 5)
    assert figures["target_iou_per_class"] == {"whole": 2 / 3}
    assert figures["target_pixel_accuracy"] == 6 / 8
    assert figures["dice_with_truth"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)
    assert figures["dice_with_truth_clean"] == 1.0
    assert pairs(torch.tensor([[3, 1, 0], [7, 0, 4]])).tolist() == [3, 4]


def problem_with(labels, reference, **more):
    clean = torch.zeros(1, 1, *labels.shape[1:])
    return OfStructures(lambda images: images, clean, labels, reference, **more)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_lead_to_the_target_of_each_structure(name):
    reference = torch.tensor([[[3, 3, 1], [0, 7, 4]]])
    labels = torch.tensor([[[1, 3, 1], [0, 3, 4]]])  # erases parts of the second and the third
    z = (taken_apart(reference, 3).float() * 6 - 3).requires_grad_()
    problem = problem_with(labels, reference)
    assert problem.erases
    before = LOSSES[name](Outputs(joint(z), problem))
    (gradient,) = torch.autograd.grad(before.sum(), z)
    change = taken_apart(labels, 3) - taken_apart(reference, 3)
    assert (gradient[change < 0] > 0).all()
    goal = joint(taken_apart(labels, 3).float() * 6 - 3)
    assert LOSSES[name](Outputs(goal, problem)) < before


def test_one_structure_is_erased_and_the_other_stays():
    scan, victim = Scan.from_array(disc_image()), discs()
    clean = victim.predict(scan)
    assert clean.maps.any((1, 2)).all()
    target = clean.with_structure(2, np.zeros(scan.grid.shape))
    example = sa.craft(scan, victim, sa.attacks.PGD(epsilon=60.0, steps=60), target=target)
    after = example.prediction_adversarial
    assert example.succeeded
    assert example.measures["moved"] >= 0.99
    lost = (after.maps[0] != clean.maps[0]).sum()
    assert lost <= 0.01 * clean.maps.sum()
    assert example.task.name == "overlapping"


def test_untargeted_and_by_queries():
    scan, victim = Scan.from_array(disc_image()), discs()
    for attack in (sa.attacks.PGD(epsilon=40.0, steps=20), sa.attacks.get("square")(steps=20)):
        example = sa.craft(scan, victim, attack, truth=victim.predict(scan).maps)
        assert example.measures["moved"] > 0
        assert example.measures["dice_with_truth"] < 1


def test_a_result_is_loaded_as_it_was_saved(tmp_path):
    sa.io.save(Scan.from_array(disc_image()), tmp_path / "discs.png")
    scan, victim = sa.read(tmp_path / "discs.png"), discs()
    target = victim.predict(scan).with_structure(2, np.zeros(scan.grid.shape))
    example = sa.craft(scan, victim, sa.attacks.PGD(epsilon=20.0, steps=3), target=target)
    folder = example.save(tmp_path / "out")
    again = sa.load_example(folder)
    for name in ("prediction_clean", "prediction_adversarial"):
        one, other = getattr(example, name), getattr(again, name)
        assert isinstance(other, Overlapping)
        assert other.structures == NAMES
        np.testing.assert_array_equal(one.array, other.array)
    assert again.measures == json.loads(json.dumps(example.measures))
    stored = np.asarray(nibabel.load(folder / "prediction_clean.nii.gz").dataobj)
    assert stored.shape == (64, 48, 1, 2)
    np.testing.assert_array_equal(stored[..., 0, 1].T, example.prediction_clean.maps[1])


def test_an_ensemble_and_a_surrogate():
    scan, victim = Scan.from_array(disc_image()), discs()
    target = victim.predict(scan).with_structure(2, np.zeros(scan.grid.shape))
    attack = sa.attacks.PGD(epsilon=60.0, steps=40)
    both = (discs(), replace(discs(), name="another"))
    example = sa.craft(scan, victim, attack, target=target, surrogate=both)
    assert example.measures["moved"] > 0.9


def weights_of(folder, **more):
    """A 2-D UNet with three channels as a file, with a JSON beside it."""
    from monai.networks.nets import UNet

    arguments = {"spatial_dims": 2, "in_channels": 1, "out_channels": 3}
    arguments |= {"channels": [4, 8], "strides": [2]}
    torch.manual_seed(0)
    path = folder / "three.pt"
    torch.save(UNet(**arguments).state_dict(), path)
    known = {"network": "UNet", "arguments": arguments, "window": [0, 255], "task": "overlapping"}
    path.with_suffix(".json").write_text(json.dumps(known | more))
    return path


BRATS = {"core": [1, 4], "whole": [1, 2, 4], "enhancing": [4]}


def test_the_json_beside_a_network(tmp_path):
    scan = Scan.from_array(disc_image())
    victim = load_victim(weights_of(tmp_path, classes=["core", "whole", "enhancing"]))
    mask = victim.predict(scan)
    assert mask.structures == ("core", "whole", "enhancing")
    bound = victim.on(scan)
    z = single(bound(bound.image))[0]
    np.testing.assert_array_equal(mask.maps, z.detach().numpy() >= 0)
    sharper = load_victim(weights_of(tmp_path, threshold=0.55)).predict(scan)
    assert sharper.structures == ("structure 1", "structure 2", "structure 3")
    np.testing.assert_array_equal(sharper.maps, z.sigmoid().detach().numpy() >= 0.55)


def test_a_label_map_is_a_target_if_the_labels_are_known(tmp_path):
    scan = Scan.from_array(disc_image())
    labels = np.zeros(scan.grid.shape, np.uint8)
    labels[10:30, 10:30], labels[12:20, 12:20], labels[14:16, 14:16] = 2, 1, 4
    victim = load_victim(weights_of(tmp_path, regions=BRATS))
    given = Mask(labels, scan.grid)
    wanted = victim.task.wanted(given, "target", scan, victim)
    np.testing.assert_array_equal(wanted.maps[0], np.isin(labels, (1, 4)))
    np.testing.assert_array_equal(wanted.maps[1], labels > 0)
    unknown = load_victim(weights_of(tmp_path, classes=list(BRATS)))
    with pytest.raises(SegadvError, match='one label map.*"regions"'):
        unknown.task.wanted(given, "target", scan, unknown)


BROKEN = {
    "names": ({"classes": ["background", "a", "b", "c"]}, "names 4 structures but predicts 3"),
    "activation": ({"activation": "softmax"}, "have a sigmoid each, not a softmax"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said(name, tmp_path):
    more, words = BROKEN[name]
    victim = load_victim(weights_of(tmp_path, **more))
    with pytest.raises(SegadvError, match=words):
        victim.predict(Scan.from_array(disc_image()))


WRONG_VALUES = [
    {"threshold": 1.5},
    {"regions": {"a": [1]}, "classes": ["b"]},
    {"regions": {"a": [1]}, "task": "segmentation"},
]


@pytest.mark.parametrize("more", WRONG_VALUES)
def test_a_description_with_a_wrong_value_is_refused(more, tmp_path):
    with pytest.raises(SegadvError, match="a value is invalid"):
        load_victim(weights_of(tmp_path, **more))


def test_torchscript_that_ends_in_sigmoids_says_how_to_choose_the_task(tmp_path):
    network = torch.nn.Sequential(Discs(), torch.nn.Sigmoid()).eval()
    path = save_torchscript(network, tmp_path)
    scan = Scan.from_array(disc_image())
    description = {"classes": ["a", "b"], "dims": 2}
    path.with_suffix(".json").write_text(json.dumps(description))
    with pytest.raises(SegadvError) as error:
        load_victim(path)
    trust = error.value.sha256
    with pytest.raises(SegadvError, match='set "task" to "overlapping"'):
        load_victim(path, trust=trust).predict(scan)
    path.with_suffix(".json").write_text(json.dumps({**description, "task": "overlapping"}))
    with pytest.raises(SegadvError) as error:
        load_victim(path)
    victim = load_victim(path, trust=error.value.sha256)
    np.testing.assert_array_equal(victim.predict(scan).array, discs().predict(scan).array)


def test_probabilities_have_the_gradient_of_their_logits():
    z = random_logits().requires_grad_()
    found = Head("sigmoid").structure_logits(z.sigmoid())
    torch.testing.assert_close(found, z, rtol=1e-4, atol=1e-5)
    (gradient,) = torch.autograd.grad(found.sum(), z)
    torch.testing.assert_close(gradient, torch.ones_like(z), rtol=1e-4, atol=1e-4)


def test_a_volume_slice_by_slice_and_with_windows():
    volume = Scan.from_array(np.stack([disc_image(seed=n) for n in range(3)]))
    flat = discs().predict(volume)
    for z in range(3):
        alone = discs().predict(Scan.from_array(volume.array[z]))
        np.testing.assert_array_equal(flat.array[z], alone.array)


def test_classes_that_are_no_combinations():
    victim = Victim(Discs(), "discs", dims=2, classes=("a", "b", "c"), task="overlapping")
    with pytest.raises(SegadvError, match="discs: 3 classes can't be the combinations"):
        victim.predict(Scan.from_array(disc_image()))
    with pytest.raises(SegadvError, match="0 structures that may overlap"):
        combinations([])


def test_numbers_and_maps():
    numbers = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(numbers_of(maps_of(numbers, 6)), numbers)
