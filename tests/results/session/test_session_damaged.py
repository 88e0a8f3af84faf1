"""Session folders from anywhere: damaged or hostile ones are refused in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import BYTES, bands, disc_image
from sessions import PGD, moved_disc, one_run

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.example import stored_as
from napari_segadv.results.session.folder import open_session, save_session
from napari_segadv.results.session.session import (
    Session,
    SessionBoxes,
    SessionImage,
    SessionLabels,
    SessionRun,
)
from napari_segadv.results.verdicts import Verdict
from napari_segadv.victims.victim import Victim


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A session of one run with a target."""
    victim = Victim(bands(), name="bands", dims=2, classes=("bg", "dim", "bright"), steps=(BYTES,))
    scan = Scan.from_array(disc_image())
    target = moved_disc(scan, victim)
    example = sa.craft(scan, victim, PGD, target=target)
    painted = SessionLabels("target", Mask(target, scan.grid), 0)
    run = SessionRun("pgd 1", example, {0: Verdict("obvious")})
    boxes = Boxes.of([[2, 3, 9.5, 20]], [2], scan.grid, ("bg", "dim", "bright"))
    drawn = (SessionBoxes("drawn", boxes, 0),)
    session = Session((SessionImage("x", scan),), (painted,), (run,), 0, 0, boxes=drawn)
    return save_session(session, tmp_path_factory.mktemp("session") / "s")


@pytest.fixture
def saved(whole, tmp_path):
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "s"))


def refused(folder):
    with pytest.raises(SegadvError) as caught:
        open_session(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert ";" in text, f"no remedy: {text}"
    return text


def edit(folder, change, file="session.json"):
    content = json.loads((folder / file).read_text())
    change(content)
    (folder / file).write_text(json.dumps(content))


FILES = [
    "session.json",
    "images/00/image.png",
    "labels/00.nii.gz",
    *(
        f"runs/00/{name}"
        for name in (
            "result.json",
            "adversarial.png",
            "prediction_clean.nii.gz",
            "prediction_adversarial.nii.gz",
            "target.nii.gz",
            "verdicts.json",
        )
    ),
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "foreign", "link", "half"])
def test_damaged_files_are_named(saved, file, damage, tmp_path):
    path = saved / file
    assert path.is_file()
    content = path.read_bytes()
    path.unlink()
    if damage == "missing" and file.endswith(("target.nii.gz", "verdicts.json")):
        # They may be missing: runs of the command line have none.
        assert open_session(saved).runs
        return
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "foreign":
        path.write_bytes(b"\x89PK this is a letter \xff")
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "link":
        (tmp_path / path.name).write_bytes(content)
        path.symlink_to(tmp_path / path.name)
    assert path.parent.name in refused(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["images"][0].update(file="../../../etc/passwd"),
        lambda s: s["images"][0].update(file="/etc/passwd"),
        lambda s: s["images"][0].update(file="x" * 4000),
        lambda s: s["images"][0].update(file=7),
        lambda s: s["images"][0].update(window=[3, 3]),
        lambda s: s["images"][0].update(dtype="object"),
        lambda s: s["images"][0].update(colour=True),
        lambda s: s["images"][0].update(storage={"dtype": "U8", "slope": 1, "intercept": 0}),
        lambda s: s["images"][0]["storage"].update(slope=0),
        lambda s: s["images"][0]["grid"].update(spacing=[0, 1]),
        lambda s: s["images"][0]["grid"].update(spacing=[1]),
        lambda s: s["images"][0]["grid"].update(shape=[64, 48]),
        lambda s: s["images"][0]["grid"].update(direction=[1, 1, 0, 1]),
        lambda s: s["images"][0].pop("grid"),
        lambda s: s["labels"][0].update(image=3),
        lambda s: s["labels"][0].update(image=True),
        lambda s: s["labels"][0].update(classes=[1]),
        lambda s: s["labels"][0].update(dtype="float16x"),
        lambda s: s["boxes"][0].update(image=None),
        lambda s: s["boxes"][0].update(classes=["bg"]),
        lambda s: s["boxes"][0].update(boxes=[[1, 2, 3, 4]]),
        lambda s: s["boxes"][0]["boxes"][0].update(label=0),
        lambda s: s["boxes"][0]["boxes"][0].update(label=1.5),
        lambda s: s["boxes"][0]["boxes"][0].update(corners=[9, 3, 2, 20]),
        lambda s: s["boxes"][0]["boxes"][0].update(corners=[1, 2, 3]),
        lambda s: s.update(boxes=7),
        lambda s: s["runs"][0].update(folder=".."),
        lambda s: s["runs"][0].update(folder=""),
        lambda s: s["runs"][0].update(image=None),
        lambda s: s["runs"][0].update(name=None),
        lambda s: s.update(runs={"a": 1}),
        lambda s: s.update(runs=[3]),
        lambda s: s.update(shown=9),
        lambda s: s.update(target=-1),
        lambda s: s.update(choice=[1]),
        lambda s: s.update(choice=1.5),
        lambda s: s.update(choice=True),
        lambda s: s.update(choice="none:2" * 1000),
        lambda s: s.update(format=2),
        lambda s: s.update(format="1"),
        lambda s: s.update(victim={"source": "x"}),
        lambda s: s.update(victim="demo:chest-xray"),
    ],
)
def test_a_session_json_that_lies_is_refused(saved, change):
    edit(saved, change)
    text = refused(saved)
    assert str(saved) in text or "leads out of the session" in text


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.pop("measures"),
        lambda r: r["measures"].pop("linf"),
        lambda r: r["measures"].update(linf="big"),
        lambda r: r["measures"].update(linf=1e30),
        lambda r: r["measures"].update(kept=[1]),
        lambda r: r.update(measures_before_saving=None),
        lambda r: r.update(steps="many"),
        lambda r: r.update(succeeded=1),
        lambda r: r.update(notes=[{}]),
        lambda r: r.update(window=[5, 1]),
        lambda r: r.update(budget=[]),
        lambda r: r["victim"].update(task="os.system"),
        lambda r: r["victim"].update(classes=["one"]),
        lambda r: r["victim"].update(classes="many"),
    ],
)
def test_a_result_json_that_lies_is_refused(saved, change):
    edit(saved, change, "runs/00/result.json")
    refused(saved)


def test_numbers_that_are_none_and_endless_files(saved):
    text = (saved / "session.json").read_text()
    (saved / "session.json").write_text(text.replace('"origin": [', '"origin": [NaN, ', 1))
    assert "NaN" in refused(saved)
    (saved / "session.json").write_text("[" * 100_000)
    assert "nested" in refused(saved)
    with (saved / "session.json").open("wb") as file:
        file.truncate(40 << 20)
    assert "larger than" in refused(saved)


def test_pixels_of_another_size_or_image_are_refused(saved, scan2d, tmp_path):
    run = saved / "runs" / "00"
    small, other = disc_image((40, 64)), disc_image(seed=9)
    for image, says in ((small, "has shape (40, 64)"), (other, "does not differ")):
        io.save(Scan.from_array(image), run / "adversarial.png")
        assert "adversarial.png: has changed since the result was saved" in refused(saved)
        result = json.loads((run / "result.json").read_text())
        result["adversarial"] = stored_as([run / "adversarial.png"])
        (run / "result.json").write_text(json.dumps(result))
        assert says in refused(saved)
    io.save_mask(Mask(np.ones((4, 4), np.uint8), Grid.pixels((4, 4))), saved / "labels/00.nii.gz")
    assert "labels" in refused(saved)


def test_a_header_that_names_another_file_is_refused(tmp_path, band_victim):
    path = tmp_path / "x.nrrd"
    io.save(Scan.from_array(disc_image()), path)
    folder = save_session(one_run(sa.craft(io.read(path), band_victim, PGD)), tmp_path / "s")
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(48 * 64))
    header = "NRRD0004\ntype: uchar\ndimension: 2\nsizes: 64 48\nencoding: raw\n"
    (folder / "images/00/x.nrrd").write_text(f"{header}data file: {secret}\n")
    assert "outside its folder" in refused(folder)
    secret.rename(folder / "images/00/secret.raw")
    (folder / "images/00/x.nrrd").write_text(f"{header}data file: secret.raw\n")
    assert "another file" in refused(folder)


def test_a_session_from_before_boxes_and_choices_were_saved_opens(saved):
    edit(saved, lambda s: (s.pop("boxes"), s.pop("choice")))
    session = open_session(saved)
    assert session.boxes == ()
    assert session.choice is None


def test_verdicts_of_slices_that_there_are_not(saved):
    edit(saved, lambda v: v[0].update(slice=7), "runs/00/verdicts.json")
    assert "slice 7" in refused(saved)


def test_exact_boxes_that_do_not_fit_are_refused(tmp_path):
    from napari_segadv.io.boxes import exact_boxes, loaded_boxes, write_boxes

    boxes = Boxes.of([[1, 2, 5, 6]], [1], Grid.pixels((40, 40)), ("bg", "polyp"))
    write_boxes(boxes, tmp_path / "b.json")
    good = exact_boxes(boxes)

    def load(**more):
        exact = {name: value for name, value in {**good, **more}.items() if value is not None}
        return loaded_boxes(tmp_path / "b.json", boxes.grid, boxes.classes, exact)

    np.testing.assert_array_equal(load().corners, boxes.corners)
    two, long = np.ones((2, 4), np.float32), np.int64
    for wrong in (
        {"corners": two},
        {"corners": None},
        {"labels": np.array([2])},
        {"labels": np.array([0])},
        {"labels": np.array([1.0])},
        {"scores": np.ones(3, np.float32)},
        {"corners": np.full((1, 4), np.nan, np.float32)},
        {"strange": np.ones(1)},
        {"anchor_labels": np.ones(3, long)},
        {
            "anchor_labels": np.ones(3, long),
            "anchor_owner": np.full(3, 5, long),
            "anchor_corners": np.ones((3, 4), np.float32),
        },
    ):
        with pytest.raises(SegadvError, match="restore"):
            load(**wrong)


def test_a_moved_session_opens(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "elsewhere")
    shutil.rmtree(saved)
    session = open_session(tmp_path / "elsewhere")
    assert session.runs[0].example.clean.path is None
