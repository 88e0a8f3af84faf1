"""A training that was stopped in its first checkpoint: its files are recognised and replaced."""

from pathlib import Path

import pytest
import torch
from helpers import disc_image, finish

from napari_segadv import io
from napari_segadv.attacks.fields.recipe import Recipe
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.training.generator import files, has_generator, load_generator, only_begun
from napari_segadv.training.generator.train import train

SMALL = {"width": 4, "latent": 2, "batch": 2, "epochs": 1, "rate": 0.03}
GENERATOR, TRAINING = "generator-00001.safetensors", "training-00001.safetensors"
# Where the writing of the first checkpoint stops, and the files that exist then.
STOPS = {
    "before generator": [],
    "in generator": [GENERATOR],
    "in training": [GENERATOR, TRAINING],
    "before the end": [".generator.json", GENERATOR, TRAINING],
}


@pytest.fixture
def scans():
    return [Scan.from_array(disc_image(seed=seed)) for seed in range(2)]


@pytest.fixture
def stop(monkeypatch):
    """A function that interrupts the writing of checkpoints at one of STOPS; None: nowhere."""
    save_file, replace, now = files.save_file, Path.replace, {"when": None}

    def save(tensors, path):
        part = path.name.partition("-")[0]
        if now["when"] == f"before {part}":
            raise KeyboardInterrupt
        save_file(tensors, path)
        if now["when"] == f"in {part}":
            path.write_bytes(path.read_bytes()[:100])
            raise KeyboardInterrupt

    def put(self, target):
        if now["when"] == "before the end" and self.name == ".generator.json":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(files, "save_file", save)
    monkeypatch.setattr(Path, "replace", put)
    return lambda when: now.update(when=when)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("when", STOPS)
def test_what_a_stop_left_can_be_trained_into(tmp_path, scans, band_victim, stop, when):
    out, other, recipe = tmp_path / "generator", tmp_path / "other", Recipe(**SMALL)
    stop(when)
    with pytest.raises(KeyboardInterrupt):
        finish(train(scans, band_victim, recipe, out))
    assert names(out) == STOPS[when]
    assert not has_generator(out)
    assert only_begun(out)
    stop(None)
    with pytest.raises(SegadvError, match="holds no generator"):
        finish(train(scans, band_victim, recipe, out, resume=True))
    result, _ = finish(train(scans, band_victim, recipe, out))
    assert result["epoch"] == 1
    assert names(out) == [GENERATOR, "generator.json", TRAINING]
    assert has_generator(out)
    assert not only_begun(out)
    finish(train(scans, band_victim, recipe, other))
    first, second = (load_generator(folder).network.state_dict() for folder in (out, other))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_where_there_is_nothing_nothing_was_begun(tmp_path):
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "none", tmp_path / "file"):
        assert not only_begun(place)
        assert not has_generator(place)
    (tmp_path / "empty").mkdir()
    assert only_begun(tmp_path / "empty")
    assert not has_generator(tmp_path / "empty")


@pytest.mark.parametrize(
    "name",
    [
        "thesis.docx",
        "model.safetensors",
        ".hidden",
        "generator",
        # Weights of other programs.
        "unet-2.safetensors",
        "model-00001-of-00002.safetensors",
    ],
)
def test_a_folder_with_anything_else_is_not_trained_into(tmp_path, scans, band_victim, name):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "generator-00001.safetensors").write_bytes(b"half")
    assert only_begun(out)
    (out / name).write_text("years of work")
    assert not only_begun(out)
    with pytest.raises(SegadvError, match="exists already"):
        finish(train(scans, band_victim, Recipe(**SMALL), out))
    assert (out / name).read_text() == "years of work"


def test_a_folder_with_a_generator_has_not_only_begun(tmp_path, scans, band_victim):
    out = tmp_path / "generator"
    finish(train(scans, band_victim, Recipe(**SMALL), out))
    assert has_generator(out)
    assert not only_begun(out)
    # A stop in a later checkpoint.
    (out / "generator-00002.safetensors").write_bytes(b"half")
    (out / ".generator.json").write_text("{")
    assert has_generator(out)
    assert not only_begun(out)
    result, _ = finish(train(scans, band_victim, Recipe(epochs=2), out, resume=True))
    assert result["epoch"] == 2


@pytest.mark.parametrize("when", ["before generator", "before the end"])
def test_the_command_says_that_there_is_nothing_to_go_on_from(
    tmp_path, scans, weights_file, run, stop, when
):
    for number, scan in enumerate(scans):
        io.save(scan, tmp_path / f"{number}.png")
    (tmp_path / "images.csv").write_text("image\n0.png\n1.png\n")
    call = ["synthesis", "train", "images.csv", "--victim", weights_file, "--out", "generator"]
    call += ["--epochs", 1, "--set", "width=4", "--set", "latent=2"]
    stop(when)
    status, _, err = run(*call)
    assert status == 130
    assert "generator: stopped before the first epoch ended; start again" in err
    assert "--resume" not in err
    stop(None)
    status, out, err = run(*call)
    assert (status, "after 1 epoch" in out) == (0, True), err


def test_the_command_that_is_stopped_before_it_writes_says_the_same(
    tmp_path, scans, weights_file, run, monkeypatch
):
    io.save(scans[0], tmp_path / "0.png")
    (tmp_path / "images.csv").write_text("image\n0.png\n")

    def stopped(steps, title):
        next(steps)
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_segadv.cli.commands.synthesis.follow", stopped)
    call = ["synthesis", "train", "images.csv", "--victim", weights_file, "--out", "generator"]
    status, _, err = run(*call)
    assert status == 130
    assert "stopped before the first epoch ended" in err
    assert not (tmp_path / "generator").exists()
