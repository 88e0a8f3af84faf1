"""Classification: one class for an image, through loading, attack, files and command line."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import BYTES
from PIL import Image

import napari_segadv as sa
from napari_segadv import cli
from napari_segadv.data.grade import Grade
from napari_segadv.data.scan import Scan
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.heads import Head
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.victims.tasks import task_in, tasks
from napari_segadv.victims.victim import Victim
from napari_segadv.victims.windows import SlidingWindows

CLASSES = ("dark", "middling", "bright")
MIDDLES = (60.0, 120.0, 180.0)


class Brightness(torch.nn.Module):
    """Grades an image by its mean: the class is the nearest of three intensities."""

    def __init__(self, dims=2, shape="logits"):
        super().__init__()
        self.dims, self.shape = dims, shape

    def forward(self, x):
        middles = torch.tensor(MIDDLES) / 255
        z = -200 * (x.flatten(1).mean(1, keepdim=True) - middles) ** 2
        if self.shape == "one":
            return z[:, 2] - z[:, 1]
        return z.softmax(1) if self.shape == "softmax" else z.view(*z.shape, *(1,) * self.dims)


def image(value=128, shape=(24, 20)) -> Scan:
    """A noisy image of this mean."""
    noise = np.random.default_rng(0).integers(-20, 21, shape)
    return Scan.from_array((value + noise - noise.mean()).round().astype(np.uint8))


@pytest.fixture
def victim() -> Victim:
    step = BYTES
    small = Transform("Resize", {"spatial_size": [12, 16], "mode": "bilinear"})
    return Victim(
        Brightness(),
        "grader",
        2,
        classes=CLASSES,
        steps=(step, small),
        array_order=True,
        task="classification",
    )


@pytest.mark.parametrize(("value", "label"), [(60, 0), (128, 1), (190, 2)])
def test_a_grade_is_the_likeliest_class(victim, value, label):
    found = victim.predict(image(value))
    assert (found.label, found.name) == (label, CLASSES[label])
    model = victim.on(image(value))
    logits = model(model.image.repeat(4, 1, 1, 1))
    assert logits.shape == (4, 3, 1)
    shares = logits[0, :, 0].double().softmax(0)
    np.testing.assert_allclose(found.probabilities, shares, rtol=1e-6)
    assert found.text.startswith(f"{CLASSES[label]} ")


def test_one_logit_is_two_classes(victim):
    two = replace(victim, network=Brightness(shape="one"), classes=("not bright", "bright"))
    assert two.predict(image(128)).label == 0
    assert two.predict(image(180)).label == 1


class OneNumber(torch.nn.Module):
    """Says one number of an image, from its mean: a probability, or a logit."""

    def forward(self, x):
        return x.flatten(1).mean(1, keepdim=True) / 255


def of_one_number(**more) -> Victim:
    return Victim(OneNumber(), "one", 2, classes=("dull", "bright"), task="classification", **more)


def test_one_number_between_0_and_1_is_not_guessed_at():
    """As a probability, .3 is the first class, and as a logit the second."""
    dull = image(77)
    with pytest.raises(SegadvError, match=r"one: one number .* here 0\.301, .*\"activation\""):
        of_one_number().predict(dull)
    assert of_one_number(head=Head("sigmoid")).predict(dull).label == 0
    assert of_one_number(head=Head("none")).predict(dull).label == 1
    above = replace(of_one_number(), network=lambda x: 4 * OneNumber()(x) - 3)
    assert above.predict(dull).label == 0
    # Once it is known for a logit, it is one on every image.
    assert above.predict(image(200)).label == 1


@pytest.mark.parametrize(("activation", "label"), [("sigmoid", 0), ("none", 1), (None, None)])
def test_a_program_of_one_number_is_chosen_in_its_json(activation, label, tmp_path):
    torch.jit.script(OneNumber().eval()).save(tmp_path / "net.ts")
    about = {"task": "classification", "dims": 2, "classes": ["dull", "bright"]}
    about |= {"activation": activation} if activation else {}
    (tmp_path / "net.json").write_text(json.dumps(about))
    with pytest.raises(NeedsTrust) as asked:
        load_victim(tmp_path / "net.ts")
    victim = load_victim(tmp_path / "net.ts", trust=asked.value.sha256)
    if label is None:
        with pytest.raises(SegadvError, match="may be a probability or a logit"):
            victim.predict(image(77))
    else:
        assert victim.predict(image(77)).label == label


def test_probabilities_are_taken_back_to_logits(victim):
    soft = replace(victim, network=Brightness(shape="softmax"), head=Head())
    expected = victim.predict(image(140)).probabilities
    np.testing.assert_allclose(soft.predict(image(140)).probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("wanted", [0, 2, "Bright", "dark", Grade(2)])
def test_a_target_is_reached_and_read_back(tmp_path, victim, wanted):
    attack = sa.attacks.PGD(epsilon=70.0, steps=30)
    example = sa.craft(image(), victim, attack, target=wanted)
    label = example.target.label
    assert example.succeeded
    assert example.prediction_adversarial.label == label
    folder = example.save(tmp_path / "out")
    assert victim.predict(sa.read(folder / "adversarial.png")).label == label
    result = json.loads((folder / "result.json").read_text())
    assert result["victim"]["task"] == "classification"
    assert result["target"] == {"label": label, "class": CLASSES[label]}
    assert result["prediction_clean"]["class"] == "middling"
    assert result["prediction_adversarial"]["label"] == label
    measures = result["measures"]
    assert (measures["moved"], measures["kept"], measures["target_iou"]) == (1.0, None, None)
    share = result["prediction_adversarial"]["probabilities"][CLASSES[label]]
    assert measures["target_probability"] == share > measures["target_probability_clean"]
    assert measures["linf"] <= 70
    written = json.loads((folder / "prediction_adversarial.json").read_text())
    assert written == {"task": "classification", **result["prediction_adversarial"]}
    assert (folder / "figure.png").stat().st_size > 5000
    assert f"became {CLASSES[label]}" in example.summary[0]


@pytest.mark.parametrize(("value", "truth"), [(60, None), (128, None), (128, "middling")])
def test_untargeted_is_away_from_every_class_the_first_too(victim, value, truth):
    attack = sa.attacks.PGD(epsilon=60.0, steps=30)
    example = sa.craft(image(value), victim, attack, truth=truth)
    assert example.prediction_adversarial.label != example.prediction_clean.label
    assert example.succeeded
    assert example.record["goal"] == "untargeted"
    assert example.measures["truth_probability"] < example.measures["truth_probability_clean"]


@pytest.mark.parametrize("loss", ["margin", "cross-entropy", "soft-iou", "js"])
def test_every_loss_leads_to_the_first_class(victim, loss):
    attack = sa.attacks.PGD(epsilon=80.0, steps=40, loss=loss)
    assert sa.craft(image(), victim, attack, target=0).succeeded


def test_a_truth_that_the_victim_misses_is_got_away_from_already(victim):
    example = sa.craft(image(), victim, sa.attacks.PGD(), truth="dark")
    assert (example.record["steps"], example.measures["linf"]) == (0, 0.0)
    assert example.succeeded


def test_a_target_that_is_the_clean_class_asks_for_nothing(victim):
    with pytest.raises(SegadvError, match="grader predicts the target already"):
        sa.craft(image(), victim, sa.attacks.PGD(), target="middling")


def test_a_budget_that_is_too_small_is_a_result(victim):
    example = sa.craft(image(), victim, sa.attacks.PGD(epsilon=2.0, steps=3), target=2)
    assert not example.succeeded
    assert example.measures["moved"] == 0.0


def test_the_region_holds_the_noise(victim):
    left = np.zeros((24, 20), np.uint8)
    left[:, :10] = 1
    attack = sa.attacks.PGD(epsilon=100.0, steps=10, goal=None)
    example = sa.craft(image(), victim, attack, target=2, region=left)
    assert (example.noise[:, 10:] == 0).all()
    assert (example.noise[:, :10] != 0).any()


def test_volumes(victim):
    scan = Scan.from_array(np.full((5, 24, 20), 60, np.uint8) + np.arange(20, dtype=np.uint8))
    with pytest.raises(SegadvError, match="grader needs a single image; .* is a volume"):
        victim.predict(scan)
    deep = replace(victim, network=Brightness(3), dims=3, steps=victim.steps[:1])
    assert deep.predict(scan).label == 0
    example = sa.craft(scan, deep, sa.attacks.PGD(epsilon=110.0, steps=30), target=2)
    assert example.succeeded
    with pytest.raises(SegadvError, match="sliding window"):
        replace(deep, windows=SlidingWindows((4, 8, 8))).predict(scan)


class Segments(torch.nn.Module):
    def forward(self, x):
        return x.expand(-1, 3, -1, -1)


def test_what_does_not_fit_is_said(victim, band_victim, tmp_path):
    attack = sa.attacks.PGD()

    def refused(match, scan=None, attacked=victim, **options):
        with pytest.raises(SegadvError, match=match):
            sa.craft(scan or image(), attacked, options.pop("attack", attack), **options)

    mask = np.ones((24, 20), np.uint8)
    refused("predicts one class for an image; give the class's number or name", target=mask)
    refused("predicts one class", target=-1)
    refused("predicts one class", target=True)
    refused("predicts one class", target=1.5)
    refused("grader has no class green; it knows 0 dark", target="green")
    refused("holds class 7, which grader does not have", target=7)
    refused("care mask: marks pixels", target=1, care=mask)
    refused("its task segmentation", attacked=replace(victim, network=Segments()), target=1)
    refused("does classification; use", attack=sa.attacks.get("dag")(), target=1)
    other = "does segmentation, but the model does classification"
    refused(other, surrogate=band_victim, target=1)
    (tmp_path / "t.json").write_text('{"grade": 3}')
    refused('names no class; write {"label": 3}', target=tmp_path / "t.json")
    (tmp_path / "t.json").write_text("{")
    refused("is not valid JSON", target=str(tmp_path / "t.json"))
    refused("can't be read", target=tmp_path / "none.json")
    # A file that names itself, or more digits than Python reads, is no class.
    for name in (str(tmp_path / "t.json"), "9" * 5000):
        (tmp_path / "t.json").write_text(json.dumps({"class": name}))
        refused(f"has no class {name[:40]}; it knows", target=tmp_path / "t.json")
    plain = replace(band_victim, network=Brightness())
    refused('set "task": "classification"', attacked=plain, target=mask)


@pytest.mark.parametrize("content", ['{"label": 2}', '{"class": "bright"}', "2", '"bright"'])
def test_a_target_from_a_file(victim, tmp_path, content):
    (tmp_path / "t.json").write_text(content)
    example = sa.craft(image(), victim, sa.attacks.FGSM(), target=tmp_path / "t.json")
    assert (example.target.label, example.target.name) == (2, "bright")


def test_a_surrogate_of_the_same_task(victim):
    other = replace(victim, network=Brightness(shape="softmax"), head=Head(), name="other")
    attack = sa.attacks.PGD(epsilon=70.0, steps=30)
    assert sa.craft(image(), victim, attack, target=2, surrogate=other).succeeded


def test_tasks_by_what_a_bundle_calls_them():
    assert {"segmentation", "classification"} <= set(tasks())
    assert task_in("Breast Density Classification").name == "classification"
    assert task_in("Nuclear segmentation and classification").name == "segmentation"
    assert task_in("Diabetic retinopathy grading").name == "classification"
    assert task_in("").name == "segmentation"
    with pytest.raises(SegadvError, match="task poetry: unknown; use one of"):
        Victim(Brightness(), "poet", 2, task="poetry")


@pytest.fixture
def saved(tmp_path):
    """A small DenseNet as weights with a description, and an image file."""
    from monai.networks.nets import DenseNet

    arguments = {
        "spatial_dims": 2,
        "in_channels": 1,
        "out_channels": 3,
        "init_features": 4,
        "growth_rate": 4,
        "block_config": [1, 1],
        "bn_size": 1,
    }
    torch.manual_seed(0)
    torch.save(DenseNet(**arguments).state_dict(), tmp_path / "net.pt")
    description = {
        "network": "DenseNet",
        "arguments": arguments,
        "task": "classification",
        "classes": ["dark", "middling", "bright"],
        "window": [0, 255],
    }
    (tmp_path / "net.json").write_text(json.dumps(description))
    Image.fromarray(image(shape=(64, 48)).array).save(tmp_path / "x.png")
    return tmp_path


def test_weights_with_a_description(saved):
    victim = sa.load_victim(saved / "net.pt")
    assert (victim.task.name, victim.classes) == ("classification", CLASSES)
    x = torch.from_numpy(sa.read(saved / "x.png").array.astype("float32"))[None, None] / 255
    expected = victim.network(x).double().softmax(1)[0]
    found = victim.predict(sa.read(saved / "x.png")).probabilities
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_bundle_says_its_task(saved):
    from napari_segadv.training.victim.bundle import metadata_of, write_files

    victim = sa.load_victim(saved / "net.pt")
    network = json.loads((saved / "net.json").read_text())
    config = {"network_def": {"_target_": "DenseNet", **network["arguments"]}}
    meta = metadata_of("g", "classification of light", "", {}, CLASSES, ("grey",), (64, 48))
    found = sa.load_victim(write_files(saved / "bundle", config, meta, victim.network))
    assert (found.task.name, found.classes, found.channels) == ("classification", CLASSES, 1)


def segadv(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["segadv", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_the_command_line(saved, monkeypatch, capsys):
    monkeypatch.chdir(saved)
    given = ("x.png", "--victim", "net.pt")
    assert segadv(monkeypatch, "predict", *given, "--out", "clean.json") == 0
    clean = json.loads((saved / "clean.json").read_text())
    assert f"{clean['class']} " in capsys.readouterr().out
    assert segadv(monkeypatch, "predict", *given, "--out", "clean.png") == 2
    assert "written as .json" in capsys.readouterr().err
    other = next(name for name in CLASSES if name != clean["class"])
    attack = ("attack", *given, "--set", "steps=2")
    assert segadv(monkeypatch, *attack, "--target", other, "--out", "a") == 0
    result = json.loads((saved / "a" / "result.json").read_text())
    assert result["target"]["class"] == other
    assert segadv(monkeypatch, *attack, "--target", "clean.json", "--out", "b") == 2
    assert "net predicts the target already" in capsys.readouterr().err
    assert segadv(monkeypatch, *attack, "--untargeted", "--truth", "1", "--out", "c") == 0
    assert json.loads((saved / "c" / "result.json").read_text())["goal"] == "untargeted"
    capsys.readouterr()
    assert segadv(monkeypatch, *attack, "--target", "green", "--out", "d") == 2
    assert capsys.readouterr().err.startswith("segadv: target: net has no class green")
