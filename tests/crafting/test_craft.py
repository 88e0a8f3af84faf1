"""From a scan to an example: figures of the saved file, budgets, masks, surrogates, cancelling."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import BYTES, bands, disc_image, volume_victim
from scipy import ndimage

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import Cancelled, SegadvError
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.victims.victim import Victim


def erased(victim, scan):
    """The clean prediction without class 1 in the left half."""
    clean = victim.predict(scan)
    array = clean.array.copy()
    half = array[..., : array.shape[-1] // 2]
    half[half == 1] = 0
    return clean.with_array(array)


def stored_as(dtype: str, slope=1.0) -> Scan:
    """The disc image with another storage type and geometry."""
    values = disc_image().astype(np.float64)
    storage = Storage(dtype, slope)
    kind = "float32" if slope != 1.0 else dtype
    grid = Grid(values.shape, (0.8, 0.7), (3.0, -4.0), np.eye(2))
    return Scan((np.rint(values / slope) * slope).astype(kind), grid, "grey level", storage)


CASES = [
    ("uint8", 1.0),
    ("int16", 1.0),
    ("uint16", 1.0),
    ("int16", 0.5),
    ("float32", 1.0),
    ("float64", 1.0),
]


@pytest.mark.parametrize(("dtype", "slope"), CASES)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_file_is_inside_the_budget_and_the_figures_are_its_own(
    tmp_path, band_victim, dtype, slope, norm
):
    source = tmp_path / "scan.nii.gz"
    io.save(stored_as(dtype, slope), source)
    scan = sa.read(source)
    epsilon = 40.3 if norm == "linf" else 1500.7
    target = erased(band_victim, scan)
    attack = sa.attacks.PGD(epsilon=epsilon, norm=norm, steps=15)
    example = sa.craft(scan, band_victim, attack, target=target)
    folder = example.save(tmp_path / "out")
    result = json.loads((folder / "result.json").read_text())
    back = sa.read(folder / "adversarial.nii.gz")
    assert back.storage == scan.storage
    assert back.grid.same_as(scan.grid)
    noise = back.array.astype(np.float64) - scan.array.astype(np.float64)
    measures = result["measures"]
    assert np.abs(noise).max() == measures["linf"]
    assert np.linalg.norm(noise) == pytest.approx(measures["l2"], rel=1e-12)
    assert measures[norm] <= epsilon
    assert measures["linf"] > 1
    np.testing.assert_allclose(sa.read(folder / "noise.nii.gz").array, noise, atol=1e-4)
    predicted = band_victim.predict(back).array
    np.testing.assert_array_equal(
        io.read_mask(folder / "prediction_adversarial.nii.gz").array, predicted
    )
    moved = target.array != band_victim.predict(scan).array
    assert measures["moved"] == (predicted == target.array)[moved].mean()
    assert result["passes"] == {"forward": result["steps"] + 1, "backward": result["steps"]}
    assert len(result["curve"]) == result["steps"] + 1
    assert (folder / "figure.png").stat().st_size > 5000
    assert sorted(p.name for p in folder.iterdir()) == [
        "adversarial.nii.gz",
        "figure.png",
        "noise.nii.gz",
        "prediction_adversarial.nii.gz",
        "prediction_clean.nii.gz",
        "result.json",
    ]


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg"])
def test_photographs(tmp_path, band_victim, ending):
    from PIL import Image

    path = tmp_path / f"scan{ending}"
    Image.fromarray(disc_image()).save(path)
    scan = sa.read(path)
    target = erased(band_victim, scan)
    example = sa.craft(scan, band_victim, sa.attacks.PGD(epsilon=60.0), target=target)
    folder = example.save(tmp_path / "out")
    expected = "adversarial.png" if ending == ".jpg" else f"adversarial{ending}"
    back = sa.read(folder / expected)
    assert back.storage.dtype == "uint8"
    assert np.abs(back.array.astype(int) - scan.array).max() == example.measures["linf"] <= 60
    assert any("JPEG" in note for note in example.notes) == (ending == ".jpg")


def test_colour(tmp_path):
    rng = np.random.default_rng(0)
    array = (disc_image()[..., None] * np.array([1.0, 0.8, 0.6]) + rng.random((48, 64, 3))).astype(
        np.uint8
    )
    scan = Scan.from_array(array, colour=True)
    window = BYTES
    victim = Victim(bands(channels=3), name="rgb", dims=2, channels=3, steps=(window,))
    example = sa.craft(scan, victim, sa.attacks.PGD(epsilon=60.0), target=erased(victim, scan))
    folder = example.save(tmp_path / "out")
    assert sa.read(folder / "adversarial.png").colour
    assert io.read(folder / "noise.nii.gz").colour
    assert example.noise.shape == (48, 64, 3)
    assert example.measures["linf"] <= 60
    assert example.measures["moved"] > 0.5
    assert example.noise_shown.shape == (48, 64)


@pytest.mark.parametrize("dims", [2, 3])
def test_volumes(tmp_path, ct, dims):
    victim = volume_victim(dims)
    source = tmp_path / "ct.nii.gz"
    io.save(ct, source)
    scan = sa.read(source)
    clean = victim.predict(scan)
    target = clean.with_array(np.where(clean.array == 2, 1, clean.array))
    attack = sa.attacks.PGD(epsilon=150.0, steps=10)
    example = sa.craft(scan, victim, attack, target=target, memory=0.0)
    folder = example.save(tmp_path / "out")
    back = sa.read(folder / "adversarial.nii.gz")
    assert back.grid.same_as(scan.grid)
    assert back.storage.dtype == "int16"
    assert example.measures["linf"] <= 150
    assert example.measures["moved"] > 0.3
    passes = example.record["passes"]
    assert passes["backward"] <= example.record["steps"]
    # Without memory a gradient takes two passes: each step needs up to one more forward pass.
    assert example.record["steps"] + 1 < passes["forward"] <= 2 * example.record["steps"] + 1
    kept = sa.craft(scan, victim, attack, target=target)
    # Windows that the noise does not reach, as those of air, run once.
    assert kept.record["passes"]["forward"] <= kept.record["steps"] + 1
    assert kept.record["passes"]["backward"] == passes["backward"]
    np.testing.assert_array_equal(kept.adversarial.array, example.adversarial.array)


def test_nothing_of_the_callers_changes(scan2d, band_victim):
    array = scan2d.array.copy()
    target = erased(band_victim, scan2d)
    labels = target.array.copy()
    sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=40.0, steps=5), target=target)
    np.testing.assert_array_equal(scan2d.array, array)
    np.testing.assert_array_equal(target.array, labels)


def test_the_same_seed_gives_the_same_example(scan2d, band_victim):
    attack = sa.attacks.PGD(epsilon=20.0, steps=5, random_start=True)
    target = erased(band_victim, scan2d)
    one, two, other = (
        sa.craft(scan2d, band_victim, attack, target=target, seed=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.adversarial.array, two.adversarial.array)
    assert (one.adversarial.array != other.adversarial.array).any()


def test_untargeted_is_away_from_the_truth(scan2d, band_victim):
    truth = band_victim.predict(scan2d)
    attack = sa.attacks.PGD(epsilon=70.0, steps=60, goal=0.9)
    example = sa.craft(scan2d, band_victim, attack, truth=truth)
    assert example.record["goal"] == "untargeted"
    assert example.measures["target_iou"] is None
    assert example.measures["dice_with_truth_clean"] == 1.0
    assert example.measures["dice_with_truth"] < 0.2
    assert example.succeeded


def test_a_goal_that_is_missed_is_a_result(scan2d, band_victim):
    target = erased(band_victim, scan2d)
    example = sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=2.0, steps=3), target=target)
    assert not example.succeeded
    assert example.record["steps"] == 3


def test_a_budget_below_one_grey_level_says_so(scan2d, band_victim):
    target = erased(band_victim, scan2d)
    example = sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=0.4, steps=2), target=target)
    np.testing.assert_array_equal(example.adversarial.array, scan2d.array)
    assert "below one step of the file" in example.notes[0]
    assert example.measures["psnr"] is None


def test_region_and_care(scan2d, band_victim):
    target = erased(band_victim, scan2d)
    left = np.zeros(scan2d.grid.shape, np.uint8)
    left[:, :32] = 1
    attack = sa.attacks.PGD(epsilon=60.0, steps=10, goal=None)
    example = sa.craft(scan2d, band_victim, attack, target=target, region=left, care=left)
    assert (example.noise[:, 32:] == 0).all()
    assert (example.noise[:, :32] != 0).any()
    with pytest.raises(SegadvError, match="the region is empty"):
        sa.craft(scan2d, band_victim, attack, target=target, region=np.zeros_like(left))


def test_a_surrogate_is_attacked_and_the_victim_measured(scan2d, band_victim):
    other = bands()
    other[0].weight.data *= 1.02
    surrogate = replace(band_victim, network=other, name="surrogate")
    target = erased(band_victim, scan2d)
    calls = []
    watched = replace(band_victim, network=lambda x: calls.append(1) or band_victim.network(x))
    attack = sa.attacks.PGD(epsilon=60.0, steps=10, goal=None)
    example = sa.craft(scan2d, watched, attack, target=target, surrogate=surrogate)
    # The victim predicts thrice (clean, before saving, read back) and is never attacked itself. A
    # new network is asked twice at first.
    assert len(calls) == 4
    assert example.record["surrogates"][0]["classes"] == list(example.prediction_clean.classes)
    assert example.measures["moved"] > 0.3


def test_preprocessing_is_part_of_the_attack(scan2d):
    """If the victim sees the image resized, the budget still holds on the original grid."""
    steps = (
        Transform("Resize", {"spatial_size": [40, 30], "mode": "bilinear"}),
        BYTES,
    )
    victim = Victim(bands(), name="small", dims=2, steps=steps)
    example = sa.craft(
        scan2d, victim, sa.attacks.PGD(epsilon=60.0, steps=60), target=erased(victim, scan2d)
    )
    assert example.adversarial.array.shape == scan2d.array.shape
    assert example.measures["linf"] <= 60
    assert example.measures["moved"] > 0.9


def test_masks_that_do_not_fit(scan2d, band_victim):
    attack = sa.attacks.PGD()
    with pytest.raises(SegadvError, match="holds class 7, which bands does not have; it knows 0"):
        sa.craft(scan2d, band_victim, attack, target=np.full(scan2d.grid.shape, 7))
    with pytest.raises(SegadvError, match="can't be a mask of image"):
        sa.craft(scan2d, band_victim, attack, target=np.zeros((5, 5), int))
    other = Mask(np.ones((5, 5), np.uint8), Grid.pixels((5, 5)))
    with pytest.raises(SegadvError, match="5 x 5 pixels but the image has 48 x 64"):
        sa.craft(scan2d, band_victim, attack, target=other)
    with pytest.raises(SegadvError, match="no GPU" if not torch.cuda.is_available() else "unknown"):
        sa.craft(
            scan2d, band_victim, attack, device="cuda" if not torch.cuda.is_available() else "x"
        )


def test_poll_stops_within_a_step(ct):
    victim = volume_victim(3)
    calls = []

    def poll():
        calls.append(1)
        if len(calls) == 20:
            raise Cancelled

    clean = victim.predict(ct)
    target = clean.with_array(np.where(clean.array == 2, 1, clean.array))
    with pytest.raises(Cancelled):
        list(
            sa.craft_steps(
                ct, victim, sa.attacks.PGD(epsilon=50.0, steps=50), target=target, poll=poll
            )
        )
    assert len(calls) == 20


def test_saving_is_all_or_nothing(tmp_path, scan2d, band_victim, monkeypatch):
    target = erased(band_victim, scan2d)
    example = sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=40.0, steps=2), target=target)
    folder = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(io, "save_mask", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
        with pytest.raises(SegadvError, match="can't be written \\(disk full\\)"):
            example.save(folder)
    assert list(tmp_path.iterdir()) == []
    example.save(folder)
    with pytest.raises(SegadvError, match="exists already"):
        example.save(folder)
    example.save(folder, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(SegadvError, match=r"out: holds notes\.txt, which is not of the result"):
        example.save(folder, overwrite=True)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.doc").write_text("years of work")
    with pytest.raises(SegadvError, match="is not a segadv result"):
        example.save(mine, overwrite=True)
    assert (mine / "thesis.doc").exists()


def test_an_ensemble_is_attacked_through_its_mean(scan2d, band_victim):
    """The mean of two surrogates that disagree decides, and the passes of both are counted."""
    target = erased(band_victim, scan2d)
    other = bands()
    other[1].bias.data += torch.tensor([0.0, 1.0, 0.0])
    pair = [band_victim, replace(band_victim, network=other, name="other")]
    attack = sa.attacks.PGD(epsilon=30.0, steps=4, goal=None)
    example = sa.craft(scan2d, band_victim, attack, target=target, surrogate=pair)
    assert [s["classes"] for s in example.record["surrogates"]] == [
        list(example.prediction_clean.classes)
    ] * 2
    assert example.record["passes"] == {"forward": 10, "backward": 8}
    alone = sa.craft(scan2d, band_victim, attack, target=target)
    assert not np.array_equal(alone.noise, example.noise)


@pytest.mark.parametrize("region", ["bounding-box", "receptive-field", "receptive-field:0.9"])
def test_a_named_region_holds_the_noise_near_the_change(scan2d, band_victim, region):
    target = erased(band_victim, scan2d)
    attack = sa.attacks.PGD(epsilon=30.0, steps=4, goal=None)
    example = sa.craft(scan2d, band_victim, attack, target=target, region=region)
    moving = target.array != example.prediction_clean.array
    rows, columns = np.nonzero(ndimage.binary_dilation(moving, np.ones((3, 3))))
    outside = example.noise.copy()
    outside[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = 0
    assert not outside.any()
    assert example.noise.any()


def test_an_attack_without_a_budget_says_none(scan2d, band_victim):
    target = erased(band_victim, scan2d)
    attack = sa.attacks.get("least")(steps=20, goal=0.9)
    example = sa.craft(scan2d, band_victim, attack, target=target)
    assert example.record["budget"]["epsilon"] is None
    assert example.record["budget"]["epsilon_percent_of_window"] is None
