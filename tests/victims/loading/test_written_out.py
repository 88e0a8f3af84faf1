"""What goes to code stands in the question in full, however it was packed; or it is refused."""

import datetime
import io
import json
import math
import struct
from collections import OrderedDict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import ARGUMENTS, save_bundle, small_network

from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.consent import LONGEST_PIECE
from napari_segadv.victims.loading.network import read_tensors
from napari_segadv.victims.loading.written_out import written_out

# Reads a tensor of the bundle, and hands it to code: by a component, or by an expression alone.
READ = "$torch.load(@bundle_root + '/models/t.pt')"
PACKED = {
    "a component": {
        "settings": {"_target_": "builtins.bytes", "source": READ},
        "roi": "$exec(@settings) or [16, 16]",
    },
    "an expression": {"settings": READ, "roi": "$exec(bytes(@settings.tolist())) or [16, 16]"},
    "a part of it": {
        "settings": {"x": [READ]},
        "roi": "$exec(bytes(@settings::x::0.tolist())) or [16, 16]",
    },
    "a plain expression between": {
        "settings": READ,
        "more": "$[@settings, 1]",
        "roi": "$exec(bytes(@more[0].tolist())) or [16, 16]",
    },
}


def code(trace: Path, padding: int) -> str:
    return "#" * padding + f"\nopen({str(trace)!r}, 'w').close()\n" + "#" * padding


def hidden(folder: Path, parts: dict, content: object) -> Path:
    config = {
        "network_def": {"_target_": "UNet", **ARGUMENTS},
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": "@roi"},
        **parts,
    }
    root = save_bundle(small_network(), folder, config)
    torch.save(content, root / "models" / "t.pt")
    return root


@pytest.mark.parametrize("array", [torch.from_numpy, np.asarray], ids=["tensor", "array"])
@pytest.mark.parametrize("case", PACKED)
def test_code_in_a_tensor_stands_in_the_question(case, array, tmp_path):
    """torch and numpy leave out the middle of a long array: the code was there."""
    trace = tmp_path / "it-ran"
    letters = np.frombuffer(code(trace, 600).encode(), np.uint8).copy()
    root = hidden(tmp_path, PACKED[case], array(letters))
    with pytest.raises(NeedsTrust) as question:
        load_victim(root)
    assert not trace.exists()
    assert any(str(letters.tolist()) in run for run in question.value.runs)
    load_victim(root, question.value.sha256)
    assert trace.exists(), "the test shows nothing: it does not run"


@pytest.mark.parametrize("case", PACKED)
def test_more_than_a_question_can_show_is_refused(case, tmp_path):
    trace = tmp_path / "it-ran"
    letters = torch.tensor(list(code(trace, 20_000).encode()), dtype=torch.uint8)
    root = hidden(tmp_path, PACKED[case], letters)
    for agreed in (None, "0" * 64):
        with pytest.raises(SegadvError, match="more code than a question can show") as caught:
            load_victim(root, agreed)
        assert not isinstance(caught.value, NeedsTrust)
    assert not trace.exists()


def test_text_that_an_expression_runs_stands_in_the_question(tmp_path):
    trace = tmp_path / "it-ran"
    text = f"open({str(trace)!r}, 'w').close()"
    root = hidden(tmp_path, {"text": text, "roi": "$exec(@text) or [16, 16]"}, 0)
    with pytest.raises(NeedsTrust) as question:
        load_victim(root)
    assert f"text: {text!r}" in question.value.runs
    assert not trace.exists()


def with_attribute() -> torch.Tensor:
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.source = "code"
    return parameter


def part_of_a_memory() -> torch.Tensor:
    return torch.arange(1000, dtype=torch.uint8)[:1]


SECRET = struct.unpack("<d", b"secret\xf8\x7f")[0]


class Lying(str):
    def __repr__(self) -> str:
        return "'harmless'"


class Renamed(dict):
    def __repr__(self) -> str:
        return "{}"


REFUSED = {
    "a memory of which a part is shown": part_of_a_memory(),
    "a sparse tensor": torch.eye(3).to_sparse(),
    "a conjugate": torch.ones(2, dtype=torch.complex64).conj(),
    "an object that lies": Lying("code"),
    "a dictionary of another kind": Renamed(code=1),
    "in a list": [1, (2, {"a": Lying("code")})],
    "as a key": {Lying("code"): 1},
    "in an array of objects": np.array([Lying("code"), 1], dtype=object),
    "a record": np.zeros(2, dtype=[("a", "i4"), ("b", "f4")]),
    "a deque": deque([1]),
    "an array of another kind": np.ma.masked_array([1, 2], mask=[True, False]),
    "a number too long for Python": 10**5000,
    "a class of the same name": type("float32", (np.float32,), {"__module__": "numpy"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_hold_more_than_its_text_is_refused(case):
    with pytest.raises(SegadvError, match="a question can't show all of it"):
        written_out(REFUSED[case], LONGEST_PIECE, "x")


def test_what_holds_itself_is_refused():
    circle: list = []
    circle.append(circle)
    with pytest.raises(SegadvError, match="nested too deeply"):
        written_out(circle, LONGEST_PIECE, "x")


def test_lists_that_stand_for_billions_end():
    bomb: list = [0]
    for _ in range(40):
        bomb = [bomb, bomb]
    assert len(written_out(bomb, LONGEST_PIECE, "x")) > LONGEST_PIECE


PLAIN = (
    *(None, True, 3, -0.0, 1e-300, "a'b\n", b"\0x", [1, (2,), ()], {"a": [None]}, {1: 2}),
    *(datetime.date(2024, 1, 2),),
)


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_is_written_as_python_does(value):
    assert written_out(value, LONGEST_PIECE, "x") == repr(value)


# Text that each has to hold.
WRITTEN = {
    "[[0, 1], [2, 3]]": torch.arange(4).reshape(2, 2),
    "0.10000000149011612": torch.tensor([0.1]),
    "torch.bfloat16": torch.tensor([1.5], dtype=torch.bfloat16),
    "(0, 7)": torch.zeros(0, 7),
    "[1, 2], dtype=<i8": np.array([1, 2]),
    "float64(array(2.5": np.float64(2.5),
    "torch.float32": torch.float32,
    "<class 'numpy.float32'>": np.float32,
    "nan(73656372657": SECRET,
    "73656372657": np.array([SECRET]),
    "attributes={'_metadata': {'v': 1}}": OrderedDict(a=1),
    "attributes={'source': 'code'}": with_attribute(),
}
WRITTEN["attributes={'_metadata': {'v': 1}}"]._metadata = {"v": 1}


@pytest.mark.parametrize("text", WRITTEN)
def test_arrays_and_what_is_attached_to_them_are_written_in_full(text):
    assert text in written_out(WRITTEN[text], LONGEST_PIECE, "x")
    assert written_out(math.nan, LONGEST_PIECE, "x") == "nan"


def test_what_torch_reads_keeps_what_is_attached(tmp_path):
    """Otherwise the cases above would be none that a file can hold."""
    file = io.BytesIO()
    torch.save([with_attribute(), part_of_a_memory()], file)
    parameter, part = read_tensors(file.getvalue(), tmp_path)
    assert parameter.source == "code"
    assert part.untyped_storage().nbytes() == 1000


def test_a_long_argument_of_a_json_is_refused(tmp_path):
    described = {"network": "os.system", "arguments": {"command": "x" * (LONGEST_PIECE + 1)}}
    torch.save(small_network().state_dict(), tmp_path / "w.pt")
    (tmp_path / "w.json").write_text(json.dumps({"classes": ["a", "b"], "dims": 2, **described}))
    with pytest.raises(SegadvError, match="more code than a question can show"):
        load_victim(tmp_path / "w.pt")
