"""Bundles with a sigmoid for each of several structures: each gets the mask that MONAI makes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from zoo import FIRST, LOAD, PLAIN, UNET, composed, metadata, window
from zoo_itself import save_colour, save_ct, save_zoo, theirs

import napari_segadv as sa
from napari_segadv.data.overlapping import combinations, to_labels
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim

NAMES = {"0": "Tumor core", "1": "Whole tumor", "2": "Enhancing tumor"}
SIGMOID = {"_target_": "Activationsd", "keys": "pred", "sigmoid": True}
BACK = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
BACK |= {"orig_keys": "@image_key", "to_tensor": True}
LINEAR, NEAREST = {**BACK, "nearest_interp": False}, {**BACK, "nearest_interp": True}
LARGEST = {"_target_": "KeepLargestConnectedComponentd", "keys": "pred"}
# As the published bundle of brain tumours paints its structures.
PAINTED = {
    "_target_": "Lambdad",
    "keys": "pred",
    "func": "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, "
    "torch.where(x[[1]] > 0, 2, 0)))",
}


def threshold(at=0.5):
    return {"_target_": "AsDiscreted", "keys": "pred", "threshold": at}


ORDERS = {
    "probabilities": [SIGMOID, LINEAR, threshold()],
    "at .65": [SIGMOID, LINEAR, threshold(0.65)],
    "logits": [LINEAR, SIGMOID, threshold()],
    "labels": [SIGMOID, threshold(0.6), NEAREST],
    "tidied before": [SIGMOID, threshold(), LARGEST, NEAREST],
    "tidied after": [SIGMOID, LINEAR, threshold(), {**LARGEST, "applied_labels": [0, 1, 2]}],
}


# Resampled in double precision, as by default: where two of the network's pixels are as near,
# the type of the numbers decides.
STEPS = composed(
    LOAD,
    FIRST,
    {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
    {"_target_": "Spacingd", "keys": "@image_key", "pixdim": [1.5, 1.5, 2.0], "mode": "bilinear"},
    window(-57, 164),
)


def three(folder, post, **more):
    """A bundle of three structures, each of which is somewhere."""
    config = {
        **PLAIN,
        "network_def": {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": 3},
        "preprocessing": STEPS,
        "postprocessing": composed(*post),
        **more,
    }
    return save_zoo(folder, config, metadata(3, 1, NAMES))


@pytest.mark.parametrize("name", ORDERS)
def test_every_structure_gets_the_mask_that_monai_gives_it(name, tmp_path):
    root = three(tmp_path, ORDERS[name])
    scan = sa.read(save_ct(tmp_path))
    victim = load_victim(root)
    assert (victim.task.name, victim.trust) == ("overlapping", "data")
    assert victim.classes == combinations(list(NAMES.values()))
    bound = victim.on(scan, present="none")
    found = bound.predict()
    expected = np.stack([one.numpy().T for one in theirs(root, scan.path)[1]]) > 0
    assert found.maps.shape == expected.shape
    share = expected.mean(axis=(1, 2, 3))
    assert (share > 0).all(), "each structure has to be somewhere"
    assert (share < 1).all()
    assert (found.maps != expected).sum() == 0
    assert bound.agreement(found) == 1.0


@pytest.mark.parametrize("post", [[LINEAR, threshold(0.4)], [threshold(0.4), NEAREST]])
def test_a_network_that_ends_in_sigmoids_is_cut_as_it_is(post, tmp_path):
    victim = load_victim(three(tmp_path, post))
    assert victim.task.name == "overlapping"
    network = torch.nn.Sequential(victim.network, torch.nn.Sigmoid()).eval()
    bound = replace(victim, network=network).on(sa.read(save_ct(tmp_path)), present="none")
    found = bound.predict()
    assert len(np.unique(found.array)) > 4
    assert bound.agreement(found) == 1.0


def test_they_do_overlap(tmp_path):
    """Or the test above would prove nothing."""
    found = load_victim(three(tmp_path, ORDERS["probabilities"])).predict(
        sa.read(save_ct(tmp_path))
    )
    assert len(np.unique(found.array)) > 4


def test_the_gradient_is_that_of_finite_differences(tmp_path):
    scan = sa.read(save_ct(tmp_path))
    for place, name in enumerate(("probabilities", "at .65", "logits")):
        (tmp_path / str(place)).mkdir()
        bound = load_victim(three(tmp_path / str(place), ORDERS[name])).on(scan, present="none")
        image = bound.image.clone().requires_grad_()
        logits = bound(image)
        weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
        (gradient,) = torch.autograd.grad((logits * weights).sum(), image)
        way = gradient / gradient.abs().max()
        with torch.no_grad():
            ends = [
                float((bound(image + s * 0.5 * way) * weights).sum(dtype=torch.float64))
                for s in (1, -1)
            ]
        assert ends[0] - ends[1] == pytest.approx(float((gradient * way).sum()), rel=0.05)


def test_structures_that_are_painted_to_a_label_map_know_its_labels(tmp_path):
    victim = load_victim(three(tmp_path, [*ORDERS["probabilities"], PAINTED]))
    assert victim.trust == "data"
    assert victim.regions == {
        "Tumor core": (1, 4),
        "Whole tumor": (1, 2, 4),
        "Enhancing tumor": (4,),
    }
    assert any("Tumor core=1+4" in note for note in victim.notes)
    other = PAINTED["func"].replace("4", "os.system('ls')")
    (tmp_path / "other").mkdir()
    odd = load_victim(three(tmp_path / "other", [*ORDERS["logits"], {**PAINTED, "func": other}]))
    assert odd.regions is None
    assert any("Lambdad is not known" in note for note in odd.notes)


def test_several_channels_as_for_brain_tumours(tmp_path):
    """Three input channels, each normalised where it is not zero, as the published bundle does."""
    normal = {"_target_": "NormalizeIntensityd", "keys": "@image_key", "nonzero": True}
    steps = composed(LOAD, {**FIRST, "channel_dim": -1}, {**normal, "channel_wise": True})
    config = {
        "network_def": {"_target_": "SegResNet", "spatial_dims": 2, "blocks_down": [1, 1]}
        | {"blocks_up": [1], "init_filters": 8, "in_channels": 3, "out_channels": 3},
        "preprocessing": steps,
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32], "overlap": 0.5},
        "postprocessing": composed(SIGMOID, LINEAR, threshold(), PAINTED),
    }
    root = save_zoo(tmp_path, config, metadata(2, 3, NAMES))
    scan = sa.read(save_colour(tmp_path))
    victim = load_victim(root)
    assert (victim.task.name, victim.trust, victim.channels) == ("overlapping", "data", 3)
    bound = victim.on(scan, present="none")
    found = bound.predict()
    assert len(np.unique(found.array)) > 2
    painted = theirs(root, scan.path)[1][0].numpy().T
    np.testing.assert_array_equal(to_labels(found, victim.regions).array, painted)
    assert bound.agreement(found) == 1.0


def test_the_published_network_of_brain_tumours_loads(tmp_path):
    config = {
        "network_def": {"_target_": "SegResNet", "blocks_down": [1, 2, 2, 4]}
        | {"blocks_up": [1, 1, 1], "init_filters": 16, "in_channels": 4, "out_channels": 3}
        | {"dropout_prob": 0.2},
        "preprocessing": composed(
            LOAD,
            {"_target_": "NormalizeIntensityd", "keys": "@image_key", "nonzero": True}
            | {"channel_wise": True},
        ),
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [240, 240, 160]}
        | {"sw_batch_size": 1, "overlap": 0.5},
        "postprocessing": composed(SIGMOID, LINEAR, threshold(), PAINTED),
    }
    meta = metadata(3, 4, NAMES)
    victim = load_victim(save_zoo(tmp_path, config, meta))
    assert (victim.task.name, victim.trust, victim.channels) == ("overlapping", "data", 4)
    assert victim.regions["Tumor core"] == (1, 4)


def test_probabilities_that_are_never_cut_are_told(tmp_path):
    victim = load_victim(three(tmp_path, [SIGMOID, LINEAR]))
    assert victim.task.name == "overlapping"
    assert any("its own program writes probabilities" in note for note in victim.notes)


def test_too_many_are_refused_by_their_number(tmp_path):
    config = {
        **PLAIN,
        "network_def": {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": 7},
        "postprocessing": composed(*ORDERS["logits"]),
    }
    root = save_zoo(tmp_path, config, metadata(3, 1, {}))
    with pytest.raises(SegadvError, match="7 structures that may overlap; 1 to 6 are supported"):
        load_victim(root)
