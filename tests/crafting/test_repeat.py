"""A saved result is made again: the same bit for bit, or it is said what differs and how much."""

import json
import shutil

import dicom_sources as made
import numpy as np
import pydicom
import pytest
import torch
from detectors import square_victim, squares
from helpers import (
    bands,
    bundle,
    disc_image,
    mask_on,
    save_torchscript,
    small_network,
    volume_victim,
)

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.common.hashing import earlier_hash
from napari_segadv.common.parameters import parameters
from napari_segadv.crafting.repeat import repeat
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.io.output import output_for
from napari_segadv.results.saving import save_run
from napari_segadv.samples import phantom

PGD = sa.attacks.PGD(epsilon=12.0, steps=3, random_start=True)
SAME = ("the same image, bit for bit",)
QUICK = {"steps": 3, "epsilon": 12.0, "queries": 20}


@pytest.fixture
def image(tmp_path):
    """A photograph on disk."""
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    return tmp_path / "x.png"


@pytest.fixture
def volume(tmp_path, ct):
    """A CT on disk."""
    io.save(ct, tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


def wanted(scan, victim):
    """What the victim predicts, with class 1 spread over the first columns."""
    labels = victim.predict(scan).array.copy()
    labels[..., :20] = 1
    return labels


def changed_json(folder, change):
    """Change the record of a result by hand."""
    path = folder / "result.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def quick(name):
    """An attack with few steps."""
    kind = sa.attacks.get(name)
    known = {p.name for p in parameters(kind)}
    return kind(**{key: value for key, value in QUICK.items() if key in known})


ATTACKS = [
    name
    for name, kind in sa.attacks.available().items()
    if "segmentation" in kind.tasks
    and not kind.loads  # a generator: it has a test of its own
    and not any(p.required for p in parameters(kind))
]


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_makes_the_same_image_again(name, tmp_path, band_victim):
    # Floating point: the smallest change counts.
    io.save(Scan.from_array(disc_image().astype(np.float32)), tmp_path / "x.nii.gz")
    scan = io.read(tmp_path / "x.nii.gz")
    target = mask_on(scan, wanted(scan, band_victim))
    example = sa.craft(scan, band_victim, quick(name), target=target, seed=5)
    assert np.any(example.noise)
    again = repeat(save_run(example, tmp_path / "out"), victim=band_victim)
    assert (again.same, again.lines) == (True, SAME)
    np.testing.assert_array_equal(again.example.noise, example.noise)
    assert dict(again.example.measures) == dict(example.measures)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_volume_with_everything_that_can_be_asked_for(dims, tmp_path, volume):
    scan, victim = io.read(volume), volume_victim(dims)
    care, region = np.ones(scan.grid.shape, np.uint8), np.zeros(scan.grid.shape, np.uint8)
    care[:, :4], region[:, 5:30] = 0, 1
    files = {"care": tmp_path / "care.nii.gz", "region": tmp_path / "region.nii.gz"}
    for name, array in (("care", care), ("region", region)):
        io.save_mask(Mask(array, scan.grid), files[name])
    given = {**files, "target": wanted(scan, victim), "slices": (4, 9), "present": "-200:300"}
    example = sa.craft(scan, victim, PGD, seed=3, save_as="nifti", **given)
    folder = save_run(example, tmp_path / "out")
    assert repeat(folder, victim=victim).lines == SAME


def test_untargeted_with_a_truth_and_surrogates(tmp_path, image, band_victim):
    scan = io.read(image)
    io.save_mask(mask_on(scan, wanted(scan, band_victim)), tmp_path / "truth.png")
    other = band_victim.__class__(
        bands((90.0, 150.0)), name="other", dims=2, classes=band_victim.classes,
        steps=band_victim.steps,
    )  # fmt: skip
    given = {"truth": tmp_path / "truth.png", "surrogate": [other, band_victim]}
    folder = sa.craft(scan, band_victim, PGD, **given).save(tmp_path / "out")
    with pytest.raises(SegadvError, match=r"surrogate was not loaded from a file.*--surrogate"):
        repeat(folder, victim=band_victim)
    again = repeat(folder, victim=band_victim, surrogates=[other, band_victim])
    assert again.lines == SAME


def test_a_dicom_series(tmp_path):
    made.ct(tmp_path / "ct", made.stored_volume())
    scan, victim = io.read(tmp_path / "ct"), volume_victim(2)
    example = sa.craft(scan, victim, PGD, target=wanted(scan, victim), deidentify=True)
    folder = save_run(example, tmp_path / "out")
    assert (folder / "adversarial").is_dir()
    assert repeat(folder, victim=victim).lines == SAME
    # Without the series there is nothing to compare with: its files differ in their UIDs.
    shutil.rmtree(folder / "adversarial")
    with pytest.raises(SegadvError, match="put the folder adversarial back"):
        repeat(folder, victim=victim)


def test_a_run_on_dicom_that_was_saved_as_nifti(tmp_path):
    """The image was made for a DICOM file, and the viewer can save it otherwise."""
    made.ct(tmp_path / "ct", made.stored_volume())
    scan, victim = io.read(tmp_path / "ct"), volume_victim(2)
    example = sa.craft(scan, victim, PGD)
    folder = save_run(example.with_output(output_for(scan, "nifti")), tmp_path / "out")
    assert (folder / "adversarial.nii.gz").is_file()
    assert repeat(folder, victim=victim).lines == SAME


def test_a_class(tmp_path):
    scan, _ = phantom("fundus-grade", seed=3)
    victim = sa.load_victim("demo:fundus-grade")
    folder = sa.craft(scan, victim, PGD, target=2).save(tmp_path / "out")
    assert repeat(folder).lines == SAME


@pytest.mark.parametrize("target", ["none", "none:dark", [{"box": [8, 8, 16, 16], "label": 2}]])
def test_boxes(tmp_path, target):
    scan, victim = squares(bright=((1, 2),), dark=((2, 4),)), square_victim()
    io.save(scan, tmp_path / "cells.png")
    scan = io.read(tmp_path / "cells.png")
    example = sa.craft(scan, victim, sa.attacks.DAG(steps=4), target=target)
    for save in (lambda e: e.save(tmp_path / "plain"), lambda e: save_run(e, tmp_path / "run")):
        assert repeat(save(example), victim=victim).lines == SAME


def test_a_phantom_is_drawn_again(tmp_path):
    scan, _ = phantom("chest-xray", seed=20001)
    attack = sa.attacks.FGSM(epsilon=3.0)
    folder = sa.craft(scan, sa.load_victim("demo:chest-xray"), attack).save(tmp_path / "out")
    assert repeat(folder).lines == SAME


def test_a_generator(tmp_path, run, image, weights_file):
    (tmp_path / "images.csv").write_text(f"image\n{image.name}\n")
    victim = ("--victim", weights_file.name)
    assert run("synthesis", "train", "images.csv", *victim, "--out", "gen", "--epochs", 1)[0] == 0
    attack = ("attack", image.name, *victim, "--untargeted", "--out", "out")
    status, _, err = run(*attack, "--method", "synthesis", "--set", "generator=gen")
    assert status == 0, err
    # The generator was named relative to a folder above the result's.
    assert repeat(tmp_path / "out").lines == SAME
    (tmp_path / "gen").rename(tmp_path / "moved")
    status, _, err = run("repeat", "out")
    assert status == 2
    assert "gen: is gone; put it back, or give the generator with --generator" in err
    status, out, err = run("repeat", "out", "--generator", "moved")
    assert (status, out.strip(), err) == (0, f"out: {SAME[0]}", "")


def test_a_generator_for_an_attack_without_one(tmp_path, image, band_victim):
    folder = sa.craft(io.read(image), band_victim, PGD).save(tmp_path / "out")
    with pytest.raises(SegadvError, match="pgd draws from no generator; remove --generator"):
        repeat(folder, victim=band_victim, generator=tmp_path)


def test_where_the_target_is_kept(tmp_path, image, weights_file):
    scan, victim = io.read(image), sa.load_victim(weights_file)
    labels = wanted(scan, victim)
    io.save_mask(mask_on(scan, labels), tmp_path / "target.png")
    example = sa.craft(scan, victim, PGD, target=tmp_path / "target.png")
    plain, whole = example.save(tmp_path / "plain"), save_run(example, tmp_path / "whole")
    assert repeat(plain).lines == repeat(whole).lines == SAME
    (tmp_path / "target.png").unlink()
    assert repeat(whole).lines == SAME
    with pytest.raises(SegadvError, match=r"target.png: is gone.*--target"):
        repeat(plain)
    io.save_mask(mask_on(scan, labels), tmp_path / "elsewhere.nii.gz")
    assert repeat(plain, inputs={"target": tmp_path / "elsewhere.nii.gz"}).same


def test_what_was_only_in_memory_is_named(tmp_path, scan2d, image, band_victim):
    painted = wanted(scan2d, band_victim)
    example = sa.craft(scan2d, band_victim, PGD, target=painted, region=(painted > 0))
    folder = example.save(tmp_path / "out")
    for words, more in (
        (r"image was not read from a file.*--image", {}),
        (r"victim was not loaded from a file.*--victim", {"image": image}),
        (r"target was painted or computed.*--target", {"image": image, "victim": band_victim}),
    ):
        with pytest.raises(SegadvError, match=words):
            repeat(folder, **more)
    given = {"image": image, "victim": band_victim}
    with pytest.raises(SegadvError, match=r"region was painted or computed.*--region"):
        repeat(folder, inputs={"target": painted}, **given)
    # With all of it, the image is the same again, though it now comes from a file.
    inputs = {"target": mask_on(scan2d, painted), "region": painted > 0}
    assert repeat(folder, inputs=inputs, **given).lines == SAME


def test_after_the_image_was_changed(tmp_path, image, band_victim):
    scan = io.read(image)
    folder = sa.craft(scan, band_victim, PGD).save(tmp_path / "out")
    other = disc_image()
    other[0, 0] += 7
    io.save(Scan.from_array(other), image)
    again = repeat(folder, victim=band_victim)
    assert not again.same
    assert again.pixels >= 1
    assert again.largest >= 1
    assert again.lines[0].startswith(f"another image: {again.pixels} value")
    assert again.lines[0].endswith(("grey level", "grey levels"))
    assert "the image is another one, or its file has changed" in again.lines[1]
    image.unlink()
    with pytest.raises(SegadvError, match=r"x.png: is gone.*--image"):
        repeat(folder, victim=band_victim)


def one_pixel_back(folder, scan):
    """Takes the change back in one pixel of a saved adversarial image."""
    array = io.read(folder / "adversarial.png").array.copy()
    first = tuple(np.argwhere(array != scan.array)[0])
    array[first] = scan.array[first]
    io.save(Scan.from_array(array), folder / "adversarial.png")


def test_a_saved_image_that_was_touched_is_told_from_another_image(tmp_path, image, band_victim):
    scan = io.read(image)
    folder = sa.craft(scan, band_victim, PGD).save(tmp_path / "out")
    one_pixel_back(folder, scan)
    again = repeat(folder, victim=band_victim)
    assert (again.same, again.pixels, again.largest) == (True, 0, 0.0)
    told = "the saved adversarial image is no longer the recorded one (sha256)"
    assert again.lines == (*SAME, f"although {told}")
    changed_json(folder, lambda record: record.update(seed=record["seed"] + 1))
    again = repeat(folder, victim=band_victim)
    assert (again.same, again.pixels) == (False, None)
    assert told in again.lines[1]
    # Without the hash, as of an earlier version, only the pixels can be compared.
    changed_json(folder, lambda record: record.pop("adversarial"))
    assert repeat(folder, victim=band_victim).pixels > 0


def test_a_saved_series_that_was_touched(tmp_path):
    made.ct(tmp_path / "ct", made.stored_volume())
    scan, victim = io.read(tmp_path / "ct"), volume_victim(2)
    folder = sa.craft(scan, victim, PGD).save(tmp_path / "out")
    file = sorted((folder / "adversarial").iterdir())[0]
    header = pydicom.dcmread(file)
    header.InstitutionName = "another"
    header.save_as(file)
    head, why = repeat(folder, victim=victim).lines
    assert head == SAME[0]
    assert "no longer the recorded one" in why
    pixels = header.pixel_array.copy()
    pixels[0, 0] += 1
    header.PixelData = pixels.tobytes()
    header.save_as(file)
    with pytest.raises(SegadvError, match="adversarial: has changed since the result was saved"):
        repeat(folder, victim=victim)


def test_what_is_given_instead_of_what_is_recorded_is_named(tmp_path, image, band_victim):
    scan = io.read(image)
    mask = mask_on(scan, (wanted(scan, band_victim) > 0).astype(np.uint8))
    io.save_mask(mask, tmp_path / "mask.png")
    where = str(tmp_path / "mask.png")
    plain = sa.craft(scan, band_victim, PGD).save(tmp_path / "plain")
    boxed = sa.craft(scan, band_victim, PGD, region="bounding-box").save(tmp_path / "boxed")
    drawn = sa.craft(scan, band_victim, PGD, region=where).save(tmp_path / "drawn")
    for folder, inputs, words in (
        (plain, {"region": "bounding-box"}, "the region is bounding-box instead of none"),
        (plain, {"care": mask}, "the care is a mask instead of none"),
        (plain, {"truth": where}, "the truth is a mask instead of none"),
        (boxed, {"region": "receptive-field"}, "is receptive-field instead of bounding-box"),
        (boxed, {"region": where}, "the region is a mask instead of bounding-box"),
        (drawn, {"region": "bounding-box"}, "the region is bounding-box instead of a mask"),
    ):
        assert words in repeat(folder, victim=band_victim, inputs=inputs).lines[-1], words
    for folder, inputs in ((boxed, {"region": "bounding-box"}), (drawn, {"region": where})):
        assert repeat(folder, victim=band_victim, inputs=inputs).lines == SAME
    again = repeat(plain, victim=band_victim, present="20:200")
    assert "presented as 20:200 instead of " in again.lines[-1]


def test_an_image_that_has_moved_is_found_beside_the_result_or_given(tmp_path, image, band_victim):
    folder = sa.craft(io.read(image), band_victim, PGD).save(tmp_path / "out")
    away = tmp_path / "away"
    away.mkdir()
    shutil.move(folder, away / "out")
    shutil.move(image, away / "x.png")
    assert repeat(away / "out", victim=band_victim).lines == SAME
    shutil.move(away / "x.png", away / "other name.png")
    assert repeat(
        away / "out", image=away / "other name.png", victim=band_victim
    ).lines == SAME  # fmt: skip


def test_a_relative_path_is_meant_from_above_the_result(tmp_path, run, image, weights_file):
    attack = ("attack", "x.png", "--victim", weights_file.name, "--untargeted", "--out", "a/out")
    assert run(*attack, "--set", "steps=2", "--set", "epsilon=9")[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # Another image of the same name, in another working directory.
    io.save(Scan.from_array(disc_image(seed=8)), elsewhere / "x.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere)
        assert repeat(tmp_path / "a" / "out").lines == SAME


def test_a_victim_that_has_changed_is_told(tmp_path, image, weights_file):
    victim = sa.load_victim(weights_file)
    folder = sa.craft(io.read(image), victim, PGD).save(tmp_path / "out")
    weights = {name: 1.01 * values for name, values in torch.load(weights_file).items()}
    torch.save(weights, weights_file)
    again = repeat(folder)
    assert "the victim is another one, or its file has changed" in again.lines[-1]


def test_a_bundle_that_was_hashed_in_the_earlier_way_is_the_same(tmp_path, image):
    root = bundle(small_network(), tmp_path)
    folder = sa.craft(io.read(image), sa.load_victim(root), PGD).save(tmp_path / "out")

    def earlier(record):
        record["victim"]["sha256"] = earlier_hash(root)

    changed_json(folder, earlier)
    assert repeat(folder).lines == SAME
    (root / "LICENSE").write_text("another file")
    assert "the victim is another one, or its file has changed" in repeat(folder).lines[-1]


def test_code_in_a_victim_runs_only_by_consent(tmp_path, image):
    path = save_torchscript(small_network(), tmp_path)
    with pytest.raises(NeedsTrust) as asked:
        sa.load_victim(path)
    victim = sa.load_victim(path, asked.value.sha256)
    folder = sa.craft(io.read(image), victim, PGD).save(tmp_path / "out")
    with pytest.raises(NeedsTrust):
        repeat(folder)
    trusted = repeat(folder, load=lambda source: sa.load_victim(source, asked.value.sha256))
    assert trusted.lines == SAME


def test_what_else_differs_is_told_though_the_image_is_the_same(tmp_path, image, band_victim):
    folder = sa.craft(io.read(image), band_victim, PGD).save(tmp_path / "out")

    def older(record):
        record["versions"]["torch"] = "1.0"
        record.update(processor="abacus", device="cuda")
        record["measures"]["moved"] = 0.123

    changed_json(folder, older)
    again = repeat(folder, victim=band_victim)
    assert again.same
    head, why = again.lines
    assert head == SAME[0]
    for words in (
        "device cpu instead of cuda",
        "instead of abacus",
        "instead of 1.0",
        "instead of 12.3 %",
    ):
        assert words in why, words


@pytest.mark.parametrize("count", [1, 2])
def test_as_many_threads_as_then_and_as_before_afterwards(tmp_path, image, band_victim, count):
    torch.set_num_threads(count)
    folder = sa.craft(io.read(image), band_victim, PGD).save(tmp_path / "out")
    torch.set_num_threads(1)
    again = repeat(folder, victim=band_victim)
    assert again.lines == SAME
    assert again.example.record["threads"] == count
    assert torch.get_num_threads() == 1


def test_result_json_alone_suffices_where_the_file_has_a_hash(tmp_path, image, weights_file):
    victim = sa.load_victim(weights_file)
    folder = sa.craft(io.read(image), victim, PGD).save(tmp_path / "out")
    alone = tmp_path / "alone" / "result.json"
    alone.parent.mkdir()
    shutil.copy(folder / "result.json", alone)
    assert repeat(alone).lines == SAME
    changed_json(alone.parent, lambda record: record.update(seed=record["seed"] + 1))
    again = repeat(alone)
    assert (again.same, again.pixels, again.largest) == (False, None, None)
    assert "by how much can't be said" in again.lines[0]


def test_a_search_of_before_it_had_a_start(tmp_path, image, band_victim):
    attack = sa.attacks.Square(steps=20, epsilon=12.0, loss="margin")
    scan = io.read(image)
    target = mask_on(scan, wanted(scan, band_victim))
    folder = save_run(sa.craft(scan, band_victim, attack, target=target), tmp_path / "out")
    changed_json(folder, lambda content: content["parameters"].pop("start"))
    assert repeat(folder, victim=band_victim).lines == SAME


def test_results_of_earlier_versions(tmp_path, image, band_victim):
    folder = sa.craft(io.read(image), band_victim, PGD).save(tmp_path / "out")

    def older(record):
        for name in ("present", "save_as", "deidentify", "processor"):
            del record[name]

    changed_json(folder, older)
    assert repeat(folder, victim=band_victim).lines == SAME
    presented = sa.craft(io.read(image), band_victim, PGD, present="20:200")
    folder = presented.save(tmp_path / "presented")
    changed_json(folder, older)
    with pytest.raises(SegadvError, match=r"earlier version.*presented.*--present"):
        repeat(folder, victim=band_victim)
    assert repeat(folder, victim=band_victim, present="20:200").lines == SAME
    changed_json(folder, lambda record: record.pop("inputs"))
    with pytest.raises(SegadvError, match="inputs"):
        repeat(folder, victim=band_victim, present="20:200")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(method="magic"), "magic"),
        (lambda r: r["parameters"].update(speed=3), "other parameters in this version"),
        (lambda r: r["parameters"].pop("steps"), "other parameters in this version"),
        (lambda r: r["parameters"].update(steps=-1), "steps"),
        (lambda r: r.update(seed="x"), "seed"),
        (lambda r: r.update(goal="targeted"), "goal"),
        (lambda r: r.update(slices=[1, 2]), "slices"),
        (lambda r: r.update(image={"path": 3}), "path"),
        (lambda r: (r.pop("image"), r.update(cases=[])), "several images"),
    ],
)
def test_a_record_that_was_tampered_with_is_one_line(tmp_path, image, band_victim, change, words):
    folder = sa.craft(io.read(image), band_victim, PGD).save(tmp_path / "out")
    changed_json(folder, change)
    with pytest.raises(SegadvError, match=words) as refused:
        repeat(folder, victim=band_victim)
    assert len(str(refused.value).splitlines()) == 1


def test_no_result_at_all(tmp_path):
    for place in (tmp_path, tmp_path / "nothing", tmp_path / "nothing.json"):
        with pytest.raises(SegadvError, match=r"holds no result\.json"):
            repeat(place)
