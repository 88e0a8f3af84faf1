"""ONNX files: converted to torch, compared with onnxruntime, and nothing in them runs."""

import json
import sys
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from adapter_networks import (
    CLASSES,
    check_attack,
    check_gradient,
    check_refused,
    colour,
    edit_json,
    fitted,
    xray,
)
from adapters_itself import library
from helpers import ARGUMENTS, bands, small_network
from monai.networks.nets import UNet

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading import onnx_network

DESCRIPTION = {"classes": CLASSES, "window": [0, 255]}
OPEN_SIZE = {"image": {0: "n", 2: "y", 3: "x"}}


def exported(folder, network=None, example=None, opset=17, dynamic=OPEN_SIZE, **described):
    """Export a network, for images of any size; return the file."""
    library("onnx")
    library("onnx2torch")
    library("onnxruntime")
    path = folder / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            small_network() if network is None else network,
            (torch.zeros(1, 1, 64, 64) if example is None else example,),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes=dynamic,
        )
    path.with_suffix(".json").write_text(json.dumps({**DESCRIPTION, **described}))
    return path


def by_onnxruntime(path, image):
    session = library("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image.astype(np.float32)})[0]


@pytest.mark.parametrize("opset", [11, 13, 17, 18, 20])
def test_the_mask_is_that_of_onnxruntime(opset, tmp_path):
    path, scan = exported(tmp_path, opset=opset), sa.read(xray())
    victim = load_victim(path)
    assert victim.trust == "data"
    assert victim.dims == 2
    assert "differs from onnxruntime by 0.00" in victim.notes[0]
    theirs = by_onnxruntime(path, scan.array[None, None] / 255)
    found = victim.predict(scan).array
    # Rounding may decide where two classes are as likely.
    likeliest = np.sort(theirs[0], axis=0)
    sure = likeliest[-1] - likeliest[-2] > 1e-3
    assert sure.mean() > 0.99
    assert np.array_equal(found[sure], theirs.argmax(1)[0][sure])


def test_a_volume(tmp_path):
    axes = {"image": {0: "n", 2: "z", 3: "y", 4: "x"}}
    example = torch.zeros(1, 1, 16, 16, 16)
    path = exported(tmp_path, bands(dims=3), example, dynamic=axes)
    victim = load_victim(path)
    assert victim.dims == 3
    volume = np.random.default_rng(0).integers(0, 255, (12, 20, 24)).astype(np.uint8)
    found = victim.predict(sa.Scan.from_array(volume)).array
    theirs = by_onnxruntime(path, volume[None, None] / 255).argmax(1)[0]
    assert np.array_equal(found, theirs)


def test_a_network_of_one_size(tmp_path):
    path = exported(tmp_path, dynamic=None)
    scan = sa.read(xray())
    with pytest.raises(SegadvError, match="exported for 1 x 64 x 64"):
        load_victim(path).predict(scan)
    edit_json(path.with_suffix(".json"), resize=[64, 64])
    assert load_victim(path).predict(scan).array.shape == scan.array.shape
    edit_json(path.with_suffix(".json"), resize=None, roi_size=[64, 64])
    assert load_victim(path).predict(scan).array.shape == scan.array.shape
    # One image at a time, though a volume's slices come together.
    edit_json(path.with_suffix(".json"), roi_size=None)
    volume = sa.Scan.from_array(scan.array[:320, :64].reshape(5, 64, 64))
    found = load_victim(path).predict(volume).array
    for z in range(5):
        theirs = by_onnxruntime(path, volume.array[z][None, None] / 255)
        assert np.array_equal(found[z], theirs.argmax(1)[0])


def test_weights_that_an_exporter_shares(tmp_path):
    """It writes equal ones once, and copies of them for the others."""
    layers = (torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Conv2d(3, 3, 3, padding=1))
    for layer in layers:
        torch.nn.init.zeros_(layer.bias)
    path = exported(tmp_path, torch.nn.Sequential(*layers).eval())
    operators = [node.op_type for node in library("onnx").load(path).graph.node]
    assert "Identity" in operators
    scan = sa.Scan.from_array(sa.read(xray()).array[200:264, 200:264])
    theirs = by_onnxruntime(path, scan.array[None, None] / 255).argmax(1)[0]
    assert (load_victim(path).predict(scan).array == theirs).mean() > 0.999


class TwoHeads(torch.nn.Module):
    """Gives an auxiliary output before the one that counts."""

    def __init__(self):
        super().__init__()
        self.network = small_network()

    def forward(self, x):
        y = self.network(x)
        return -y, y


def test_an_output_is_chosen_by_its_name(tmp_path):
    library("onnx")
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            TwoHeads().eval(),
            (torch.zeros(1, 1, 64, 64),),
            path,
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["auxiliary", "final"],
        )
    path.with_suffix(".json").write_text(json.dumps(DESCRIPTION))
    scan = sa.Scan.from_array(sa.read(xray()).array[200:264, 200:264])
    with pytest.raises(SegadvError, match="several outputs"):
        load_victim(path).predict(scan)
    for name, sign in (("final", 1), ("auxiliary", -1)):
        edit_json(path.with_suffix(".json"), output=name)
        with torch.no_grad():
            x = torch.from_numpy(scan.array.astype(np.float32))[None, None] / 255
            expected = (sign * small_network()(x)).argmax(1)[0].numpy()
        assert np.array_equal(load_victim(path).predict(scan).array, expected)


def test_the_gradient_is_that_of_finite_differences(tmp_path):
    path = exported(tmp_path)
    scan = sa.Scan.from_array(sa.read(xray()).array[200:264, 200:280])
    check_gradient(load_victim(path), scan)


def test_an_attack_on_a_trained_network(tmp_path):
    torch.manual_seed(0)
    network = UNet(**{**ARGUMENTS, "in_channels": 3})
    fitted(network, lambda x: network(x / 255))
    victim = load_victim(exported(tmp_path, network, torch.zeros(1, 3, 64, 64)))
    assert victim.channels == 3
    check_attack(victim, epsilon=80.0)


def edited(path, trace, change):
    """Load a model, change it, and write it."""
    onnx = library("onnx")
    model = onnx.load(path)
    change(onnx, model, trace)
    path.write_bytes(model.SerializeToString())


def with_domain(onnx, model, trace):
    model.graph.node[0].domain = "com.evil"
    model.opset_import.append(onnx.helper.make_opsetid("com.evil", 1))


def with_name(onnx, model, trace, where):
    """Names that would run if they stood in the source of a program."""
    code = f'x") or open({str(trace)!r}, "w") or getattr(self, "'
    if where == "node":
        for number, node in enumerate(model.graph.node):
            node.name = f"{code}{number}"
    elif where == "operator":
        model.graph.node[0].op_type = code
    else:
        old = model.graph.node[0].output[0]
        for node in model.graph.node:
            for field in (node.input, node.output):
                new = [code if name == old else name for name in field]
                del field[:]
                field.extend(new)


def with_files(onnx, model, trace):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"


def with_function(onnx, model, trace):
    helper = onnx.helper
    node = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [node], [helper.make_opsetid("", 17)])
    )


def with_graph(onnx, model, trace):
    helper = onnx.helper
    value = helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, None)
    inner = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["inner"])], "g", [], [value]
    )
    model.graph.node.insert(
        0, helper.make_node("If", ["image"], ["other"], then_branch=inner, else_branch=inner)
    )


def with_input(onnx, model, trace, kind=None, shape=None):
    if kind is None:
        model.graph.input.append(onnx.helper.make_tensor_value_info("click", 1, [1]))
        return
    taken = onnx.helper.make_tensor_value_info("image", kind, shape)
    model.graph.input[0].CopyFrom(taken)


def with_shape(onnx, model, trace):
    tensor = next(one for one in model.graph.initializer if len(one.dims) == 4)
    tensor.dims[0] = 1 << 40


def with_much(onnx, model, trace):
    helper = onnx.helper
    size = helper.make_tensor("much", onnx.TensorProto.INT64, [1], [1 << 40])
    model.graph.initializer.append(size)
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["much"], ["filled"]))


def without_weight(onnx, model, trace):
    del model.graph.initializer[0]


def with_nan(onnx, model, trace):
    tensor = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(tensor) * np.nan
    tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), tensor.name))


HOSTILE = {
    "an operator of somebody's own": (with_domain, "needs com.evil"),
    "weights in another file": (with_files, "keeps its weights in other files"),
    "a function": (with_function, "needs function F"),
    "a graph in a graph": (with_graph, "If with a graph of its own"),
    "two inputs": (with_input, "takes 2 inputs"),
    "bytes as input": (partial(with_input, kind=2, shape=["n", 1, "y", "x"]), "damaged|float32"),
    "a vector as input": (partial(with_input, kind=1, shape=[1, 1]), "damaged|no image"),
    "a huge weight": (with_shape, "damaged"),
    "a huge constant": (with_much, "would hold"),
    "a weight that is missing": (without_weight, "damaged"),
    "an operator's name that is code": (partial(with_name, where="operator"), "damaged|needs"),
    "NaN": (with_nan, "differs from onnxruntime"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_of_a_file_runs(case, tmp_path):
    path, trace = exported(tmp_path), tmp_path / "trace"
    change, message = HOSTILE[case]
    check_refused(path, (partial(edited, change=change), message), trace)


@pytest.mark.parametrize("where", ["node", "value"])
def test_names_are_never_part_of_a_program(where, tmp_path):
    """Torch makes Python source of a graph, with the names of its modules in it as they are."""
    path, trace = exported(tmp_path), tmp_path / "trace"
    scan = sa.Scan.from_array(sa.read(xray()).array[200:264, 200:264])
    clean = load_victim(path).predict(scan).array
    edited(path, trace, partial(with_name, where=where))
    assert np.array_equal(load_victim(path).predict(scan).array, clean)
    assert not trace.exists()


def test_damaged_files(tmp_path):
    path = exported(tmp_path)
    whole = path.read_bytes()
    for content in (b"", b"PK\x03\x04", whole[: len(whole) // 2], b"\x80\x04cos\nsystem\n."):
        path.write_bytes(content)
        with pytest.raises(SegadvError, match="damaged|no operators"):
            load_victim(path)


def test_another_network_after_the_conversion_is_refused(tmp_path, monkeypatch):
    path = exported(tmp_path)
    usual = onnx_network.OnnxNetwork._run
    scaled = {"by": 1.01}

    def changed(self, x):
        return {key: value * scaled["by"] for key, value in usual(self, x).items()}

    monkeypatch.setattr(onnx_network.OnnxNetwork, "_run", changed)
    with pytest.raises(SegadvError, match="differs from onnxruntime by"):
        load_victim(path)
    scaled["by"] = 1.0
    assert load_victim(path).dims == 2


def test_a_description_that_contradicts_the_file(tmp_path):
    path = exported(tmp_path, channels=3)
    with pytest.raises(SegadvError, match='takes "dims" 2 and "channels" 1'):
        load_victim(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(SegadvError, match="needs a description beside it"):
        load_victim(path)
    assert colour().channels == 3


def test_without_the_libraries_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = exported(tmp_path)
    for name in ("onnx", "onnx2torch", "onnxruntime"):
        with monkeypatch.context() as gone:
            gone.setitem(sys.modules, name, None)
            with pytest.raises(SegadvError, match=r'pip install "napari-segadv\[onnx\]"'):
                load_victim(path)
