"""A program as victim: it runs as described and agreed to, and what goes wrong is one line."""

import json
import os
import platform
import re
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import PATIENCE, disc_image, mask_on
from programs import CLASSES, described, question_of, trusted

import napari_segadv as sa
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.results.report.facts import model_facts
from napari_segadv.victims import load_victim

pytestmark = pytest.mark.usefixtures("scratch")

THRESHOLDS = (95, 155)


@pytest.fixture
def volume() -> Scan:
    """A CT of few slices, with flips and anisotropic spacing, of which a window is seen."""
    rng = np.random.default_rng(0)
    array = rng.normal(60, 20, (5, 12, 14)).astype(np.int16)
    array[1:4, 3:8, 4:10] += 80
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.diag([1.0, -1.0, -1.0]))
    return Scan(array, grid, "HU", Storage("int16"))


def expected(scan):
    return np.digitize(scan.array, THRESHOLDS)


# Loading.


def test_the_question_lists_the_whole_command(tmp_path):
    path = described(tmp_path, environment={"MODELS": "/data"})
    question = question_of(path)
    assert question.path == str(path)
    assert question.runs == (
        "a program, each time that it predicts",
        f"argument 0: {sys.executable}",
        f"argument 1: {tmp_path / 'program.py'}",
        "argument 2: {input}",
        "argument 3: {output}",
        "environment: MODELS=/data",
    )
    victim = load_victim(f"command:{path}", question.sha256)
    assert (victim.name, victim.trust, victim.classes) == ("tool", "code", tuple(CLASSES))
    assert (victim.window, victim.sha256, victim.path) == ((0, 255), question.sha256, path)
    assert not victim.binding.differentiable


@pytest.mark.parametrize("what", ["description", "program", "place"])
def test_anything_else_needs_another_agreement(tmp_path, what):
    path = described(tmp_path)
    agreed = question_of(path).sha256
    if what == "description":
        path.write_text(path.read_text() + "timeout: 9\n")
    elif what == "program":
        (tmp_path / "program.py").write_text("import os\n")
    else:
        # The same bytes, but where they lie decides what they import.
        (tmp_path / "else").mkdir()
        path = described(tmp_path / "else")
    with pytest.raises(NeedsTrust) as asked:
        load_victim(path, agreed)
    assert asked.value.sha256 != agreed


def test_a_program_that_is_changed_after_the_agreement(tmp_path, scan2d):
    victim = trusted(described(tmp_path))
    script, trace = tmp_path / "program.py", tmp_path / "it-ran"
    content = script.read_bytes()
    script.write_text(f"from pathlib import Path\nPath({str(trace)!r}).touch()\n")
    with pytest.raises(SegadvError, match=r"program\.py has changed since you agreed"):
        victim.predict(scan2d)
    assert not trace.exists()
    # Touched, or replaced by its like, it is still what was agreed to.
    script.write_bytes(content)
    victim.predict(scan2d)
    script.unlink()
    with pytest.raises(SegadvError, match="has changed"):
        victim.predict(scan2d)


BAD = [
    ({"command": None}, "command"),
    ({"command": "run {input} {output}"}, "list of texts"),
    ({"command": [sys.executable, 5, "{input}", "{output}"]}, "numbers in quotes"),
    ({"command": []}, "list of texts"),
    ({"command": ["no-such-program", "{input}", "{output}"]}, "no-such-program is not there"),
    ({"command": ["./program.yaml", "{input}", "{output}"]}, "is not there or can't be executed"),
    ({"command": [sys.executable, "{output}"]}, "must hold {input} or {input_folder}"),
    ({"command": [sys.executable, "{input}", "{out}"]}, "must hold {output} or {output_folder}"),
    ({"command": [sys.executable, "{input}", "{output}", "x" * 4000]}, "shown whole"),
    ({"command": [sys.executable, "{input}", "{output}", "a\x1b[2Jb"]}, "shown whole"),
    ({"command": [sys.executable, "{input}", "{output}", "a\u202eb"]}, "shown whole"),
    (
        {"command": [sys.executable, "{input_folder}", "{output_folder}"]},
        '"input" must hold {name}',
    ),
    ({"input": "../image.png"}, "without a folder"),
    ({"output": "/tmp/mask.png"}, "without a folder"),
    ({"input": "image.jpg"}, '"input" must end in one of'),
    ({"output": "mask.txt"}, '"output" must end in one of'),
    ({"classes": ["heart"]}, "background and at least one structure"),
    ({"classes": ["a", "a"]}, "each once"),
    ({"classes": None}, "background and at least one structure"),
    ({"classes": [True, "a"]}, "list of strings"),
    ({"labels": ["a"]}, "numbers with the names"),
    ({"labels": {1: "heart"}}, "heart, which is no class"),
    ({"labels": {"one": "dim"}}, "whole numbers"),
    ({"labels": {-1: "dim"}}, "from 0 to 65535"),
    ({"labels": {1: 2}}, "numbers with the names"),
    ({"dims": None}, "2 or 3"),
    ({"dims": 4}, "2 or 3"),
    ({"channels": 2}, "1 or 3"),
    ({"window": [5, 5]}, "lower end first"),
    ({"window": [5]}, "list of 2 numbers"),
    ({"timeout": 0}, "more than 0"),
    ({"timeout": float("inf")}, "more than 0"),
    ({"environment": {"A=B": "c"}}, "no name of a variable"),
    ({"environment": {"A": 5}}, "string"),
    ({"shell": True}, "unknown key shell"),
]


@pytest.mark.parametrize(("change", "says"), BAD, ids=[str(c)[:50] for c, _ in BAD])
def test_a_wrong_description_is_one_line_before_any_question(tmp_path, change, says):
    path = described(tmp_path, **change)
    with pytest.raises(SegadvError) as caught:
        load_victim(f"command:{path}")
    assert not isinstance(caught.value, NeedsTrust)
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("command: [a\n", "not valid YAML"),
        ("command: !!python/object/apply:os.system [x]\n", "not valid YAML"),
        ("- command\n", "must be an object"),
        ("", "must be an object"),
    ],
)
def test_what_is_no_description(tmp_path, content, says):
    path = tmp_path / "tool.yaml"
    path.write_text(content)
    with pytest.raises(SegadvError, match=says):
        load_victim(f"command:{path}")


def test_merges_that_stand_for_billions(tmp_path):
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    (tmp_path / "tool.yaml").write_text("\n".join([*lines, "command: [x]"]))
    with pytest.raises(SegadvError, match="aliases stand for"):
        load_victim(tmp_path / "tool.yaml")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_and_a_folder_are_no_description(tmp_path):
    os.mkfifo(tmp_path / "tool.yaml")
    for path in (tmp_path / "tool.yaml", tmp_path):
        with pytest.raises(SegadvError, match="is no file"):
            load_victim(f"command:{path}")


def test_other_files_are_not_taken_for_programs(tmp_path):
    (tmp_path / "other.yaml").write_text("network: UNet\n")
    with pytest.raises(SegadvError, match="not a model that can be loaded"):
        load_victim(tmp_path / "other.yaml")
    with pytest.raises(SegadvError, match="no such file or folder"):
        load_victim(f"command:{tmp_path / 'none.yaml'}")


def test_the_descriptions_in_the_docs_are_valid(tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "docs" / "victims.md").read_text(encoding="utf-8")
    found = [b for b in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "command:" in b]
    assert len(found) == 5
    for name in ("segment", "nnUNetv2_predict", "TotalSegmentator", "docker"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for number, block in enumerate(found):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block)
        assert question_of(path).runs[1].startswith(f"argument 0: {tmp_path}")


# Predicting.


def test_it_predicts_a_photograph(tmp_path, scan2d):
    mask = trusted(described(tmp_path)).predict(scan2d)
    np.testing.assert_array_equal(mask.array, expected(scan2d))
    assert mask.classes == tuple(CLASSES)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_it_predicts_a_volume_in_its_own_units(tmp_path, volume, ending):
    victim = trusted(described(tmp_path, ending=ending, dims=3, window=[-160, 240]))
    mask = victim.predict(volume)
    np.testing.assert_array_equal(mask.array, expected(volume))
    assert mask.grid is volume.grid


def test_folders_take_all_slices_in_one_call(tmp_path, volume):
    command = [sys.executable, "program.py", "{input_folder}", "{output_folder}"]
    more = {"input": "{name}_0000.nii.gz", "output": "{name}.nii.gz", "window": [-160, 240]}
    victim = trusted(described(tmp_path, command=command, **more))
    bound = victim.on(volume)
    np.testing.assert_array_equal(bound.predict().array, expected(volume))
    assert bound.passes.calls == 1
    assert bound.passes.forward == pytest.approx(1)


def test_slices_that_have_not_changed_are_not_asked_again(tmp_path, volume):
    victim = trusted(described(tmp_path, ending=".nii", window=[-160, 240]))
    bound = victim.on(volume)
    bound.predict()
    assert bound.passes.calls == len(volume.array)
    images = bound.image.clone()
    images[:, :, 2] += 30
    found = bound.predict(images)
    assert bound.passes.calls == len(volume.array) + 1
    np.testing.assert_array_equal(found.array, np.digitize(images[0, 0].numpy(), THRESHOLDS))


def test_logits_are_the_mask_and_leave_no_doubt(tmp_path, scan2d):
    bound = trusted(described(tmp_path)).on(scan2d)
    logits = bound(bound.image)
    np.testing.assert_array_equal(logits[0].softmax(0).argmax(0).numpy(), expected(scan2d))
    assert set(logits.softmax(1).unique().tolist()) == {0.0, 1.0}
    with pytest.raises(SegadvError, match="tool: is a program, which has no gradient"):
        bound(bound.image.clone().requires_grad_())
    with pytest.raises(SegadvError, match="no network to call"):
        bound.victim.network(torch.zeros(1, 1, 4, 4))


def test_labels_say_what_the_numbers_mean(tmp_path, scan2d):
    path = described(tmp_path, classes=None, labels={2: "bright", "*": "background"})
    victim = trusted(path)
    assert victim.classes == ("background", "bright")
    np.testing.assert_array_equal(victim.predict(scan2d).array, expected(scan2d) == 2)


def segments(folder, names):
    """Describe a program that writes a segmentation of 3D Slicer, whose structures have names."""
    head = "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\n"
    head += "sizes: 64 48 1\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
    head += "kinds: domain domain domain\nspace origin: (0,0,0)\nencoding: raw\n"
    for number, name in enumerate(names):
        for key, value in (("ID", name), ("Name", name), ("LabelValue", number + 1), ("Layer", 0)):
            head += f"Segment{number}_{key}:={value}\n"
    text = (
        "import sys\nimport numpy as np\nfrom PIL import Image\n"
        f"mask = np.digitize(np.array(Image.open(sys.argv[1])), {THRESHOLDS}).astype(np.uint8)\n"
        f"open(sys.argv[2], 'wb').write({head.encode()!r} + b'\\n' + mask.tobytes())\n"
    )
    path = described(folder, output="mask.seg.nrrd")
    (folder / "program.py").write_text(text)
    return path


def test_structures_with_names_are_known_by_them(tmp_path, scan2d):
    found = trusted(segments(tmp_path, ["bright", "dim"])).predict(scan2d).array
    np.testing.assert_array_equal(found, np.array([0, 2, 1])[expected(scan2d)])
    with pytest.raises(SegadvError, match=r"number 2 \(heart\), which is none of its classes"):
        trusted(segments(tmp_path, ["bright", "heart"])).predict(scan2d)


def test_an_image_of_other_intensities_is_shown_as_bytes(tmp_path):
    deep = Scan.from_array(disc_image().astype(np.uint16) * 16)
    bound = trusted(described(tmp_path)).on(deep, present="0:4080")
    np.testing.assert_array_equal(bound.predict().array, np.digitize(disc_image(), THRESHOLDS))


def test_a_photograph_in_colour(tmp_path):
    array = np.stack([disc_image(), disc_image(seed=1), disc_image(seed=2)], axis=-1)
    victim = trusted(described(tmp_path, channels=3))
    found = victim.predict(Scan.from_array(array, colour=True)).array
    np.testing.assert_array_equal(found, np.digitize(array.mean(-1), THRESHOLDS))


def test_a_folder_that_can_not_be_removed_is_told(tmp_path, scan2d, scratch, monkeypatch):
    remove = shutil.rmtree

    def refuse(place, *given, **more):
        if Path(place).parent != scratch:
            return remove(place, *given, **more)
        raise PermissionError(13, "Permission denied", f"{place}/new/output/of-root")

    for mode, says in (("", "left .*of-root, which can't be removed"), ("fail", "status 3")):
        victim = trusted(described(tmp_path, mode))
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "rmtree", refuse)
            with pytest.raises(SegadvError, match=says):
                victim.predict(scan2d)
        for left in scratch.iterdir():
            remove(left)


def test_what_a_killed_process_has_left_is_removed(tmp_path, scan2d, scratch):
    left = scratch / ".segadv-killed"
    left.mkdir()
    owner = {"pid": os.getpid(), "started": 0.0, "host": platform.node(), "place": "program"}
    (left / "owner.json").write_text(json.dumps(owner))
    (left / "image.png").write_bytes(b"of a patient")
    trusted(described(tmp_path)).predict(scan2d)
    assert not left.exists()


def test_names_with_spaces_and_quotes(tmp_path, scan2d):
    folder = tmp_path / 'it\'s "here"; touch $(x) `y`'
    folder.mkdir()
    more = {"input": "the 'image' {name}.png", "output": '"mask" & $HOME.png'}
    path = described(folder, name="my tool's.yaml", **more)
    np.testing.assert_array_equal(trusted(path).predict(scan2d).array, expected(scan2d))


def test_several_at_a_time(tmp_path):
    victim = trusted(described(tmp_path))
    scans = [Scan.from_array(disc_image(seed=n)) for n in range(4)]
    found = {}

    def predict(n):
        found[n] = victim.predict(scans[n]).array

    threads = [threading.Thread(target=predict, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for n, scan in enumerate(scans):
        np.testing.assert_array_equal(found[n], expected(scan))


# What goes wrong.


WRONG = {
    "fail": "the program ended with status 3, its last words: no weights in /models; run it",
    "smaller": "mask has 47 x 64 pixels but the image has 48 x 64",
    "nothing": "the program wrote no mask.png",
    "garbage": "what the program wrote is no mask (",
    "link": "mask is a link to another place",
    "classes": "mask holds number 5, which is none of its classes",
    "folder": "what the program wrote is no mask (",
}


@pytest.mark.parametrize("mode", WRONG)
def test_what_goes_wrong_is_one_line(tmp_path, scan2d, mode):
    with pytest.raises(SegadvError) as caught:
        trusted(described(tmp_path, mode)).predict(scan2d)
    said = str(caught.value)
    assert said.startswith("tool: ")
    assert WRONG[mode] in said
    assert "; " in said
    assert "\n" not in said
    assert "scratch" not in said


@pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")
@pytest.mark.parametrize(("mode", "says"), [("crash", "ended by SIGABRT"), ("pipe", "no mask")])
def test_a_crash_and_a_pipe(tmp_path, scan2d, mode, says):
    with pytest.raises(SegadvError, match=says):
        trusted(described(tmp_path, mode)).predict(scan2d)


def test_another_name_is_told(tmp_path, scan2d):
    path = described(tmp_path, "another", output="labels.png")
    with pytest.raises(SegadvError, match=r"wrote no labels\.png, but mask\.png"):
        trusted(path).predict(scan2d)


def test_a_mask_of_another_place(tmp_path, volume):
    path = described(tmp_path, "moved", ending=".nii.gz", dims=3, window=[-160, 240])
    with pytest.raises(SegadvError, match="mask lies elsewhere than the image"):
        trusted(path).predict(volume)


def test_an_image_that_its_file_can_not_hold(tmp_path, ct):
    flat = Scan.from_array(ct.array[8])
    with pytest.raises(SegadvError, match=r"can't be written as image\.png .PNG holds whole"):
        trusted(described(tmp_path, window=None)).predict(flat)


def test_a_program_that_can_not_be_started(tmp_path, scan2d):
    script = tmp_path / "tool"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    path = described(tmp_path, command=["./tool", "{input}", "{output}"])
    with pytest.raises(SegadvError, match="can't be started"):
        trusted(path).predict(scan2d)


# Attacking.


def test_what_else_needs_a_gradient_is_refused(tmp_path, scan2d):
    from napari_segadv.attacks.universal import Universal
    from napari_segadv.crafting.universal import universal_steps
    from napari_segadv.training.generator.pieces import pieces

    victim = trusted(described(tmp_path, "fail"))
    truth = mask_on(scan2d, expected(scan2d))
    with pytest.raises(SegadvError, match="no gradient"):
        next(universal_steps([scan2d], victim, Universal(), truths=[truth]))
    with pytest.raises(SegadvError, match="no gradient"):
        next(pieces([scan2d], victim, None, "cpu"))


def shrunk(mask):
    """A target without the right half of the bright disc."""
    target = mask.array.copy()
    target[:, 48:][target[:, 48:] == 2] = 1
    return target


def test_a_search_by_its_masks(tmp_path, scan2d):
    victim = trusted(described(tmp_path))
    clean = victim.predict(scan2d)
    example = sa.craft(
        scan2d,
        victim,
        sa.attacks.get("square")(epsilon=80.0, steps=12),
        target=shrunk(clean),
        region="bounding-box",
        device="cpu",
    )
    record = example.record
    assert record["parameters"]["loss"] == "soft-iou"
    assert record["passes"] == {"forward": 13, "backward": 0}
    # The clean image, each query, and the result before and after saving.
    assert record["victim"]["calls"] == 16
    assert record["victim"]["command"][1] == str(tmp_path / "program.py")
    found = np.digitize(example.adversarial.array, THRESHOLDS)
    np.testing.assert_array_equal(example.prediction_adversarial.array, found)
    facts = dict(model_facts(example))
    assert facts["program"] == "started 16 times; only its mask is known"
    assert facts["preparation"].startswith("not known")


@pytest.mark.parametrize("method", ["pgd", "fgsm", "segpgd", "asma"])
def test_a_method_with_a_gradient_is_refused_before_anything_runs(tmp_path, scan2d, method):
    victim = trusted(described(tmp_path, "fail"))
    with pytest.raises(SegadvError, match=r"no gradient; craft on a network .*--surrogate") as no:
        sa.craft(scan2d, victim, sa.attacks.get(method)(), target=expected(scan2d))
    assert "\n" not in str(no.value)


def test_a_receptive_field_is_refused(tmp_path, scan2d):
    victim = trusted(described(tmp_path, "fail"))
    square = sa.attacks.get("square")()
    with pytest.raises(SegadvError, match="without a receptive field"):
        sa.craft(scan2d, victim, square, target=expected(scan2d), region="receptive-field:0.99")


def test_a_surrogate_is_attacked_and_the_program_judges(tmp_path, scan2d, band_victim):
    victim = trusted(described(tmp_path))
    attack = sa.attacks.PGD(epsilon=60.0, steps=10)
    target = shrunk(victim.predict(scan2d))
    example = sa.craft(scan2d, victim, attack, target=target, surrogate=band_victim, device="cpu")
    assert example.record["victim"]["calls"] == 3
    assert example.record["surrogates"][0]["name"] == "bands"
    found = np.digitize(example.adversarial.array, THRESHOLDS)
    np.testing.assert_array_equal(example.prediction_adversarial.array, found)
    assert example.measures["moved"] > 0.5


@pytest.mark.parametrize("number", ["1" + ":0" * 200_000, "1" + ":0" * 200_000 + ".5", "1" * 5000])
def test_a_number_of_no_end(tmp_path, number):
    path = tmp_path / "tool.yaml"
    path.write_text(f"command: [x, '{{input}}', '{{output}}']\ntimeout: {number}\n")
    began = time.process_time()
    with pytest.raises(SegadvError, match=r"line 2 holds a number of \d+ letters") as caught:
        load_victim(path)
    assert "\n" not in str(caught.value)
    assert time.process_time() - began < 20
