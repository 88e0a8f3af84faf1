"""The comparison with a bundle's own pipeline is MONAI's; where there is none, none is claimed."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from test_read_as_monai import (
    AFTER,
    BACK,
    LARGEST,
    SIGMOID,
    SOFTMAX,
    WINDOW,
    about,
    alike,
    config,
    monais,
    rewritten,
    save_small_ct,
)
from zoo import FIRST, HEAD, LOAD, composed, whole
from zoo_itself import save_zoo

import napari_segadv as sa
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.bundle_config import read_config
from napari_segadv.victims.loading.contents import Contents
from napari_segadv.victims.loading.evaluation import Evaluation
from napari_segadv.victims.loading.own_config import own_config
from napari_segadv.victims.loading.painted import painted_labels
from napari_segadv.victims.preprocessing.chain import Transform

PAD = {"_target_": "DivisiblePadd", "keys": "image", "k": 16}
BEFORE = composed(LOAD, FIRST, WINDOW, PAD)
WHOLE = "on this image, 100.0 % of the structures' pixels are predicted as by the model's own"


def notes_of(victim, scan):
    bound = victim.on(scan, present="none")
    return bound.agreement_notes(bound.predict())


def saved(folder, before=BEFORE, post=AFTER, classes=3, **more):
    """A bundle and its CT."""
    root = save_zoo(folder, config(before, post, classes, **more), about(classes))
    return root, save_small_ct(folder)


@pytest.mark.parametrize("from_file", [True, False])
def test_it_knows_nothing_of_what_was_read(from_file, tmp_path):
    """Whatever is misread here, MONAI's transforms are those of the file."""
    root, path = saved(tmp_path)
    victim, scan = load_victim(root), sa.read(path)
    if not from_file:
        scan = replace(scan, path=None)
    assert notes_of(victim, scan) == (f"{WHOLE} pipeline",)
    (window, pad) = victim.steps
    misread = Transform("ScaleIntensityRange", {**window.arguments, "a_max": 100.0})
    for wrong in ({"steps": (misread, pad)}, {"steps": (window,)}):
        (note,) = notes_of(replace(victim, **wrong), scan)
        share = alike(
            replace(victim, **wrong).predict(scan, present="none").array, monais(root, path)
        )
        if share < 0.999:
            assert note.startswith(f"only {np.floor(share * 1000) / 10:.1f} % of")
    assert share < 1 or note.startswith(WHOLE)


def test_its_loader_reads_the_file(tmp_path):
    """One that turns the image to the closest axes of the patient."""
    root, path = saved(tmp_path)
    save_small_ct(tmp_path, turned=-1.0)
    victim, scan = load_victim(root), sa.read(path)
    content = victim.own.config.content
    first, *others = content["preprocessing"]["transforms"]
    canonical = {**first, "reader": "NibabelReader", "as_closest_canonical": True}
    content = {**content, "preprocessing": composed(canonical, *others)}
    own = replace(victim.own, config=replace(victim.own.config, content=content))
    (note,) = notes_of(replace(victim, own=own), scan)
    assert note.startswith("only ")
    assert "%" in note
    (note,) = notes_of(replace(victim, own=own), replace(scan, path=None))
    assert note.startswith("not compared with the model's own pipeline: its loader has as_closest")
    assert notes_of(victim, scan) == (f"{WHOLE} pipeline",)


def test_a_file_that_holds_another_image_is_not_the_scans(tmp_path):
    root, path = saved(tmp_path)
    victim, scan = load_victim(root), sa.read(path)
    image = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj)[::-1], image.affine), path)
    assert notes_of(victim, scan) == (f"{WHOLE} pipeline",)


def test_a_label_beside_the_image_and_a_writer_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both = ["image", "label"]
    before = composed({**LOAD, "keys": both}, {**FIRST, "keys": both}, WINDOW, PAD)
    writer = {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir"}
    coded = {**writer, "output_dir": "$os.getcwd()"}
    post = composed(SOFTMAX, BACK, LARGEST, {**LARGEST, "keys": "label"}, writer, coded)
    root, path = saved(tmp_path, before, post)
    files = set(tmp_path.rglob("*"))
    victim = load_victim(root)
    assert victim.trust == "data"
    assert notes_of(victim, sa.read(path)) == (f"{WHOLE} pipeline",)
    assert set(tmp_path.rglob("*")) == files


@pytest.mark.parametrize("from_file", [True, False])
def test_it_ends_where_a_step_is_not_known(from_file, tmp_path):
    own = {"_target_": "scripts.own.Merge", "keys": "pred"}
    root, path = saved(tmp_path, post=composed(SOFTMAX, BACK, LARGEST, own))
    scan = sa.read(path)
    (note,) = notes_of(load_victim(root), scan if from_file else replace(scan, path=None))
    assert note == f"{WHOLE} pipeline (compared up to its step scripts.own.Merge)"


def without(content) -> dict:
    """A configuration with the loader of `BEFORE` replaced."""
    return {"pre": composed({**LOAD, **content}, FIRST, WINDOW, PAD), "post": AFTER}


UNKNOWN = {
    "code": (
        {"post": composed(SOFTMAX, {**BACK, "transform": "$dict(a=@preprocessing)"}, LARGEST)},
        "nobody was asked about",
    ),
    "a reader by a path": (without({"reader": "os.system"}), "has the reader os.system"),
    "an argument for the reader": (without({"allow_pickle": True}), "has allow_pickle"),
    "requirements": (without({"_requires_": "$print(1)"}), "has _requires_"),
    "a mode": (without({"_mode_": "callable"}), "has _mode_"),
    "another class of that name": (
        without({"_target_": "monai.apps.LoadImaged"}),
        "is monai.apps.LoadImaged, which can't be run",
    ),
    "a sign": ({"post": composed(BACK, {**LARGEST, "meta_keys": "a%b"})}, "holds a sign"),
    "a sign in a text that was computed": (
        {"post": composed(BACK, {**LARGEST, "meta_keys": "$'$' + 'print(1)'"})},
        "holds a sign",
    ),
    "a sign in a key": ({"post": composed(BACK, {**LARGEST, "a": {"$b": 1}})}, "holds a sign"),
    "an import": ({"post": composed(BACK, {**LARGEST, "a": "$import os"})}, "is an import"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_monais_parser_must_not_be_given(name, tmp_path):
    parts, says = UNKNOWN[name]
    root, _ = saved(tmp_path)
    rewritten(root, whole(config(**{"pre": BEFORE, "post": AFTER} | parts)))
    read = read_config(Contents.of(root))
    with pytest.raises(SegadvError, match=says):
        own_config(read, Evaluation(read, ()), {}, painted=False)


@pytest.mark.parametrize(
    ("post", "says"),
    [
        (composed(SOFTMAX, LARGEST, {"_target_": "own.Step"}, BACK), "does not end in a mask"),
        (
            composed(SOFTMAX, {**BACK, "transform": "$dict(a=@preprocessing)"}, LARGEST),
            "nobody was asked about",
        ),
    ],
)
def test_what_can_not_be_built_is_not_compared(post, says, tmp_path):
    root, path = saved(tmp_path, post=post)
    victim = load_victim(root)
    assert victim.trust == "data"
    (note,) = notes_of(victim, sa.read(path))
    assert note.startswith("not compared with the model's own pipeline: ")
    assert says in note


HIDDEN = "$__import__('pathlib').Path({trace!r}).touch()"


@pytest.mark.parametrize("where", ["imports", "key", "text", "expression", "beside", "target"])
def test_nothing_of_the_file_runs_for_it(where, tmp_path):
    root, path = saved(tmp_path)
    trace = tmp_path / "it-ran"
    code = HIDDEN.format(trace=str(trace))
    post = json.loads(json.dumps(AFTER))
    content = whole(config(BEFORE, post, first=[SOFTMAX], other=code))
    largest = post["transforms"][-1]
    if where == "imports":
        (root / "planted.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
        content["imports"] = ["$import planted", "$from planted import x"]
    elif where == "key":
        largest["meta_keys"] = {code: 1}
    elif where == "text":
        largest["meta_keys"] = f"$'$' + {code[1:]!r}"
    elif where == "expression":
        largest["meta_keys"] = code
    elif where == "beside":
        content["handlers"] = [code]
        content["evaluator"] = {**HEAD["evaluator"], "val_handlers": [code], "_requires_": code}
        content["evaluator"]["postprocessing"] = post
    else:
        post["transforms"].append({"_target_": "os.system", "command": f"touch {trace}"})
    rewritten(root, content)
    victim = load_victim(root)
    assert victim.trust == "data"
    notes = notes_of(victim, sa.read(path))
    assert not trace.exists()
    assert any("own pipeline" in note for note in notes)


def test_what_was_agreed_to_is_compared(tmp_path):
    threshold = {"_target_": "AsDiscreted", "keys": "pred", "threshold": "$sum([0.25, 0.3][:])"}
    post = composed(SIGMOID, BACK, threshold)
    scaled = {**WINDOW, "a_max": "$float.__add__(100.0, 64.0)"}
    root, path = saved(tmp_path, composed(LOAD, FIRST, scaled, PAD), post, 1)
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    victim = load_victim(root, asked.value.sha256)
    assert victim.trust == "code"
    assert notes_of(victim, sa.read(path)) == (f"{WHOLE} pipeline",)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("way", ["@preprocessing", "$@preprocessing", "@steps", "$@steps "])
def test_references_and_expressions_lead_to_one_transform(way, whole, tmp_path):
    """An inversion finds the very transforms that ran, however it names them."""
    more = {"steps": BEFORE, "back": {**BACK, "transform": way}, "cut": [LARGEST]}
    more |= {"first": ["@back", SOFTMAX]}
    listed = "$@first + @cut" if whole else ["@first::0", SOFTMAX, "@cut::0"]
    post = {"_target_": "Compose", "transforms": listed}
    root, path = saved(tmp_path, "@steps", post, **more)
    victim, scan = load_victim(root), sa.read(path)
    assert notes_of(victim, scan) == (f"{WHOLE} pipeline",)
    assert alike(victim.predict(scan, present="none").array, monais(root, path)) == 1


def test_only_what_is_needed_is_given_to_monais_parser(tmp_path):
    root, _ = saved(tmp_path, evaluator={**HEAD["evaluator"], "postprocessing": AFTER})
    read = read_config(Contents.of(root))
    found = own_config(read, Evaluation(read, ()), {}, painted=False)
    assert set(found.content) == {"evaluator", "image_key", "preprocessing", "inferer"}
    assert set(found.content["evaluator"]) == {"postprocessing"}


def test_a_mask_that_needs_no_way_back_is_compared_too(tmp_path):
    post = composed(SIGMOID, {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.55})
    root, path = saved(tmp_path, composed(LOAD, FIRST, WINDOW), post, 1)
    victim, scan = load_victim(root), sa.read(path)
    assert notes_of(victim, scan) == (f"{WHOLE} pipeline",)
    other = replace(victim, decision=replace(victim.decision, threshold=0.52))
    share = alike(other.predict(scan, present="none").array, monais(root, path))
    assert share < 0.999
    assert notes_of(other, scan)[0].startswith(f"only {np.floor(share * 1000) / 10:.1f} % of")


def test_a_channel_for_each_class_is_a_label_map(tmp_path):
    post = composed(SOFTMAX, BACK, {**LARGEST, "to_onehot": 3})
    root, path = saved(tmp_path, post=post)
    assert notes_of(load_victim(root), sa.read(path)) == (f"{WHOLE} pipeline",)


POINTED = {**HEAD["evaluator"], "inferer": "@inferer", "postprocessing": "@postprocessing"}
WINDOWS = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "overlap": 0}
TIDIES = {"_target_": "PostProcessing", "transform": composed(LARGEST)}
SAVES = {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir"}
OTHER = "torch.load(@bundle_root + '/models/model.pt')"
# What a program does beside its parts, and why nothing is compared then.
BESIDE = {
    "mode": ({"evaluator": {**POINTED, "mode": "train"}}, "has mode train"),
    "class": (
        {"evaluator": {**POINTED, "_target_": "scripts.own.Mine"}},
        "its evaluator is scripts.own.Mine",
    ),
    "handler": (
        {"evaluator": {**POINTED, "val_handlers": [TIDIES]}},
        "has the handler PostProcessing",
    ),
    "run": ({"run": ["$@other.run()"]}, r"its program runs $@other.run()"),
    "initialize": ({"initialize": ["$@network.apply(print)"]}, "its initialize has code"),
    "no postprocessing": ({"evaluator": HEAD["evaluator"] | {"postprocessing": None}}, "names no"),
    "weights": (
        {"initialize": [f"$torch.nn.Module.load_state_dict(@network, {OTHER})"]},
        "its initialize has code",
    ),
    "handlers of nobody": (
        {"evaluator": POINTED | {"val_handlers": None}},
        "does not name the handler that loads",
    ),
    "scale": ({"post": composed(*AFTER["transforms"], {**SAVES, "scale": 255})}, "has scale"),
    "dtype": (
        {"post": composed(*AFTER["transforms"], {**SAVES, "output_dtype": "bool"})},
        "has output_dtype bool",
    ),
    "a step behind": (
        {"post": composed(*AFTER["transforms"], SAVES, LARGEST)},
        "only after SaveImaged has written it",
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_program_that_does_more_is_not_compared(name, tmp_path):
    more, says = BESIDE[name]
    root, path = saved(tmp_path, **more)
    (note,) = notes_of(load_victim(root), sa.read(path))
    assert note.startswith("not compared with the model's own pipeline: ")
    assert says in note


def test_published_calls_and_handlers_are_compared(tmp_path):
    stats = {"_target_": "StatsHandler", "iteration_log": False}
    stats |= {"output_transform": "$lambda x: None"}
    dice = {"_target_": "MeanDice", "output_transform": "$monai.handlers.from_engine(['pred'])"}
    calls = ["$import torch", "$monai.utils.set_determinism(seed=123)"]
    calls += ["$setattr(torch.backends.cudnn, 'benchmark', True)"]
    post = composed(*AFTER["transforms"], {**SAVES, "output_ext": ".nii.gz", "resample": False})
    evaluator = {**POINTED, "val_handlers": ["@handlers::0", stats], "amp": True}
    evaluator |= {"key_val_metric": {"dice": dice}}
    root, path = saved(tmp_path, post=post, evaluator=evaluator, initialize=calls)
    assert notes_of(load_victim(root), sa.read(path)) == (f"{WHOLE} pipeline",)


def test_an_evaluator_without_an_inferer_sees_the_whole_image(tmp_path):
    evaluator = {**POINTED, "inferer": None}
    root, _ = saved(tmp_path, evaluator=evaluator, inferer=WINDOWS)
    assert load_victim(root).windows is None


def test_probabilities_are_not_rounded_to_a_mask(tmp_path):
    root, path = saved(tmp_path, post=composed(SIGMOID, BACK), classes=1)
    (note,) = notes_of(load_victim(root), sa.read(path))
    assert "does not end in a mask" in note


def test_without_prepare_batch_the_input_is_the_loaded_image(tmp_path):
    both = ["image", "img"]
    before = composed({**LOAD, "keys": both}, {**FIRST, "keys": both}, {**WINDOW, "keys": "img"})
    meta = about()
    inputs = meta["network_data_format"]["inputs"]
    meta["network_data_format"]["inputs"] = {"img": inputs["image"]}
    root = save_zoo(tmp_path, config(before, AFTER), meta)
    assert load_victim(root).steps == ()


@pytest.mark.parametrize("behind", ["Lambdad", "RemoveSmallObjectsd", "SaveImaged"])
def test_only_writers_may_stand_behind_the_painting(behind):
    where = "$lambda x: torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0))"
    steps = [{"_target_": "Lambdad", "keys": "pred", "func": where}]
    steps.append({"_target_": behind, "keys": "pred", "func": "$lambda x: x * 0"})
    assert (painted_labels(steps, ("a", "b")) is not None) == (behind == "SaveImaged")
