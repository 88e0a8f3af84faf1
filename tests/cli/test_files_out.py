"""The command line's outputs: never an input, and clean on a terminal."""

import shutil

import numpy as np
import pytest
from helpers import disc_image
from overlaps import discs

from napari_segadv import io
from napari_segadv.cli.commands import predict
from napari_segadv.data.overlapping import Overlapping
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.io.structures import save_structures


@pytest.fixture
def image(tmp_path):
    io.save(Scan.from_array(disc_image()), tmp_path / "xray.png")
    return tmp_path / "xray.png"


@pytest.fixture
def bundle(tmp_path):
    from napari_segadv.samples import bundles

    return shutil.copytree(bundles()["chest-xray"], tmp_path / "bundle")


def refused(run, *arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("segadv: ")
    assert err.count("\n") == 1
    return err


def test_a_prediction_is_not_written_over_an_input(run, tmp_path, image, weights_file, bundle):
    inputs = {
        "is the input": [image, weights_file],
        "belongs to the input": [
            weights_file.with_suffix(".json"),
            bundle / "configs" / "metadata.json",
        ],
    }
    for said, paths in inputs.items():
        for path in paths:
            before = path.read_bytes()
            victim = bundle if bundle in path.parents else weights_file
            assert said in refused(run, "predict", image, "--victim", victim, "--out", path)
            assert path.read_bytes() == before


@pytest.fixture
def overlapping(tmp_path):
    """A label map called as the file of one of its structures, and the same as structures."""
    array = np.zeros((8, 12), np.uint8)
    array[2:4], array[4:6] = 1, 2
    grid = Grid.pixels(array.shape)
    io.save_mask(Mask(array, grid), tmp_path / "m-heart.png")
    structures = Overlapping.of([array == 1, array > 0], grid, ("structure 1", "structure 2"))
    save_structures(structures, tmp_path / "s.nii.gz")
    return tmp_path


REGIONS = ("--regions", "heart=1,all=1+2")


def test_no_file_of_a_set_is_written_over_an_input(run, overlapping):
    label_map = overlapping / "m-heart.png"
    before = label_map.read_bytes()
    said = refused(run, "regions", label_map, *REGIONS, "--out", overlapping / "m-{structure}.png")
    assert "m-heart.png: is the input" in said
    assert label_map.read_bytes() == before
    assert not (overlapping / "m-all.png").exists()
    own = (overlapping / "structure_1.nii.gz", overlapping / "s.nii.gz")
    own[1].rename(own[0])
    before = own[0].read_bytes()
    out = overlapping / "{structure}.nii.gz"
    assert "is the input" in refused(run, "target", "erase", own[0], "--label", 1, "--out", out)
    assert own[0].read_bytes() == before


def test_a_set_is_no_output_of_its_own_files(run, overlapping):
    line = ("regions", overlapping / "m-heart.png", *REGIONS, "--out")
    assert run(*line, overlapping / "{structure}.png")[0] == 0
    back = ("regions", overlapping / "{structure}.png", *REGIONS, "--out")
    assert "is the input" in refused(run, *back, overlapping / "all.png")
    status, out, err = run(*back, overlapping / "other.png")
    assert (status, out.strip(), err) == (0, str(overlapping / "other.png"), "")


def test_what_is_said_counts_the_files_of_a_set(run, overlapping):
    out = overlapping / "new" / "{structure}.png"
    status, said, err = run("regions", overlapping / "m-heart.png", *REGIONS, "--out", out)
    assert (status, said.strip(), err) == (0, f"{out} (2 files)", "")
    assert sorted(path.name for path in out.parent.iterdir()) == ["all.png", "heart.png"]


def test_nor_is_a_prediction_of_structures_written_over_its_image(run, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "victim_of", lambda source, trust: discs())
    image = tmp_path / "p-bright.png"
    io.save(Scan.from_array(disc_image()), image)
    before = image.read_bytes()
    line = ("predict", image, "--victim", "discs.pt", "--out")
    assert "is the input" in refused(run, *line, tmp_path / "p-{structure}.png")
    assert image.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [image.name]
    status, said, err = run(*line, tmp_path / "q-{structure}.png")
    assert (status, err) == (0, "")
    assert said.startswith(f"{tmp_path / 'q-{structure}.png'} (2 files): ")
    assert (tmp_path / "q-very_bright.png").exists()


def test_nor_into_a_folder_that_is_one(run, tmp_path, image, ct):
    folder = tmp_path / "series"
    folder.mkdir()
    shutil.copy(image, folder / "1.dcm")
    said = refused(run, "predict", folder, "--victim", "demo:chest-xray", "--out", folder / "1.dcm")
    assert "belongs to the input" in said


def test_a_result_does_not_replace_the_folder_of_its_victim(run, tmp_path, image, weights_file):
    """An earlier result may be replaced, but not one that holds the weights of this run."""
    attack = ("attack", image, "--untargeted", "--set", "steps=1", "--out", tmp_path / "out")
    status, _, err = run(*attack, "--victim", weights_file)
    assert (status, err) == (0, "")
    adversarial = tmp_path / "out" / "adversarial.png"
    again = ("attack", adversarial, *attack[2:], "--victim", weights_file, "--overwrite")
    assert "would be replaced" in refused(run, *again)


def test_a_classes_names_do_not_command_the_terminal(monkeypatch, capsys):
    from napari_segadv.cli.terminal import say

    say("class \x1b[2J\x1b]0;x\x07 heart\nsegadv: all is well", "\u202egnp.exe")
    out = capsys.readouterr().out
    assert out.count("\n") == 2
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "heart\\nsegadv" in out
