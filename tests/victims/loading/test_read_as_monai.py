"""What a bundle's configuration says is read as MONAI reads it, refused, or told: never dropped."""

import json
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from zoo import FIRST, HEAD, LOAD, NAMES, NODULES, UNET, composed, metadata, whole, window
from zoo_itself import parser_of, save_zoo

import napari_segadv as sa
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.bundle_config import read_config
from napari_segadv.victims.loading.contents import Contents
from napari_segadv.victims.loading.detector_config import detector_of
from napari_segadv.victims.loading.evaluation import Evaluation

WINDOW = window(-57, 164)
SIGMOID = {"_target_": "Activationsd", "keys": "pred", "sigmoid": True}
SOFTMAX = {"_target_": "Activationsd", "keys": "pred", "softmax": True}
LARGEST = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
BACK = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
BACK |= {"orig_keys": "image", "nearest_interp": False, "to_tensor": True}
AFTER = composed(SOFTMAX, BACK, LARGEST)


def config(pre=None, post=None, classes=3, **more) -> dict:
    """A configuration of a seeded 3-D network; parts that are None are left out."""
    network = {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": classes}
    parts = {"preprocessing": pre, "postprocessing": post}
    kept = {key: part for key, part in parts.items() if part is not None}
    return {"network_def": network, **kept, "inferer": {"_target_": "SimpleInferer"}, **more}


def about(classes=3) -> dict:
    return metadata(3, 1, NAMES if classes == 3 else {})


def save_small_ct(folder: Path, turned=1.0) -> Path:
    """A CT of 24 x 20 x 16 voxels with a ball and a cuboid."""
    rng = np.random.default_rng(3)
    x, y, z = np.mgrid[:24, :20, :16]
    volume = rng.normal(-60, 25, (24, 20, 16))
    volume += 150 * (np.hypot(np.hypot(x - 8, y - 9), z - 8) < 5)
    volume[14:20, 6:15, 4:12] += 320
    image = nibabel.Nifti1Image(volume.astype(np.int16), np.diag([-1.3, 1.2, 2.2 * turned, 1.0]))
    nibabel.save(image, folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


def rewritten(root: Path, content: dict) -> None:
    (root / "configs" / "inference.json").write_text(json.dumps(content))


def monais(root, path, pre="preprocessing", post="postprocessing", inferer="inferer", net=None):
    """The mask (z, y, x) that MONAI makes of an image, from named parts of the configuration."""
    parser = parser_of(root)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        data = parser.get_parsed_content(pre)({"image": str(path)})
        network = parser.get_parsed_content("network_def").eval()
        network.load_state_dict(torch.load(root / "models" / "model.pt"))
        whole = network if net is None else parser.get_parsed_content(net).eval()
        data["pred"] = parser.get_parsed_content(inferer)(data["image"][None], whole)[0]
        mask = parser.get_parsed_content(post)(data)["pred"]
    return torch.as_tensor(mask)[0].numpy().T


def alike(mask, other) -> float:
    on = (mask > 0) | (other > 0)
    assert on.any()
    return float((mask == other)[on].mean())


OWN = {
    "preprocessing": (
        config(composed(LOAD, FIRST, {**WINDOW, "_target_": "scripts.own.ScaleIntensityRanged"})),
        "preprocessing step scripts.own.ScaleIntensityRanged is not known",
    ),
    "loader": (
        config(composed({**LOAD, "_target_": "scripts.own.LoadImaged"}, FIRST, WINDOW)),
        "preprocessing step scripts.own.LoadImaged is not known",
    ),
    "inferer": (
        config(composed(LOAD, FIRST, WINDOW), inferer={"_target_": "scripts.own.SimpleInferer"}),
        "inferer scripts.own.SimpleInferer is not known",
    ),
    "windows": (
        config(
            composed(LOAD, FIRST, WINDOW),
            inferer={"_target_": "own.SlidingWindowInferer", "roi_size": [16, 16, 16]},
        ),
        "inferer own.SlidingWindowInferer is not known",
    ),
    "script of another bundle": (
        config(composed(LOAD, FIRST, WINDOW), inferer={"_target_": "own.RetinaNetInferer"}),
        "inferer own.RetinaNetInferer is not known",
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_a_class_of_its_own_is_not_monais_whatever_its_name(name, tmp_path):
    content, says = OWN[name]
    root = save_zoo(tmp_path, config(), about())
    rewritten(root, whole(content))
    with pytest.raises(SegadvError, match=says):
        load_victim(root)


def test_a_postprocessing_step_of_its_own_is_told(tmp_path):
    own = {"_target_": "scripts.own.KeepLargestConnectedComponentd", "keys": "pred"}
    full = {"_target_": "monai.transforms.KeepLargestConnectedComponentd", "keys": "pred"}
    root = save_zoo(tmp_path, config(composed(LOAD, FIRST), composed(LARGEST, own, full)), about())
    victim = load_victim(root)
    (note,) = victim.notes
    assert "step scripts.own.KeepLargestConnectedComponentd is not known and was not" in note
    assert [step.name for step in victim.decision.after] == ["KeepLargestConnectedComponent"]


@pytest.mark.parametrize("keys", ["pred", ["pred"], ["label", "pred"]])
def test_arguments_with_one_value_for_each_key(keys, tmp_path):
    """Classes of which the largest counts are no structures that overlap."""
    value = [None, True] if "label" in keys else [True]
    post = [{**SIGMOID, "keys": "pred"}, {**LARGEST, "keys": keys, "argmax": value}]
    root = save_zoo(tmp_path, config(composed(LOAD, FIRST), composed(*post)), about())
    assert load_victim(root).task.name == "segmentation"


BEFORE = composed(LOAD, FIRST, WINDOW)
IN_DATASET = {"_target_": "Dataset", "data": "$[{'image': i} for i in @datalist]"}
IN_DATASET |= {"transform": BEFORE}
EVALUATOR = HEAD["evaluator"]
# Parts that stand elsewhere than under their usual names, and where MONAI finds them.
ELSEWHERE = {
    "in the dataset": (config(post=AFTER, dataset=IN_DATASET), {"pre": "dataset::transform"}),
    "under another name": (
        config(post=AFTER, steps=BEFORE, dataset={**IN_DATASET, "transform": "@steps"}),
        {"pre": "steps"},
    ),
    "by the evaluator's loader": (
        config(
            composed(LOAD, FIRST),
            AFTER,
            data={"_target_": "Dataset", "data": [], "transform": BEFORE},
            loader={"_target_": "DataLoader", "dataset": "@data"},
            evaluator={**EVALUATOR, "val_data_loader": "@loader"},
        ),
        {"pre": "data::transform"},
    ),
    "in the evaluator": (
        config(BEFORE, evaluator={**EVALUATOR, "postprocessing": composed(SOFTMAX, LARGEST)}),
        {"post": "evaluator::postprocessing"},
    ),
    "one that the evaluator names": (
        config(
            BEFORE,
            composed(SIGMOID, {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.99}),
            classes=1,
            cut=[SIGMOID, {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.55}],
            made={"_target_": "Compose", "transforms": "@cut"},
            evaluator={**EVALUATOR, "postprocessing": "@made"},
        ),
        {"post": "made"},
    ),
    "a single transform": (config(BEFORE, LARGEST), {}),
    "lists in lists": (
        config(composed(LOAD, composed(FIRST, composed(WINDOW))), composed(composed(LARGEST))),
        {},
    ),
    "the evaluator's inferer": (
        config(
            composed(LOAD, FIRST, WINDOW, {"_target_": "NormalizeIntensityd", "keys": "image"}),
            AFTER,
            evaluator={
                **EVALUATOR,
                "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [8, 8, 8]},
            },
        ),
        {"inferer": "evaluator::inferer"},
    ),
    "a list by an expression": (
        config(
            BEFORE,
            {"_target_": "Compose", "transforms": "$@steps_after"},
            classes=1,
            steps_after=[
                SIGMOID,
                {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.55},
                {"_target_": "SaveImaged", "keys": "pred", "output_dir": "$str(os.getcwd())"}
                | {"_disabled_": "$len(os.sep) == 1"},
            ],
        ),
        {},
    ),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_the_evaluator_and_the_dataset_refer_to_counts(name, tmp_path):
    content, places = ELSEWHERE[name]
    classes = content["network_def"]["out_channels"]
    # The inversion names the transforms too.
    text = json.dumps(content).replace("@preprocessing", f"@{places.get('pre', 'preprocessing')}")
    root = save_zoo(tmp_path, json.loads(text), about(classes))
    path = save_small_ct(tmp_path)
    victim = load_victim(root)
    assert victim.trust == "data"
    found = victim.predict(sa.read(path), present="none").array
    assert alike(found, monais(root, path, **places)) >= 0.999


LOST = {
    "transforms": (config(dataset=IN_DATASET | {"transform": "@gone"}), "refers to @gone"),
    "postprocessing": (
        config(BEFORE, evaluator={**EVALUATOR, "postprocessing": "@gone"}),
        "refers to @gone",
    ),
    "network": (config(BEFORE, evaluator={**EVALUATOR, "network": "@gone"}), "refers to @gone"),
    "transforms that nothing refers to": (
        config(dataset=None, val_transforms=BEFORE),
        r"val_transforms::transforms::0 is a LoadImaged, but neither .* name the transforms "
        '"preprocessing"',
    ),
    "steps after that nothing refers to": (
        config(BEFORE, val_after=composed(LARGEST)),
        r"val_after::transforms::0 is a AsDiscreted, but neither",
    ),
    "all of it code": (
        config(BEFORE, "$monai.transforms.Compose([monai.transforms.AsDiscreted('pred')])"),
        r"a postprocessing step is \$monai.transforms.Compose.*, not a transform with a _target_",
    ),
    "one of it code": (
        config(BEFORE, composed(LARGEST, "$monai.transforms.FillHolesd('pred')")),
        r"a postprocessing step is \$monai.transforms.FillHolesd",
    ),
    "a class by code": (
        config(BEFORE, composed({"_target_": "$monai.transforms.FillHolesd", "keys": "pred"})),
        r"the class of a postprocessing step is \$monai.transforms.FillHolesd",
    ),
    "a mapping that is no transform": (
        config(BEFORE, {"transforms": [LARGEST]}),
        "a postprocessing step is dict",
    ),
    "transforms without a class": (
        config({"transforms": [LOAD, FIRST]}),
        "a preprocessing step is dict",
    ),
    "a function of its own": (
        config(BEFORE, composed({**SIGMOID, "sigmoid": False, "other": "$torch.tanh"}, LARGEST)),
        "applies a function of its own",
    ),
    "lazy": (
        config({**BEFORE, "lazy": True}),
        "preprocessing: lazy transforms resample once for several steps",
    ),
    "a lazy step": (
        config(composed(LOAD, FIRST, {"_target_": "Spacingd", "keys": "image", "lazy": True})),
        "lazy transforms resample once",
    ),
    "another container": (
        config({"_target_": "OneOf", "transforms": [LOAD, FIRST]}),
        "preprocessing step OneOf is not known",
    ),
    "windows with their places": (
        config(
            BEFORE,
            inferer={"_target_": "SlidingWindowInferer", "roi_size": [8, 8, 8], "with_coord": True},
        ),
        "tells the network where each window lies",
    ),
    "an unknown argument": (config({**BEFORE, "upto": 1}), "argument upto of Compose is not known"),
}


@pytest.mark.parametrize("name", LOST)
def test_what_is_missing_or_can_not_be_read_is_refused(name, tmp_path):
    content, says = LOST[name]
    root = save_zoo(tmp_path, config(), about())
    rewritten(root, whole(content))
    with pytest.raises(SegadvError, match=says) as caught:
        load_victim(root)
    assert "\n" not in str(caught.value)


def test_what_decides_the_mask_is_evaluated_after_a_yes(tmp_path):
    labels = "$[i for i in range(1, 2)]"
    largest = {"_target_": "KeepLargestConnectedComponentd", "keys": "pred"}
    steps = composed(SOFTMAX, BACK, LARGEST, {**largest, "applied_labels": labels})
    root = save_zoo(tmp_path, config(BEFORE, steps), about())
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    assert asked.value.runs == (f"postprocessing::transforms::3::applied_labels: {labels}",)
    victim, path = load_victim(root, asked.value.sha256), save_small_ct(tmp_path)
    assert victim.decision.after[0].arguments == {"applied_labels": [1]}
    found = victim.predict(sa.read(path), present="none").array
    assert alike(found, monais(root, path)) == 1


def test_a_network_around_the_network_counts(tmp_path):
    around = "$torch.nn.Sequential(@network_def, torch.nn.InstanceNorm3d(3))"
    root = save_zoo(tmp_path, config(BEFORE, AFTER), about())
    content = json.loads((root / "configs" / "inference.json").read_text())
    rewritten(root, content | {"network": around})
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    assert asked.value.runs == (f"network: {around}",)
    weights = root / "models" / "model.pt"
    inner = torch.load(weights)
    torch.save({f"0.{name}": one for name, one in inner.items()}, weights)
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    victim, path = load_victim(root, asked.value.sha256), save_small_ct(tmp_path)
    torch.save(inner, weights)
    found = victim.predict(sa.read(path), present="none").array
    expected = monais(root, path, net="network")
    assert alike(found, expected) >= 0.999
    assert alike(found, monais(root, path)) < 0.999


MOVES = [
    "$@network_def.to(@device)",
    "$@network_def.to(torch.device('cpu')).eval()",
    "$@network_def",
]


@pytest.mark.parametrize("written", MOVES)
def test_a_network_that_is_only_moved_is_no_code(written, tmp_path):
    root = save_zoo(tmp_path, config(BEFORE, AFTER, network=written), about())
    assert load_victim(root).trust == "data"


def test_a_network_in_other_numbers_is_code(tmp_path):
    root = save_zoo(tmp_path, config(BEFORE, AFTER), about())
    content = json.loads((root / "configs" / "inference.json").read_text())
    rewritten(root, content | {"network": "$@network_def.to(torch.float16)"})
    with pytest.raises(NeedsTrust, match="float16"):
        load_victim(root)


@pytest.mark.parametrize("where", ["list", "in place", "by reference"])
def test_calls_that_set_up_a_detector_are_found_where_they_stand(where, tmp_path):
    content = {**NODULES, "evaluator": {**NODULES["evaluator"]}}
    calls = content["detector_ops"]
    if where == "in place":
        del content["detector_ops"]
        content["evaluator"]["_requires_"] = calls
    elif where == "by reference":
        del content["detector_ops"]
        content |= {"setup": {"calls": calls}}
        content["evaluator"]["_requires_"] = "@setup::calls"
    (tmp_path / "configs").mkdir()
    rewritten(tmp_path, whole(content))
    read = read_config(Contents.of(tmp_path))
    found = detector_of(read, Evaluation(read), 3)
    assert (found.windows.roi_size, found.nms, found.least) == ((32, 32, 16), 0.22, 0.02)
    content["again"] = [calls[1].replace("0.22", "0.5")]
    rewritten(tmp_path, whole(content))
    read = read_config(Contents.of(tmp_path))
    with pytest.raises(SegadvError, match="set_box_selector_parameters is called in two ways"):
        detector_of(read, Evaluation(read), 3)
