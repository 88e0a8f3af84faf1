"""What earlier versions saved still opens, unchanged."""

import json
from pathlib import Path

import pytest
from saved_before.facts import facts_of

import napari_segadv as sa
from napari_segadv.results.loading import EARLIER, EARLIER_SSIM, load_verdicts
from napari_segadv.results.session.folder import open_session
from napari_segadv.results.verdicts import Verdict

SAVED = Path(__file__).parents[1] / "saved_before"
IMAGES = {
    "targeted": "xray.png",
    "untargeted": "ct.nii.gz",
    "deformed": "xray.png",
    "graded": "xray.png",
    "detected": "cells.png",
}


@pytest.fixture(params=sorted(path.name for path in SAVED.iterdir() if (path / "session").is_dir()))
def saved(request) -> Path:
    """The folder of one earlier version."""
    return SAVED / request.param


@pytest.fixture
def known(saved) -> dict:
    """What was in each result; they say themselves that a figure had another definition."""
    facts = json.loads((saved / "facts.json").read_text())
    for name, fact in facts.items():
        folder = name.replace("session run ", "session/runs/0")
        result = json.loads((saved / folder / "result.json").read_text())
        if result["measures"]["kept"] is not None:
            fact["notes"].append(EARLIER)
        if result["measures"]["ssim"] is not None and result["window"][0] != 0:
            fact["notes"].append(EARLIER_SSIM)
    return facts


def test_there_is_something_to_open():
    assert (SAVED / "0.1.0" / "session" / "session.json").is_file()


@pytest.mark.parametrize("name", IMAGES)
def test_an_earlier_result(saved, known, name):
    assert facts_of(sa.load_example(saved / name, saved / IMAGES[name])) == known[name]


def test_an_earlier_result_finds_its_image(saved, known, monkeypatch):
    monkeypatch.chdir(saved)
    assert facts_of(sa.load_example("targeted")) == known["targeted"]


def test_an_earlier_result_is_known_as_one(saved, tmp_path):
    import shutil

    folder = tmp_path / "result"
    shutil.copytree(saved / "targeted", folder)
    example = sa.load_example(folder, saved / "xray.png")
    example.save(folder, overwrite=True)
    assert facts_of(sa.load_example(folder, saved / "xray.png")) == facts_of(example)


def test_an_earlier_session(saved, known):
    session = open_session(saved / "session")
    assert [image.name for image in session.images][:2] == ["film", "volume"]
    assert session.images[0].window == (10.0, 200.0)
    assert [labels.name for labels in session.labels] == ["target", "alone"]
    assert (session.target, session.shown, session.choice) == (0, 1, "none:2")
    assert session.labels[1].mask.array.max() == 300
    assert session.victim.source == "demo:chest-xray"
    (boxes,) = session.boxes
    assert boxes.boxes.corners.tolist() == [[3, 4, 12, 20]]
    for number, run in enumerate(session.runs):
        assert facts_of(run.example) == known[f"session run {number}"]
    assert session.runs[0].verdicts == {0: Verdict("suspicious", "an edge")}
    assert session.runs[1].verdicts == {2: Verdict("obvious"), 3: Verdict("", "note")}


def test_an_earlier_session_saved_again_is_the_same(saved, known, tmp_path):
    from napari_segadv.results.session.folder import save_session

    again = open_session(save_session(open_session(saved / "session"), tmp_path / "again"))
    for number, run in enumerate(again.runs):
        assert facts_of(run.example) == known[f"session run {number}"]


def test_verdicts_of_an_earlier_run(saved):
    run = saved / "session" / "runs" / "00"
    example = sa.load_example(run, saved / "xray.png")
    assert load_verdicts(run, example) == {0: Verdict("suspicious", "an edge")}
