"""Single results and runs, each in its own folder: written, overwritten, read back."""

import json
from dataclasses import replace

import dicoms
import numpy as np
import pytest
from helpers import disc_image
from pages import Page
from sessions import (
    PGD,
    moved_disc,
    same_example,
)

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.loading import load_verdicts
from napari_segadv.results.saving import save_run
from napari_segadv.results.unchanged import OTHER_FILE, UNKNOWN_FILE
from napari_segadv.results.verdicts import Verdict


def test_a_folder_of_the_command_line_is_loaded(tmp_path, band_victim):
    path = tmp_path / "x.png"
    io.save(Scan.from_array(disc_image()), path)
    target = moved_disc(io.read(path), band_victim)
    example = sa.craft(io.read(path), band_victim, PGD, target=target)
    folder = example.save(tmp_path / "out")
    loaded = sa.load_example(folder)
    assert loaded.target is None
    same_example(replace(example, target=None), loaded)
    assert load_verdicts(folder, loaded) == {}
    io.save(Scan.from_array(disc_image(seed=4)), path)
    with pytest.raises(SegadvError, match="has changed since"):
        sa.load_example(folder)
    path.unlink()
    with pytest.raises(SegadvError, match="is gone"):
        sa.load_example(folder)
    with pytest.raises(SegadvError, match="open it with the image"):
        sa.load_example(folder, Scan.from_array(disc_image(seed=4)))
    same_example(replace(example, target=None), sa.load_example(folder, example.clean))
    with pytest.raises(SegadvError, match="holds no result.json"):
        sa.load_example(tmp_path)


@pytest.fixture
def attacked(tmp_path, band_victim):
    """The folder of a result, beside its image x.png."""
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    return sa.craft(io.read(tmp_path / "x.png"), band_victim, PGD).save(tmp_path / "out")


def changed(path, away):
    """Write an image with one pixel more or less bright; the noise keeps its largest value."""
    array = io.read(path).array.copy()
    array[tuple(np.argwhere(np.abs(io.read(away).array.astype(int) - array) == 1)[0])] += 1
    io.save(Scan.from_array(array), path)


def test_a_report_of_an_image_that_has_changed_is_refused(attacked, tmp_path):
    changed(tmp_path / "x.png", attacked / "adversarial.png")
    for refused in (
        lambda: sa.load_example(attacked),
        lambda: sa.report(attacked, tmp_path / "r.html"),
    ):
        with pytest.raises(SegadvError, match=r"x\.png: has changed since out was made from it"):
            refused()
    with pytest.raises(SegadvError, match="is not the image that out was made from"):
        sa.report(attacked, tmp_path / "r.html", image=tmp_path / "x.png")
    with pytest.raises(SegadvError, match="is not the image that out was made from"):
        sa.load_example(attacked, io.read(tmp_path / "x.png"))
    assert not (tmp_path / "r.html").exists()


def test_an_adversarial_image_that_has_changed_is_refused(attacked, tmp_path):
    changed(attacked / "adversarial.png", tmp_path / "x.png")
    words = r"adversarial\.png: has changed since the result was saved \(sha256\); restore it"
    with pytest.raises(SegadvError, match=words):
        sa.load_example(attacked)
    with pytest.raises(SegadvError, match=words):
        sa.report(attacked, tmp_path / "r.html")
    with pytest.raises(SegadvError, match=words):
        sa.load_example(attacked, io.read(tmp_path / "x.png"))


def test_a_copy_of_the_image_in_another_file_is_taken_and_told(attacked, tmp_path):
    scan = io.read(tmp_path / "x.png")
    io.save(scan, tmp_path / "copy.tif")
    loaded = sa.load_example(attacked, tmp_path / "copy.tif")
    assert loaded.notes == (OTHER_FILE,)
    page = sa.report(attacked, tmp_path / "r.html", image=tmp_path / "copy.tif")
    assert OTHER_FILE in Page(page).text
    assert sa.load_example(attacked, tmp_path / "x.png").notes == ()
    (attacked / "noise.nii.gz").unlink()
    assert sa.load_example(attacked, tmp_path / "copy.tif").notes == (UNKNOWN_FILE,)


def test_a_result_without_the_hash_of_its_adversarial_image_opens(attacked, tmp_path):
    path = attacked / "result.json"
    record = json.loads(path.read_text())
    del record["adversarial"]
    path.write_text(json.dumps(record))
    assert sa.load_example(attacked).notes == ()
    sa.report(attacked, tmp_path / "r.html")


def test_the_image_is_found_as_repeat_finds_it(run, tmp_path, weights_file, monkeypatch):
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    attack = ("attack", "x.png", "--victim", weights_file.name, "--untargeted", "--out", "a/out")
    assert run(*attack, "--set", "steps=2", "--set", "epsilon=9")[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert sa.load_example(tmp_path / "a" / "out").clean.path == tmp_path / "x.png"


def test_one_of_several_images_of_a_folder_is_found_again(tmp_path, band_victim):
    for n in range(2):
        dicoms.save(dicoms.image(disc_image(seed=n), "CR"), tmp_path / "cd" / f"{n}.dcm")
    scan = io.read(f"{tmp_path / 'cd'}::2")
    example = sa.craft(scan, band_victim, PGD, target=moved_disc(scan, band_victim))
    folder = example.save(tmp_path / "out")
    same_example(replace(example, target=None), sa.load_example(folder))
    (tmp_path / "cd" / "1.dcm").unlink()
    with pytest.raises(SegadvError, match="holds 1 image, none of which is 2"):
        sa.load_example(folder)


def test_a_run_is_overwritten_with_its_verdicts_and_nothing_else_is(tmp_path, scan2d, band_victim):
    example = sa.craft(scan2d, band_victim, PGD, target=moved_disc(scan2d, band_victim))
    verdicts = {0: Verdict("suspicious", "edge")}
    folder = save_run(example, tmp_path / "run", verdicts)
    assert load_verdicts(folder, example) == verdicts
    same_example(example, sa.load_example(folder, scan2d))
    with pytest.raises(SegadvError, match="exists already"):
        save_run(example, folder)
    example.save(folder, overwrite=True)
    assert not (folder / "verdicts.json").exists()
    save_run(example, folder, verdicts, overwrite=True)
    (folder / "thesis.docx").write_text("years of work")
    with pytest.raises(SegadvError, match=r"holds thesis\.docx, which is not of the result"):
        save_run(example, folder, overwrite=True)


def test_parameters_come_back_as_they_were(tmp_path):
    from napari_segadv.common.parameters import values

    for name, attack in sa.attacks.available().items():
        found = values(attack())
        assert json.loads(json.dumps(found)) == found, name
