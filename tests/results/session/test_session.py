"""Sessions on disk: all that goes in comes out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import BYTES, bands, disc_image, volume_victim, write_series
from sessions import PGD, SAGITTAL, moved_disc, one_run, same_example, same_scan, there_and_back

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.results.session.folder import open_session, save_session
from napari_segadv.results.session.session import (
    Session,
    SessionImage,
    SessionLabels,
    SessionRun,
    VictimSource,
)
from napari_segadv.results.verdicts import Verdict
from napari_segadv.victims.victim import Victim


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "float16", "float32", "float64"])
def test_a_run_of_pixels_of_every_type(tmp_path, band_victim, kind):
    scan = Scan.from_array(disc_image().astype(kind))
    example = sa.craft(scan, band_victim, PGD, target=moved_disc(scan, band_victim))
    verdicts = {0: Verdict("suspicious", "näht \N{GREEK SMALL LETTER ALPHA}")}
    run = there_and_back(example, tmp_path, verdicts=verdicts, name="ein Name")
    assert run.verdicts == verdicts
    assert run.name == "ein Name"


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_a_run_of_a_file_of_every_format(tmp_path, band_victim, ending):
    path = tmp_path / f"an x-ray.1{ending}"
    if ending == ".jpg":
        from PIL import Image

        Image.fromarray(disc_image()).save(path)
    else:
        io.save(Scan.from_array(disc_image()), path)
    example = sa.craft(io.read(path), band_victim, PGD)
    saved = save_session(one_run(example), tmp_path / "s")
    for file in tmp_path.glob("an x-ray*"):
        file.unlink()
    (run,) = open_session(saved).runs
    same_example(example, run.example)
    # And again: the session's own file has replaced the one that is gone.
    there_and_back(run.example, tmp_path / "later")
    again = sa.craft(run.example.clean, band_victim, PGD)
    np.testing.assert_array_equal(again.noise, example.noise)


@pytest.mark.parametrize(
    "direction", [np.diag([1.0, -1.0, -1.0]), SAGITTAL, "oblique"], ids=["flips", "sagittal", "ob"]
)
def test_a_volume_keeps_its_geometry(tmp_path, ct, direction):
    if isinstance(direction, str):
        c, s = np.cos(0.3), np.sin(0.3)
        direction = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    grid = Grid(ct.grid.shape, (3.0, 1.1, 1 / 3), (-40.1, 1e-7, 20.0), direction)
    scan = replace(ct, grid=grid)
    victim = volume_victim(2)
    example = sa.craft(scan, victim, PGD, target=moved_disc(scan, victim))
    verdicts = {3: Verdict("obvious"), 19: Verdict("", "a note")}
    assert there_and_back(example, tmp_path, verdicts=verdicts).verdicts == verdicts


def test_a_dicom_series_becomes_nifti(tmp_path, ct):
    files = write_series(tmp_path / "series", np.clip(ct.array + 1024, 0, 4000).astype(np.uint16))
    scan = io.read(tmp_path / "series")
    example = sa.craft(scan, volume_victim(2), PGD)
    saved = save_session(one_run(example), tmp_path / "s")
    for file in files:
        file.unlink()
    (run,) = open_session(saved).runs
    same_example(example, run.example)
    assert run.example.clean.units == "HU"
    # An image of a folder that is gone is saved as well.
    save_session(one_run(example), tmp_path / "later")
    assert run.example.clean.meta["window_center"] == scan.meta["window_center"]


def test_scaled_storage_and_colour(tmp_path, band_victim):
    scan = Scan.from_array(disc_image().astype(np.float64) * 0.5 + 3, (1.0, 2.0))
    scaled = replace(scan, storage=Storage("int16", 0.5, 3.0))
    io.save(scaled, tmp_path / "scaled.nii.gz")
    there_and_back(sa.craft(io.read(tmp_path / "scaled.nii.gz"), band_victim, PGD), tmp_path)
    colour = Scan.from_array(np.stack([disc_image(seed=n) for n in range(3)], -1), colour=True)
    network = bands(channels=3)
    victim = Victim(
        network, name="rgb", dims=2, channels=3, classes=("a", "b", "c"), steps=(BYTES,)
    )
    there_and_back(sa.craft(colour, victim, PGD), tmp_path / "colour")


def test_fields_of_a_deformation(tmp_path, scan2d, band_victim, ct):
    attack = sa.attacks.get("deform")(steps=2)
    for scan, victim in ((scan2d, band_victim), (ct, volume_victim(2))):
        example = sa.craft(scan, victim, attack, target=moved_disc(scan, victim))
        assert "displacement" in example.fields
        there_and_back(example, tmp_path / str(scan.grid.ndim))


def test_a_classification(tmp_path, scan2d):
    # Of one network in a hundred, all numbers lie between 0 and 1, which could be probabilities.
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Conv2d(1, 3, 1))
    victim = Victim(
        network.eval(),
        name="grader",
        dims=2,
        # Two classes of the same name.
        classes=("none", "mild", "mild"),
        steps=(BYTES,),
        task="classification",
    )
    other = (victim.predict(scan2d).label + 1) % 3
    for target in (other, None):
        example = sa.craft(scan2d, victim, PGD, target=target)
        run = there_and_back(example, tmp_path / str(target))
        assert run.example.prediction_adversarial == example.prediction_adversarial


def test_a_detection(tmp_path):
    from napari_segadv.samples import DEMO_SEED, phantom

    scan, _ = phantom("endoscopy", DEMO_SEED)
    victim = sa.load_victim("demo:endoscopy")
    for target in ("none:2", None):
        example = sa.craft(scan, victim, PGD, target=target)
        assert example.prediction_clean.anchors is not None
        there_and_back(example, tmp_path / str(target))
    # What the command line writes has rounded boxes.
    folder = example.save(tmp_path / "plain")
    loaded = sa.load_example(folder, scan)
    np.testing.assert_allclose(
        loaded.prediction_clean.corners, example.prediction_clean.corners, atol=0.01
    )
    np.testing.assert_allclose(
        loaded.prediction_clean.scores, example.prediction_clean.scores, atol=1e-4
    )


def test_images_are_stored_once_and_labels_beside_them(tmp_path, scan2d, band_victim, ct):
    first = sa.craft(scan2d, band_victim, PGD)
    # The same image in another object, as each run on a layer from elsewhere makes one.
    second = sa.craft(replace(scan2d, array=scan2d.array.copy()), band_victim, PGD)
    third = sa.craft(ct, volume_victim(2), PGD)
    painted = Mask(np.arange(scan2d.array.size).reshape(scan2d.array.shape) % 3, scan2d.grid)
    solid = Mask(np.ones(ct.array.shape, np.uint16), ct.grid, ("background", "liver"))
    session = Session(
        (SessionImage("my x-ray", scan2d, (10.0, 90.0)), SessionImage("ct", ct)),
        (SessionLabels("target", painted, 0), SessionLabels("other", solid, 1)),
        tuple(SessionRun(f"run {n}", e) for n, e in enumerate((first, second, third))),
        target=0,
        shown=2,
        victim=VictimSource("demo:chest-xray", "x", "ab" * 32, "built-in", "segmentation", ("b",)),
    )
    folder = save_session(session, tmp_path / "new" / "s")
    assert sorted(p.name for p in (folder / "images").iterdir()) == ["00", "01"]
    back = open_session(folder)
    assert [image.name for image in back.images] == ["my x-ray", "ct"]
    assert [image.window for image in back.images] == [(10.0, 90.0), None]
    for saved, found in zip(session.images, back.images, strict=True):
        same_scan(saved.scan, found.scan)
    for saved, found in zip(session.runs, back.runs, strict=True):
        same_example(saved.example, found.example)
    assert back.runs[0].example.clean is back.runs[1].example.clean is back.images[0].scan
    for saved, found in zip(session.labels, back.labels, strict=True):
        np.testing.assert_array_equal(saved.mask.array, found.mask.array)
        assert saved.mask.array.dtype == found.mask.array.dtype
        assert (saved.name, saved.image) == (found.name, found.image)
        assert saved.mask.classes == found.mask.classes
        np.testing.assert_array_equal(saved.mask.grid.affine, found.mask.grid.affine)
    assert (back.target, back.shown, back.victim) == (0, 2, session.victim)


def test_an_empty_session(tmp_path):
    back = open_session(save_session(Session(), tmp_path / "s"))
    assert (back.images, back.runs, back.target, back.victim) == ((), (), None, None)


def test_what_exists_is_refused_and_what_fails_leaves_nothing(tmp_path, scan2d, band_victim):
    session = one_run(sa.craft(scan2d, band_victim, PGD))
    (tmp_path / "there").mkdir()
    with pytest.raises(SegadvError, match="exists already"):
        save_session(session, tmp_path / "there")

    class Full(Exception):
        pass

    def stop():
        raise Full

    with pytest.raises(Full):
        save_session(session, tmp_path / "s", stop)
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
