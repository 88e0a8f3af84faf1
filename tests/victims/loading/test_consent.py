"""Consent covers all that would run, and nothing runs without it; odd contents are refused."""

import sys
from pathlib import Path

import pytest
import torch
from helpers import ARGUMENTS, SAVE_AS_CODE, bundle, describe, save_bundle, small_network
from monai.networks import nets

from napari_segadv.common.hashing import sha256_of
from napari_segadv.data.scan import Scan
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.consent import network_runs, remember


@pytest.fixture
def network():
    return small_network()


@pytest.fixture
def weights(network, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("save", SAVE_AS_CODE)
def test_code_is_asked_for_first(save, network, tmp_path):
    path = save(network, tmp_path)
    with pytest.raises(NeedsTrust) as question:
        load_victim(path)
    assert question.value.sha256 == sha256_of(path)
    assert str(path) in str(question.value)
    with pytest.raises(NeedsTrust):
        load_victim(path, trust="0" * 64)
    assert load_victim(path, trust=question.value.sha256).trust == "code"
    remember(question.value.sha256, path)
    load_victim(path)


@pytest.mark.parametrize(
    "target", [r"evil.x|[\s\S]*", "os.system", "monai.bundle.run", "monai.networks.nets.", "a..b"]
)
def test_a_class_from_elsewhere_is_asked_about(target):
    assert list(network_runs(target, {}))


@pytest.mark.parametrize(
    "target", ["UNet", "monai.networks.nets.UNet", "monai.networks.nets.unet.UNet"]
)
def test_monais_own_networks_are_not(target, weights):
    describe(weights, network=target, arguments=ARGUMENTS)
    assert load_victim(weights).trust == "data"


def test_weights_that_the_file_replaces_are_neither_fetched_nor_asked_about(tmp_path):
    arguments = {"spatial_dims": 2, "in_channels": 3, "out_channels": 3}
    network = nets.DenseNet121(**arguments)
    path = tmp_path / "net.pt"
    torch.save(network.state_dict(), path)
    describe(path, network="DenseNet121", arguments=arguments | {"pretrained": True})
    loaded = load_victim(path)
    assert loaded.trust == "data"
    found = loaded.network.state_dict()
    assert all(torch.equal(found[key], value) for key, value in network.state_dict().items())


def test_a_class_that_fetches_something_else_is_asked_about():
    assert not list(network_runs("EfficientNetBN", {"model_name": "efficientnet-b0"}))
    assert not list(network_runs("EfficientNetBN", {"pretrained": False}))
    assert list(network_runs("HoVerNet", {"pretrained_url": "http://127.0.0.1:9/x"}))
    assert list(network_runs("TorchVisionFCModel", {"weights": "DEFAULT"}))


def test_another_class_in_the_json_needs_another_agreement(weights, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("from monai.networks.nets import UNet as Net\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    describe(weights, network="mine.Net", arguments=ARGUMENTS)
    with pytest.raises(NeedsTrust) as asked:
        load_victim(weights)
    agreed = asked.value.sha256
    assert load_victim(weights, agreed).trust == "code"
    describe(weights, network="os.system", arguments={})
    with pytest.raises(NeedsTrust, match=r"_target_ os\.system") as again:
        load_victim(weights, agreed)
    assert again.value.sha256 != agreed


def witness(tmp_path) -> tuple[str, Path]:
    """An expression that leaves a trace when it is evaluated."""
    trace = tmp_path / "it-ran"
    return f"$__import__('pathlib').Path({str(trace)!r}).touch() or 3", trace


@pytest.mark.parametrize("where", ["network", "preprocessing", "inferer", "target", "reference"])
def test_code_in_a_bundle_does_not_run_unasked(where, network, scan2d, tmp_path):
    expression, trace = witness(tmp_path)
    definition = {"_target_": "UNet", **ARGUMENTS}
    more: dict = {}
    preprocessing = None
    if where == "network":
        definition["out_channels"] = expression
    elif where == "reference":
        definition["out_channels"] = "@count"
        more["count"] = expression
    elif where == "target":
        definition = {"_target_": "subprocess.run", "args": ["touch", str(trace)]}
    elif where == "preprocessing":
        step = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255}
        preprocessing = [{**step, "b_min": 0.0, "b_max": f"{expression} - 2"}]
    else:
        more["inferer"] = {"_target_": "SlidingWindowInferer", "roi_size": [48, expression]}
    root = bundle(network, tmp_path, preprocessing, definition, **more)
    with pytest.raises(NeedsTrust) as question:
        load_victim(root)
    assert not trace.exists()
    assert any("$" in run or "subprocess" in run for run in question.value.runs)
    assert "\n" not in str(question.value)
    if where in ("network", "reference", "preprocessing"):
        victim = load_victim(root, trust=question.value.sha256)
        assert trace.exists()
        assert victim.predict(scan2d).array.shape == scan2d.grid.shape


def test_expressions_elsewhere_are_never_evaluated(network, scan2d, tmp_path):
    expression, trace = witness(tmp_path)
    root = bundle(network, tmp_path, dataset=expression, evaluator={"_target_": "os.system"})
    load_victim(root).predict(scan2d)
    assert not trace.exists()


@pytest.mark.parametrize(
    "planted", ["scripts/__init__.py", "__pycache__/planted_net.cpython-311.pyc"]
)
def test_a_script_planted_later_needs_another_agreement(planted, network, tmp_path):
    expression, trace = witness(tmp_path)
    definition = {"_target_": "planted_net.Net", **ARGUMENTS, "out_channels": expression}
    root = save_bundle(network, tmp_path, {"network_def": definition})
    (root / "planted_net.py").write_text("from monai.networks.nets import UNet as Net\n")
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    agreed = asked.value.sha256
    load_victim(root, agreed)
    sys.modules.pop("planted_net", None)
    # Running it has not changed what was agreed to.
    load_victim(root, agreed)
    sys.modules.pop("planted_net", None)
    trace.unlink()
    (root / planted).parent.mkdir()
    (root / planted).write_bytes(b"other")
    with pytest.raises(NeedsTrust):
        load_victim(root, agreed)
    assert not trace.exists()


def test_aliases_that_stand_for_billions(tmp_path):
    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 12)]
    (root / "configs" / "inference.yaml").write_text("\n".join(lines))
    with pytest.raises(SegadvError, match="aliases stand for"):
        load_victim(root)


ODD = [
    ({"window": [255, 0]}, "empty"),
    ({"window": [5, 5]}, "empty"),
    ({"activation": "foo"}, "activation foo"),
    ({"classes": "abc"}, "list of names"),
    ({"roi_size": [0, 0]}, "roi_size"),
    ({"roi_size": [16, 16], "mode": "foo"}, "sliding window mode foo"),
    ({"roi_size": [16, 16], "overlap": 5}, "overlap"),
    ({"spacing": [0, 0]}, "spacing"),
    ({"spacing": [float("nan"), 1]}, "NaN is not a valid number"),
    ({"arguments": "x"}, "net"),
    ({"arguments": 5}, "net"),
    ({"preprocessing": 5}, "net"),
    ({"dims": "two"}, "dims"),
]


@pytest.mark.parametrize(("change", "says"), ODD, ids=str)
def test_odd_descriptions_are_one_line_that_names_the_file(weights, change, says):
    describe(weights, **{"network": "UNet", "arguments": ARGUMENTS, **change})
    with pytest.raises(SegadvError, match=says) as caught:
        load_victim(weights)
    assert str(weights.with_suffix("")) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "meta",
    [
        {"network_data_format": []},
        {"network_data_format": {"inputs": 5}},
        {"network_data_format": {"inputs": {"image": 5}}},
        {"network_data_format": {"outputs": {"pred": {"channel_def": {"zero": "b"}}}}},
    ],
    ids=str,
)
def test_odd_metadata_is_one_line(network, tmp_path, meta):
    root = save_bundle(network, tmp_path, {"network_def": {"_target_": "UNet", **ARGUMENTS}}, meta)
    with pytest.raises(SegadvError) as caught:
        load_victim(root)
    assert str(root) in str(caught.value)


def test_a_network_that_returns_nan(weights, scan2d: Scan):
    describe(weights, network="UNet", arguments=ARGUMENTS)
    victim = load_victim(weights)
    next(iter(victim.network.parameters())).data.fill_(float("nan"))
    with pytest.raises(SegadvError, match="NaN or infinity"):
        victim.predict(scan2d)
