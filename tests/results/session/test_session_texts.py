"""Texts of a session that can't be saved again are refused, and a source may be no valid path."""

import json
import shutil
from pathlib import Path

import pytest
from helpers import BYTES, bands, disc_image
from sessions import PGD, moved_disc

import napari_segadv as sa
from napari_segadv.common.json_data import LONGEST, Entry
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.session.folder import open_session, save_session
from napari_segadv.results.session.session import (
    Session,
    SessionBoxes,
    SessionImage,
    SessionLabels,
    SessionRun,
    VictimSource,
)
from napari_segadv.results.verdicts import Verdict
from napari_segadv.victims.victim import Victim

LONE = ["\ud800", "pgd \udfff", "M\udcfcller"]
SOURCE = VictimSource("demo:chest-xray", "net", "0" * 64, "data", "segmentation", ("bg", "a"))


@pytest.mark.parametrize("text", [*LONE, "a\0b", "x" * (LONGEST + 1)], ids=ascii)
def test_a_text_that_is_none(text):
    entry = Entry({"one": text, "some": ["fine", text]}, "file.json", "correct it")
    for call in (lambda: entry.text("one"), lambda: entry.texts("some")):
        with pytest.raises(SegadvError) as caught:
            call()
        message = str(caught.value)
        assert message.startswith("file.json: ")
        assert len(message) < 200
        message.encode("utf-8")


@pytest.mark.parametrize("text", ["", "näht 漢", "\U0001f9b4 bone", "\ue000\uffff", "x" * LONGEST])
def test_a_text_that_is_one(text):
    entry = Entry({"one": text, "some": [text]}, "file.json", "correct it")
    assert entry.text("one") == text
    assert entry.texts("some") == (text,)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A session with every kind of part."""
    victim = Victim(bands(), name="bands", dims=2, classes=("bg", "dim", "bright"), steps=(BYTES,))
    scan = Scan.from_array(disc_image())
    target = moved_disc(scan, victim)
    example = sa.craft(scan, victim, PGD, target=target)
    painted = SessionLabels("target", Mask(target, scan.grid, ("bg", "dim", "bright")), 0)
    run = SessionRun("pgd 1", example, {0: Verdict("obvious", "edge")})
    boxes = Boxes.of([[2, 3, 9.5, 20]], [2], scan.grid, ("bg", "dim", "bright"))
    drawn = (SessionBoxes("drawn", boxes, 0),)
    session = Session(
        (SessionImage("x", scan),), (painted,), (run,), 0, 0, SOURCE, boxes=drawn, choice="none"
    )
    return save_session(session, tmp_path_factory.mktemp("session") / "s")


@pytest.fixture
def saved(whole, tmp_path):
    """A copy of it, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "s"))


# How a text gets into the session's file, or into a run's.
PLACES = {
    "an image's name": lambda s, text: s["images"][0].update(name=text),
    "an image's file": lambda s, text: s["images"][0].update(file=text),
    "its units": lambda s, text: s["images"][0].update(units=text),
    "its type": lambda s, text: s["images"][0].update(dtype=text),
    "a label map's name": lambda s, text: s["labels"][0].update(name=text),
    "its classes": lambda s, text: s["labels"][0].update(classes=["bg", text]),
    "boxes' name": lambda s, text: s["boxes"][0].update(name=text),
    "boxes' classes": lambda s, text: s["boxes"][0].update(classes=["bg", "a", text]),
    "a run's name": lambda s, text: s["runs"][0].update(name=text),
    "a run's folder": lambda s, text: s["runs"][0].update(folder=text),
    "the choice": lambda s, text: s.update(choice=text),
    "the victim's source": lambda s, text: s["victim"].update(source=text),
    "the victim's name": lambda s, text: s["victim"].update(name=text),
    "the victim's classes": lambda s, text: s["victim"].update(classes=[text]),
}
RESULT_PLACES = {
    "the method": lambda r, text: r.update(method=text),
    "the kind": lambda r, text: r.update(goal=text),
    "the notes": lambda r, text: r.update(notes=["fine", text]),
    "the classes": lambda r, text: r["victim"].update(classes=["bg", "dim", text]),
    "the budget's units": lambda r, text: r["budget"].update(units=text),
    "the figures' units": lambda r, text: r["measures"].update(units=text),
}


def edit(file, change):
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    # As escapes, in which JSON can hold any text.
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("text", LONE, ids=ascii)
@pytest.mark.parametrize("place", [*PLACES, *RESULT_PLACES])
def test_a_lone_surrogate_is_refused_in_one_line(saved, place, text):
    file = saved / ("session.json" if place in PLACES else "runs/00/result.json")
    edit(file, lambda content: {**PLACES, **RESULT_PLACES}[place](content, text))
    with pytest.raises(SegadvError) as caught:
        open_session(saved)
    message = str(caught.value)
    assert file.name in message
    assert "\n" not in message
    assert ";" in message
    message.encode("utf-8")


@pytest.mark.parametrize("place", ["a note", "what is known of an image", "the parameters"])
def test_what_opens_can_be_saved_again(saved, tmp_path, place):
    text = "edge \ud800"
    if place == "a note":
        edit(saved / "runs/00/verdicts.json", lambda v: v[0].update(note=text))
    elif place == "the parameters":
        edit(saved / "runs/00/result.json", lambda r: r["parameters"].update(loss=text))
    else:
        edit(saved / "session.json", lambda s: s["images"][0]["meta"].update(description=text))
    try:
        session = open_session(saved)
    except SegadvError:
        return
    assert open_session(save_session(session, tmp_path / "again")).runs


@pytest.mark.parametrize(
    "source",
    [
        *("x" * 300, "/" + "x" * 300, "a/" * 3000, "M\udcfcller.pt", "\ud800", "a\0b"),
        *("nothing.pt", "nothing.pt/below"),
    ],
    ids=lambda text: ascii(text)[:12],
)
def test_a_victim_of_a_source_that_is_no_path_is_missing(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    found = VictimSource(source, "net", "0" * 64, "data", "segmentation", ("bg", "a"))
    assert found.missing is True


def test_a_victim_that_is_there_is_not_missing(tmp_path):
    path = tmp_path / "Müller.pt"
    path.write_bytes(b"x")
    found = VictimSource(str(path), "net", "0" * 64, "data", "segmentation", ("bg", "a"))
    assert found.missing is False
    path.unlink()
    assert found.missing is True
    assert SOURCE.missing is False
