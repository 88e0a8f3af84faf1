"""The mask that a bundle's own program writes: our way back against MONAI's, from end to end."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from helpers import save_bundle
from monai.networks.nets import UNet

import napari_segadv as sa
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.victims.decision import Decision, Tidying
from napari_segadv.victims.loading.registry import load_file
from napari_segadv.victims.postprocessing import read_decision

WAY = {"transform": "@preprocessing", "orig_keys": "image"}
SOFTMAX = {"_target_": "Activationsd", "keys": "pred", "softmax": True}
ARGMAX = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
LINEAR = {"_target_": "Invertd", "keys": "pred", "nearest_interp": False, **WAY}
NEAREST = {"_target_": "Invertd", "keys": "pred", "nearest_interp": True, **WAY}
LARGEST = {"_target_": "KeepLargestConnectedComponentd", "keys": "pred", "applied_labels": [1]}
HOLES = {"_target_": "FillHolesd", "keys": "pred", "applied_labels": [1, 2]}
SAVED = {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@low"}
ORDERS = {
    "logits": ([LINEAR, ARGMAX, SAVED], Decision("logits")),
    "probabilities": ([SOFTMAX, LINEAR, ARGMAX, SAVED], Decision("probabilities")),
    "labels": ([SOFTMAX, ARGMAX, NEAREST, SAVED], Decision("labels")),
    "tidied before": (
        [ARGMAX, LARGEST, NEAREST],
        Decision("labels", before=(Tidying("KeepLargestConnectedComponent", {}),)),
    ),
    "tidied after": (
        [SOFTMAX, LINEAR, ARGMAX, LARGEST, HOLES],
        Decision("probabilities", after=(Tidying("KeepLargestConnectedComponent", {}),)),
    ),
}
# mm: finer and coarser than the network's 3 mm, and 4.5, where half of the pixels lie half-way.
SPACINGS = [(2.5, 2.0, 2.0), (3.0, 3.0, 3.0), (5.0, 4.5, 4.5), (1.5, 1.7, 1.3)]


@pytest.fixture
def made(tmp_path):
    """Makes a bundle of a smooth 3-D network with a postprocessing; returns its victim."""

    number = count()

    def make(post, spacing=(3.0, 3.0, 3.0), more=(), classes=3):
        torch.manual_seed(2)
        arguments = {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": classes,
            "channels": [4, 8],
            "strides": [2],
        }
        steps = [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": list(spacing), "mode": "bilinear"},
            *more,
            {
                "_target_": "ScaleIntensityRanged",
                "keys": "image",
                "a_min": -100.0,
                "a_max": 300.0,
                "b_min": 0.0,
                "b_max": 1.0,
                "clip": True,
            },
        ]
        config = {
            "low": 0,
            "network_def": {"_target_": "UNet", **arguments},
            "preprocessing": {"_target_": "Compose", "transforms": steps},
            "inferer": {
                "_target_": "SlidingWindowInferer",
                "roi_size": [16, 16, 16],
                "overlap": 0.5,
                "mode": "gaussian",
            },
            "postprocessing": {"_target_": "Compose", "transforms": post},
        }
        names = {str(n): f"class {n}" for n in range(classes)}
        metadata = {
            "name": "small",
            "network_data_format": {
                "inputs": {"image": {"num_channels": 1, "spatial_shape": [16, 16, 16]}},
                "outputs": {"pred": {"channel_def": names}},
            },
        }
        network = UNet(**arguments)
        # Without this, nearly everything is one class.
        with torch.no_grad():
            for weight in network.parameters():
                weight.mul_(2.0)
        return load_file(save_bundle(network, tmp_path / str(next(number)), config, metadata))

    return make


def volume(spacing, shape=(20, 26, 24)):
    """Blurred noise, in which a random network finds blobs."""
    rng = np.random.default_rng(4)
    array = rng.normal(100, 400, shape)
    for axis in range(3):
        array = sum(np.roll(array, step, axis) for step in (-2, -1, 0, 1, 2)) / 5
    direction = np.diag([1.0, -1.0, -1.0])
    grid = Grid(shape, spacing, (-20.0, 10.0, 5.0), direction)
    return Scan(np.rint(array).astype(np.int16), grid, "HU", Storage("int16"))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("order", ORDERS)
def test_our_mask_is_monais_from_end_to_end(made, order, spacing):
    post, expected = ORDERS[order]
    victim = made(post)
    assert victim.decision.carried == expected.carried
    for part in ("before", "after"):
        names = [step.name for step in getattr(expected, part)]
        assert [step.name for step in getattr(victim.decision, part)][: len(names)] == names
    bound = victim.on(volume(spacing))
    mask = bound.predict()
    assert len(np.unique(mask.array)) > 1
    assert bound.agreement(mask) == 1.0


def test_the_orders_do_differ(made):
    """Or the test above would prove nothing."""
    masks = {
        name: made(post).predict(volume((5.0, 4.5, 4.5))).array
        for name, (post, _) in ORDERS.items()
    }
    for one, other in [
        ("logits", "labels"),
        ("probabilities", "labels"),
        ("labels", "tidied before"),
    ]:
        assert (masks[one] != masks[other]).any(), (one, other)


@pytest.mark.parametrize("mode", ["area", "trilinear", "nearest"])
def test_a_resize_goes_back_as_it_came(made, mode):
    for post in ([LINEAR, ARGMAX], [ARGMAX, NEAREST]):
        resize = {
            "_target_": "Resized",
            "keys": "image",
            "spatial_size": [32, 16, 32],
            "mode": mode,
        }
        bound = made(post, more=[resize]).on(volume((3.0, 3.0, 3.0)))
        assert bound.agreement(bound.predict()) == 1.0


def test_cut_off_pixels_are_background(made):
    crop = {"_target_": "CenterSpatialCropd", "keys": "image", "roi_size": [16, 16, 16]}
    for post, _ in ORDERS.values():
        bound = made(post, more=[crop]).on(volume((3.0, 3.0, 3.0)))
        mask = bound.predict()
        assert (mask.array[0] == 0).all()
        assert bound.agreement(mask) == 1.0


def test_a_threshold_of_one_channel(made):
    post = [
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        LINEAR,
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.7},
    ]
    victim = made(post, classes=1)
    assert victim.decision == Decision("probabilities", threshold=0.7)
    bound = victim.on(volume((2.5, 2.0, 2.0)))
    mask = bound.predict()
    assert 0 < mask.array.mean() < 1
    assert bound.agreement(mask) == 1.0


def test_the_gradient_takes_the_same_way(made):
    """The logits' likeliest class is the mask, unless something is tidied up."""
    for name in ("logits", "probabilities", "labels"):
        bound = made(ORDERS[name][0]).on(volume((5.0, 4.5, 4.5)))
        image = bound.image.clone().requires_grad_()
        logits = bound(image)
        np.testing.assert_array_equal(logits[0].argmax(0).numpy(), bound.predict().array)
        weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
        (gradient,) = torch.autograd.grad((logits * weights).sum(), image)
        way = gradient / gradient.abs().max()
        with torch.no_grad():
            h = 0.5
            ends = [
                float((bound(image + s * h * way) * weights).sum(dtype=torch.float64))
                for s in (1, -1)
            ]
        slope = float((gradient * way).sum())
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope, rel=0.05)


def test_an_attack_is_judged_on_the_tidied_mask(made):
    victim, scan = made(ORDERS["tidied before"][0]), volume((5.0, 4.5, 4.5))
    clean = victim.predict(scan)
    wanted = clean.array.copy()
    wanted[wanted == 1] = 0
    example = sa.craft(scan, victim, sa.attacks.PGD(epsilon=40.0, steps=3), target=wanted)
    again = victim.predict(example.adversarial).array
    np.testing.assert_array_equal(example.prediction_adversarial.array, again)
    assert any("100.0 % of the structures' pixels" in note for note in example.notes)
    assert example.record["victim"]["decision"] == {
        "mapped_back": "labels",
        "threshold": 0.5,
        "tidied_up": ["KeepLargestConnectedComponent"],
    }


def _of_pipelines(notes):
    """The notes that are not about what windows hide."""
    return tuple(note for note in notes if not note.startswith("windows of "))


def test_how_well_a_bundle_is_reproduced_is_told(made):
    scan = volume((5.0, 4.5, 4.5))
    bound = made(ORDERS["labels"][0]).on(scan)
    mask = bound.predict()
    assert _of_pipelines(bound.agreement_notes(mask)) == (
        "on this image, 100.0 % of the structures' pixels are predicted as by the model's own "
        "pipeline",
    )
    other = replace(bound.victim, decision=Decision("probabilities")).on(scan)
    (note,) = _of_pipelines(other.agreement_notes(other.predict()))
    assert note.startswith("only ")
    assert "its own program may write another mask" in note

    def fails(*arguments):
        raise SegadvError("MONAI's own pipeline fails on this image (KeyError: 6)")

    failing = replace(bound.victim, own=fails).on(scan)
    (note,) = _of_pipelines(failing.agreement_notes(mask))
    assert note.startswith("not compared with the model's own pipeline: MONAI's own pipeline fails")
    alone = replace(bound.victim, own=None).on(scan)
    assert _of_pipelines(alone.agreement_notes(mask)) == ()


def test_a_step_that_is_not_known_is_told(made):
    post = [*ORDERS["labels"][0][:-1], {"_target_": "Lambdad", "keys": "pred", "func": "@low"}]
    victim = made(post)
    assert victim.notes == (
        "its postprocessing step Lambdad is not known and was not applied, so its own program may "
        "write another mask",
    )
    assert victim.on(volume((3.0, 3.0, 3.0))).seen == victim.notes


def test_class_numbers_are_not_interpolated():
    decision, (note,) = read_decision([ARGMAX, LINEAR])
    assert decision == Decision("labels")
    assert note.startswith("its own program interpolates between class numbers")


def test_what_is_disabled_is_not_done():
    decision, notes = read_decision([{**LARGEST, "_disabled_": True}, ARGMAX, NEAREST])
    assert (decision, notes) == (Decision("labels"), ())


def test_a_slice_by_slice_network_tidies_each_slice(made):
    from helpers import volume_victim

    victim = replace(
        volume_victim(2),
        decision=Decision(
            after=(Tidying("KeepLargestConnectedComponent", {"applied_labels": [1]}),)
        ),
    )
    scan = volume((3.0, 3.0, 3.0))
    mask = victim.predict(scan).array
    flat = replace(victim, decision=Decision()).predict(scan).array
    step = victim.decision.after[0]
    for ours, plain in zip(mask, flat, strict=True):
        np.testing.assert_array_equal(ours, step(torch.as_tensor(plain.astype(int))[None])[0])
    assert (mask != flat).any()
