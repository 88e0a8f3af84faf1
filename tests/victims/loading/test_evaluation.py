"""A configuration is worked out as MONAI's own parser does it, without MONAI's parser."""

import json
import time
from pathlib import Path

import pytest
import torch
from helpers import ARGUMENTS, small_network
from monai.bundle import ConfigParser

from napari_segadv.errors import SegadvError
from napari_segadv.victims.loading.bundle_config import read_config
from napari_segadv.victims.loading.contents import Contents
from napari_segadv.victims.loading.evaluation import Evaluation

NETWORK = {"_target_": "UNet", **ARGUMENTS}
# Parts named "x", and others that they refer to.
PARTS = {
    "a literal": {"x": [1, "two", None, {"a": 0.5}]},
    "a reference": {"x": "@y", "y": [1, 2]},
    "a reference in a list": {"x": ["@y", "@y::0"], "y": [1, 2]},
    "the older separator": {"x": "@y#a#1", "y": {"a": [1, 2]}},
    "relative references": {"x": {"a": 1, "b": "@#a", "c": ["@##a", "@#0"]}},
    "a reference to the root": {"x": {"a": "@##y"}, "y": 3},
    "a text with a sign": {"x": ["mail@home", "50 %", "costs 5 $"]},
    "a macro": {"x": {"a": "%y"}, "y": {"b": [1, 2]}},
    "an expression": {"x": "$1 + 2"},
    "an expression with references": {"x": "$@y + @z::0", "y": 2, "z": [3]},
    "an expression with a relative one": {"x": {"a": 5, "b": "$@#a * 2"}},
    "an expression in an expression": {"x": "$@y * 2", "y": "$@z + 1", "z": 1},
    "code": {"x": "$[n ** 2 for n in @y]", "y": [1, 2, 3]},
    "code with an import": {"x": "$math.sqrt(@y)", "y": 4.0, "imports": ["$import math"]},
    "code with another name": {"x": "$m.sqrt(4)", "i": "$import math as m"},
    "code with a part of a module": {"x": "$join('a', 'b')", "i": "$from os.path import join"},
    "code with a module in a package": {"x": "$os.path.join('a', 'b')", "i": "$import os"},
    "code that knows torch": {"x": "$torch.zeros(2).tolist()"},
    "code in a dictionary": {"x": {"a": "$dict(b=1)", "c": ["$tuple(@y)"]}, "y": [1]},
    "merged": {"x": {"a": 1}, "+x": {"b": 2}},
    "set by a key with a path": {"x": {"a": [1, 2]}, "x::a::0": 5},
    "a component that is built": {"x": "$@y.a", "y": {"_target_": "types.SimpleNamespace", "a": 3}},
    "a component by its name": {
        "x": "$@y.keys",
        "y": {"_target_": "Identityd", "keys": ["a", "b"]},
    },
    "a disabled component": {
        "x": "$len(@y)",
        "y": [{"_target_": "types.SimpleNamespace", "_disabled_": "true"}, 1],
    },
    "a component as it is": {
        "x": "$@y(b=2).a + @y(b=2).b",
        "y": {"_target_": "types.SimpleNamespace", "_mode_": "callable", "a": 3},
    },
    "a class by an expression": {
        "x": "$@y.a",
        "y": {"_target_": "$__import__('types').SimpleNamespace", "a": "@#b", "b": 4},
    },
}


def config_of(folder: Path, more: dict):
    (folder / "configs").mkdir()
    written = json.dumps({"network_def": NETWORK, **more})
    (folder / "configs" / "inference.json").write_text(written)
    return read_config(Contents.of(folder))


def theirs(folder: Path):
    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / "inference.json"))
    return parser.get_parsed_content("x")


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_what_monai_makes_of_it(name, tmp_path):
    config = config_of(tmp_path, PARTS[name])
    listing = Evaluation(config)
    listing.part("x")
    found = Evaluation(config, tuple(listing.runs)).part("x")
    expected = theirs(tmp_path)
    assert found == expected
    assert type(found) is type(expected)


def test_the_network_is_what_monai_builds(tmp_path):
    config = config_of(tmp_path, {})
    torch.manual_seed(0)
    network = Evaluation(config, ()).network()
    assert all(
        torch.equal(one, other)
        for one, other in zip(network.parameters(), small_network().parameters(), strict=True)
    )


def test_nothing_runs_that_was_not_listed(tmp_path):
    config = config_of(tmp_path, {"x": "$print('it ran')"})
    for agreed in ((), ("x: $print('it ra')",), ("y: $print('it ran')",)):
        with pytest.raises(SegadvError, match="would run what nobody has agreed to"):
            Evaluation(config, agreed).part("x")


def test_an_expression_runs_once_though_it_is_asked_for_twice(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(torch, "noted", ran.append, raising=False)
    config = config_of(tmp_path, {"x": ["@y", "@y", "$[@y, @y]"], "y": "$torch.noted(1) or [1]"})
    listing = Evaluation(config)
    listing.part("x")
    assert ran == []
    Evaluation(config, tuple(listing.runs)).part("x")
    assert ran == [1]


LOST = {
    "@nowhere": "refers to @nowhere, which is not defined",
    "$@nowhere + 1": "refers to @nowhere, which is not defined",
    "%nowhere": "refers to %nowhere, which is not defined",
    "@network_def::channels::7": "refers to @network_def::channels::7, which is not defined",
    "@x": "x refers to itself",
    "$@x + 1": "x refers to itself",
    "$1 +": "x is no expression",
    "$": "x is no expression",
    "$a = 1": "x is no expression",
    f"${'-' * 15000}1": "x is no expression",
    f"${'[' * 900}{']' * 900}": "x is no expression",
    f"$'{'x' * 30000}'": "more than a question can show",
    "%other.json::a": "takes other.json::a from another file",
}


@pytest.mark.parametrize("written", LOST, ids=lambda text: text[:20])
def test_what_leads_nowhere_is_one_line(written, tmp_path):
    config = config_of(tmp_path, {"x": written})
    with pytest.raises(SegadvError, match=LOST[written]) as caught:
        Evaluation(config).part("x")
    assert str(config.source) in str(caught.value)


LONG = "+".join(["len(range(100000))"] * 100)
COMPUTED = {
    "one expression": {"x": f"${LONG}"},
    "parts": {"x": [f"${'+'.join(['len(range(90000))'] * 3)}"] * 9},
    "texts": {"x": "$str(['a' * 99999] * 99999)"},
    "a reference": {"x": ["$len(sorted(@y))"] * 30, "y": "$list(range(40000))"},
    "a step that is not read": {
        "x": [
            {"_target_": "SelectItemsd", "keys": "$'a'", "other": f"$len(range({90000 + n}))"}
            for n in range(20)
        ]
        + ["$len(range(90000))"]
    },
}


@pytest.mark.parametrize("what", COMPUTED)
def test_expressions_that_compute_without_end(what, tmp_path):
    config = config_of(tmp_path, COMPUTED[what])
    began = time.process_time()
    with pytest.raises(SegadvError, match="compute more than 1000000 values") as caught:
        Evaluation(config).part("x")
    assert "\n" not in str(caught.value)
    assert time.process_time() - began < 20


def test_what_macros_copy_is_computed_once(tmp_path):
    some = "+".join(["len(range(100000))"] * 2)
    config = config_of(tmp_path, {"x": ["%y"] * 300, "y": f"${some}"})
    assert Evaluation(config).part("x") == [200000] * 300


def test_a_component_that_a_macro_copies_is_one_of_its_own(tmp_path):
    made = {"_target_": "types.SimpleNamespace", "a": 1}
    both = "$[@x::0, @x::1]"
    config = config_of(tmp_path, {"x": ["%y", "@y"], "y": made, "z": both})
    listing = Evaluation(config)
    listing.part("z")
    one, other = Evaluation(config, tuple(listing.runs)).part("z")
    assert one == other
    assert one is not other
