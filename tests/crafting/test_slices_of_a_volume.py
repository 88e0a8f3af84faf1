"""Attacks on some slices of a volume: where the noise is, which pixels count, what it costs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import bands, mask_on, volume_victim

import napari_segadv as sa
from napari_segadv.crafting.request import Request
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.measures.images import distances
from napari_segadv.measures.labels import Overlap


@pytest.fixture(scope="module")
def ct():
    rng = np.random.default_rng(0)
    array = rng.normal(0, 30, (12, 20, 24)).astype(np.int16)
    array[2:10, 6:14, 8:20] += 150
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (0.0, 0.0, 0.0), np.eye(3))
    return Scan(array, grid, "HU", Storage("int16"))


@pytest.fixture
def target(ct):
    array = np.zeros(ct.grid.shape, np.uint8)
    array[:, 8:12, 10:16] = 1
    return mask_on(ct, array)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_noise_and_what_counts_are_in_the_slices(ct, target, dims):
    victim = volume_victim(dims)
    attack = sa.attacks.PGD(epsilon=60.0, steps=6)
    example = sa.craft(ct, victim, attack, target=target, slices=(3, 5))
    assert example.record["slices"] == [3, 5]
    noisy = np.flatnonzero(np.abs(example.noise).max((1, 2)))
    assert noisy.min() >= 3
    assert noisy.max() <= 5
    after = victim.predict(example.adversarial).array
    np.testing.assert_array_equal(example.prediction_adversarial.array, after)
    clean = example.prediction_clean.array[3:6]
    off = clean != target.array[3:6]
    moved = (after[3:6] == target.array[3:6])[off].mean()
    assert example.measures["moved"] == pytest.approx(moved)


def test_one_slice_costs_one_slice(ct, target):
    victim = volume_victim(2)
    attack = sa.attacks.PGD(epsilon=60.0, steps=6, goal=None)
    passes = sa.craft(ct, victim, attack, target=target, slices=(4, 4)).record["passes"]
    whole = sa.craft(ct, victim, attack, target=target).record["passes"]
    assert passes["backward"] == pytest.approx(6 / 12)
    assert whole["backward"] == pytest.approx(6)
    # The clean volume once; then, for each step, a forward and a backward pass of one slice.
    assert passes["forward"] < 2.5


def test_a_slice_of_a_volume_is_attacked_as_if_it_stood_alone(ct, target):
    victim = volume_victim(2)
    attack = sa.attacks.PGD(epsilon=60.0, steps=6, goal=None)
    alone = replace(ct, array=ct.array[4:5], grid=replace(ct.grid, shape=(1, 20, 24)))
    one = sa.craft(alone, victim, attack, target=mask_on(alone, target.array[4:5]))
    found = sa.craft(ct, victim, attack, target=target, slices=(4, 4))
    np.testing.assert_array_equal(found.adversarial.array[4:5], one.adversarial.array)


def changed_at_one_end(dims):
    """A long volume, a victim, and a target that asks for something at one end alone."""
    rng = np.random.default_rng(0)
    array = rng.normal(0, 30, (40, 20, 24)).astype(np.int16)
    array[2:38, 6:14, 8:20] += 150
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (0.0, 0.0, 0.0), np.eye(3))
    long = Scan(array, grid, "HU", Storage("int16"))
    victim = volume_victim(dims)
    clean = victim.predict(long)
    wanted = clean.array.copy()
    wanted[:4][wanted[:4] == 2] = 1
    return long, victim, clean.with_array(wanted)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("memory", [None, 0.001])
def test_what_the_noise_does_not_reach_runs_once(dims, memory):
    """Without a limit to the noise, too: it stays where something has to change."""
    long, victim, target = changed_at_one_end(dims)
    # A margin as narrow as these bands have would have to be widened everywhere.
    attack = sa.attacks.PGD(epsilon=60.0, steps=10, goal=None, kappa=0.0)
    plain = sa.craft(long, victim, attack, target=target, memory=0.0)
    found = sa.craft(long, victim, attack, target=target, memory=memory)
    np.testing.assert_array_equal(found.adversarial.array, plain.adversarial.array)
    assert found.measures == plain.measures
    assert np.abs(found.noise).max() > 0
    before, after = (one.record["passes"] for one in (plain, found))
    assert after["backward"] == pytest.approx(before["backward"])
    assert before["forward"] > 11
    if memory is None:
        # The first pass whole; then a tenth of the slices, or two thirds of the windows.
        assert after["forward"] < 1 + 10 * {2: 0.15, 3: 0.7}[dims]


GRADIENT = [
    name
    for name, attack in sa.attacks.available().items()
    if not attack.blind and "segmentation" in attack.tasks
]


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("more", [{}, {"slices": (1, 4)}], ids=["whole", "four slices"])
def test_the_result_does_not_depend_on_the_memory(name, more):
    """Nor in bfloat16, whose passes must not take what exact ones have left, or the other way."""
    long, victim, target = changed_at_one_end(3)
    kind = sa.attacks.get(name)
    attack = kind(epsilon=60.0, **({"steps": 12} if hasattr(kind, "steps") else {}))
    plain, found = (
        sa.craft(long, victim, attack, target=target, precision="bfloat16", memory=memory, **more)
        for memory in (0.0, None)
    )
    np.testing.assert_array_equal(found.adversarial.array, plain.adversarial.array)
    assert found.measures == plain.measures


def test_the_figures_are_those_of_the_slices(ct, target):
    attack = sa.attacks.PGD(epsilon=60.0, steps=6, goal=None)
    one = sa.craft(ct, volume_victim(2), attack, target=target, slices=(4, 4))
    clean, adversarial = (
        replace(scan, array=scan.array[4:5], grid=replace(scan.grid, shape=(1, 20, 24)))
        for scan in (one.clean, one.adversarial)
    )
    found = distances(clean, adversarial, one.window)
    assert {name: one.measures[name] for name in found} == found
    assert one.measures["ssim"] < 0.9
    # Eleven slices without a change would make it look better.
    whole = distances(one.clean, one.adversarial, one.window)["ssim"]
    assert 1 - whole == pytest.approx((1 - one.measures["ssim"]) / 12)
    before, after = one.prediction_clean.array[4], one.prediction_adversarial.array[4]
    assert one.measures["iou_with_clean"] == Overlap.of(after, before).mean_iou()


def test_a_part_lies_where_it_was(ct):
    request = Request(ct, slices=(3, 5))
    part = request.part(ct)
    assert part.grid.shape == (3, 20, 24)
    np.testing.assert_allclose(part.grid.affine @ [0, 1, 2, 1], ct.grid.affine @ [3, 1, 2, 1])
    np.testing.assert_array_equal(part.array, ct.array[3:6])
    assert Request(ct).part(ct) is ct


def test_a_region_is_cut_to_the_slices(ct, target):
    region = np.zeros(ct.grid.shape, np.uint8)
    region[:, :, :12] = 1
    attack = sa.attacks.PGD(epsilon=60.0, steps=3)
    for given in (mask_on(ct, region), "bounding-box"):
        example = sa.craft(ct, volume_victim(2), attack, target=target, slices=(4, 6), region=given)
        where = np.argwhere(example.noise)
        assert where[:, 0].min() >= 4
        assert where[:, 0].max() <= 6
        assert len(where) < 3 * 20 * 24


@pytest.mark.parametrize(
    ("slices", "message"),
    [((4, 3), "slices 0 to 11"), ((-1, 3), "0 to 11"), ((0, 12), "0 to 11")],
)
def test_slices_that_are_not_there(ct, target, slices, message):
    with pytest.raises(SegadvError, match=message):
        sa.craft(ct, volume_victim(2), sa.attacks.PGD(epsilon=1.0), target=target, slices=slices)


def test_a_single_image_has_no_slices():
    from helpers import disc_image

    from napari_segadv.victims.victim import Victim

    scan = Scan.from_array(disc_image())
    victim = Victim(bands(), name="bands", dims=2)
    with pytest.raises(SegadvError, match="remove --slices"):
        sa.craft(scan, victim, sa.attacks.PGD(epsilon=1.0), slices=(0, 0))


def test_each_pass_is_shown_to_who_watches(ct, target):
    seen = []
    attack = sa.attacks.PGD(epsilon=60.0, steps=4, goal=None)
    example = sa.craft(
        ct,
        volume_victim(2),
        attack,
        target=target,
        memory=0.0,
        watch=lambda x, z: seen.append((x, z)),
    )
    assert len(seen) == 5
    images, logits = seen[-1]
    assert images.shape == (1, 1, *ct.grid.shape)
    assert logits.shape[0] == 1
    assert logits.shape[2:] == ct.grid.shape
    assert not images.requires_grad
    # The images shown are images that the file can hold.
    np.testing.assert_array_equal(images.round(), images)
    assert example.record["passes"]["forward"] == pytest.approx(1 + 5 + 4, abs=1.1)


def test_on_the_command_line(ct, target, tmp_path, run, weights_file):
    from napari_segadv import io

    io.save(ct, tmp_path / "ct.nii.gz")
    io.save_mask(target, tmp_path / "target.nii.gz")
    status, _, err = run(
        "attack", tmp_path / "ct.nii.gz", "--victim", weights_file,
        "--target", tmp_path / "target.nii.gz", "--set", "epsilon=60", "--set", "steps=2",
        "--slices", "4:5", "--out", tmp_path / "out",
    )  # fmt: skip
    assert status == 0, err
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["slices"] == [4, 5]
    status, _, err = run(
        "attack", tmp_path / "ct.nii.gz", "--victim", weights_file, "--untargeted",
        "--slices", "four", "--out", tmp_path / "other",
    )  # fmt: skip
    assert status == 2
    assert "--slices four" in err
