"""The report of a run: what it says, in which words, and that it needs nothing but itself."""

import json
import re
import shlex
import shutil
from dataclasses import replace

import dicom_sources as made
import numpy as np
import pytest
from detectors import square_victim, squares
from helpers import band_victim_of, disc_image, mask_on, volume_victim
from pages import Page

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.provenance import hash_of
from napari_segadv.results.saving import save_run
from napari_segadv.results.verdicts import Verdict
from napari_segadv.samples import phantom

PGD = sa.attacks.PGD(epsilon=12.0, steps=3)


@pytest.fixture
def image(tmp_path):
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    return tmp_path / "x.png"


def crafted(scan, victim, attack=PGD, **more):
    labels = victim.predict(scan).array.copy()
    labels[10:30, 10:40] = 2
    return sa.craft(scan, victim, attack, target=mask_on(scan, labels), **more)


def page_of(run, folder, **more):
    return Page(sa.report(run, folder / "report.html", **more))


def test_it_says_what_was_asked_what_came_out_and_what_that_means(tmp_path, image, band_victim):
    example = crafted(io.read(image), band_victim)
    page, m = page_of(example, tmp_path), example.measures
    page.check_safe()
    for words in (
        "Not for diagnosis",
        "x.png",
        "48 x 64 pixels",
        "lengths and areas are in pixels",
        "no pixel may change by more than 12 grey levels (Linf), 4.7 % of the model's window",
        "1 dim, 2 bright",
        "0 to 255 become 0 to 1",
        "the whole image at once",
        f"Changed as asked {np.floor(1000 * m['moved']) / 10:.1f} %",
        f"Left intact {np.floor(1000 * m['kept']) / 10:.1f} %",
        f"{m['linf']:g} grey levels",
        f"{m['psnr']:.1f} dB",
        "Typical change (RMS)",
        f"{m['l2'] / np.sqrt(48 * 64):.4g} grey levels",
        "At 40 dB a change is hard to see",
        "SSIM of the worst window",
        "seed of the random numbers 0",
        "segadv repeat result.json",
    ):
        assert words in page.text, words
    hashes = [example.record["image"]["sha256"], example.record["inputs"]["target"]["sha256"]]
    for digest in (*hashes, hash_of(example.adversarial.array)):
        assert digest in page.text
    assert str(tmp_path) not in page.source


def test_the_sizes_and_overlaps_of_each_structure(tmp_path, image, band_victim):
    example = crafted(io.read(image), band_victim)
    page = page_of(example, tmp_path)
    before, target, after = (
        one.array
        for one in (example.prediction_clean, example.target, example.prediction_adversarial)
    )
    for label, name in ((1, "dim"), (2, "bright")):
        sizes = [int((one == label).sum()) for one in (before, target, after)]
        both, either = (target == label) & (after == label), (target == label) | (after == label)
        iou = np.floor(1000 * both.sum() / either.sum()) / 1000
        row = " ".join([name, *(f"{size:,}" for size in sizes), f"{iou:.3f}"])
        assert row in page.text, row
    assert f"in {int((before != target).sum()):,} pixels." in page.text


def test_an_erased_structure_is_gone_to_a_share_and_has_no_overlap(tmp_path, scan2d, band_victim):
    labels = band_victim.predict(scan2d).array.copy()
    erased = np.where(labels == 2, 1, labels)
    example = sa.craft(scan2d, band_victim, PGD, target=mask_on(scan2d, erased))
    gone = 1 - (example.prediction_adversarial.array == 2)[labels == 2].mean()
    text = page_of(example, tmp_path).text
    assert f"\N{EN DASH} ({np.floor(1000 * gone) / 10:.1f} % gone)" in text
    assert "bright" in text


def test_the_same_run_gives_the_same_page(tmp_path, scan2d, band_victim):
    example = crafted(scan2d, band_victim)
    first, second = (
        sa.report(example, tmp_path / f"{name}.html").read_bytes() for name in ("a", "b")
    )
    assert first == second


def test_a_volume_in_ml_mm_and_every_window(tmp_path, ct):
    victim = volume_victim(2)
    example = sa.craft(ct, victim, sa.attacks.PGD(epsilon=20.0, steps=2), seed=1)
    page = page_of(example, tmp_path, verdicts={4: Verdict("obvious", "grain"), 2: Verdict()})
    page.check_safe()
    for words in (
        "20 slices of 36 x 40 pixels",
        "pixels of 1.5 x 1.25 mm; slices 3 mm apart",
        "Hounsfield units (HU)",
        "(ml)",
        "each slice by itself",
        "lung -1350 to 150 HU",
        "mediastinum -160 to 240 HU",
        "bone -500 to 1300 HU",
        "full range -1024 to 3071 HU",
        "what the model sees -60 to 240 HU",
        "where the change is most visible",
        "4 obvious grain",
        "untargeted: nothing was asked",
        "--untargeted",
    ):
        assert words in page.text, words
    assert len(re.findall(r'class="pictures small"', page.source)) >= 8


@pytest.mark.parametrize("save", [lambda e, f: e.save(f), save_run], ids=["library", "viewer"])
def test_a_saved_run_with_its_target_and_verdicts(tmp_path, image, weights_file, save):
    scan, victim = io.read(image), sa.load_victim(weights_file)
    labels = victim.predict(scan).array.copy()
    labels[10:30, 10:40] = 2
    io.save_mask(mask_on(scan, labels), tmp_path / "target.png")
    example = sa.craft(scan, victim, PGD, target=tmp_path / "target.png")
    folder = save(example, tmp_path / "out")
    page = page_of(folder, tmp_path)
    assert "asked (pixels)" in page.text
    assert "target.png" not in page.text
    stored = json.loads((folder / "result.json").read_text())["adversarial"]["sha256"]
    assert stored in page.text
    (tmp_path / "target.png").unlink()
    page = page_of(folder, tmp_path, overwrite=True)
    kept = save is save_run
    assert ("asked (pixels)" in page.text) is kept
    assert ("it is not shown" in page.text) is not kept
    shutil.move(image, tmp_path / "moved.png")
    with pytest.raises(SegadvError, match="--image"):
        page_of(folder, tmp_path, overwrite=True)
    assert "moved.png" in page_of(
        folder, tmp_path, image=tmp_path / "moved.png", overwrite=True
    ).text  # fmt: skip


def test_another_json_of_a_folder_is_not_its_result(tmp_path, image, band_victim):
    folder = crafted(io.read(image), band_victim).save(tmp_path / "out")
    other = shutil.copy(folder / "result.json", folder / "other.json")
    with pytest.raises(SegadvError, match=r"not called result\.json"):
        page_of(other, tmp_path)


def test_a_real_radiograph_and_a_real_ct(tmp_path, shared):
    film = sa.read(shared / "chest_xray" / "1.jpg")
    fgsm = sa.attacks.FGSM(epsilon=3.0)
    folder = save_run(sa.craft(film, sa.load_victim("demo:chest-xray"), fgsm), tmp_path / "film")
    page = page_of(folder, tmp_path)
    page.check_safe()
    assert page.picture("p0-0c").shape == film.array.shape
    assert sa.repeat(folder).lines == ("the same image, bit for bit",)
    ct, victim = sa.read(shared / "ct_dicom"), volume_victim(2)
    example = sa.craft(ct, victim, sa.attacks.FGSM(epsilon=20.0), slices=(9, 10))
    folder = save_run(example, tmp_path / "ct")
    page = page_of(folder, tmp_path, overwrite=True)
    page.check_safe()
    # Head first in the folder; the patient's left lies on the right.
    np.testing.assert_array_equal(page.picture("p0-0c").shape, (512, 512))
    assert "20 slices of 512 x 512 pixels" in page.text
    assert "lung -1350 to 150 HU" in page.text
    assert str(shared) not in page.source
    assert sa.repeat(folder, victim=victim).lines == ("the same image, bit for bit",)


def test_verdicts_of_a_saved_run(tmp_path, image, band_victim):
    example = crafted(io.read(image), band_victim)
    folder = save_run(example, tmp_path / "out", {0: Verdict("suspicious", "an edge")})
    assert "suspicious an edge" in page_of(folder, tmp_path).text
    without = sa.report(folder, tmp_path / "without.html", verdicts={})
    assert "What a reader said" not in Page(without).text


def test_the_command_in_it_makes_the_same_image(tmp_path, run, image, weights_file):
    attack = ("attack", "x.png", "--victim", weights_file.name, "--untargeted", "--seed", 4)
    more = ("--set", "epsilon=11", "--set", "steps=3", "--set", "random_start=true")
    assert run(*attack, *more, "--out", "out")[0] == 0
    page = page_of(tmp_path / "out", tmp_path)
    line = next(one for one in page.source.splitlines() if "segadv attack" in one)
    line = re.sub("<[^>]+>", "", line)
    words = shlex.split(line.replace("MODEL", weights_file.name).replace("DIR", "again"))
    status, _, err = run(*words[1:])
    assert status == 0, err
    a, b = (io.read(tmp_path / name / "adversarial.png").array for name in ("out", "again"))
    np.testing.assert_array_equal(a, b)


def test_a_class(tmp_path):
    scan, _ = phantom("fundus-grade", seed=3)
    victim = sa.load_victim("demo:fundus-grade")
    example = sa.craft(scan, victim, PGD, target=2)
    page = page_of(example, tmp_path)
    page.check_safe()
    assert example.prediction_adversarial.text in page.text
    assert "a phantom: drawn by a program, no patient" in page.text
    assert "Probability of the target" in page.text
    assert "--target 2" in page.text
    # A class is reached or it is not: no share says how near it came.
    stopped = replace(
        example,
        record={**example.record, "succeeded": False},
        measures={**example.measures, "moved": 0.0},
    )
    assert "Stopped; the goal was not reached." in page_of(stopped, tmp_path, overwrite=True).text


def test_boxes(tmp_path):
    scan, victim = squares(bright=((1, 2),), dark=((2, 4),)), square_victim()
    example = sa.craft(scan, victim, sa.attacks.DAG(steps=4), target="none:dark")
    page = page_of(example, tmp_path)
    page.check_safe()
    assert page.source.count('class="box"') >= 2
    assert "Target F1" in page.text
    # What names the target needs no file.
    assert "--target none:dark" in page.text
    assert "TARGET" not in page.text
    folder = example.save(tmp_path / "out")
    saved = page_of(folder, tmp_path, image=scan, overwrite=True)
    assert "--target none:dark" in saved.text
    assert saved.source.count('class="box"') == page.source.count('class="box"')


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("dicom", [False, True])
def test_no_recorded_folder_is_in_the_page(tmp_path, image, dicom, windows):
    """Whatever the record holds a path of: every role, network, parameter and argument."""
    scan, victim = io.read(image), band_victim_of(("bg", "dim", "bright"))
    example = crafted(scan, victim)
    if dicom:
        scan = replace(scan, meta={**scan.meta, "modality": "CT"})
    secret = "C:\\Zwingli\\" if windows else "/home/Zwingli/"
    digests = iter(f"{n:064x}" for n in range(1, 99))

    def described(name, **more):
        return {"path": f"{secret}{name}", "sha256": next(digests), "trust": "data", **more}

    record = {
        **example.record,
        "method": "synthesis",
        "parameters": {"generator": f"{secret}drawn", "seed_of": f"{secret}other"},
        "generator": described("drawn"),
        "image": {**example.record["image"], "path": f"{secret}x.png"},
        "inputs": {r: described(f"{r}.png") for r in ("target", "truth", "region", "care")},
        "victim": {**example.record["victim"], **described("net.pt"), "name": "",
                   "shown": {"mask": f"{secret}shown.png"}},
        "surrogates": [described("stand-in.pt")],
    }  # fmt: skip
    record["victim"]["preprocessing"] = [
        {"step": "Odd", "arguments": {"file": "/home/Zwingli/table.csv"}}
    ]
    paths = [one["path"] for one in (record["victim"], record["generator"], record["image"])]
    paths += [one["path"] for one in (*record["inputs"].values(), *record["surrogates"])]
    notes = tuple(f"{path}: is odd" for path in paths)
    page = page_of(replace(example, clean=scan, record=record, notes=notes), tmp_path)
    assert re.findall(".*Zwingli.*", page.written) == []
    assert "generator=GENERATOR" in page.text
    assert "seed_of=SEED_OF" in page.text
    assert "GENERATOR and SEED_OF stand for the files" in page.text
    assert f"generator {record['generator']['sha256']}" in page.text


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_command_asks_for_the_precision_of_the_run(tmp_path, image, band_victim, precision):
    example = crafted(io.read(image), band_victim, precision=precision)
    text = page_of(example, tmp_path).text
    assert f"--precision {precision}" in text
    assert ("steps before the last ones bfloat16" in text) == (precision == "bfloat16")


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "</style></title><h1>Goal reached</h1>",
    "{{ 7 * 7 }}{% raw %}",
    "x' onmouseover='alert(1)",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_files_is_shown_and_nothing_more(tmp_path, text):
    """Names of files, classes and models, notes, verdicts: none of it becomes part of the page."""
    name = text.replace("/", "\N{DIVISION SLASH}")
    path = tmp_path / f"{name}.png"
    io.save(Scan.from_array(disc_image()), path)
    victim = band_victim_of(("bg", text, "bright"), name=text)
    example = crafted(io.read(path), victim, region="bounding-box")
    object.__setattr__(example, "notes", (f"{path}: {text}",))
    example.record["presentation"] = {
        "source": text, "limits": [0.0, 255.0], "shown_as": [0.0, 1.0], "inverted": False,
    }  # fmt: skip
    example.record["processor"] = example.record["versions"]["torch"] = text
    page = page_of(example, tmp_path, verdicts={0: Verdict("obvious", text)})
    page.check_safe()
    plain = page_of(crafted(io.read(path), band_victim_of(("bg", "dim", "bright"))), tmp_path,
                    verdicts={0: Verdict("obvious", "x")}, overwrite=True)  # fmt: skip
    assert page.tags.count("h1") == plain.tags.count("h1") == 1
    assert page.tags.count("title") == 1
    # In the legend and tables, as text; more often than once.
    assert page.text.count(" ".join(text.split())) >= 6
    assert f"{name}.png" in page.text


def test_letters_that_are_not_seen_are_shown(tmp_path, image):
    victim = band_victim_of(
        ("bg", "kid\N{RIGHT-TO-LEFT OVERRIDE}ney\N{ZERO WIDTH SPACE}", "b\x1bc")
    )
    text = page_of(crafted(io.read(image), victim), tmp_path).text
    assert "kid\\u202eney\\u200b" in text
    assert "b\\x1bc" in text


IDENTIFIERS = {
    "PatientName": "Zwingli^Huldrych",
    "PatientID": "PID-4711",
    "PatientBirthDate": "14840101",
    "PatientAddress": "Grossmuenster 1",
    "OtherPatientIDs": "OTHER-4712",
    "InstitutionName": "Kantonsspital Wildhaus",
    "StationName": "STATION-9",
    "ReferringPhysicianName": "Bullinger^Heinrich",
    "OperatorsName": "Leo^Jud",
    "AccessionNumber": "ACC-4713",
    "StudyID": "STUDY-4714",
    "StudyDate": "15230129",
    "SeriesDate": "15230130",
    "AcquisitionDate": "15230131",
    "ContentDate": "15230201",
    "StudyTime": "101112",
    "StudyDescription": "Disputation Zwingli",
    "SeriesDescription": "Thorax Zwingli",
    "ProtocolName": "Protokoll Zwingli",
    "DeviceSerialNumber": "SN-4715",
    "PatientComments": "from Toggenburg",
}


@pytest.mark.parametrize("saved", ["memory", "dicom", "nifti", "session"])
def test_no_patient_in_the_report_of_a_dicom_image(tmp_path, saved):
    folder = tmp_path / "Zwingli_Huldrych_14840101"
    made.ct(folder, made.stored_volume(), **IDENTIFIERS)
    scan, victim = io.read(folder), volume_victim(2)
    assert "Zwingli" in str(scan.path)
    labels = victim.predict(scan).array.copy()
    labels[..., :5] = 1
    target = folder.parent / "Zwingli target.nii.gz"
    io.save_mask(Mask(labels, scan.grid), target)
    example = sa.craft(
        scan, victim, PGD, target=target, save_as="nifti" if saved == "nifti" else "auto"
    )
    notes = (f"{folder}: is crooked", f"{target}: has lost a class", "Zwingli_Huldrych_14840101: x")
    object.__setattr__(example, "notes", (*example.notes, *notes))
    run = example
    if saved in ("dicom", "nifti"):
        run = save_run(example, tmp_path / "out")
    elif saved == "session":
        from napari_segadv.results.session import Session, SessionRun, open_session, save_session

        kept = save_session(Session(runs=(SessionRun("x", example),)), tmp_path / "kept")
        run = open_session(kept).runs[0].example
    page = page_of(run, tmp_path)
    page.check_safe()
    assert "from DICOM files" in page.text
    assert "the image: is crooked" in page.text
    from pydicom import dcmread

    header = dcmread(next(folder.iterdir()))
    uids = [str(e.value) for e in header if e.VR == "UI" and "Class" not in e.keyword]
    assert len(uids) >= 3
    words = {part for value in IDENTIFIERS.values() for part in re.split(r"[\^ ]", value)}
    for secret in (*words - {"from", "1", "Thorax"}, *uids, str(tmp_path), "Toggenburg"):
        assert secret not in page.written, secret


@pytest.mark.parametrize("kind", ["exists", "folder", "ending", "below a file"])
def test_where_it_can_not_be_written_is_said_before_anything_is_computed(
    tmp_path, scan2d, band_victim, kind, monkeypatch
):
    example = crafted(scan2d, band_victim)
    path = tmp_path / "report.html"
    if kind == "exists":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    elif kind == "ending":
        path = tmp_path / "report.pdf"
    else:
        (tmp_path / "file").write_text("x")
        path = tmp_path / "file" / "report.html"
    with pytest.raises(SegadvError) as refused:
        sa.report(example, path)
    assert len(str(refused.value).splitlines()) == 1
    if kind == "exists":
        assert path.read_text() == "mine"
        assert Page(sa.report(example, path, overwrite=True)).text


def test_one_that_is_stopped_leaves_nothing(tmp_path, ct):
    example = sa.craft(ct, volume_victim(2), PGD)
    calls = []

    def poll():
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sa.report(example, tmp_path / "report.html", poll=poll)
    assert list(tmp_path.iterdir()) == []


def test_runs_of_earlier_versions_say_what_was_not_recorded(tmp_path, image, band_victim):
    folder = crafted(io.read(image), band_victim).save(tmp_path / "out")
    path = folder / "result.json"
    record = json.loads(path.read_text())
    for name in ("present", "save_as", "deidentify", "processor", "threads", "versions", "inputs"):
        del record[name]
    for name in ("name", "dims", "preprocessing", "patches"):
        del record["victim"][name]
    path.write_text(json.dumps(record))
    page = page_of(folder, tmp_path)
    assert "not recorded by the version that made this run" in page.text
