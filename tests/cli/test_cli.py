"""The command line as installed: results, help, and bad input in one line with status 2."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from helpers import disc_image, disc_labels
from PIL import Image

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask


@pytest.fixture
def image(tmp_path) -> Path:
    Image.fromarray(disc_image()).save(tmp_path / "xray.png")
    return tmp_path / "xray.png"


@pytest.fixture
def target(tmp_path) -> Path:
    io.save_mask(Mask(disc_labels(), Grid.pixels((48, 64))), tmp_path / "target.png")
    return tmp_path / "target.png"


def test_the_installed_command():
    segadv = Path(sys.executable).parent / "segadv"
    done = subprocess.run([segadv, "--help"], capture_output=True, text=True, check=True)
    for command in ("demo", "victims", "attacks", "predict", "target", "attack", "train"):
        assert command in done.stdout
    done = subprocess.run([segadv, "attack", "a.png"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command", ["demo", "victims", "attacks", "predict", "target", "attack", "train"]
)
def test_every_command_has_help_with_an_example(run, command):
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    assert f"segadv {command}" in out
    assert "Example" in out


def test_attacks(run):
    status, out, _ = run("attacks")
    assert status == 0
    assert "pgd" in out
    assert "fgsm" in out
    starts = [line for line in out.splitlines() if line.startswith("    segadv attack starts from")]
    # Those of the attacks whose change is made hard to see: pgd, segpgd, cospgd.
    assert len(starts) == 3
    assert set(starts) == {
        '    segadv attack starts from norm="visible", polish=true, steps=60, unless you set '
        "anything but grain, steps, texture"
    }
    status, out, _ = run("attacks", "--json")
    listed = {entry["name"]: entry for entry in json.loads(out)}
    assert listed["pgd"]["starts_from"] == {"norm": "visible", "polish": True, "steps": 60}
    assert listed["least"]["starts_from"] == {"norm": "linf"}
    names = [p["name"] for p in listed["pgd"]["parameters"]]
    assert {"epsilon", "norm", "steps", "loss", "step", "goal", "restarts"} <= set(names)


def test_predict_target_attack(run, image, weights_file, tmp_path):
    assert run("predict", image, "--victim", weights_file, "--out", "clean.png")[0] == 0
    clean = io.read_mask(tmp_path / "clean.png").array
    label = int(np.bincount(clean.ravel(), minlength=3)[1:].argmax()) + 1
    status, out, _ = run(
        "target", "resize", "clean.png", "--label", label, "--size", 0.9, "--out", "t/target.nii.gz"
    )
    assert (status, out.strip()) == (0, "t/target.nii.gz")
    status, out, err = run(
        "attack", image, "--victim", weights_file, "--target", "t/target.nii.gz",
        "--set", "epsilon=20", "--set", "steps=4", "--seed", 3, "--out", "result",
    )  # fmt: skip
    assert (status, err) == (0, "")
    result = json.loads((tmp_path / "result" / "result.json").read_text())
    assert result["seed"] == 3
    assert result["parameters"]["epsilon"] == 20.0
    assert result["parameters"]["steps"] == 4
    assert result["budget"]["epsilon_percent_of_window"] == pytest.approx(100 * 20 / 255)
    assert result["victim"]["trust"] == "data"
    assert result["measures"]["linf"] <= 20
    assert "target IoU" in out


def test_untargeted_with_truth(run, image, target, weights_file, tmp_path):
    status, _, err = run(
        "attack", image, "--victim", weights_file, "--untargeted", "--truth", target,
        "--method", "fgsm", "--set", "epsilon=9", "--out", "result",
    )  # fmt: skip
    assert (status, err) == (0, "")
    result = json.loads((tmp_path / "result" / "result.json").read_text())
    assert result["goal"] == "untargeted"
    assert result["measures"]["dice_with_truth"] is not None


HIDDEN, PLAIN = ("visible", True), ("linf", False)


@pytest.mark.parametrize(
    ("told", "steps", "how"),
    [
        ((), 60, HIDDEN),
        (("--set", "steps=3"), 3, HIDDEN),
        (("--method", "segpgd", "--set", "steps=3"), 3, HIDDEN),
        (("--set", "epsilon=20", "--set", "steps=3"), 3, PLAIN),
        (("--set", "polish=false"), 40, PLAIN),
    ],
)
def test_the_change_is_hard_to_see_unless_told_otherwise(
    run, image, weights_file, tmp_path, told, steps, how
):
    status, _, err = run(
        "attack", image, "--victim", weights_file, "--untargeted", "--out", "r", *told
    )
    assert (status, err) == (0, "")
    result = json.loads((tmp_path / "r" / "result.json").read_text())
    parameters = result["parameters"]
    assert (parameters["norm"], parameters["polish"]) == how
    assert parameters["steps"] == steps
    share = result["budget"]["epsilon_percent_of_window"]
    if "--set" not in told or "epsilon=20" not in told:
        assert share == pytest.approx(1.0 if how == HIDDEN else 2.0)


def test_notes_go_to_stderr(run, weights_file, tmp_path):
    Image.fromarray(disc_image()).save(tmp_path / "x.jpg")
    status, _, err = run(
        "attack", "x.jpg", "--victim", weights_file, "--untargeted",
        "--set", "steps=1", "--out", "result",
    )  # fmt: skip
    assert status == 0
    assert err.startswith("note: JPEG would change")


def make_bad(name: str, folder: Path, image: Path, target: Path, weights: Path) -> list:
    """Return the arguments of an attack with one thing wrong."""
    arguments = {"image": image, "victim": weights, "target": target}
    more: list = []
    if name == "no such image":
        arguments["image"] = folder / "nothing.png"
    elif name == "no image":
        arguments["image"] = folder / "notes.png"
        (folder / "notes.png").write_text("dear diary")
    elif name == "empty folder":
        arguments["image"] = folder / "empty"
        (folder / "empty").mkdir()
    elif name in ("NaN", "constant", "4-D"):
        array = np.ones((6, 7, 8), np.float32)
        if name == "NaN":
            array[0] = np.nan
        volume = sitk.GetImageFromArray(array)
        if name == "4-D":
            volume = sitk.JoinSeries([sitk.GetImageFromArray(np.random.rand(6, 7, 8))] * 2)
        arguments["image"] = folder / "volume.nii.gz"
        sitk.WriteImage(volume, str(folder / "volume.nii.gz"))
    elif name == "another grid":
        io.save_mask(Mask(np.ones((9, 9), np.uint8), Grid.pixels((9, 9))), target)
    elif name == "unknown class":
        io.save_mask(Mask(np.full((48, 64), 9, np.uint8), Grid.pixels((48, 64))), target)
    elif name == "three channels":
        description = json.loads(weights.with_suffix(".json").read_text())
        description["arguments"]["in_channels"] = 3
        weights.with_suffix(".json").write_text(json.dumps(description))
        from monai.networks.nets import UNet

        torch.save(UNet(**description["arguments"]).state_dict(), weights)
    elif name == "truncated checkpoint":
        weights.write_bytes(weights.read_bytes()[:700])
    elif name == "bundle with code":
        configs = folder / "bundle" / "configs"
        configs.mkdir(parents=True)
        (folder / "bundle" / "models").mkdir()
        (folder / "bundle" / "models" / "model.pt").write_bytes(weights.read_bytes())
        network = {"_target_": "UNet", "spatial_dims": "$__import__('os').getpid()"}
        (configs / "inference.json").write_text(json.dumps({"network_def": network}))
        arguments["victim"] = folder / "bundle"
    elif name == "unknown method":
        more = ["--method", "magic"]
    elif name == "unknown parameter":
        more = ["--set", "strength=3"]
    elif name == "senseless parameter":
        more = ["--set", "steps=many"]
    elif name == "existing folder":
        (folder / "out").mkdir()
    elif name == "empty region":
        io.save_mask(Mask(np.zeros((48, 64), np.uint8), Grid.pixels((48, 64))), folder / "r.png")
        more = ["--region", folder / "r.png"]
    elif name == "no GPU":
        more = ["--device", "cuda"]
    elif name == "unknown demo":
        arguments["victim"] = "demo:knee"
    elif name == "both goals":
        more = ["--untargeted"]
    return [
        "attack", arguments["image"], "--victim", arguments["victim"],
        "--target", arguments["target"], "--out", folder / "out", *more,
    ]  # fmt: skip


BAD = {
    "no such image": ("nothing.png", "no such file"),
    "no image": ("notes.png", "can't be read as an image"),
    "empty folder": ("empty", "no DICOM series"),
    "NaN": ("volume.nii.gz", "56 of 336 values are NaN"),
    "constant": ("volume.nii.gz", "every pixel is 1"),
    "4-D": ("volume.nii.gz", "has 4 dimensions"),
    "another grid": ("target.png", "9 x 9 pixels but the image has 48 x 64"),
    "unknown class": ("target.png", "holds class 9, which net does not have; it knows 0"),
    "three channels": ("xray.png", "net needs a colour image; xray.png is in grey scale"),
    "truncated checkpoint": ("net.pt", "damaged or incomplete"),
    "bundle with code": ("bundle", "--trust"),
    "unknown method": ("magic", "unknown; use one of", "pgd, fgsm"),
    "unknown parameter": ("strength", "no such parameter"),
    "senseless parameter": ("steps=many", "a whole number"),
    "existing folder": ("out", "--overwrite"),
    "empty region": ("r.png", "the region is empty"),
    "no GPU": ("cuda", "--device cpu"),
    "unknown demo": ("demo:knee", "no such built-in model"),
    "both goals": ("--target", "--untargeted"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(run, tmp_path, image, target, weights_file, name):
    if name == "no GPU" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    command = make_bad(name, tmp_path, image, target, weights_file)
    before = sorted(p for p in tmp_path.rglob("*"))
    status, out, err = run(*command)
    assert status == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    for part in BAD[name]:
        assert part in err
    assert sorted(p for p in tmp_path.rglob("*")) == before, "something was written"


def test_trust_on_the_command_line(run, image, target, weights_file, tmp_path):
    command = make_bad("bundle with code", tmp_path, image, target, weights_file)
    _, _, err = run(*command)
    sha256 = err.split("--trust ")[1].strip()
    status, _, err = run(*command, "--trust", sha256)
    assert status == 2
    assert "UNet refuses its arguments" in err or "its code failed" in err


def test_target_options(run, target, tmp_path):
    for arguments, message in (
        (["star", target, "--label", 1], "target star: unknown"),
        (["heart", target, "--label", 9], "no pixels of class 9"),
        (["grow", target, "--label", 1, "--to", 2], "--to: target grow has no such option"),
        (["erase", target, "--label", 1, "--to", "x"], "to=x: must be a whole number from 0"),
        (["swap", target, "--label", 1, "--to", "surrounding"], "to=none: must be a whole number"),
        (["ellipse", target, "--label", 1, "--axes", "3"], "axes 3: give 2 numbers"),
        (["shrink", target, "--label", 1, "--mm", -1], "mm=-1.0: must be"),
        (["heart", target, "--label", 1, "--cover"], "--cover: target heart has no such option"),
        (["swap", target, "--label", 1], "target swap: needs --to"),
        (["resize", target, "--label", 1, "--size", -1], "size=-1.0: must be"),
        (["shift", target, "--label", 1, "--shift", "a,b"], "shift=a,b"),
    ):
        status, out, err = run("target", *arguments, "--out", tmp_path / "o.nii.gz")
        assert (status, out) == (2, "")
        assert message in err
        assert not (tmp_path / "o.nii.gz").exists()
    assert run("target", "shift", target, "--label", 1, "--shift", "3,-4", "--out", "o.png")[0] == 0
    moved = io.read_mask(tmp_path / "o.png").array
    np.testing.assert_array_equal(moved == 1, np.roll(disc_labels() == 1, (3, -4), (0, 1)))
    for shape, *more in (
        ("grow", "--mm", 3, "--cover"),
        ("shrink", "--mm", 2, "--to", "surrounding"),
        ("ellipse", "--axes", "6,9", "--size", 0.5),
        ("resize", "--size", 0.5, "--to", 2),
    ):
        status, out, err = run("target", shape, target, "--label", 1, *more, "--out", "s.png")
        assert (status, err) == (0, ""), shape
    assert (io.read_mask(tmp_path / "s.png").array == 2).sum() > (disc_labels() == 2).sum()


def test_an_interrupt_says_so(run, image, monkeypatch):
    monkeypatch.setattr(io, "read", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    status, _, err = run("predict", image, "--victim", "demo:chest-xray", "--out", "x.png")
    assert status == 130
    assert err == "segadv: stopped; nothing was written\n"


def test_a_files_words_do_not_command_the_terminal(run, image):
    code, _, err = run("predict", str(image), "--victim", "\x1b[2Kx\x07y\nz.pt", "--out", "o.png")
    assert code == 2
    assert err.startswith(r"segadv: \x1b[2Kx\x07y z.pt: ")
    assert len(err.splitlines()) == 1


def test_a_bug_shows_no_traceback(run, monkeypatch):
    import napari_segadv.attacks

    monkeypatch.setattr(napari_segadv.attacks, "available", lambda: 1 / 0)
    status, _, err = run("attacks")
    assert status == 1
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("out", ["new/folder/o.txt", "new/o.jpg", "xray.png"])
def test_an_output_that_can_not_be_meant_is_refused_at_once(run, image, out):
    before = image.read_bytes()
    status, _, err = run("predict", image, "--victim", "demo:chest-xray", "--out", out)
    assert status == 2
    assert out in err
    assert len(err.splitlines()) == 1
    assert image.read_bytes() == before
    assert not (image.parent / "new").exists()


def test_what_the_system_refuses_is_one_line(run, image, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied", str(image))

    monkeypatch.setattr(io, "read", refuse)
    status, _, err = run("predict", image, "--victim", "demo:chest-xray", "--out", "o.png")
    assert status == 2
    assert err == f"segadv: {image}: Permission denied; use another path\n"


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999"])
def test_a_seed_that_torch_can_not_take(run, image, seed):
    arguments = ("--victim", "demo:chest-xray", "--untargeted", "--out", "out", "--seed", seed)
    status, _, err = run("attack", image, *arguments)
    assert status == 2
    assert "--seed" in err
    assert len(err.splitlines()) == 1
