"""Bundles whose input is several images, joined by MONAI's step or by a script of their own."""

import json
import sys

import numpy as np
import pytest
import torch
from zoo import (
    CECT,
    FIRST,
    JOINS,
    NAMES,
    PHASES,
    PLAIN,
    RENAL,
    UNET,
    composed,
    metadata,
    whole,
    window,
)
from zoo_itself import save_ct, save_zoo, theirs

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Scan
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.contents import Contents
from napari_segadv.victims.loading.scripts import Scripts

STRUCTURES = ("artery", "vein", "ureter", "neoplasm", "parenchyma")
ABOUT = metadata(3, 3, RENAL, num_channels=6)
ABOUT["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": "image"}
# As published before: the way back is asked for twice, and finds nothing the second time.
TWICE = [dict(step) for step in CECT["postprocessing"]["transforms"][:3]]
TWICE.insert(2, {**TWICE[0], "orig_keys": "image", "transform": "@preprocessing"})
EARLIER = {**CECT, "postprocessing": composed(*TWICE)}


def save_phases(folder) -> list:
    """Three CTs of one place, whose structures differ in brightness; return their paths."""
    first = sa.read(save_ct(folder))
    paths = []
    for number, name in enumerate(PHASES):
        array = np.where(first.array > 30, first.array + 120 * number, first.array - 20 * number)
        paths.append(folder / f"{name}.nii.gz")
        io.save(Scan(array.astype(np.int16), first.grid, "HU", first.storage), paths[-1])
    return paths


def save_cect(folder, script=JOINS, config=CECT):
    """Write the bundle with its script; return its folder and the question's hash."""
    root = save_zoo(folder, {"network_def": config["network_def"]}, ABOUT)
    (root / "scripts").mkdir()
    (root / "scripts" / "my_transforms.py").write_text(script)
    (root / "configs" / "inference.json").write_text(json.dumps(whole(config)))
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    return root, asked.value


def monais(root, paths):
    """Return what MONAI's own pipeline makes of the phases: logits and the mask that it writes."""
    given = dict(zip(PHASES, map(str, paths), strict=True))
    with Scripts(Contents.of(root)).present():
        return theirs(root, None, **given, label=str(paths[0]))


def painted(maps: np.ndarray) -> np.ndarray:
    """The label map that the bundle's script paints: the first structure of each pixel."""
    found = np.zeros(maps.shape[1:], int)
    for number, one in reversed(list(enumerate(maps, 1))):
        found[one] = number
    return found


def test_the_question_lists_the_script_with_its_arguments(tmp_path):
    _, asked = save_cect(tmp_path)
    where = "preprocessing::transforms::4"
    assert list(asked.runs) == [
        f"{where}: _target_ scripts.my_transforms.ConcatImages",
        f"{where}::keys_merge: {PHASES}",
        f"{where}::keys_out: 'image'",
    ]
    assert "scripts" not in sys.modules


def test_a_list_that_is_put_together_holds_the_script_too(tmp_path):
    *first, join, last, typed = CECT["preprocessing"]["transforms"]
    parts = {"loading": first, "joining": [join, last, typed]}
    whole = {"_target_": "Compose", "transforms": "$@loading + @joining"}
    root, asked = save_cect(tmp_path, config={**CECT, **parts, "preprocessing": whole})
    assert asked.runs[0] == "joining::0: _target_ scripts.my_transforms.ConcatImages"
    assert load_victim(root, trust=asked.sha256).channel_names == tuple(PHASES)


def test_the_published_network_loads(tmp_path):
    wide = {"init_filters": 32, "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1]}
    config = {**CECT, "network_def": CECT["network_def"] | wide}
    config |= {"inferer": {**CECT["inferer"], "roi_size": [96, 96, 96]}}
    root, asked = save_cect(tmp_path, config=config)
    victim = load_victim(root, trust=asked.sha256)
    assert victim.windows.roi_size == (96, 96, 96)
    assert (victim.task.name, len(victim.classes)) == ("overlapping", 2**5)


@pytest.mark.parametrize("config", [CECT, EARLIER], ids=["as published", "earlier"])
def test_three_phases_get_the_mask_that_monai_gives_them(config, tmp_path):
    root, asked = save_cect(tmp_path, config=config)
    paths = save_phases(tmp_path)
    victim = load_victim(root, trust=asked.sha256)
    assert (victim.trust, victim.channels, victim.channel_names) == ("code", 3, tuple(PHASES))
    assert "scripts" not in sys.modules
    scan = sa.read(paths)
    bound = victim.on(scan)
    assert bound.windows == ((-1000.0, 1000.0),) * 3
    found = bound.predict()
    assert found.structures == STRUCTURES
    logits, mask = monais(root, paths)
    maps, ours = mask.numpy().transpose(0, 3, 2, 1), found.maps
    if config is CECT:
        expected, ours = maps[0], painted(found.maps)
        on = (expected > 0) | (ours > 0)
        assert len(np.unique(expected)) > 2
    else:
        expected = maps[1:] > 0
        on = expected | ours
    assert on.any()
    assert (expected == ours)[on].mean() >= 0.999
    assert bound.agreement(found) >= 0.999
    with torch.no_grad():
        slid = bound._slid(None)(bound.prepared(bound.image))[0]
    assert float((slid - logits).abs().max()) <= 1e-4 * float(logits.max() - logits.min())


def test_one_phase_is_attacked_and_its_files_give_the_figures(tmp_path):
    root, asked = save_cect(tmp_path)
    victim, scan = load_victim(root, trust=asked.sha256), sa.read(save_phases(tmp_path))
    clean = victim.predict(scan)
    number = int(np.argmax(clean.maps.reshape(5, -1).sum(1)))
    assert clean.maps[number].any()
    target = clean.with_structure(1 << number, clean.maps[number] & (np.arange(40) > 19)[:, None])
    attack = sa.attacks.PGD(epsilon=8.0, steps=4)
    example = sa.craft(scan, victim, attack, target=target, channels=["vein"])
    assert [bool(example.noise[..., n].any()) for n in range(3)] == [False, True, False]
    assert example.measures["moved"] > 0
    assert any("MergeClassesd is not known" in note for note in example.notes)
    assert any("background is no structure" in note for note in example.notes)
    folder = example.save(tmp_path / "out")
    files = [folder / f"adversarial_{n:04d}.nii.gz" for n in range(3)]
    _, mask = monais(root, files)
    found = painted(example.prediction_adversarial.maps)
    np.testing.assert_array_equal(mask[0].numpy().T, found)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("for name in self.listed]", "for name in self.listed[::-1]]"), ""),
        (("axis=0)", "axis=0) * 1.5"), "ConcatImages does more than join artery, vein, excret"),
        (("axis=0)", "axis=1)"), "ConcatImages does more than join"),
        (("axis=0)", "axis=0).clip(-1000)"), "ConcatImages does more than join"),
        (("data[self.made] =", "data[self.absent] ="), "ConcatImages fails .*absent"),
    ],
    ids=["reversed", "scaled", "another axis", "clipped", "broken"],
)
def test_a_script_counts_for_what_it_does(change, says, tmp_path):
    root, asked = save_cect(tmp_path, JOINS.replace(*change))
    if says:
        with pytest.raises(SegadvError, match=says):
            load_victim(root, trust=asked.sha256)
        return
    victim, straight = load_victim(root, trust=asked.sha256), tmp_path / "straight"
    straight.mkdir()
    (other, question), scan = save_cect(straight), sa.read(save_phases(tmp_path))
    plain = load_victim(other, trust=question.sha256).on(scan)
    assert victim.channel_names == tuple(reversed(PHASES))
    turned = victim.on(Scan.of_parts(scan.parts[::-1]))
    # Its first file is the one that its script takes first.
    assert torch.equal(turned.prepared(turned.image).flip(1), plain.prepared(plain.image))


def test_a_script_of_another_kind_is_refused_without_a_question(tmp_path):
    """Nothing in its arguments names several images and what they become."""
    root = save_zoo(tmp_path, PLAIN, metadata(3, 1, NAMES))
    config = json.loads((root / "configs" / "inference.json").read_text())
    step = {"_target_": "scripts.my_transforms.Denoise", "keys": "image", "strength": 2}
    config["preprocessing"] = composed(step)
    (root / "configs" / "inference.json").write_text(json.dumps(config))
    with pytest.raises(SegadvError, match="Denoise is not known") as refused:
        load_victim(root)
    assert not isinstance(refused.value, NeedsTrust)


def of_two(*steps, **more) -> dict:
    """A bundle of two images with steps of their own, joined by MONAI's own step."""
    both = {"keys": ["ct", "pet"]}
    return {
        **PLAIN,
        "network_def": {**UNET, "spatial_dims": 3, "in_channels": 2, "out_channels": 3},
        "preprocessing": composed(
            {"_target_": "LoadImaged", **both},
            {**FIRST, **both},
            {"_target_": "Orientationd", **both, "axcodes": "RAS"},
            {"_target_": "Spacingd", **both, "pixdim": [1.5, 1.5, 2.0]}
            | {"mode": ["bilinear", "bilinear"]},
            *steps,
            {"_target_": "ConcatItemsd", **both, "name": "image", "dim": 0},
        ),
        "postprocessing": composed(
            {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
            | {"orig_keys": "ct", "nearest_interp": False, "to_tensor": True},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        ),
        **more,
    }


WINDOWS = [window(-160, 240, "ct"), window(0, 500, ["pet"])]


def test_two_images_joined_by_monai_need_no_question(tmp_path):
    root = save_zoo(tmp_path, of_two(*WINDOWS), metadata(3, 2, NAMES))
    paths = save_phases(tmp_path)[:2]
    victim, scan = load_victim(root), sa.read(paths)
    assert (victim.trust, victim.channel_names) == ("data", ("ct", "pet"))
    bound = victim.on(scan)
    assert bound.windows == ((-160.0, 240.0), (0.0, 500.0))
    found = bound.predict()
    logits, mask = theirs(root, None, ct=str(paths[0]), pet=str(paths[1]))
    expected = mask[0].numpy().T
    on = (expected > 0) | (found.array > 0)
    assert on.any()
    assert (expected == found.array)[on].mean() >= 0.999
    assert bound.agreement(found) >= 0.999
    with torch.no_grad():
        slid = bound._slid(None)(bound.prepared(bound.image))[0]
    assert float((slid - logits).abs().max()) <= 1e-4 * float(logits.max() - logits.min())


def test_each_image_has_the_gradient_of_its_own_steps(tmp_path):
    root = save_zoo(tmp_path, of_two(*WINDOWS), metadata(3, 2, NAMES))
    bound = load_victim(root).on(sa.read(save_phases(tmp_path)[:2]))
    x = bound.image.double().requires_grad_()
    (gradient,) = torch.autograd.grad(bound.prepared(x)[:, 1].square().sum(), x)
    assert not gradient[:, 0].any()
    inside = (x[0, 1] > 0) & (x[0, 1] < 500)
    assert gradient[0, 1][inside].any()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            of_two({"_target_": "CropForegroundd", "keys": ["ct", "pet"], "source_key": "ct"}),
            "CropForeground crops pet by the content of ct",
        ),
        (of_two(network_def={**PLAIN["network_def"], "in_channels": 3}), "joins ct, pet to 2"),
    ],
)
def test_what_can_not_be_several_channels_is_refused(config, says, tmp_path):
    root = save_zoo(tmp_path, config, metadata(3, 2, NAMES))
    with pytest.raises(SegadvError, match=says):
        load_victim(root)


def test_the_steps_are_recorded_by_image(tmp_path):
    root = save_zoo(tmp_path, of_two(*WINDOWS), metadata(3, 2, NAMES))
    (step,) = load_victim(root).steps
    assert list(step.arguments) == ["ct 0", "pet 1"]
    assert [one["step"] for one in step.arguments["pet 1"]][-1] == "ScaleIntensityRange"
