"""Images of several channels on the command line: predict, attack, repeat and report."""

import json

import numpy as np
import pytest
from helpers import write_series
from several import half, saved, victim_of

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.attacks.universal import Universal
from napari_segadv.common.generators import finished
from napari_segadv.crafting.universal import universal_steps
from napari_segadv.data.scan import SHARES, Mask
from napari_segadv.errors import SegadvError
from napari_segadv.io.images import read_array
from napari_segadv.victims.victim import Victim


@pytest.fixture
def scan(tmp_path):
    return saved(tmp_path)


@pytest.fixture
def victim(monkeypatch):
    """The victim that every name stands for: what is tested is how images get to it."""
    from napari_segadv import victims

    victim = victim_of()
    monkeypatch.setattr(victims, "load_victim", lambda source, trusted=None: victim)
    return victim


def case(*numbers):
    return [f"case_{number:04d}.nii.gz" for number in numbers]


@pytest.mark.parametrize(
    "given",
    [
        case(0, 1, 2),
        ["--image", case(0)[0], "--image", case(1)[0], "--image", case(2)[0]],
        [*case(0, 1), "--image", *case(2)],
        ["."],
        ["case"],
    ],
)
def test_the_files_of_the_channels_are_given_in_any_way(run, scan, victim, given):
    status, _, err = run("predict", *given, "--victim", "two", "--out", "labels.nii.gz")
    assert status == 0, err
    assert "FLAIR = case_0000.nii.gz, T1 = case_0001.nii.gz, CT = case_0002.nii.gz" in err
    found = io.read_mask("labels.nii.gz").array
    np.testing.assert_array_equal(found, victim.predict(scan).array)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no image is given"),
        (case(0), r"several needs 3 channels \(FLAIR, T1, CT\); case_0000.nii.gz is in grey scale"),
        (case(0, 1), "case_0000.nii.gz . case_0001.nii.gz has 2"),
        (case(0, 1, 7), "case_0007.nii.gz: no such file"),
    ],
)
def test_too_few_and_wrong_files(run, scan, victim, given, message):
    status, out, err = run("predict", *given, "--victim", "two", "--out", "labels.nii.gz")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert any(part in line for part in [message.replace("\\", "").replace(" . ", " + ")])


def test_attack_and_repeat(run, scan, victim, tmp_path):
    io.save_mask(Mask(half(victim, scan), scan.grid), tmp_path / "target.nii.gz")
    settings = ("--target", "target.nii.gz", "--set", "epsilon=40", "--set", "steps=4")
    shares = ("--channel", "flair", "--channel", "2=0.5")
    status, out, err = run(
        "attack", *case(0, 1, 2), "--victim", "two", *settings, *shares, "--out", "out"
    )
    assert status == 0, err
    assert "FLAIR" in out
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [one["share"] for one in result["channels"]] == [1.0, 0.5, 0.0]
    assert sa.read(tmp_path / "out" / "noise_0001.nii.gz").array.any()
    example = sa.load_example(tmp_path / "out")
    assert not example.noise[..., 2].any()
    # Their files have moved, and so must be named.
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in case(0, 1, 2):
        (tmp_path / name).rename(moved / name)
    images = [word for name in case(0, 1, 2) for word in ("--image", moved / name)]
    status, out, err = run("repeat", "out", *images, "--victim", "two")
    assert status == 0, err
    assert "the same image, bit for bit" in out


@pytest.mark.parametrize("given", ["T2", "flair=x", "flair=3"])
def test_channels_that_do_not_fit(run, scan, victim, given):
    status, _, err = run(
        *("attack", *case(0, 1, 2), "--victim", "two", "--untargeted"),
        *("--channel", given, "--out", "out"),
    )
    assert status == 2
    assert len(err.splitlines()) == 1
    assert "channel" in err


def test_two_phases_of_a_ct_from_dicom_series(tmp_path):
    """Each phase is saved as a derived series of its own."""
    rng = np.random.default_rng(0)
    for name in ("arterial", "venous"):
        stored = rng.integers(900, 1200, (4, 24, 26)).astype(np.uint16)
        stored[:, 6:18, 6:18] += 200
        write_series(tmp_path / name, stored, description=name)
    scan = sa.read([tmp_path / "arterial", tmp_path / "venous"])
    assert [part.units for part in scan.parts] == ["HU", "HU"]

    def network(x):
        import torch

        u = ((x - 100) / 200).mean(1, keepdim=True)
        return torch.cat([-u, u], 1)

    victim = Victim(
        network, "phases", dims=3, channels=2, classes=("background", "organ"), array_order=True
    )
    attack = sa.attacks.PGD(epsilon=5.0, steps=3)
    example = sa.craft(scan, victim, attack)
    assert all(part.channels == 1 for part in example.adversarial.parts)
    folder = example.save(tmp_path / "out")
    for number in range(2):
        assert len(list((folder / f"adversarial_{number:04d}").iterdir())) == 4
        back = sa.read(folder / f"adversarial_{number:04d}")
        np.testing.assert_array_equal(back.array, example.adversarial.parts[number].array)
    found = sa.load_example(folder)
    np.testing.assert_array_equal(found.noise, example.noise)
    assert sa.repeat(folder, victim=victim).same
    page = sa.report(folder, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "nobody" not in page
    # Names of series and folders may be those of patients.
    assert "venous" not in page
    assert "2, brain" in page


@pytest.fixture
def cases(tmp_path):
    """Three images of three channels in folders 0, 1 and 2, and the mask that all share."""
    scans = []
    for number in range(3):
        (folder := tmp_path / str(number)).mkdir()
        scans.append(saved(folder))
    truth = victim_of().predict(scans[0])
    io.save_mask(truth, tmp_path / "mask.nii.gz")
    return scans, [truth] * 3


def test_one_noise_for_many_images_counts_in_percent_of_windows(cases, tmp_path):
    scans, truths = cases
    attack, only = Universal(epsilon=100.0, epochs=15), {"flair": 1.0, "CT": 0.5}
    victim = victim_of()
    made = finished(
        universal_steps(scans, victim, attack, truths=truths, held_out=1, channels=only)
    )
    assert made.record["budget"]["units"] == SHARES
    assert [one["share"] for one in made.record["channels"]] == [1.0, 0.0, 0.5]
    widths = [one["window"][1] - one["window"][0] for one in made.record["channels"]]
    percent = 100 * made.noise / np.array(widths)
    assert np.abs(percent[..., 0]).max() == pytest.approx(100, rel=1e-4)
    assert not percent[..., 1].any()
    assert 40 < np.abs(percent[..., 2]).max() <= 50 * (1 + 1e-5)
    for case in made.record["cases"]:
        assert case["moved"] > case["moved_clean"] + 0.2
        assert case["linf"] <= 100
        assert [one["name"] for one in case["channels"]] == ["FLAIR", "T1", "CT"]
        assert 0 < case["channels"][0]["linf"] <= widths[0]
        assert case["channels"][1]["linf"] == 0
        assert 0 < case["channels"][2]["linf"] <= 0.5 * widths[2]


def test_its_file_of_noise_is_one_for_each_channel(run, cases, victim, tmp_path):
    line = "{0}/case_0000.nii.gz,{0}/case_0001.nii.gz,{0}/case_0002.nii.gz,mask.nii.gz"
    lines = ["image,image_2,image_3,mask", *(line.format(number) for number in range(3))]
    (tmp_path / "cases.csv").write_text("\n".join(lines))
    settings = ("--set", "epochs=4", "--set", "norm=l2", "--channel", "T1", "--out", "out")
    status, out, err = run("universal", "cases.csv", "--victim", "three", *settings)
    assert status == 0, err
    assert "3 images that it was made from" in out
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    noise = [
        read_array(tmp_path / "out" / f"noise_{number:04d}.nii.gz", (24, 26)) / width
        for number, width in enumerate(
            one["window"][1] - one["window"][0] for one in record["channels"]
        )
    ]
    assert not noise[0].any()
    assert not noise[2].any()
    length = 100 * np.linalg.norm(noise[1])
    assert 0 < length <= record["budget"]["epsilon"] * (1 + 1e-5)
    assert all(case["l2"] <= record["budget"]["epsilon"] for case in record["cases"])


def test_a_generator_is_for_images_of_one_channel(scan, tmp_path):
    attack = sa.attacks.get("synthesis")(generator=str(tmp_path), epsilon=None)
    with pytest.raises(SegadvError, match="generators are trained on images of one channel"):
        sa.craft(scan, victim_of(), attack)
