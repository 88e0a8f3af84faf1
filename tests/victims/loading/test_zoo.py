"""Bundles in the zoo's form: loaded without a question, and what they predict is MONAI's own."""

import json

import numpy as np
import pytest
import torch
from zoo import DINTS, GRADES, JOINED, NAMES, PLAIN, SLICES, SWIN, UNET, after, composed, metadata
from zoo_itself import save_colour, save_ct, save_zoo, theirs

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.members import OnSlices


def architecture() -> dict:
    """The file of a searched architecture, with arrays as the published one has them."""
    rng = np.random.default_rng(0)
    code = np.ones((3, 7), np.int64)
    cells = rng.integers(0, 2, (3, 7))
    node = np.ones((4, 3), np.int64)
    return {"code_a": code, "code_c": cells, "node_a": node, "iter_num": 12, "best_metric": 0.5}


# The label map goes back: the nearest pixel depends on the type of numbers in which it is found.
NEAREST = {
    **PLAIN,
    "postprocessing": composed(
        {"_target_": "Activationsd", "keys": "pred", "softmax": True},
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
        | {"orig_keys": "@image_key", "nearest_interp": True, "to_tensor": True},
    ),
}
VOLUMES = {
    "plain": (PLAIN, 1, None),
    "nearest": (NEAREST, 1, None),
    "slices": (SLICES, 1, None),
    "joined": (JOINED, 3, None),
    "searched": (DINTS, 1, architecture),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_a_volume_gets_the_mask_and_the_logits_that_monai_gives_it(name, tmp_path):
    config, channels, arch = VOLUMES[name]
    root = save_zoo(tmp_path, config, metadata(3, channels, NAMES), arch and arch())
    scan = sa.read(save_ct(tmp_path))
    victim = load_victim(root)
    assert (victim.trust, victim.dims, victim.channels) == ("data", 3, 1)
    assert victim.classes == ("background", "dim", "bright")
    logits, mask = theirs(root, scan.path)
    found = victim.predict(scan, present="none").array
    expected = mask[0].numpy().T
    assert found.shape == expected.shape
    structure = (expected > 0) | (found > 0)
    assert structure.any()
    assert len(np.unique(expected)) > 1
    assert (found == expected)[structure].mean() >= 0.999
    assert victim.on(scan, present="none").agreement(victim.predict(scan, present="none")) >= 0.999
    bound = victim.on(scan, present="none")
    with torch.no_grad():
        ours = bound._slid(None)(bound.prepared(bound.image))[0]
    assert ours.shape == logits.shape
    span = float(logits.max() - logits.min())
    assert float((ours - logits).abs().max()) <= 1e-4 * span


@pytest.mark.parametrize("name", ["slices", "joined"])
def test_the_gradient_goes_through_slices_and_copies(name, tmp_path):
    config, channels, _ = VOLUMES[name]
    root = save_zoo(tmp_path, config, metadata(3, channels, NAMES))
    scan = sa.read(save_ct(tmp_path))
    bound = load_victim(root).on(scan, present="none")
    image = bound.image.clone().requires_grad_()
    weights = torch.randn(bound(bound.image).shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((bound(image) * weights).sum(), image)
    assert gradient.abs().sum() > 0
    # Against a finite difference along the gradient itself.
    step = gradient / gradient.norm()
    with torch.no_grad():
        up, down = (float((bound(bound.image + e * step) * weights).double().sum())
                    for e in (2.0, -2.0))  # fmt: skip
    assert (up - down) / 4.0 == pytest.approx(float(gradient.norm()), rel=0.05)


def test_an_attack_on_slices_changes_what_it_should(tmp_path):
    root = save_zoo(tmp_path, SLICES, metadata(3, 1, NAMES))
    scan, victim = sa.read(save_ct(tmp_path)), load_victim(root)
    clean = victim.predict(scan, present="none")
    target = np.where(clean.array == 1, 0, clean.array)
    attack = sa.attacks.PGD(epsilon=40.0, steps=6)
    example = sa.craft(scan, victim, attack, target=target, present="none")
    assert example.measures["moved"] > 0.1


def test_slices_need_a_volume_and_an_axis_of_it(tmp_path):
    config = {**SLICES, "inferer": {**SLICES["inferer"], "spatial_dim": 3}}
    root = save_zoo(tmp_path, config, metadata(3, 1, NAMES))
    with pytest.raises(SegadvError, match="a spatial_dim from 0 to 2"):
        load_victim(root)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_axis_can_be_that_of_the_slices(axis, tmp_path):
    config = {**SLICES, "inferer": {**SLICES["inferer"], "spatial_dim": axis, "roi_size": [16, 16]}}
    root = save_zoo(tmp_path, config, metadata(3, 1, NAMES))
    scan = sa.read(save_ct(tmp_path))
    victim = load_victim(root)
    assert isinstance(victim.network, OnSlices)
    mask = theirs(root, scan.path)[1]
    found = victim.predict(scan, present="none").array
    assert (found == mask[0].numpy().T).mean() >= 0.999


@pytest.mark.parametrize(
    ("form", "task"),
    [
        ("classification", "Detection of tumours"),
        ("classes", "Segmentation"),
        ("labels", "Breast density classification"),
        ("", "Grading"),
    ],
)
def test_the_format_of_the_output_decides_the_task(form, task, tmp_path):
    meta = metadata(2, 3, {"0": "in body", "1": "out of body"}, format=form)
    root = save_zoo(tmp_path, GRADES, {**meta, "task": task})
    scan = sa.read(save_colour(tmp_path))
    victim = load_victim(root)
    assert (victim.task.name, victim.trust) == ("classification", "data")
    logits, shares = theirs(root, scan.path)
    grade = victim.predict(scan, present="none")
    assert grade.label == int(shares.argmax())
    assert grade.classes == ("in body", "out of body")
    assert grade.probabilities == pytest.approx(shares.tolist(), abs=1e-5)
    with torch.no_grad():
        ours = victim.on(scan, present="none")(victim.on(scan, present="none").image)[0, :, 0]
    assert torch.allclose(ours, logits, atol=1e-4 * float(logits.abs().max()))


def plane(tmp_path, meta, **more):
    definition = {**UNET, "spatial_dims": 2, "in_channels": 3, "out_channels": 3}
    return save_zoo(tmp_path, {**GRADES, "network_def": definition, **more}, meta)


NAMED = {
    "instead": ({"channel_def": {}, "label_def": NAMES}, {}),
    "by name": ({"channel_def": {}, "label_def": {"bright": 2, "dim": 1, "background": 0}}, {}),
    "a label map": ({"channel_def": {"0": "labels"}, "label_def": NAMES}, {}),
    "for all": ({"channel_def": {}}, {"label_def": NAMES}),
    "both": ({"label_def": {"0": "background", "1": "other"}}, {}),
}


@pytest.mark.parametrize("name", NAMED)
def test_names_come_from_label_def_where_channels_have_none(name, tmp_path):
    output, more = NAMED[name]
    root = plane(tmp_path, {**metadata(2, 3, NAMES, **output), **more}, postprocessing=after())
    assert load_victim(root).classes == ("background", "dim", "bright")


def test_a_sigmoid_of_which_the_largest_counts_is_no_overlap(tmp_path):
    sigmoid = {"_target_": "Activationsd", "keys": "pred", "sigmoid": True}
    root = plane(tmp_path, metadata(2, 3, NAMES), postprocessing=after(sigmoid))
    assert load_victim(root).classes == ("background", "dim", "bright")
    (tmp_path / "other").mkdir()
    lost = plane(tmp_path / "other", metadata(2, 3, NAMES))
    assert load_victim(lost).task.name == "overlapping"


@pytest.mark.parametrize("loads", ["handlers", "checkpointloader"])
def test_the_weights_are_those_that_the_configuration_loads(loads, tmp_path):
    path = "$@bundle_root + '/models/' + @modelname"
    loader = {"_target_": "CheckpointLoader", "load_path": path, "load_dict": {"model": "@network"}}
    more = {
        "highres": False,
        "modelname": "$'model.pt' if @highres else 'model_lowres.pt'",
        "handlers": [{"_target_": "StatsHandler"}],
        loads: [loader] if loads == "handlers" else loader,
    }
    root = plane(tmp_path, metadata(2, 3, NAMES), postprocessing=after(), **more)
    high = torch.load(root / "models" / "model.pt")
    low = {key: value * 0.5 for key, value in high.items()}
    torch.save(low, root / "models" / "model_lowres.pt")
    found = load_victim(root).network.state_dict()
    assert all(torch.equal(found[key], low[key]) for key in found)
    (root / "models" / "model_lowres.pt").unlink()
    found = load_victim(root).network.state_dict()
    assert all(torch.equal(found[key], high[key]) for key in found)


def test_an_argument_that_monai_no_longer_takes(tmp_path):
    root = save_zoo(tmp_path, SWIN, metadata(3, 1, NAMES))
    config = root / "configs" / "inference.json"
    content = json.loads(config.read_text())
    content["network_def"]["img_size"] = 96
    config.write_text(json.dumps(content))
    assert load_victim(root).trust == "data"
    content["network_def"]["image_size"] = 96
    config.write_text(json.dumps(content))
    with pytest.raises(SegadvError, match="refuses its arguments .*image_size"):
        load_victim(root)


def test_two_images_are_not_taken_for_copies_of_one(tmp_path):
    steps = [dict(step) for step in JOINED["preprocessing"]["transforms"]]
    steps = [step for step in steps if step["_target_"] != "CopyItemsd"]
    steps[-2]["keys"] = ["image", "t2"]
    config = {**JOINED, "preprocessing": {"_target_": "Compose", "transforms": steps}}
    root = save_zoo(tmp_path, config, metadata(3, 3, NAMES))
    with pytest.raises(SegadvError, match="joins image, t2 to 2 channels, but the network sees 3"):
        load_victim(root)


def test_the_root_is_the_folder_wherever_the_program_runs(tmp_path, monkeypatch):
    root = save_zoo(tmp_path, DINTS, metadata(3, 1, NAMES), architecture())
    config = root / "configs" / "inference.json"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    expected = load_victim(root).network.state_dict()
    for written in (".", "/workspace/pancreas", "$os.getcwd()"):
        content = json.loads(config.read_text()) | {"bundle_root": written}
        config.write_text(json.dumps(content))
        found = load_victim(root).network.state_dict()
        assert all(torch.equal(found[key], expected[key]) for key in expected)
