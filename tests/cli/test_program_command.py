"""A program as victim, from the installed command line: predict, search, transfer, repeat, stop."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import PATIENCE, bands, describe, disc_image, save_torchscript
from programs import described, gone, question_of

from napari_segadv import io
from napari_segadv.common.hashing import sha256_of
from napari_segadv.data.scan import Scan

SEGADV = Path(sys.executable).parent / "segadv"
THRESHOLDS = (95, 155)
# Temporary files go into a folder that the test can look into.
SCRATCH = "scratch"


@pytest.fixture
def folder(tmp_path):
    """An image and a target that lets the bright disc's right half become dim."""
    image = disc_image()
    io.save(Scan.from_array(image), tmp_path / "x.png")
    target = np.digitize(image, THRESHOLDS).astype(np.uint8)
    target[:, 48:][target[:, 48:] == 2] = 1
    io.save(Scan.from_array(target), tmp_path / "t.png")
    (tmp_path / SCRATCH).mkdir()
    return tmp_path


def environment(folder):
    return {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder / SCRATCH)}


def segadv(folder, *arguments):
    """Run the installed command in a folder; return its status, stdout and stderr."""
    done = subprocess.run(
        [SEGADV, *map(str, arguments)],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert list((folder / SCRATCH).iterdir()) == []
    return done.returncode, done.stdout, done.stderr


def test_the_question_and_a_prediction(folder):
    path = described(folder)
    command = ["predict", "x.png", "--victim", "command:tool.yaml", "--out", "mask.png"]
    status, out, err = segadv(folder, *command)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    for part in ("argument 1: ", "program.py; argument 2: {input}; argument 3: {output}"):
        assert part in err
    agreed = err.split("--trust ")[1].strip()
    assert agreed == question_of(path).sha256
    status, out, err = segadv(folder, *command, "--trust", agreed)
    assert (status, err) == (0, "")
    assert "0 background, 1 dim, 2 bright" in out
    found = io.read_mask(folder / "mask.png").array
    np.testing.assert_array_equal(found, np.digitize(disc_image(), THRESHOLDS))
    status, _, err = segadv(folder, *command[:-1], "tool.yaml", "--trust", agreed)
    assert status == 2
    assert "tool.yaml: is the input" in err


def attack(path, *more):
    victim = f"command:{path}"
    given = ["--target", "t.png", "--trust", question_of(path).sha256, "--device", "cpu"]
    return ["attack", "x.png", "--victim", victim, *given, *more]


def test_a_search_by_queries(folder):
    command = attack(described(folder), "--method", "square", "--set", "epsilon=80")
    command += ["--region", "bounding-box"]
    status, out, err = segadv(folder, *command, "--set", "steps=30", "--out", "result")
    assert (status, err) == (0, "")
    assert "target IoU" in out
    record = json.loads((folder / "result" / "result.json").read_text())
    assert (record["steps"], record["passes"]) == (30, {"forward": 31, "backward": 0})
    # The clean image, each query, and the result before and after saving.
    assert record["victim"]["calls"] == 34
    assert record["victim"]["command"][2:] == ["{input}", "{output}"]
    image = io.read(folder / "result" / "adversarial.png").array
    found = io.read_mask(folder / "result" / "prediction_adversarial.nii.gz").array
    np.testing.assert_array_equal(found, np.digitize(image, THRESHOLDS))
    losses = [point["loss"] for point in record["curve"]]
    assert min(losses) < losses[0], "no query was better than the start"
    assert record["measures"]["moved"] > 0.3
    again = ["repeat", "result", "--trust", record["victim"]["sha256"]]
    status, out, err = segadv(folder, *again)
    assert (status, err) == (0, "")
    assert "the same image, bit for bit" in out


def test_a_surrogate_is_crafted_on_and_the_program_is_measured(folder):
    network = save_torchscript(bands(), folder)
    describe(network, classes=["background", "dim", "bright"])
    command = attack(described(folder), "--surrogate", network.name, "--set", "epsilon=60")
    command += ["--trust", sha256_of(network)]
    status, out, err = segadv(folder, *command, "--set", "steps=10", "--out", "result")
    assert (status, err) == (0, "")
    record = json.loads((folder / "result" / "result.json").read_text())
    assert record["victim"]["calls"] == 3
    assert record["passes"]["backward"] > 0
    assert [one["name"] for one in record["surrogates"]] == ["net"]
    image = io.read(folder / "result" / "adversarial.png").array
    found = io.read_mask(folder / "result" / "prediction_adversarial.nii.gz").array
    np.testing.assert_array_equal(found, np.digitize(image, THRESHOLDS))
    assert record["measures"]["moved"] > 0.5


def test_a_white_box_attack_is_refused_in_one_line(folder):
    status, out, err = segadv(folder, *attack(described(folder)), "--out", "result")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("segadv: tool: is a program, which has no gradient; ")
    assert "--surrogate" in err
    assert "method square" in err
    assert not (folder / "result").exists()


@pytest.mark.parametrize(
    ("mode", "says"),
    [("fail", "status 3, its last words: no weights in /models"), ("smaller", "47 x 64 pixels")],
)
def test_what_goes_wrong_is_one_line(folder, mode, says):
    command = [*attack(described(folder, mode)), "--method", "square", "--out", "result"]
    status, out, err = segadv(folder, *command)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert says in err
    assert not (folder / "result").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_stopping_the_command_stops_the_program(folder, name):
    path = described(folder, "hang")
    note = folder / "note"
    os.mkfifo(note)
    process = subprocess.Popen(
        [SEGADV, *attack(path), "--method", "square", "--out", "result"],
        cwd=folder,
        env={**environment(folder), "PROGRAM_NOTE": str(note)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Waits for the program, which writes who runs.
    written = note.read_text()
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == "segadv: stopped; nothing was written\n"
    assert gone(written)
    assert list((folder / SCRATCH).iterdir()) == []
