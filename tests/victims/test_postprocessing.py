"""Cuts, classes and tidying of a bundle's postprocessing: our mask is the one that MONAI writes."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from zoo import NAMES, UNET, composed, metadata
from zoo_itself import parser_of, save_zoo, theirs

import napari_segadv as sa
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.decision import Tidying
from napari_segadv.victims.postprocessing import of_prediction, read_decision

PRED = {"keys": "pred"}
LOAD = {"_target_": "LoadImaged", "keys": "image"}
FIRST = {"_target_": "EnsureChannelFirstd", "keys": "image"}
WINDOW = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -57.0, "a_max": 164.0}
WINDOW |= {"b_min": 0.0, "b_max": 1.0, "clip": True}
SPACING = {"_target_": "Spacingd", "keys": "image", "pixdim": [2.0, 2.0, 3.0]}
PAD = {"_target_": "DivisiblePadd", "keys": "image", "k": 4}
CROP = {"_target_": "CenterSpatialCropd", "keys": "image", "roi_size": [16, 16, 8]}
SOFTMAX = {"_target_": "Activationsd", **PRED, "softmax": True}
SIGMOID = {"_target_": "Activationsd", **PRED, "sigmoid": True}
ARGMAX = {"_target_": "AsDiscreted", **PRED, "argmax": True}
NEAREST = {"_target_": "Invertd", **PRED, "transform": "@preprocessing", "orig_keys": "image"}
LINEAR = {**NEAREST, "nearest_interp": False}
SMALL = {"_target_": "RemoveSmallObjectsd", **PRED}
LARGEST = {"_target_": "KeepLargestConnectedComponentd", **PRED}


def cut(threshold, **more) -> dict:
    return {"_target_": "AsDiscreted", **PRED, "threshold": threshold, **more}


def bundle(folder: Path, before: list, after: list, channels: int) -> Path:
    network = {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": channels}
    steps = composed(LOAD, FIRST, *before, WINDOW, PAD)
    config = {"network_def": network, "preprocessing": steps, "postprocessing": composed(*after)}
    names = {"0": "background", "1": "disc"} if channels < 3 else NAMES
    if channels == 3 and not any(step.get("argmax") or step.get("softmax") for step in after):
        names = {"0": "a", "1": "b", "2": "c"}
    config |= {"inferer": {"_target_": "SimpleInferer"}}
    return save_zoo(folder, config, metadata(3, channels, names))


def ct(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    x, y, z = np.mgrid[:24, :20, :16]
    volume = rng.normal(-60, 25, (24, 20, 16))
    volume += 150 * (np.hypot(np.hypot(x - 8, y - 9), (z - 8)) < 5)
    volume[14:20, 6:15, 4:12] += 320
    image = nibabel.Nifti1Image(volume.astype(np.int16), np.diag([-1.3, 1.2, 2.2, 1.0]))
    nibabel.save(image, folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


# Steps before the network, steps after it, and its channels.
CASES = {
    "its own values, cut at .5": ([], [cut(0.5)], 1),
    "cut at 0": ([], [cut(0)], 1),
    "cut at 1": ([], [cut(1.0)], 1),
    "cut below 0": ([], [cut(-0.5)], 1),
    "its own values, mapped back": ([SPACING], [LINEAR, cut(0.3)], 1),
    "cut at 0, with a crop": ([CROP], [LINEAR, cut(0.0)], 1),
    "cut below 0, with a crop": ([SPACING, CROP], [NEAREST, cut(-0.2)], 1),
    "cut at .2, with a crop": ([CROP], [LINEAR, cut(0.2)], 1),
    "cut, then mapped back with a crop": ([CROP], [cut(-0.2), NEAREST], 1),
    "probabilities of what was mapped back with a crop": ([CROP], [LINEAR, SIGMOID, cut(0.5)], 1),
    "the same, cut higher": ([SPACING, CROP], [LINEAR, SIGMOID, cut(0.6)], 1),
    "probabilities by another name": (
        [],
        [{"_target_": "Activationsd", **PRED, "other": "$torch.sigmoid"}, cut(0.6)],
        1,
    ),
    "a value for each key": (
        [],
        [SIGMOID, {**ARGMAX, "keys": ["pred", "label"], "argmax": [True, False]}
         | {"allow_missing_keys": True}],
        3,
    ),
    "the second key": (
        [],
        [SIGMOID, {**cut([None, 0.6]), "keys": ["label", "pred"], "allow_missing_keys": True}],
        1,
    ),
    "another key's step": (
        [],
        [{**SIGMOID, "keys": "label", "allow_missing_keys": True}, cut(0.4)],
        1,
    ),
    "rounded": ([], [SIGMOID, {"_target_": "AsDiscreted", **PRED, "rounding": "torchrounding"}], 1),
    "the nearest values by default": ([SPACING], [SOFTMAX, NEAREST, ARGMAX], 3),
    "the nearest values themselves": ([SPACING], [NEAREST, ARGMAX], 3),
    "the nearest probability": ([SPACING], [SIGMOID, NEAREST, cut(0.6)], 1),
    "a sigmoid for each class": ([SPACING], [SIGMOID, LINEAR, ARGMAX], 3),
    "class numbers cut": ([], [{**ARGMAX, "threshold": 0.7}], 2),
    "two classes of a softmax, cut": ([SPACING], [SOFTMAX, LINEAR, cut(0.6), ARGMAX], 2),
    "small by measure": ([], [SOFTMAX, ARGMAX, {**SMALL, "min_size": 8000, "by_measure": True}], 3),
    "small by measure before the way back": (
        [SPACING],
        [ARGMAX, {**SMALL, "min_size": 8000, "by_measure": True}, NEAREST],
        3,
    ),
    "small by measure after it": (
        [SPACING],
        [SOFTMAX, LINEAR, ARGMAX, {**SMALL, "min_size": 8000, "by_measure": True}],
        3,
    ),
    "small in maps": (
        [],
        [ARGMAX, {"_target_": "AsDiscreted", **PRED, "to_onehot": 3}, {**SMALL, "min_size": 30},
         ARGMAX],
        3,
    ),
    "largest in maps": (
        [SPACING],
        [{**ARGMAX, "to_onehot": 3}, {**LARGEST, "applied_labels": [1], "is_onehot": True},
         ARGMAX, NEAREST],
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_our_mask_is_monais(case, tmp_path):
    before, after, channels = CASES[case]
    root, path = bundle(tmp_path, before, after, channels), ct(tmp_path)
    victim = load_victim(root)
    found = victim.predict(sa.read(path), present="none").array
    _, mask = theirs(root, path)
    if before and not any(step["_target_"] == "Invertd" for step in after):
        pytest.fail("the case would compare two grids")
    expected = mask[0].numpy().T
    assert found.shape == expected.shape
    assert (found != expected).sum() == 0
    assert 0 < (expected > 0).mean() < 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [cut(0.5)]),
        ([], [cut(0.0)]),
        ([SPACING], [LINEAR, cut(-0.2)]),
        ([CROP], [LINEAR, cut(-0.2)]),
        ([], [cut(2.0)]),
        ([CROP], [LINEAR, SIGMOID, cut(0.5)]),
        ([SPACING], [SIGMOID, NEAREST, cut(0.6)]),
        ([SPACING], [SIGMOID, LINEAR, cut(0.6)]),
        ([], [SIGMOID, cut(0.5), {**SMALL, "min_size": 8000, "by_measure": True}]),
        ([], [SIGMOID, cut(0.5), {**LARGEST, "applied_labels": [1]}]),
    ],
    ids=str,
)
def test_our_structures_are_monais(before, after, tmp_path):
    root, path = bundle(tmp_path, before, after, 3), ct(tmp_path)
    victim = load_victim(root)
    assert victim.task.name == "overlapping"
    found = victim.predict(sa.read(path), present="none").maps
    _, mask = theirs(root, path)
    for ours, expected in zip(found, mask.numpy(), strict=True):
        assert (ours.astype(bool) != expected.T.astype(bool)).sum() == 0


class EndsInSigmoid(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).sigmoid()


@pytest.mark.parametrize("after", [[cut(0.6)], [LINEAR, cut(0.6)], [NEAREST, cut(0.6)]], ids=str)
def test_a_network_that_ends_in_probabilities(after, tmp_path):
    """The same threshold counts on logits as 0.6, and on probabilities as their 0.6."""
    before = [SPACING] if len(after) > 1 else []
    root, path = bundle(tmp_path, before, after, 1), ct(tmp_path)
    victim = load_victim(root)
    own = replace(victim, network=EndsInSigmoid(victim.network), own=None)
    bound = own.on(sa.read(path), present="none")
    found = bound.predict().array
    with torch.no_grad():
        x = bound.prepared(bound.image)
        output = own.network(x)[0]
    parser = parser_of(root)
    data = {"image": str(path)}
    data = parser.get_parsed_content("preprocessing")(data)
    data["pred"] = data["image"].clone()
    data["pred"][...] = output
    expected = parser.get_parsed_content("postprocessing")(data)["pred"][0].numpy().T
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_mask_that_is_resampled_when_it_is_saved(mode, tmp_path):
    save = {"_target_": "SaveImaged", **PRED, "resample": True, "mode": mode, "print_log": False}
    save |= {"output_dir": str(tmp_path / "out"), "padding_mode": "border"}
    orient = {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"}
    root = bundle(tmp_path, [orient, SPACING], [SOFTMAX, ARGMAX, save], 3)
    path = ct(tmp_path)
    victim = load_victim(root)
    found = victim.predict(sa.read(path), present="none").array.T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs(root, path)
    (file,) = (tmp_path / "out").rglob("*.nii.gz")
    saved = np.asarray(nibabel.load(file).dataobj).squeeze()
    assert saved.shape == found.shape
    assert np.allclose(nibabel.load(file).affine, nibabel.load(path).affine)
    on = (saved > 0) | (found > 0)
    assert any("when it saves it" in note for note in victim.notes)
    if mode == "nearest":
        assert (saved == found)[on].mean() > 0.999
    else:
        assert any("interpolates between class numbers" in note for note in victim.notes)


# Postprocessings that are refused, channels, and a part of the message.
REFUSED = {
    "probabilities cut at 2": ([SIGMOID, cut(2)], 1, "which all or none reach"),
    "probabilities cut at 0": ([SIGMOID, cut(0.0)], 1, "which all or none reach"),
    "argmax of one channel": ([ARGMAX], 1, "argmax of one channel"),
    "softmax of one channel": ([SOFTMAX, cut(0.5)], 1, "softmax of one channel"),
    "two activations": ([SIGMOID, SIGMOID, cut(0.5)], 1, "behind another"),
    "activation of labels": ([ARGMAX, SOFTMAX], 3, "behind another or behind AsDiscrete"),
    "class numbers cut": ([SOFTMAX, {**ARGMAX, "threshold": 0.5}], 3, "one class of several"),
    "another activation": ([{**SIGMOID, "sigmoid": False, "other": "$torch.tanh"}], 1, "other"),
    "another function": (
        [SIGMOID, {**LINEAR, "post_func": "$lambda x: (x >= 0.8).float()"}],
        1,
        "post_func",
    ),
    "another axis": ([{**SOFTMAX, "dim": 1}, ARGMAX], 3, "dim = 1"),
    "tidied before a class is chosen": ([SOFTMAX, LARGEST, ARGMAX], 3, "no classes"),
    "an argument that is not known": ([{**ARGMAX, "new": 1}], 3, "new = 1"),
    "rounded logits": ([{**cut(None), "rounding": "torchrounding"}], 1, "rounding"),
    "cast to bytes": (
        [SIGMOID, {"_target_": "CastToTyped", **PRED, "dtype": "$torch.uint8"}, cut(0.5)],
        1,
        "dtype",
    ),
    "lists of another length": ([SIGMOID, cut([0.5, 0.6])], 1, "2 values of threshold for 1 key"),
    "numbers resampled": (
        [{"_target_": "SaveImaged", **PRED, "resample": True}],
        3,
        "before a class was chosen",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_followed_is_refused_in_a_line(case, tmp_path):
    after, channels, message = REFUSED[case]
    root = bundle(tmp_path, [], [SOFTMAX, ARGMAX] if channels == 3 else [SIGMOID], channels)
    config = root / "configs" / "inference.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"postprocessing": composed(*after)}))
    with pytest.raises(SegadvError, match=message) as caught:
        load_victim(root)
    assert str(caught.value).startswith(f"{config}: ")
    assert "\n" not in str(caught.value)


CODE = {
    "labels": ([ARGMAX, {**LARGEST, "applied_labels": "$[i for i in range(1, 3)]"}], 3, [1, 2]),
    "a threshold": ([SIGMOID, cut("$sum([0.8 for _ in [1]])")], 1, 0.8),
}


@pytest.mark.parametrize("what", CODE)
def test_an_argument_that_is_code_is_asked_about_and_then_counts(what, tmp_path):
    after, channels, value = CODE[what]
    root = bundle(tmp_path, [], after, channels)
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    assert any("postprocessing" in line and "$" in line for line in asked.value.runs)
    decision = load_victim(root, asked.value.sha256).decision
    if what == "labels":
        (tidying,) = (*decision.before, *decision.after)
        assert tidying.arguments["applied_labels"] == value
    else:
        assert decision.threshold == value


def test_classes_that_are_cut_each_are_told(tmp_path):
    victim = load_victim(bundle(tmp_path, [], [SOFTMAX, cut(0.7)], 3))
    assert victim.task.name == "segmentation"
    assert any("keeps a class wherever its probability" in note for note in victim.notes)


def test_a_probability_network_with_an_odd_threshold_is_refused(tmp_path):
    victim = load_victim(bundle(tmp_path, [], [cut(2.0)], 1))
    own = replace(victim, network=EndsInSigmoid(victim.network))
    with pytest.raises(SegadvError, match="cuts probabilities at 2, which all or none reach"):
        own.predict(sa.read(ct(tmp_path)), present="none")


def test_lists_of_one_key_and_of_several_are_read_alike():
    several = [{**ARGMAX, "keys": ["label", "pred"], "argmax": [False, True]}]
    one = [{**ARGMAX, "keys": ["pred"], "argmax": [True]}]
    assert of_prediction(several) == of_prediction(one) == [ARGMAX]
    assert of_prediction(of_prediction(several)) == [ARGMAX]
    assert read_decision(several) == read_decision([ARGMAX])
    assert read_decision([{**ARGMAX, "keys": "other"}]) == read_decision([ARGMAX])


def test_of_parts_of_one_size_the_one_that_monai_keeps(tmp_path):
    """MONAI counts along (x, y, z): which of two comes first depends on the order of the axes."""
    import monai.transforms

    labels = torch.zeros(1, 4, 6, 8)  # (z, y, x)
    labels[0, 0, 0, 7] = labels[0, 3, 5, 0] = 1
    kept = monai.transforms.KeepLargestConnectedComponent()(
        labels[0].permute(2, 1, 0)[None].clone()
    )[0]
    step = Tidying("KeepLargestConnectedComponent")
    assert (step(labels.permute(0, 3, 2, 1))[0] == kept).all()
    assert (step(labels)[0] != kept.permute(2, 1, 0)).any(), "the order makes no difference"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_victim_tidies_in_its_own_order_of_axes(channels, tmp_path):
    """The network's output is replaced by one with two parts of one size."""
    after = [cut(0.5), {**LARGEST, "applied_labels": [1]}]
    root, path = bundle(tmp_path, [], after, channels), ct(tmp_path)

    class Parts(torch.nn.Module):
        def forward(self, x):
            made = 0 * x.repeat(1, channels, 1, 1, 1) - 1
            made[:, :, 0, 4, 12], made[:, :, 20, 15, 1] = 2, 2
            return made

    victim = replace(load_victim(root), network=Parts())
    bound = victim.on(sa.read(path), present="none")
    found = bound.predict()
    maps = found.array[None] if channels == 1 else found.maps
    with torch.no_grad():
        output = Parts()(bound.prepared(bound.image))[0]
    parser = parser_of(root)
    expected = parser.get_parsed_content("postprocessing")({"pred": output})["pred"].numpy()
    assert maps.sum() == {1: 1, 3: 5}[channels]
    for ours, monais in zip(maps, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(ours).astype(float), monais.T.astype(float))
    again = bound.decide(bound(bound.image))[0]
    assert ((again.numpy() > 0) == (found.array > 0)).all()
