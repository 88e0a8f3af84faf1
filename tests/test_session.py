"""Sessions and saved examples on disk: all that goes in comes out, and nothing hostile does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import bands, disc_image, volume_victim, write_series

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.boxes import Boxes
from napari_segadv.errors import SegadvError
from napari_segadv.grade import Grade
from napari_segadv.saved import load_verdicts, save_run
from napari_segadv.scan import Grid, Mask, Scan, Storage
from napari_segadv.session import (
    Session,
    SessionImage,
    SessionLabels,
    SessionRun,
    open_session,
    save_session,
)
from napari_segadv.session_entries import VictimSource
from napari_segadv.verdicts import Verdict
from napari_segadv.victims.chain import Step
from napari_segadv.victims.victim import Victim

pytestmark = pytest.mark.usefixtures("one_thread")
SAGITTAL = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
PGD = sa.attacks.PGD(epsilon=12.0, steps=2)


def arrays_of(prediction):
    """Every array of a prediction or target."""
    match prediction:
        case Mask():
            return [prediction.array]
        case Boxes():
            more = [] if prediction.anchors is None else [*vars(prediction.anchors).values()]
            return [prediction.corners, prediction.labels, prediction.scores, *more]
        case Grade():
            return [np.array([prediction.label, *prediction.probabilities])]
    return []


def same_scan(a: Scan, b: Scan):
    assert a.array.dtype == b.array.dtype
    np.testing.assert_array_equal(a.array, b.array)
    assert (a.units, a.storage, a.colour) == (b.units, b.storage, b.colour)
    assert (a.grid.shape, a.grid.spacing, a.grid.origin) == (
        b.grid.shape,
        b.grid.spacing,
        b.grid.origin,
    )
    np.testing.assert_array_equal(a.grid.direction, b.grid.direction)
    assert a.grid.physical == b.grid.physical
    drop = ("files", "format")
    assert {k: v for k, v in a.meta.items() if k not in drop} == {
        k: v for k, v in b.meta.items() if k not in drop
    }


def same_example(a, b):
    assert a.task is b.task
    same_scan(a.clean, b.clean)
    same_scan(a.adversarial, b.adversarial)
    np.testing.assert_array_equal(a.noise, b.noise)
    assert a.noise.dtype == b.noise.dtype == np.float32
    for name in ("target", "prediction_clean", "prediction_adversarial"):
        one, other = getattr(a, name), getattr(b, name)
        assert type(one) is type(other)
        assert len(arrays_of(one)) == len(arrays_of(other))
        for x, y in zip(arrays_of(one), arrays_of(other), strict=True):
            np.testing.assert_array_equal(x, y)
        if one is not None:
            assert one.classes == other.classes
    assert dict(a.measures) == dict(b.measures)
    assert dict(a.measures_before_saving) == dict(b.measures_before_saving)
    assert dict(a.record) == dict(b.record)
    assert a.window == b.window
    assert a.notes == b.notes
    assert a.fields.keys() == b.fields.keys()
    for name, values in a.fields.items():
        np.testing.assert_array_equal(values, b.fields[name])
    assert a.summary == b.summary
    assert a.result == b.result


def one_run(example, verdicts=None, name="pgd 1"):
    return Session(runs=(SessionRun(name, example, verdicts or {}),))


def there_and_back(example, folder, **more):
    (run,) = open_session(save_session(one_run(example, **more), folder / "s")).runs
    same_example(example, run.example)
    return run


def moved_disc(scan, victim):
    labels = victim.predict(scan).array.copy()
    labels[..., :20] = 1
    return labels


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
    # And again: the session's own file has come into the place of the one that is gone.
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
    step = Step("ScaleIntensityRange", {"a_min": 0.0, "a_max": 255.0, "b_min": 0.0, "b_max": 1.0})
    victim = Victim(network, name="rgb", dims=2, channels=3, classes=("a", "b", "c"), steps=(step,))
    there_and_back(sa.craft(colour, victim, PGD), tmp_path / "colour")


def test_fields_of_a_deformation(tmp_path, scan2d, band_victim, ct):
    attack = sa.attacks.get("deform")(steps=2)
    for scan, victim in ((scan2d, band_victim), (ct, volume_victim(2))):
        example = sa.craft(scan, victim, attack, target=moved_disc(scan, victim))
        assert "displacement" in example.fields
        there_and_back(example, tmp_path / str(scan.grid.ndim))


def test_a_classification(tmp_path, scan2d):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Conv2d(1, 3, 1))
    step = Step("ScaleIntensityRange", {"a_min": 0.0, "a_max": 255.0, "b_min": 0.0, "b_max": 1.0})
    victim = Victim(
        network.eval(),
        name="grader",
        dims=2,
        # Two of one name.
        classes=("none", "mild", "mild"),
        steps=(step,),
        task="classification",
    )
    for target in (1, None):
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
    # The same image, but another object, as a layer from elsewhere gives one for each run.
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A session of one run with a target."""
    step = Step("ScaleIntensityRange", {"a_min": 0.0, "a_max": 255.0, "b_min": 0.0, "b_max": 1.0})
    victim = Victim(bands(), name="bands", dims=2, classes=("bg", "dim", "bright"), steps=(step,))
    scan = Scan.from_array(disc_image())
    target = moved_disc(scan, victim)
    example = sa.craft(scan, victim, PGD, target=target)
    painted = SessionLabels("target", Mask(target, scan.grid), 0)
    run = SessionRun("pgd 1", example, {0: Verdict("obvious")})
    session = Session((SessionImage("x", scan),), (painted,), (run,), 0, 0)
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
        lambda s: s["runs"][0].update(folder=".."),
        lambda s: s["runs"][0].update(folder=""),
        lambda s: s["runs"][0].update(image=None),
        lambda s: s["runs"][0].update(name=None),
        lambda s: s.update(runs={"a": 1}),
        lambda s: s.update(runs=[3]),
        lambda s: s.update(shown=9),
        lambda s: s.update(target=-1),
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
    io.save(Scan.from_array(disc_image((40, 64))), saved / "runs" / "00" / "adversarial.png")
    assert "has shape (40, 64)" in refused(saved)
    io.save(Scan.from_array(disc_image(seed=9)), saved / "runs" / "00" / "adversarial.png")
    assert "does not differ" in refused(saved)
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
    assert "another file" in refused(folder)


def test_verdicts_of_slices_that_there_are_not(saved):
    edit(saved, lambda v: v[0].update(slice=7), "runs/00/verdicts.json")
    assert "slice 7" in refused(saved)


def test_exact_boxes_that_do_not_fit_are_refused(tmp_path):
    from napari_segadv.io.boxes import write_boxes
    from napari_segadv.io.exact_boxes import exact_boxes, loaded_boxes

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
    with pytest.raises(SegadvError, match="no earlier result"):
        save_run(example, folder, overwrite=True)


def test_parameters_come_back_as_they_were(tmp_path):
    from napari_segadv.parameters import values

    for name, attack in sa.attacks.available().items():
        found = values(attack())
        assert json.loads(json.dumps(found)) == found, name


def test_a_moved_session_opens(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "elsewhere")
    shutil.rmtree(saved)
    session = open_session(tmp_path / "elsewhere")
    assert session.runs[0].example.clean.path is None
