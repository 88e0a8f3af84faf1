"""What a result records of its inputs: each given file with its hash, and its own image's hash."""

import hashlib
import json

import numpy as np
import pytest
import torch
from helpers import disc_image
from sessions import same_example

import napari_segadv as sa
from napari_segadv import io, targets
from napari_segadv.data.grade import Grade
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.results.provenance import describe_given
from napari_segadv.results.saving import save_run

ROLES = ("target", "truth", "region", "care")
PGD = sa.attacks.PGD(epsilon=12.0, steps=2)


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def scan(tmp_path) -> Scan:
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    return io.read(tmp_path / "x.png")


@pytest.fixture
def labels(scan, band_victim):
    """What the victim predicts, with class 1 spread to the left."""
    array = band_victim.predict(scan).array.astype(np.uint8)
    array[..., :20] = 1
    return array


@pytest.fixture
def given(tmp_path, scan, labels):
    """A different file for each role."""
    left = np.zeros_like(labels)
    left[:, :40] = 1
    care = np.ones_like(labels)
    care[:, :1] = 0
    arrays = {"target": labels, "truth": labels[::-1], "region": left, "care": care}
    files = {role: tmp_path / f"{role}.nii.gz" for role in ROLES}
    for role, path in files.items():
        io.save_mask(Mask(np.ascontiguousarray(arrays[role]), scan.grid), path)
    assert len({sha256(path) for path in files.values()}) == 4
    return files


def saved(example, folder):
    return json.loads((example.save(folder) / "result.json").read_text())


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_each_file_with_its_path_and_hash(tmp_path, scan, band_victim, given, kind):
    files = {role: kind(path) for role, path in given.items()}
    result = saved(sa.craft(scan, band_victim, PGD, **files), tmp_path / "out")
    assert result["inputs"] == {
        role: {"path": str(path), "sha256": sha256(path)} for role, path in given.items()
    }


def test_masks_that_were_read_before(tmp_path, scan, band_victim, given):
    masks = {role: io.read_mask(path, scan.grid) for role, path in given.items()}
    result = saved(sa.craft(scan, band_victim, PGD, **masks), tmp_path / "out")
    assert result["inputs"]["care"] == {
        "path": str(given["care"]),
        "sha256": sha256(given["care"]),
    }


def test_an_array_has_a_hash_and_no_path(tmp_path, scan, band_victim, labels):
    region = np.zeros_like(labels)
    region[10:40] = 1
    example = sa.craft(scan, band_victim, PGD, target=labels.astype(np.int64), region=region)
    inputs = saved(example, tmp_path / "out")["inputs"]
    for role, array in (("target", labels), ("region", region)):
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        assert inputs[role] == {"path": None, "sha256": digest}
    assert inputs["truth"] is inputs["care"] is None
    other = labels.copy()
    other[5, 5] ^= 1
    changed = sa.craft(scan, band_victim, PGD, target=other).record["inputs"]
    assert changed["target"]["sha256"] != inputs["target"]["sha256"]


def test_a_painted_mask_has_the_hash_of_its_array(scan, band_victim, labels):
    example = sa.craft(scan, band_victim, PGD, target=Mask(labels, scan.grid))
    digest = hashlib.sha256(labels.tobytes()).hexdigest()
    assert example.record["inputs"]["target"] == {"path": None, "sha256": digest}


def test_a_target_made_of_a_file_is_not_that_file(scan, band_victim, given):
    wanted = targets.grow(io.read_mask(given["target"], scan.grid), 2, 3.0)
    example = sa.craft(scan, band_victim, PGD, target=wanted)
    digest = hashlib.sha256(wanted.array.tobytes()).hexdigest()
    assert example.record["inputs"]["target"]["sha256"] == digest


@pytest.mark.parametrize("region", ["bounding-box", "receptive-field:0.9"])
def test_a_measured_region_by_its_name(tmp_path, scan, band_victim, labels, region):
    example = sa.craft(scan, band_victim, PGD, target=labels, region=region)
    assert saved(example, tmp_path / "out")["inputs"]["region"] == region


def test_what_was_not_given_is_none(tmp_path, scan, band_victim):
    result = saved(sa.craft(scan, band_victim, PGD), tmp_path / "out")
    assert result["inputs"] == dict.fromkeys(ROLES)


def test_a_class_from_a_file_and_one_that_was_named(tmp_path):
    path = tmp_path / "wanted.json"
    path.write_text('{"label": 2}')
    assert describe_given(Grade(2, path=path)) == {"path": str(path), "sha256": sha256(path)}
    # The record holds the class itself elsewhere.
    assert describe_given(Grade(2)) == "2"


@pytest.fixture(params=[1, 2])
def threads(request):
    """How many threads torch computes with; tests after it have as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_the_number_of_threads(scan, band_victim, threads):
    assert sa.craft(scan, band_victim, PGD).record["threads"] == threads


@pytest.mark.parametrize("ending", [".png", ".tif", ".nii.gz", ".nrrd", ".jpg"])
def test_the_adversarial_file_and_its_hash(tmp_path, band_victim, ending):
    from PIL import Image

    path = tmp_path / f"scan{ending}"
    if ending == ".jpg":
        Image.fromarray(disc_image()).save(path)
    else:
        io.save(Scan.from_array(disc_image()), path)
    result = saved(sa.craft(io.read(path), band_victim, PGD), tmp_path / "out")
    file = tmp_path / "out" / result["adversarial"]["file"]
    assert file.name == f"adversarial{'.png' if ending == '.jpg' else ending}"
    assert result["adversarial"] == {"file": file.name, "sha256": sha256(file)}


@pytest.mark.parametrize("save", [lambda e, f: e.save(f), save_run], ids=["library", "viewer"])
def test_a_loaded_example_has_the_same_record(tmp_path, scan, band_victim, given, save):
    example = sa.craft(scan, band_victim, PGD, **given)
    folder = save(example, tmp_path / "out")
    loaded = sa.load_example(folder)
    assert dict(loaded.record) == dict(example.record)
    assert {"inputs", "threads"} <= set(loaded.record)
    if save is save_run:
        same_example(example, loaded)
    # Saved again, it says the same of the same image.
    first = json.loads((folder / "result.json").read_text())
    again = saved(loaded, tmp_path / "again")
    assert set(again.pop("files")) <= set(first.pop("files"))
    assert again == first


def test_from_the_command_line(tmp_path, weights_file, run, given, scan):
    status, _, err = run(
        *("attack", scan.path, "--victim", weights_file, "--target", "target.nii.gz"),
        *("--region", "bounding-box", "--care", given["care"], "--truth", given["truth"]),
        *("--set", "steps=1", "--set", "epsilon=4", "--out", "result"),
    )
    assert (status, err) == (0, "")
    inputs = json.loads((tmp_path / "result" / "result.json").read_text())["inputs"]
    # As it was given, relative to the working directory.
    assert inputs["target"] == {"path": "target.nii.gz", "sha256": sha256(given["target"])}
    assert inputs["region"] == "bounding-box"
    for role in ("care", "truth"):
        assert inputs[role] == {"path": str(given[role]), "sha256": sha256(given[role])}
