"""Results of several channels: sessions, reports, tables and figures know of all of them."""

import re

import numpy as np
import pytest
from several import half, saved, victim_of

import napari_segadv as sa
from napari_segadv.data.scan import SHARES, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.by_slice import LARGEST, slice_figures
from napari_segadv.results.figure import figure
from napari_segadv.results.session.folder import open_session, save_session
from napari_segadv.results.session.session import Session, SessionImage, SessionRun
from napari_segadv.results.tables import facts


@pytest.fixture(params=[2, 3])
def example(request, tmp_path):
    scan, victim = saved(tmp_path, request.param), victim_of(request.param)
    attack = sa.attacks.PGD(epsilon=40.0, steps=4)
    shares = {"FLAIR": 0.5, "T1": 1.0}
    return sa.craft(scan, victim, attack, target=half(victim, scan), channels=shares)


def test_a_session_brings_channels_and_runs_back(example, tmp_path):
    image = SessionImage("case", example.clean)
    folder = tmp_path / "session"
    save_session(Session((image,), runs=(SessionRun("run", example),)), folder)
    back = open_session(folder)
    (found,), (run,) = back.images, back.runs
    assert found.name == "case"
    assert found.scan.same_as(example.clean)
    assert found.scan.channel_names == example.clean.channel_names
    assert run.example.adversarial.same_as(example.adversarial)
    assert run.example.channels == example.channels
    np.testing.assert_array_equal(run.example.noise, example.noise)
    assert run.example.summary == example.summary
    # And again, from the session's own files.
    save_session(back, tmp_path / "again")
    again = open_session(tmp_path / "again").runs[0].example
    assert again.adversarial.same_as(example.adversarial)


def test_channels_of_one_file_come_back_too(example, tmp_path):
    """Two channels may have files of the same name."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, part in zip(folders, example.clean.parts, strict=False):
        folder.mkdir()
        sa.io.save(part, folder / "image.nii.gz")
    scan = sa.read([folder / "image.nii.gz" for folder in folders])
    assert scan.channel_names == ("1", "2")
    save_session(Session((SessionImage("two", scan),)), tmp_path / "session")
    assert open_session(tmp_path / "session").images[0].scan.same_as(scan)


def test_a_session_without_a_channel_says_so(example, tmp_path):
    save_session(Session((SessionImage("case", example.clean),)), tmp_path / "session")
    (tmp_path / "session" / "images" / "00" / "0001" / "case_0001.nii.gz").unlink()
    with pytest.raises(SegadvError, match="case_0001.nii.gz: no such file"):
        open_session(tmp_path / "session")


def test_the_report_names_every_channel(example, tmp_path):
    folder = example.save(tmp_path / "out")
    page = sa.report(folder, tmp_path / "report.html").read_text(encoding="utf-8")
    for word in (
        *(f"range it distinguishes, {name}" for name in ("FLAIR", "T1", "CT")),
        *(f"{name}, full range" for name in ("FLAIR", "T1", "CT")),
        *(f"channel {number}, intensities" for number in (1, 2, 3)),
        "no pixel of a channel may change by more than 40 % of its window",
        "share of the budget of each channel",
        "FLAIR 50 %, T1 100 %, CT 0 %",
        "of 3 channels",
        "case_0000.nii.gz case_0001.nii.gz case_0002.nii.gz --victim MODEL",
        "--channel 1=0.5 --channel 2=1 --channel 3=0",
    ):
        assert word in page, word
    assert str(tmp_path) not in page
    # Of three channels, the one that changed most is shown large.
    assert re.search(r"T1, (?!.*FLAIR, )", page.partition("in every window")[0])


def test_tables_and_figures_count_in_percent_of_windows(example):
    found = facts(example)
    assert found["image"] == "case_0000.nii.gz + case_0001.nii.gz + case_0002.nii.gz"
    assert found["budget"] == f"40 {SHARES}"
    by_slice = slice_figures(example)
    assert by_slice.values[LARGEST].max() == pytest.approx(example.measures["linf"], rel=1e-5)
    assert by_slice.units[LARGEST] == SHARES
    titles = [axes.get_title() for axes in figure(example).axes]
    assert "clean (T1)" in titles
    assert any(title.startswith("noise of all channels, at most 40") for title in titles)


def test_one_channel_is_as_before(example):
    flair = example.clean.parts[0]
    assert Scan.of_parts([flair]) is flair
    assert flair.singles == (flair,)
    assert flair.channel_names == ()
