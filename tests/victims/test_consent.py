"""What an agreement covers: all that would run, and nothing runs or is fetched without it."""

import json
import sys

import pytest
import torch
from helpers import ARGUMENTS, describe
from monai.networks.nets import UNet

from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.scan import Scan
from napari_segadv.victims import load_victim
from napari_segadv.victims.trust import network_runs


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(UNet(**ARGUMENTS).state_dict(), path)
    return path


@pytest.mark.parametrize(
    "target", [r"evil.x|[\s\S]*", "os.system", "monai.bundle.run", "monai.networks.nets.", "a..b"]
)
def test_a_class_from_elsewhere_is_asked_about(target):
    assert list(network_runs(target, {}))


@pytest.mark.parametrize("target", ["UNet", "monai.networks.nets.UNet"])
def test_monais_own_networks_are_not(target):
    assert not list(network_runs(target, {"spatial_dims": 2}))


def test_a_class_that_fetches_weights_by_default_is_asked_about():
    assert list(network_runs("EfficientNetBN", {"model_name": "efficientnet-b0"}))
    assert not list(network_runs("EfficientNetBN", {"pretrained": False}))
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
    with pytest.raises(NeedsTrust) as again:
        load_victim(weights, agreed)
    assert again.value.sha256 != agreed


def test_a_compiled_script_planted_later_needs_another_agreement(tmp_path):
    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    (root / "models").mkdir()
    torch.save(UNet(**ARGUMENTS).state_dict(), root / "models" / "model.pt")
    (root / "planted_net.py").write_text("from monai.networks.nets import UNet as Net\n")
    config = {"network_def": {"_target_": "planted_net.Net", **ARGUMENTS}}
    (root / "configs" / "inference.json").write_text(json.dumps(config))
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    agreed = asked.value.sha256
    load_victim(root, agreed)
    sys.modules.pop("planted_net", None)
    # Running it has not changed what was agreed to.
    load_victim(root, agreed)
    (root / "__pycache__").mkdir()
    (root / "__pycache__" / "planted_net.cpython-311.pyc").write_bytes(b"other")
    with pytest.raises(NeedsTrust):
        load_victim(root, agreed)


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
    ({"roi_size": [0, 0]}, "windows of"),
    ({"roi_size": [16, 16], "mode": "foo"}, "window mode foo"),
    ({"roi_size": [16, 16], "overlap": 5}, "overlap"),
    ({"spacing": [0, 0]}, "spacing"),
    ({"spacing": [float("nan"), 1]}, "spacing"),
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
def test_odd_metadata_is_one_line(tmp_path, meta):
    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    (root / "models").mkdir()
    torch.save(UNet(**ARGUMENTS).state_dict(), root / "models" / "model.pt")
    config = {"network_def": {"_target_": "UNet", **ARGUMENTS}}
    (root / "configs" / "inference.json").write_text(json.dumps(config))
    (root / "configs" / "metadata.json").write_text(json.dumps(meta))
    with pytest.raises(SegadvError) as caught:
        load_victim(root)
    assert str(root) in str(caught.value)


def test_a_network_that_returns_nan(weights, scan2d: Scan):
    describe(weights, network="UNet", arguments=ARGUMENTS)
    victim = load_victim(weights)
    next(iter(victim.network.parameters())).data.fill_(float("nan"))
    with pytest.raises(SegadvError, match="NaN or infinity"):
        victim.predict(scan2d)
