"""Code in a bundle's odd places: the consent question lists it, and nothing runs before."""

import sys
import time
from pathlib import Path

import pytest
from helpers import ARGUMENTS, PATIENCE, bundle, save_bundle, small_network

from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim

NETWORK = {"_target_": "UNet", **ARGUMENTS}
RANGE = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255}
RANGE |= {"b_min": 0.0, "b_max": 1.0}


@pytest.fixture
def network():
    return small_network()


@pytest.fixture
def trace(tmp_path) -> Path:
    """A file that exists once the code has run."""
    return tmp_path / "it-ran"


def touching(trace, value=0) -> str:
    """An expression that leaves a trace; without "import", for which whole files are searched."""
    return f"$open({str(trace)!r}, 'w').close() or {value}"


def asked(root, trace) -> NeedsTrust:
    """The question that loading a bundle asks, before anything has run."""
    with pytest.raises(NeedsTrust) as question:
        load_victim(root)
    assert not trace.exists(), "it ran unasked"
    assert "\n" not in str(question.value)
    return question.value


def listed(question, text) -> bool:
    return any(text in run for run in question.runs)


@pytest.mark.parametrize(
    ("key", "nested"),
    [("_requires_", False), ("_requires_", True), ("_disabled_", False)],
)
def test_what_stands_beside_the_networks_arguments(network, tmp_path, trace, key, nested):
    expression = touching(trace)
    value = [{"deep": [expression]}] if nested else expression
    root = bundle(network, tmp_path, definition={**NETWORK, key: value})
    question = asked(root, trace)
    assert listed(question, expression)
    load_victim(root, question.sha256)
    assert trace.exists(), "the test shows nothing: it does not run"


def test_what_stands_beside_a_transforms_arguments(network, tmp_path, trace):
    expression = touching(trace)
    root = bundle(network, tmp_path, [{**RANGE, "_disabled_": expression}])
    assert listed(asked(root, trace), expression)


@pytest.mark.parametrize("key", ["_disabled_", "map_items"])
def test_what_stands_beside_the_list_of_transforms(network, tmp_path, trace, key):
    expression = touching(trace)
    root = save_bundle(network, tmp_path, composed(key, expression))
    question = asked(root, trace)
    load_victim(root, question.sha256)
    assert trace.exists(), "the test shows nothing: it does not run"
    assert listed(question, expression)


def composed(key, expression) -> dict:
    """A configuration with an expression beside the list of transforms."""
    steps = {"_target_": "Compose", "transforms": [RANGE], key: expression}
    return {"network_def": NETWORK, "preprocessing": steps}


@pytest.mark.parametrize("where", ["network", "transform", "composed"])
@pytest.mark.parametrize("key", ["_requires_", "_desc_"])
def test_what_a_victim_is_not_made_from_is_never_evaluated(network, tmp_path, trace, key, where):
    expression = touching(trace)
    if where == "composed":
        root = save_bundle(network, tmp_path, composed(key, expression))
    elif where == "transform":
        root = bundle(network, tmp_path, [{**RANGE, key: expression}])
    else:
        root = bundle(network, tmp_path, definition={**NETWORK, "_desc_": expression})
    assert load_victim(root).trust == "data"
    assert not trace.exists()


def test_a_requirement_that_is_a_reference(network, tmp_path, trace):
    expression = touching(trace)
    definition = {**NETWORK, "_requires_": ["@first"]}
    root = bundle(network, tmp_path, definition=definition, first=expression)
    assert listed(asked(root, trace), expression)


# An expression, and the other parts of the file; {code} in them has to be listed.
REFERRED = {
    "an expression": ("$@helper*0.0", {"helper": "{code}"}),
    "an expression two steps away": ("$@one + 0", {"one": "$@two", "two": "{code}"}),
    "by a plain reference in between": ("$@one + 0", {"one": "@two", "two": "{code}"}),
    "a part of a part": ("$@helper::deep::0", {"helper": {"deep": ["{code}"]}}),
    "as older files write it": ("$@helper#deep", {"helper": {"deep": "{code}"}}),
    "a whole with it inside": ("$len(@helper) * 0", {"helper": {"deep": ["{code}"]}}),
    "the second of two": ("$@low + @helper", {"helper": "{code}"}),
}


def test_references_in_a_circle_are_refused_before_any_question(network, tmp_path, trace):
    code = touching(trace)
    definition = {**NETWORK, "dropout": "$@helper"}
    root = bundle(network, tmp_path, definition=definition, helper=["@helper", code])
    with pytest.raises(SegadvError, match="refers to itself") as caught:
        load_victim(root)
    assert not isinstance(caught.value, NeedsTrust)
    assert not trace.exists()


@pytest.mark.parametrize("where", ["preprocessing", "network", "inferer"])
@pytest.mark.parametrize("case", REFERRED)
def test_what_an_expression_refers_to(network, tmp_path, trace, case, where):
    expression, held = REFERRED[case]
    code = touching(trace)
    more = {key: fill(value, code) for key, value in held.items()}
    definition, preprocessing = {**NETWORK}, None
    if where == "preprocessing":
        preprocessing = [{**RANGE, "a_min": expression}]
    elif where == "network":
        definition["dropout"] = expression
    else:
        more["inferer"] = {"_target_": "SlidingWindowInferer", "roi_size": [48, expression]}
    root = bundle(network, tmp_path, preprocessing, definition, **more)
    question = asked(root, trace)
    assert listed(question, code)
    assert listed(question, expression)


def fill(value, code):
    """A part of a configuration with the code filled in."""
    if isinstance(value, dict):
        return {key: fill(one, code) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one, code) for one in value]
    return value.format(code=code) if "{" in value else value


@pytest.mark.parametrize("expression", ["$@helper*0.0", "$@one"])
def test_a_component_that_an_expression_refers_to(network, tmp_path, trace, expression):
    helper = {"_target_": "os.system", "command": f"touch {trace}"}
    more = {"helper": helper, "one": {"_requires_": "@helper", "_target_": "SimpleInferer"}}
    root = bundle(network, tmp_path, [{**RANGE, "a_min": expression}], **more)
    question = asked(root, trace)
    assert listed(question, "helper: _target_ os.system")
    assert question.runs.count("helper: _target_ os.system") == 1


def test_what_is_referred_to_runs_once_agreed_to(network, scan2d, tmp_path, trace):
    steps = [{"_target_": "EnsureChannelFirstd", "keys": "image"}]
    steps += [{**RANGE, "a_min": "$@helper*0.0"}]
    root = bundle(network, tmp_path, steps, helper=touching(trace))
    question = asked(root, trace)
    victim = load_victim(root, question.sha256)
    assert trace.exists()
    assert victim.predict(scan2d).array.shape == scan2d.grid.shape


@pytest.fixture
def plant(trace):
    """Puts a module into a bundle; importing it leaves a trace."""
    code = f"open({str(trace)!r}, 'w').close()\nx = 0.0\n"
    return lambda root: (root / "planted.py").write_text(code)


# Statements, and expressions that use what they bind.
IMPORTS = {
    "$import planted": "$planted.x",
    "$import\tplanted": "$planted.x",
    "$import planted as p": "$p.x",
    "$from planted import x": "$x",
    "$from\tplanted import x": "$x",
}


@pytest.mark.parametrize("statement", IMPORTS, ids=ascii)
@pytest.mark.parametrize("where", ["imports", "notes", "deep"])
def test_imports_under_any_key(network, tmp_path, trace, plant, statement, where):
    more = {
        "imports": {"imports": ["$import glob", statement]},
        "notes": {"notes": statement},
        "deep": {"handlers": {"list": [{"_target_": "SimpleInferer", "x": [statement]}]}},
    }[where]
    definition = {**NETWORK, "dropout": IMPORTS[statement]}
    root = bundle(network, tmp_path, definition=definition, **more)
    plant(root)
    question = asked(root, trace)
    assert listed(question, statement)
    load_victim(root, question.sha256)
    assert trace.exists(), "the test shows nothing: it is not imported"
    assert "planted" not in sys.modules


def test_imports_that_nothing_uses_are_neither_listed_nor_run(network, tmp_path, trace, plant):
    definition = {**NETWORK, "dropout": "$math.sin(0.0)"}
    imports = ["$import math", "$import planted"]
    root = bundle(network, tmp_path, definition=definition, imports=imports)
    plant(root)
    question = asked(root, trace)
    assert question.runs == ("network_def::dropout: $math.sin(0.0)", "imports::0: $import math")
    load_victim(root, question.sha256)
    assert not trace.exists()


def test_imports_alone_ask_nothing_since_nothing_runs(network, scan2d, tmp_path, trace, plant):
    root = bundle(network, tmp_path, imports=["$import planted"], notes="$import\tplanted")
    plant(root)
    load_victim(root).predict(scan2d)
    assert not trace.exists()


@pytest.mark.parametrize("where", ["network", "preprocessing", "inferer"])
def test_references_that_stand_for_billions(network, tmp_path, where):
    more: dict = {f"a{n}": [f"@a{n + 1}"] * 10 for n in range(8)} | {"a8": [1] * 10}
    definition, preprocessing = {**NETWORK}, None
    if where == "network":
        definition["act"] = ["@a0"] * 10
    elif where == "preprocessing":
        preprocessing = [{**RANGE, "a_min": ["@a0"] * 10}]
    else:
        more["inferer"] = {"_target_": "SlidingWindowInferer", "roi_size": ["@a0"] * 10}
    root = bundle(network, tmp_path, preprocessing, definition, **more)
    started = time.monotonic()
    with pytest.raises(SegadvError, match="stand for more than") as caught:
        load_victim(root)
    assert time.monotonic() - started < PATIENCE
    assert not isinstance(caught.value, NeedsTrust)
    assert str(root / "configs" / "inference.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_references_in_expressions_that_stand_for_billions(network, tmp_path, trace):
    more = {f"a{n}": f"${' + '.join([f'@a{n + 1}'] * 10)}" for n in range(8)}
    more["a8"] = touching(trace)
    root = bundle(network, tmp_path, definition={**NETWORK, "dropout": "$@a0"}, **more)
    started = time.monotonic()
    question = asked(root, trace)
    assert time.monotonic() - started < PATIENCE
    assert listed(question, more["a8"])


def test_many_references_that_are_meant(network, scan2d, tmp_path):
    definition = {**NETWORK, "out_channels": "@one"}
    more = {"one": "@two", "two": "@three", "three": 3}
    root = bundle(network, tmp_path, definition=definition, **more)
    assert load_victim(root).predict(scan2d).array.shape == scan2d.grid.shape


def test_an_expression_for_a_components_class(network, tmp_path, trace):
    # Without a dot, as the names of MONAI's own classes are.
    code = f"$open({str(trace)!r}, 'w') and 'ScaleIntensityRanged'"
    assert "." not in code
    steps = [{**RANGE, "_target_": code, "a_min": "$0"}]
    root = bundle(network, tmp_path, steps)
    question = asked(root, trace)
    load_victim(root, question.sha256)
    assert trace.exists(), "the test shows nothing: it does not run"
    assert listed(question, code)


def test_an_import_for_a_components_class(network, tmp_path, trace, plant):
    evaluator = {"_target_": "$import planted"}
    definition = {**NETWORK, "dropout": "$planted.x"}
    root = bundle(network, tmp_path, definition=definition, evaluator=evaluator)
    plant(root)
    question = asked(root, trace)
    load_victim(root, question.sha256)
    assert trace.exists(), "the test shows nothing: it is not imported"
    assert listed(question, "$import planted")


def test_references_as_deep_as_python_goes(network, tmp_path):
    more: dict = {f"a{n}": f"@a{n + 1}" for n in range(3000)} | {"a3000": 3}
    root = bundle(network, tmp_path, definition={**NETWORK, "out_channels": "@a0"}, **more)
    with pytest.raises(SegadvError) as caught:
        load_victim(root)
    assert str(root) in str(caught.value)


def test_a_bundle_with_its_network_alone_needs_no_question(network, tmp_path):
    root = save_bundle(network, tmp_path, {"network_def": NETWORK})
    assert load_victim(root).trust == "data"
