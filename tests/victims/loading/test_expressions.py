"""Plain expressions are computed as Python would; everything else is code, and costs nothing."""

import ast
import time

import numpy as np
import pytest
import torch
from helpers import PATIENCE

from napari_segadv.victims.loading.expressions import Component, NotPlain, Plain

NAMES = {
    "two": 2,
    "sizes": [96, 96, 64],
    "root": "/models/net",
    "arch": {"code": np.arange(3), "iter": 4},
    "part": Component({"_target_": "UNet"}),
    "parts": [Component({"_target_": "UNet"})],
    "many": [0] * 90_000,
}


def names(name):
    if name not in NAMES:
        raise NotPlain
    return NAMES[name]


def load(path):
    if path != "/models/net/models/arch.pt":
        raise NotPlain
    return {"weight": torch.ones(2)}


def computed(text, taken=()):
    tree = ast.parse(text, mode="eval")
    return Plain(names, load, frozenset(taken)).value(tree.body)


AS_PYTHON = [
    "1", "-2.5", "+3", "not two", "'text'", "None", "True", "[1, [2, 3]]", "(1, 2)", "{'a': [1]}",
    "two + 1", "two * 2.5", "7 // two", "7 % two", "7 / two", "two ** 3", "two - 1", "-two",
    "root + '/models/model.pt'", "sizes + [1]", "(1,) + (2,)", "[0] * 3", "3 * 'ab'",
    "len(sizes)", "len(sizes) + 1", "int('3')", "float(two)", "str(two)", "bool(0)", "abs(-2)",
    "min(sizes)", "max(1, two)", "sum(sizes)", "round(2.6)", "list(range(4))", "tuple(sizes)",
    "sorted(sizes)", "list(range(2, 8, 3))",
    "sizes[0]", "sizes[-1]", "sizes[:2]", "sizes[::2]", "root[1:7]", "arch['iter']",
    "1 if two > 1 else 0", "two and 0", "0 or two", "1 < two < 3", "two == 2", "two != 2",
    "96 in sizes", "two not in sizes", "None is None", "two is not None",
]  # fmt: skip


@pytest.mark.parametrize("text", AS_PYTHON)
def test_what_is_plain_is_what_python_makes_of_it(text):
    expected = eval(text, {}, dict(NAMES))
    assert computed(text) == expected
    assert type(computed(text)) is type(expected)


KNOWN = {
    "torch.float32": torch.float32,
    "torch.long": torch.long,
    "np.float32": np.float32,
    "numpy.uint8": np.uint8,
    "np.pi": np.pi,
    "torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')": torch.device("cpu"),
    "os.path.join(root, 'models', 'arch.pt')": "/models/net/models/arch.pt",
}


@pytest.mark.parametrize("text", KNOWN)
def test_types_devices_and_paths(text):
    assert computed(text) == KNOWN[text]


def test_tensors():
    assert computed("torch.tensor([1, 2])").tolist() == [1, 2]
    assert computed("torch.from_numpy(arch['code'])").tolist() == [0, 1, 2]
    held = computed("torch.load(root + '/models/arch.pt', map_location=torch.device('cuda'))")
    assert held["weight"].tolist() == [1, 1]
    assert computed("parts + parts") == NAMES["parts"] * 2


CODE = [
    "unknown", "print", "len", "torch", "().__class__", "two.real", "root.upper()",
    "''.join(sizes)",
    "__import__('os')", "open('x')", "eval('1')", "len.__self__", "torch.hub.load('x', 'y')",
    "torch.__builtins__", "np.load('x')", "torch.load('/etc/passwd')", "monai.bundle.run()",
    "torch.load(root + '/models/arch.pt', pickle_module=torch)", "os.system('x')", "os.path",
    "[x for x in sizes]", "(lambda: 1)()", "f'{two}'", "(y := 2)", "[*sizes]", "{**arch}",
    "len(*[sizes])", "len(obj=sizes)", "two @ two", "two << 60", "two | 1", "~two", "b'x'", "1j",
    "...", "'%s' % two", "part['_target_']", "len(part)", "str(part)", "parts[0]['x']",
    "arch[0:1]", "sizes['a']", "sizes[9]", "1 / 0", "int('x')", "two + 'a'", "sizes - [1]",
    "10 ** 30", "9 ** 9 ** 9", "2 ** 65", "'a' * 10 ** 9",
    "[0] * 99999 * 99999", "many + many", "[many, many]", "range(10 ** 9)", "list(range(10 ** 9))",
    "-'a'", "[[0] * 99999] * 99999", "round(5, -10 ** 17)", "0 if len(()) else print()",
    "+".join(["1"] * 400),
]  # fmt: skip


@pytest.mark.parametrize("text", CODE, ids=lambda text: text[:40])
def test_all_else_is_code(text):
    started = time.monotonic()
    with pytest.raises(NotPlain):
        computed(text)
    assert time.monotonic() - started < PATIENCE / 10


def test_a_component_may_be_passed_on():
    assert computed("part") is NAMES["part"]
    assert computed("parts[0]") is NAMES["parts"][0]


@pytest.mark.parametrize("text", ["torch.float32", "len(sizes)", "os.path.join('a', 'b')"])
def test_names_that_a_file_binds_to_something_else_are_code(text):
    assert computed(text) is not None
    with pytest.raises(NotPlain):
        computed(text, taken={"torch", "len", "os"})
