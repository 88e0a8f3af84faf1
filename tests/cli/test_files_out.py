"""The command line's outputs: never an input, and clean on a terminal."""

import shutil

import pytest
from helpers import disc_image

from napari_segadv import io
from napari_segadv.data.scan import Scan


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
