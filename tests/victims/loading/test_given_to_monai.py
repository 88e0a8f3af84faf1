"""What MONAI's parser is given for a comparison holds nothing that runs, and takes no long time."""

import json
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from test_read_as_monai import AFTER, LARGEST, WINDOW, about, config, save_small_ct
from zoo import FIRST, LOAD, composed
from zoo_itself import save_zoo

import napari_segadv as sa
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.expressions import NotPlain, Plain
from napari_segadv.victims.loading.own_config import check_content
from napari_segadv.victims.preprocessing.chain import Space, Transform

PAD = {"_target_": "DivisiblePadd", "keys": "image", "k": 16}
# Process seconds within which a hostile file is read or refused; each took minutes, or for ever.
SOON = 20


def saved(folder, *steps, after=AFTER, **more):
    """A bundle with more steps before the network."""
    before = composed(LOAD, FIRST, *steps, WINDOW, PAD)
    return save_zoo(folder, config(before, after, 3, **more), about(3))


def notes_of(victim, folder) -> tuple[str, ...]:
    bound = victim.on(sa.read(save_small_ct(folder)), present="none")
    return bound.agreement_notes(bound.predict())


def select(value) -> dict:
    """A step whose argument is never looked at here."""
    return {"_target_": "SelectItemsd", "keys": "image", "allow_missing_keys": value}


def call(marker: Path) -> str:
    """A dictionary of a component that makes a file, as Python writes it."""
    return repr({"_target_": "os.system", "command": f"touch {marker}"})


def ways(marker: Path) -> dict:
    made = call(marker)
    away = {"_target_": "ToDeviced", "keys": "image", "device": f"${made}"}
    key, value = "_target_", "os.system"
    return {
        "an argument": ([select(f"${made}")], {}),
        "in a list": ([select(f"$[{made}]")], {}),
        "in a tuple": ([select(f"$({{'a': {made}}},)")], {}),
        "by a reference": ([select("@d")], {"d": f"${made}"}),
        "part of another": ([select("$@d['x']")], {"d": f"${{'x': {made}}}"}),
        "a device": ([away], {}),
        "keys by references": (
            [select(f"${{@k: @v, 'command': 'touch {marker}'}}")],
            {"k": key, "v": value},
        ),
        "a component": (
            [select("@d::x")],
            {"d": {"x": {key: value, "command": f"touch {marker}"}}},
        ),
    }


@pytest.mark.parametrize("way", ways(Path("marker")))
def test_a_dictionary_that_an_expression_makes_is_not_built(way, tmp_path):
    marker = tmp_path / "it-ran"
    steps, more = ways(marker)[way]
    notes = notes_of(load_victim(saved(tmp_path, *steps, **more)), tmp_path)
    assert not marker.exists()
    assert any(note.startswith("not compared with the model's own pipeline: ") for note in notes)


def test_nor_beside_code_that_was_agreed_to(tmp_path):
    marker = tmp_path / "it-ran"
    asked = {**WINDOW, "a_max": "$max(255, *[1])"}
    root = saved(tmp_path, asked, select(f"${call(marker)}"))
    with pytest.raises(NeedsTrust) as question:
        load_victim(root)
    assert not any("os.system" in run for run in question.value.runs)
    notes_of(load_victim(root, question.value.sha256), tmp_path)
    assert not marker.exists()


def test_nor_one_in_a_file_of_tensors(tmp_path):
    marker = tmp_path / "it-ran"
    root = saved(tmp_path, select("$torch.load(@bundle_root + '/docs/x.pt')"))
    (root / "docs").mkdir(exist_ok=True)
    torch.save({"_target_": "os.system", "command": f"touch {marker}"}, root / "docs" / "x.pt")
    notes_of(load_victim(root), tmp_path)
    assert not marker.exists()


def test_a_step_that_an_expression_makes_is_refused(tmp_path):
    with pytest.raises(SegadvError, match="a step is a dictionary that an expression makes"):
        load_victim(saved(tmp_path, f"${WINDOW!r}"))


BAD = {
    "a class": {"a": {"_target_": "os.system"}},
    "a class in a list": [[{"_target_": "os.system"}]],
    "a class of no text": {"_target_": ["os.system"]},
    "a mode": {"_target_": "Identity", "_mode_": "debug"},
    "requirements": {"_requires_": "x"},
    "an expression": ["$print()"],
    "a macro": "%x",
    "a reference of its own": "see @x",
    "a key": {"$x": 1},
    "an object": [print],
    "a class of Python": int,
    "bytes": b"x",
    "a reader": {"_target_": "LoadImaged", "keys": "image", "reader": "os.system"},
    "a list of readers": {"_target_": "LoadImaged", "keys": "image", "reader": ["os.system"]},
    "an argument of a reader": {"_target_": "LoadImaged", "keys": "image", "func": "os.system"},
    "a pattern": {"_target_": "DeleteItemsd", "keys": "a", "use_re": True},
}


@pytest.mark.parametrize("what", BAD)
def test_the_last_look_at_a_configuration(what):
    with pytest.raises(SegadvError):
        check_content({"x": BAD[what]}, [])
    check_content({"x": BAD[what]}, [BAD[what]])


def test_what_may_be_given():
    step = {"_target_": "monai.transforms.Flipd", "keys": ["image"], "_disabled_": False}
    values = [torch.float32, np.float32, torch.zeros(2), torch.device("cpu"), None, 1.5, True]
    check_content({"a": {"b": [step, "@a::c"], "c": (values, {"d": "plain text"})}}, [])


def bombs() -> dict:
    macros = {f"x{n}": [f"%x{n + 1}"] * 2 for n in range(40)} | {"x40": []}
    graph = {f"x{n}": f"${{'a': @x{n + 1}, 'b': @x{n + 1}}}" for n in range(40)} | {"x40": 0}
    return {
        "macros": ([select("%x0")], macros),
        "references in dictionaries": ([select("@x0")], graph),
        "a macro of itself": ([select("%x")], {"x": ["%x"]}),
        "a sum of lists": ([select("$len(sum([[1]] * 49000, []))")], {}),
        "a pattern": (
            [
                {"_target_": "LoadImaged", "keys": ["image", "a" * 32 + "b"]},
                {"_target_": "DeleteItemsd", "keys": ["(a+)+$"], "use_re": True},
            ],
            {},
        ),
    }


@pytest.mark.parametrize("what", bombs())
def test_no_file_takes_a_long_time(what, tmp_path):
    steps, more = bombs()[what]
    began = time.process_time()
    with suppress(SegadvError):
        notes = notes_of(load_victim(saved(tmp_path, *steps, **more)), tmp_path)
        assert any(note.startswith("not compared") for note in notes)
    assert time.process_time() - began < SOON


def plain(text: str):
    import ast

    return Plain(lambda name: None, lambda path: None).value(ast.parse(text, mode="eval").body)


def test_expressions_whose_value_is_pythons_own_affair():
    for text in ("1000 is 1000", "'a' is not 'b'", "sum([[1], [2]], [])", "sum('ab')"):
        with pytest.raises(NotPlain):
            plain(text)
    assert plain("sum([1, 2.5])") == 3.5
    assert plain("sum((1, 2), 3)") == 6
    assert plain("None is None") is True


def test_a_sign_that_monai_reads_as_another_is_refused(tmp_path):
    step = {**WINDOW, "a_max": "$255 if '#' == '::' else 64"}
    with pytest.raises(SegadvError, match="holds a # beside its references"):
        load_victim(saved(tmp_path, step))


def test_a_mask_that_is_copied_is_told(tmp_path):
    copy = {"_target_": "CopyItemsd", "keys": "pred", "names": "seg"}
    largest = {**LARGEST, "keys": "seg"}
    after = composed(*AFTER["transforms"], copy, largest)
    victim = load_victim(saved(tmp_path, after=after))
    notes = (*victim.notes, *notes_of(victim, tmp_path))
    assert any("copies its mask (CopyItems)" in note for note in notes)
    assert any("compared up to its step CopyItemsd" in note for note in notes)


def test_an_evaluator_with_functions_of_its_own_is_not_compared(tmp_path):
    evaluator = {"_target_": "SupervisedEvaluator", "prepare_batch": "$lambda b, *a, **k: b"}
    victim = load_victim(saved(tmp_path, evaluator=evaluator))
    assert any("prepare_batch, which is not reproduced" in n for n in notes_of(victim, tmp_path))


@pytest.mark.parametrize(
    "arguments", [{"b_min": 0.0, "b_max": 10**30, "a_min": 0.0, "a_max": 1.0, "dtype": "float16"}]
)
def test_whatever_a_class_of_monais_raises_is_one_line(arguments):
    image = torch.ones(1, 4, 4)
    step = Transform("ScaleIntensityRange", {**arguments, "b_min": 10**30})
    with pytest.raises(SegadvError) as caught:
        step.bound(image, Space((4, 4), np.eye(3)))
    assert "\n" not in str(caught.value)


def test_windows_of_no_size_are_refused(tmp_path):
    inferer = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "sw_batch_size": -5}
    with pytest.raises(SegadvError, match="sw_batch_size -5: use 1 or more"):
        load_victim(saved(tmp_path, inferer=inferer))


def test_leaves_make_no_loader_with_a_reader_of_its_own(tmp_path):
    leaves = select(["@a::reader", "@a::keys", "@a::_target_"])
    loader = {"_target_": "LoadImaged", "keys": "image", "reader": "os.system"}
    victim = load_victim(saved(tmp_path, leaves, a=loader))
    assert "has the reader os.system" in victim.own.refused
    assert victim.own.config.content == {}


@pytest.mark.parametrize("where", ["before", "after"])
def test_steps_that_an_expression_repeats(where, tmp_path):
    flip = {"_target_": "Flipd", "keys": "image", "spatial_axis": 0}
    parts = {"some": [LOAD, FIRST, WINDOW, PAD], "more": [flip]}
    if where == "after":
        parts = {"some": AFTER["transforms"], "more": [LARGEST]}
    repeated = {"_target_": "Compose", "transforms": "$@some + @more * 5000"}
    before = composed(LOAD, FIRST, WINDOW, PAD) if where == "after" else repeated
    after = repeated if where == "after" else AFTER
    root = save_zoo(tmp_path, config(before, after, 3, **parts), about(3))
    with pytest.raises(SegadvError, match=r"holds 500\d steps, of which at most 200") as caught:
        load_victim(root)
    assert "\n" not in str(caught.value)


def test_channels_without_end(tmp_path):
    root = saved(tmp_path)
    path = root / "configs" / "metadata.json"
    content = json.loads(path.read_text())
    content["network_data_format"]["inputs"]["image"]["num_channels"] = 20_000_000
    path.write_text(json.dumps(content))
    network = json.loads((root / "configs" / "inference.json").read_text())
    key = "network_def"
    network[key] = {"_target_": "SegResNet", "spatial_dims": 3, "out_channels": 3}
    (root / "configs" / "inference.json").write_text(json.dumps(network))
    with pytest.raises(SegadvError, match="would see 20000000 channels") as caught:
        load_victim(root)
    assert "\n" not in str(caught.value)


MANY = {
    "a number": {"to_onehot": 40_000},
    "an expression": {"to_onehot": "$4 * 10_000"},
    "a reference": {"to_onehot": "@many"},
    "labels": {"applied_labels": "$list(range(1, 19000))"},
}


@pytest.mark.parametrize("what", MANY)
def test_more_classes_than_the_network_has(what, tmp_path):
    steps = [*AFTER["transforms"]]
    if what == "labels":
        steps.append({"_target_": "KeepLargestConnectedComponentd", "keys": "pred", **MANY[what]})
    else:
        steps[-1] = {**LARGEST, **MANY[what]}
    after = composed(*steps)
    victim = load_victim(saved(tmp_path, after=after, many=40_000))
    assert "for more than 3 classes" in victim.own.refused


BOTH = ["image", "label"]


def test_what_is_done_to_other_keys_is_left_out(tmp_path):
    """A label of 700 voxels a side would take a gigabyte and more."""
    load, first = {**LOAD, "keys": BOTH}, {**FIRST, "keys": BOTH}
    large = {"_target_": "Resized", "keys": "label", "spatial_size": [700, 700, 700]}
    copied = {"_target_": "CopyItemsd", "keys": "image", "names": "other"}
    larger = {**large, "keys": ["other"]}
    flips = {"_target_": "Flipd", "keys": BOTH, "spatial_axis": [0]}
    gone = {"_target_": "DeleteItemsd", "keys": ["label", "image_meta"]}
    before = composed(load, first, WINDOW, copied, larger, large, flips, PAD, gone)
    victim = load_victim(save_zoo(tmp_path, config(before, AFTER, 3), about(3)))
    assert victim.own.refused == ""
    given = victim.own.config.content["preprocessing"]["transforms"]
    assert [one.get("_disabled_", False) for one in given] == [False] * 3 + [True] * 3 + [
        False
    ] * 2 + [True]
    assert given[0]["keys"] == ["image"]
    assert (given[1]["allow_missing_keys"], given[6]["allow_missing_keys"]) == (True, True)
    notes = notes_of(victim, tmp_path)
    plain = load_victim(saved(tmp_path / "plain", {**flips, "keys": "image"}))
    assert not any("not compared" in note for note in notes)
    assert len(notes) == len(notes_of(plain, tmp_path))
