"""Noise that shall carry over, crafted on surrogates: windows, rounding, passes, repeats."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import bands, disc_image, mask_on, volume_victim
from several import saved, victim_of

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.crafting.binding import bind
from napari_segadv.crafting.problem import prepare
from napari_segadv.crafting.repeat import repeat
from napari_segadv.crafting.request import Request
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.saving import save_run

ALL = {"diversity": 0.5, "translation": 2, "scales": 3}
SAME = ("the same image, bit for bit",)


def wanted(scan, victim):
    """What the victim predicts, with class 1 spread over the first columns."""
    labels = victim.predict(scan).array.copy()
    labels[..., :20] = 1
    return mask_on(scan, labels)


def another(victim, shift):
    """A victim whose logits are a little different."""
    network = bands(dims=victim.dims)
    network[1].bias.data += torch.tensor([0.0, shift, 0.0])
    return replace(victim, network=network, name=f"other {shift}")


@pytest.mark.parametrize("dims", [2, 3])
def test_a_volume_in_windows_or_by_slice(dims, ct):
    """Copies go through preprocessing and windows; only the image itself is watched and judged."""
    victim = volume_victim(dims)
    surrogates = [another(victim, 0.2), another(victim, -0.2)]
    seen = []
    attack = sa.attacks.PGD(epsilon=20.0, steps=4, step="momentum", **ALL | {"diversity": 1.0})
    example = sa.craft(
        ct, victim, attack,
        target=wanted(ct, victim), surrogate=surrogates, precision="float32", device="cpu",
        watch=lambda images, logits: seen.append(images),
    )  # fmt: skip
    assert len(seen) == 5
    clean = torch.from_numpy(ct.array.astype(np.float32))
    assert all((images[0, 0] - clean).abs().max() <= 20.0 + 1e-3 for images in seen)
    assert example.measures["linf"] <= 20
    assert example.noise.any()
    names = ("diversity", "translation", "scales")
    assert [example.record["parameters"][name] for name in names] == [1.0, 2, 3]


def test_every_pass_of_every_surrogate_is_counted(band_victim):
    scan = Scan.from_array(disc_image())
    surrogates = [another(band_victim, 0.2), another(band_victim, -0.2)]
    attack = sa.attacks.PGD(epsilon=20.0, steps=4, diversity=1.0, scales=3)
    example = sa.craft(
        scan, band_victim, attack, target=wanted(scan, band_victim), surrogate=surrogates
    )
    # Four steps of a judgement and three copies, and the last judgement; of each surrogate.
    assert example.record["passes"] == {"forward": 2 * (4 * (1 + 3) + 1), "backward": 2 * 4 * 3}
    assert example.record["steps"] == 4


def test_a_goal_on_the_surrogate_does_not_end_the_run(band_victim):
    scan = Scan.from_array(disc_image())
    given = {"target": wanted(scan, band_victim), "surrogate": another(band_victim, 0.2)}
    plain = sa.attacks.PGD(epsilon=80.0, steps=12, goal=0.3)
    assert sa.craft(scan, band_victim, plain, **given).record["steps"] < 12
    assert sa.craft(scan, band_victim, replace(plain, scales=2), **given).record["steps"] == 12


def test_in_bfloat16_the_last_image_is_judged_in_float32(band_victim):
    scan = Scan.from_array(disc_image())
    attack = sa.attacks.PGD(epsilon=20.0, steps=12, **ALL)
    example = sa.craft(
        scan, band_victim, attack, target=wanted(scan, band_victim), precision="bfloat16"
    )
    assert example.record["precision"] == "bfloat16"
    assert example.record["steps"] == 12
    moved = example.record["curve"][-1]["success"]
    measured = example.measures_before_saving
    assert min(measured["moved"], measured["kept"]) == pytest.approx(moved)


def test_copies_are_not_rounded_and_black_is_what_the_window_begins_at(ct):
    victim = volume_victim(2)
    target = Mask(wanted(ct, victim).array, ct.grid)
    setup = bind(victim, Request(ct, target))
    prepared = prepare(setup, sa.attacks.PGD())
    assert prepared.problem.black == -60.0
    assert prepared.problem.of_copies is prepared.checked
    assert prepared.problem.model is not prepared.checked


def test_each_channel_has_its_own_black(tmp_path):
    scan, victim = saved(tmp_path), victim_of()
    target = mask_on(scan, 1 - victim.predict(scan).array)
    setup = bind(victim, Request(scan, target, shares=(1.0, 0.5, 1.0)))
    problem = prepare(setup, sa.attacks.PGD()).problem
    lows = [low for low, _ in setup.judge.windows]
    own = problem.of_copies.own(problem.black.expand_as(problem.clean))
    found = own.amin((0, 2, 3))
    torch.testing.assert_close(found, torch.tensor(lows), rtol=1e-4, atol=1e-3)
    example = sa.craft(scan, victim, sa.attacks.PGD(epsilon=20.0, steps=3, **ALL), target=target)
    assert example.noise.any()


def test_it_is_made_again_bit_for_bit_and_an_older_record_means_none(tmp_path, band_victim):
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    scan = io.read(tmp_path / "x.png")
    given = {"target": wanted(scan, band_victim)}
    for name, options in (("with", ALL), ("without", {})):
        attack = sa.attacks.PGD(epsilon=12.0, steps=3, **options)
        folder = save_run(sa.craft(scan, band_victim, attack, seed=4, **given), tmp_path / name)
        assert repeat(folder, victim=band_victim).lines == SAME
    record = json.loads((folder / "result.json").read_text())
    for name in ALL:
        del record["parameters"][name]
    (folder / "result.json").write_text(json.dumps(record))
    assert repeat(folder, victim=band_victim).lines == SAME


def test_what_the_victim_predicts_already_is_no_success_of_a_surrogate(band_victim):
    scan, other = Scan.from_array(disc_image()), another(band_victim, 1.5)
    clean = band_victim.predict(scan)
    assert (other.predict(scan).array != clean.array).any()
    attack = sa.attacks.PGD(epsilon=5.0, steps=2)
    with pytest.raises(SegadvError, match=f"{band_victim.name} predicts the target already"):
        sa.craft(scan, band_victim, attack, target=clean, surrogate=other)
    with pytest.raises(SegadvError, match=f"{other.name}: predicts the target already where"):
        sa.craft(scan, band_victim, attack, target=other.predict(scan), surrogate=other)
