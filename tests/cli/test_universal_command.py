"""segadv universal: one perturbation from a CSV, measured on images that it was not made from."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from helpers import disc_image, disc_labels
from typer.testing import CliRunner

from napari_segadv import io
from napari_segadv.attacks.universal import Universal
from napari_segadv.cli import app
from napari_segadv.common.generators import finished
from napari_segadv.common.hashing import sha256_of_all
from napari_segadv.crafting.universal import universal_steps
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.errors import SegadvError


@pytest.fixture
def cases():
    scans = [Scan.from_array(disc_image(seed=seed)) for seed in range(6)]
    return scans, [Mask(disc_labels(), Grid.pixels((48, 64)), ())] * 6


def test_images_that_were_held_out_are_moved_too(cases, band_victim):
    scans, truths = cases
    attack = Universal(epsilon=40.0, epochs=8)
    made = finished(universal_steps(scans, band_victim, attack, truths=truths, held_out=2))
    found = made.record["cases"]
    assert [case["held_out"] for case in found] == [False] * 4 + [True] * 2
    assert all(case["moved"] > case["moved_clean"] + 0.2 for case in found)
    assert all(case["linf"] <= 40.0 for case in found)
    assert np.abs(made.noise).max() <= 40.0
    assert "2 images held out" in made.summary


def test_a_target_for_all(cases, band_victim):
    scans, truths = cases
    target = Mask(np.where(disc_labels() == 1, 0, disc_labels()), scans[0].grid, ())
    attack = Universal(epsilon=60.0, epochs=10)
    made = finished(universal_steps(scans, band_victim, attack, truths=truths, target=target))
    assert made.record["goal"] == "targeted"
    assert min(case["moved"] for case in made.record["cases"]) > 0.5


def test_an_image_in_which_nothing_has_to_change_is_no_success(cases, band_victim):
    """It would count as 100 % changed, whatever the noise does."""
    (scan, *_), truths = cases
    dark = Scan.from_array(np.random.default_rng(0).integers(40, 60, (48, 64)).astype(np.uint8))
    nothing = Mask(np.zeros((48, 64), np.uint8), dark.grid, ())
    assert not band_victim.predict(dark).array.any()
    attack = Universal(epsilon=1.0, epochs=1)
    given = {"truths": [truths[0], nothing], "held_out": 1}
    made = finished(universal_steps([scan, dark], band_victim, attack, **given))
    assert made.record["cases"][1]["moved"] is None
    assert made.summary == "no pixel had to change in 1 image held out"
    given = {"truths": [truths[0], nothing], "target": nothing}
    made = finished(universal_steps([scan, dark], band_victim, attack, **given))
    first, second = made.record["cases"]
    assert (second["moved"], second["kept"]) == (None, 1.0)
    share = f"changed {100 * first['moved']:.1f} % of the pixels that had to change"
    assert made.summary == f"{share}, in 1 image that it was made from; in 1 more, no pixel had to"


def test_the_command_writes_noise_and_measures(cases, weights_file, tmp_path):
    lines = ["image,mask"]
    for n, (scan, mask) in enumerate(zip(*cases, strict=True)):
        io.save(scan, tmp_path / f"{n}.png")
        io.save_mask(mask, tmp_path / f"{n}_mask.png")
        lines.append(f"{n}.png,{n}_mask.png")
    table = tmp_path / "cases.csv"
    table.write_text("\n".join(lines))
    out = tmp_path / "out"
    given = ["universal", str(table), "--victim", str(weights_file), "--out", str(out)]
    done = CliRunner().invoke(app, [*given, "--set", "epochs=1", "--set", "epsilon=9"])
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {"noise.nii.gz", "result.json"}
    record = json.loads((out / "result.json").read_text())
    assert record["budget"]["epsilon"] == 9
    assert [case["held_out"] for case in record["cases"]] == [False] * 5 + [True]
    assert record["inputs"]["target"] is None
    assert [Path(one["path"]).name for one in record["inputs"]["truths"]] == [
        f"{n}_mask.png" for n in range(6)
    ]
    assert record["noise"] == {"noise.nii.gz": sha256_of_all([out / "noise.nii.gz"])}
    assert (record["present"], record["window"]) == ("auto", [0.0, 255.0])
    noise = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "noise.nii.gz")))
    assert 0 < np.abs(noise).max() <= 9
    again = CliRunner().invoke(app, given)
    assert isinstance(again.exception, SegadvError)
    assert "exists already" in str(again.exception)


def test_classes_that_the_victim_does_not_have(cases, band_victim):
    scans, truths = cases
    odd = Mask(disc_labels() * 30, scans[0].grid, ())
    for given in ({"truths": [odd] * 6}, {"truths": truths, "target": odd}):
        with pytest.raises(SegadvError, match="holds class 60, which bands does not have"):
            next(universal_steps(scans, band_victim, Universal(epsilon=4.0), **given))


def test_too_few_to_hold_out(cases, band_victim):
    scans, truths = cases
    with pytest.raises(SegadvError, match="2 images: too few to hold out 2"):
        finished(
            universal_steps(scans[:2], band_victim, Universal(), truths=truths[:2], held_out=2)
        )
