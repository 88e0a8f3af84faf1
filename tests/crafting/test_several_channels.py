"""Attacks on images of several channels: budgets, regions, saving and repeating hold as for one."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from several import half, network, saved, victim_of

import napari_segadv as sa
from napari_segadv import attacks
from napari_segadv.attacks.visible import visible_weights
from napari_segadv.common.parameters import parameters
from napari_segadv.data.scan import SHARES, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.output import of_channel
from napari_segadv.victims.victim import Victim


@pytest.fixture
def victim():
    return victim_of()


@pytest.fixture
def scan(tmp_path):
    return saved(tmp_path)


def percents(example) -> np.ndarray:
    """The noise in percent of each channel's window."""
    widths = [high - low for low, high in (one.window for one in example.channels)]
    noise = example.adversarial.array.astype(np.float64) - example.clean.array
    return 100 * noise / np.array(widths)


def roots(example) -> np.ndarray:
    """The roots of the weights of "visible": of each channel as it is seen in its own window."""
    widths = np.array([high - low for low, high in (one.window for one in example.channels)])
    image = 100 * example.clean.array.astype(np.float64) / widths
    weights = visible_weights(torch.from_numpy(image).float().movedim(-1, 0)[None], 100.0)
    return weights[0].movedim(0, -1).sqrt().numpy()


def names() -> list[str]:
    """The attacks on segmentations that need no file."""
    return [
        name
        for name, kind in attacks.available().items()
        if "segmentation" in kind.tasks
        and not kind.loads
        and not any(one.required for one in parameters(kind))
    ]


def attack_of(name, **settings):
    known = {one.name: one for one in parameters(attacks.get(name))}
    given = {"epsilon": 30.0, "steps": 5, "goal": None, **settings}
    fit = {k: v for k, v in given.items() if k in known and (v is not None or known[k].optional)}
    return attacks.get(name)(**fit)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("norm", ["linf", "l2", "visible"])
def test_every_attack_keeps_to_budget_region_and_channels(victim, scan, name, norm):
    choices = {one.name: one for one in parameters(attacks.get(name))}["norm"].choices
    if norm not in choices:
        return
    epsilon = 30.0 if norm == "linf" else 900.0
    region = np.zeros(scan.grid.shape, np.uint8)
    region[3:20, 2:22] = 1
    attack = attack_of(name, norm=norm, epsilon=epsilon)
    shares = {"flair": 1.0, "CT": 0.5}
    made = [
        sa.craft(scan, victim, attack, target=half(victim, scan), region=region, channels=shares)
        for _ in range(2)
    ]
    example, again = made
    assert example.adversarial.same_as(again.adversarial)
    change = percents(example)
    assert (change[..., 1] == 0).all()
    assert (change[region == 0] == 0).all()
    # If none of its attacks moves anything, `worst` hands back the image itself.
    assert (change[..., 0] != 0).any() or example.record["details"]["winner"] == ["image"]
    weighed = change / np.array([1.0, 1.0, 0.5])
    if norm == "visible":
        weighed = weighed * roots(example)
    size = np.abs(weighed).max() if norm == "linf" else np.linalg.norm(weighed)
    # The weights are float32.
    assert size <= epsilon * (1 + (1e-6 if norm == "visible" else 1e-9))
    assert example.measures["linf"] == pytest.approx(np.abs(change).max())
    assert example.measures["l2"] == pytest.approx(np.linalg.norm(change))
    for part, clean in zip(example.adversarial.parts, scan.parts, strict=True):
        assert part.storage == clean.storage
        low, high = clean.bounds
        assert low <= part.array.min() <= part.array.max() <= high


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_channels_count_alike_whatever_their_units(tmp_path, dims, norm):
    scan, victim = saved(tmp_path, dims), victim_of(dims)
    target = half(victim, scan)
    attack = attacks.PGD(norm=norm, epsilon=80.0 if norm == "linf" else 9000.0, steps=40)
    example = sa.craft(scan, victim, attack, target=target)
    assert example.succeeded
    each = example.measures["channels"]
    assert [one["name"] for one in each] == ["FLAIR", "T1", "CT"]
    shares = [one["linf_percent_of_window"] for one in each]
    assert min(shares) > 0.3 * max(shares)
    assert example.measures["units"] == example.record["budget"]["units"] == SHARES
    folder = example.save(tmp_path / "out")
    result = json.loads((folder / "result.json").read_text())
    for number, one in enumerate(each):
        back = sa.read(folder / f"adversarial_{number:04d}.nii.gz")
        clean = scan.parts[number]
        assert back.storage == clean.storage
        assert back.grid.same_as(clean.grid)
        noise = back.array.astype(np.float64) - clean.array
        assert np.abs(noise).max() == pytest.approx(one["linf"], rel=1e-12)
        kept = sa.read(of_channel(folder / "noise", number).with_suffix(".nii.gz"))
        np.testing.assert_allclose(kept.array, noise, rtol=1e-5, atol=1e-6)
        assert result["channels"][number]["window"] == list(clean.bounds)
    found = sa.read([folder / f"adversarial_{number:04d}.nii.gz" for number in range(3)])
    assert sa.read(folder / "adversarial").same_as(found)
    predicted = victim.predict(found).array
    np.testing.assert_array_equal(predicted, example.prediction_adversarial.array)
    moved = target != victim.predict(scan).array
    assert example.measures["moved"] == (predicted == target)[moved].mean()


def test_one_percent_of_a_channel_is_seen_as_in_that_channel_alone(tmp_path):
    """Two channels of one image, of which one is held, give what that one gives alone."""
    scan = saved(tmp_path)
    both, flair = Scan.of_parts(scan.parts[:2]), scan.parts[0]
    beside = torch.tensor(scan.parts[1].array)[None, None]
    alone = Victim(
        lambda x: network(torch.cat([x, beside.expand(len(x), -1, -1, -1)], 1)),
        name="alone",
        dims=2,
        classes=("background", "disc"),
        array_order=True,
    )
    two = victim_of(channels=2)
    target = half(two, both)
    width = flair.bounds[1] - flair.bounds[0]
    epsilon = 100 * 31 / width
    one = sa.craft(flair, alone, attacks.PGD(epsilon=31.0, steps=10, goal=None), target=target)
    same = sa.craft(
        both,
        two,
        attacks.PGD(epsilon=epsilon, steps=10, goal=None),
        target=target,
        channels=["FLAIR"],
    )
    gap = np.abs(same.noise[..., 0] - one.noise)
    assert (gap > 1).mean() < 0.01
    assert np.abs(same.noise[..., 0]).max() == 31


def test_a_result_comes_back_and_is_repeated_bit_for_bit(victim, scan, tmp_path):
    attack = attacks.PGD(epsilon=30.0, steps=8)
    shares = {"FLAIR": 1.0, "3": 0.4}
    example = sa.craft(scan, victim, attack, target=half(victim, scan), channels=shares)
    folder = example.save(tmp_path / "out")
    back = sa.load_example(folder)
    assert back.adversarial.same_as(example.adversarial)
    assert back.clean.same_as(scan)
    assert back.channels == example.channels
    assert [one.share for one in back.channels] == [1.0, 0.0, 0.4]
    assert back.summary == example.summary
    np.testing.assert_array_equal(back.noise, example.noise)
    again = sa.repeat(folder, victim=victim, inputs={"target": half(victim, scan)})
    assert again.same
    assert again.lines == ("the same image, bit for bit",)
    # All channels can be given to the report, as its remedy says.
    page = sa.report(folder, tmp_path / "r.html", image=[part.path for part in scan.parts])
    assert page.is_file()
    swapped = [scan.parts[n].path for n in (1, 0, 2)]
    with pytest.raises(SegadvError, match="open it with the image that was attacked"):
        sa.report(folder, page, image=swapped, overwrite=True)
    with pytest.raises(SegadvError, match="is of 3 channels, but case_0000.nii.gz has 1 channel"):
        sa.load_example(folder, scan.parts[0])
    with pytest.raises(SegadvError, match="is of 3 channels, but .* has 1 channel; give the image"):
        sa.repeat(folder, victim=victim, image=scan.parts[0])
    (folder / "adversarial_0002.nii.gz").unlink()
    with pytest.raises(SegadvError, match="holds no adversarial image"):
        sa.load_example(folder)
    scan.parts[1].path.unlink()
    with pytest.raises(SegadvError, match="case_0001.nii.gz: is gone"):
        sa.load_example(folder)


def test_a_shading_has_a_file_for_each_channel(victim, scan, tmp_path):
    attack = attacks.get("deform")(epsilon=60.0, steps=4, goal=None)
    example = sa.craft(scan, victim, attack, target=half(victim, scan))
    folder = example.save(tmp_path / "out")
    assert (folder / "displacement.nii.gz").is_file()
    assert len(sorted(folder.glob("intensity_*.nii.gz"))) == 3
    back = sa.load_example(folder)
    for name, field in example.fields.items():
        np.testing.assert_array_equal(back.fields[name], field)


def test_cancelling_stops_before_the_next_pass(victim, scan):
    seen = []
    run = sa.craft_steps(
        scan,
        victim,
        attacks.PGD(epsilon=1.0, steps=50),
        target=half(victim, scan),
        watch=lambda images, logits: seen.append(images),
    )
    next(run)
    done = len(seen)
    run.close()
    assert len(seen) == done == 1
    # What the victim sees is in the channels' own units, and clean at first.
    assert torch.equal(seen[0][0].movedim(0, -1), torch.from_numpy(scan.array.astype(np.float32)))


def test_slices_of_a_volume(tmp_path):
    scan, victim = saved(tmp_path, 3), victim_of(3)
    attack = attacks.PGD(epsilon=45.0, steps=5)
    example = sa.craft(scan, victim, attack, target=half(victim, scan), slices=(1, 2))
    assert not example.noise[[0, 3, 4]].any()
    assert example.noise[1:3].any()
    # The others, which are the same, would make it look better.
    assert example.measures["ssim"] < 0.999


def test_a_budget_below_a_step_of_a_file_leaves_that_channel_alone(victim, scan):
    attack = attacks.PGD(epsilon=0.2, steps=3)
    example = sa.craft(scan, victim, attack, target=half(victim, scan))
    assert not example.noise[..., 0].any()
    assert example.noise[..., 1].any()
    assert any("of FLAIR is below one step of its file" in note for note in example.notes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["T2"], "channel T2: is none of the channels of .*: 1 FLAIR, 2 T1, 3 CT"),
        ({"T1": 1.5}, "channel T1: its share of the budget must be from 0 to 1"),
        ({"T1": float("nan")}, "must be from 0 to 1"),
        ({"T1": 0.0}, "no channel may change"),
        ([4], "channel 4: is none of the channels"),
    ],
)
def test_channels_that_do_not_exist(victim, scan, given, message):
    with pytest.raises(SegadvError, match=message):
        sa.craft(scan, victim, attacks.PGD(), target=half(victim, scan), channels=given)


def test_a_name_that_means_two_channels_is_refused(scan):
    victim = replace(victim_of(), channel_names=("2", "T1", "CT"))
    target = half(victim, scan)
    with pytest.raises(SegadvError, match="channel 2: could be several"):
        sa.craft(scan, victim, attacks.PGD(), target=target, channels=["2"])
    example = sa.craft(scan, victim, attacks.FGSM(epsilon=20.0), target=target, channels=[2])
    assert [one.share for one in example.channels] == [0.0, 1.0, 0.0]


def test_one_channel_has_none_to_choose_from(scan):
    with pytest.raises(SegadvError, match="has no channels to choose from; remove --channel"):
        sa.craft(scan.parts[0], victim_of(channels=1), attacks.PGD(), channels=["1"])
