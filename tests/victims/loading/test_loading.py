"""Victims from files: every format predicts as its network does; damaged files are reported."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers import ARGUMENTS, SAVE_AS_CODE, bundle, describe, save_exported, small_network
from monai.networks.nets import UNet
from safetensors.torch import save_file

from napari_segadv.common.hashing import sha256_of
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim


@pytest.fixture
def network():
    return small_network()


@pytest.fixture
def labels(network, scan2d):
    """The network's own prediction of the image."""
    x = torch.from_numpy(scan2d.array.astype("float32"))[None, None] / 255
    with torch.no_grad():
        return network(x).argmax(1)[0].numpy()


def with_network(path: Path) -> Path:
    describe(path, network="UNet", arguments=ARGUMENTS)
    return path


def save_state_dict(network, folder):
    torch.save(network.state_dict(), folder / "net.pt")
    return with_network(folder / "net.pt")


def save_checkpoint(network, folder):
    """A state dict, nested and prefixed as training frameworks do."""
    state = {f"module.{k}": v for k, v in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, folder / "net.ckpt")
    return with_network(folder / "net.ckpt")


def save_safetensors(network, folder):
    save_file(network.state_dict(), folder / "net.safetensors")
    return with_network(folder / "net.safetensors")


DATA = [save_state_dict, save_checkpoint, save_safetensors]


@pytest.mark.parametrize("save", DATA)
def test_data_is_loaded_without_a_question(save, network, scan2d, labels, tmp_path):
    victim = load_victim(save(network, tmp_path))
    assert victim.trust == "data"
    assert (victim.predict(scan2d).array == labels).all()
    assert victim.predict(scan2d).classes == ("background", "a", "b")
    assert victim.window == (0.0, 255.0)


def test_the_json_stands_for_its_weights(network, scan2d, labels, tmp_path):
    path = save_safetensors(network, tmp_path).with_suffix(".json")
    assert (load_victim(path).predict(scan2d).array == labels).all()


@pytest.mark.parametrize("save", SAVE_AS_CODE)
def test_programs_predict_and_have_a_gradient(save, network, scan2d, labels, tmp_path):
    path = save(network, tmp_path)
    victim = load_victim(path, trust=sha256_of(path))
    assert (victim.predict(scan2d).array == labels).all()
    x = torch.rand(1, 1, 48, 64, requires_grad=True)
    model = victim.on(scan2d)
    (gradient,) = torch.autograd.grad(model(x * 255).sum(), x)
    assert gradient.abs().sum() > 0


def test_a_bundle_is_read_as_data(network, scan2d, tmp_path):
    victim = load_victim(bundle(network, tmp_path))
    assert (victim.trust, victim.classes, victim.dims) == ("data", ("background", "a", "b"), 2)
    assert victim.window == (0.0, 255.0)
    # MONAI's readers give (x, y): the network sees the image transposed.
    x = torch.from_numpy(scan2d.array.astype("float32")).T[None, None] / 255
    with torch.no_grad():
        expected = network(x).argmax(1)[0].T.numpy()
    assert (victim.predict(scan2d).array == expected).all()


def test_a_yaml_bundle(network, scan2d, tmp_path):
    import yaml

    root = bundle(network, tmp_path)
    expected = load_victim(root).predict(scan2d).array
    config = root / "configs" / "inference.json"
    config.with_suffix(".yaml").write_text(yaml.safe_dump(json.loads(config.read_text())))
    config.unlink()
    assert (load_victim(root).predict(scan2d).array == expected).all()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("save", [*DATA, *SAVE_AS_CODE])
def test_truncated_files(save, network, tmp_path):
    path = save(network, tmp_path)
    truncate(path)
    with pytest.raises(SegadvError, match="damaged or incomplete|can't be loaded") as error:
        load_victim(path, trust=sha256_of(path))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def broken(name: str, network, folder: Path) -> Path:
    """A file with one thing wrong."""
    path = save_state_dict(network, folder)
    if name == "whole network":
        torch.save(network, path)
    elif name == "no description":
        path.with_suffix(".json").unlink()
    elif name == "no JSON":
        path.with_suffix(".json").write_text("{")
    elif name == "unknown key":
        describe(path, network="UNet", arguments=ARGUMENTS, windows=[0, 1])
    elif name == "other arguments":
        describe(path, network="UNet", arguments={**ARGUMENTS, "channels": [8, 16, 32]})
    elif name == "senseless arguments":
        describe(path, network="UNet", arguments={"colour": "green"})
    elif name == "no such class":
        describe(path, network="UNeT", arguments=ARGUMENTS)
    elif name == "NaN weights":
        state = network.state_dict()
        next(iter(state.values())).fill_(float("nan"))
        torch.save(state, path)
    elif name == "wrong kind":
        describe(path, network="UNet", arguments=ARGUMENTS, window=3)
    elif name == "two ways":
        steps = [{"_target_": "ScaleIntensity"}]
        describe(path, network="UNet", arguments=ARGUMENTS, window=[0, 255], preprocessing=steps)
    elif name == "a folder":
        return folder
    elif name == "bundle without weights":
        root = bundle(network, folder)
        shutil.rmtree(root / "models")
        return root
    elif name == "bundle with an unknown step":
        return bundle(network, folder, [{"_target_": "HistogramNormalized", "keys": "image"}])
    elif name == "broken reference":
        return bundle(
            network, folder, definition={"_target_": "UNet", **ARGUMENTS, "in_channels": "@no"}
        )
    return path


MESSAGES = {
    "whole network": "holds a whole network",
    "no description": "needs a description beside it, net.json",
    "no JSON": "is not valid JSON",
    "unknown key": "unknown key windows",
    "other arguments": "weights don't fit the network",
    "senseless arguments": "refuses its arguments",
    "no such class": "no network class UNeT",
    "NaN weights": "NaN or infinite weights",
    "wrong kind": "a value is invalid",
    "two ways": '"preprocessing" takes the place of "window"',
    "a folder": "not a model that can be loaded",
    "bundle without weights": "no model.pt or model.safetensors",
    "bundle with an unknown step": "HistogramNormalized is not known",
    "broken reference": "which is not defined",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_wrong_is_said_in_one_line(name, network, tmp_path):
    path = broken(name, network, tmp_path)
    with pytest.raises(SegadvError, match=MESSAGES[name]) as error:
        load_victim(path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_images_of_another_kind(network, scan2d, ct, tmp_path):
    path = save_state_dict(network, tmp_path)
    grey = load_victim(path)
    colour = Scan.from_array(scan2d.array[..., None].repeat(3, -1), colour=True)
    with pytest.raises(SegadvError, match="net needs a grey-scale image; .* is in colour"):
        grey.predict(colour)
    describe(path, network="UNet", arguments={**ARGUMENTS, "in_channels": 3})
    torch.save(UNet(**{**ARGUMENTS, "in_channels": 3}).state_dict(), path)
    with pytest.raises(SegadvError, match="net needs a colour image; .* is in grey scale"):
        load_victim(path).predict(scan2d)
    describe(path, network="UNet", arguments={**ARGUMENTS, "spatial_dims": 3}, dims=3)
    torch.save(UNet(**{**ARGUMENTS, "spatial_dims": 3}).state_dict(), path)
    with pytest.raises(SegadvError, match="net needs a volume; .* is a single image"):
        load_victim(path).predict(scan2d)


def test_a_fixed_input_size_that_does_not_fit_is_one_line(network, ct, tmp_path):
    path = save_exported(network, tmp_path)
    victim = load_victim(path, trust=sha256_of(path))
    with pytest.raises(SegadvError, match="refuses an input of"):
        victim.predict(Scan.from_array(ct.array[5]))


def test_missing_and_unknown_names(tmp_path):
    with pytest.raises(SegadvError, match="no such file or folder"):
        load_victim(tmp_path / "nothing.pt")
    with pytest.raises(SegadvError, match="no such built-in model; there are"):
        load_victim("demo:knee")


def test_a_2d_victim_sees_a_volume_slice_by_slice(network, ct, tmp_path):
    victim = load_victim(save_state_dict(network, tmp_path))
    depth = ct.grid.shape[0]
    padded = Scan.from_array(ct.array)
    whole = victim.predict(padded, present="none")
    for z in (0, 7, depth - 1):
        one = victim.predict(Scan.from_array(ct.array[z]), present="none")
        assert (whole.array[z] == one.array).all()


def test_a_window_without_end_and_unreadable_metadata_are_named(network, tmp_path):
    endless = bundle(network, tmp_path, low=float("-inf"))
    with pytest.raises(SegadvError, match="inference.json: the intensity window .* has no end"):
        load_victim(endless)
    (endless / "configs" / "metadata.json").write_text("{")
    with pytest.raises(SegadvError, match="metadata.json: can't be parsed"):
        load_victim(endless)


def test_weights_that_overflow_are_refused(network, tmp_path):
    path = save_safetensors(network, tmp_path)
    wide = {key: value.double() + 1e300 for key, value in network.state_dict().items()}
    save_file(wide, path)
    with pytest.raises(SegadvError, match="holds NaN or infinite weights"):
        load_victim(path)
