"""The weights of a bundle are those that MONAI would load, or the bundle is refused."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from monai.handlers import checkpoint_loader
from zoo import UNET, composed, metadata
from zoo_itself import parser_of, save_zoo

from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim

NAMES = {"0": "background", "1": "a", "2": "b"}
MODEL, BEST = (f"$@bundle_root + '/models/{name}.pt'" for name in ("model", "best"))


def loader(path: str, into: object, **more: object) -> dict:
    return {"_target_": "CheckpointLoader", "load_path": path, "load_dict": into, **more}


def bundle(folder: Path, **more: object) -> tuple[Path, dict, dict]:
    """A bundle with the files model.pt and best.pt; returns it and the weights of both."""
    config = {
        "network_def": {**UNET, "spatial_dims": 2, "in_channels": 1, "out_channels": 3},
        "inferer": {"_target_": "SimpleInferer"},
        "preprocessing": composed(),
        "handlers": [],
        "initialize": [],
        **more,
    }
    root = save_zoo(folder, config, metadata(2, 1, NAMES))
    weights = torch.load(root / "models" / "model.pt")
    other = {key: value * 0.5 for key, value in weights.items()}
    torch.save(other, root / "models" / "best.pt")
    return root, weights, other


def is_loaded(root: Path, weights: dict) -> bool:
    found = load_victim(root).network.state_dict()
    return all(torch.equal(found[key], weights[key]) for key in found)


class Loads:
    """Stands for ignite's Checkpoint, which MONAI's handler hands what it has chosen."""

    @staticmethod
    def load_objects(to_load: dict, checkpoint: dict, strict: bool) -> None:
        for key, one in to_load.items():
            one.load_state_dict(checkpoint[key], strict=strict)


@pytest.fixture
def monais(monkeypatch):
    """The weights that MONAI's own program has in the end: its handlers, after its calls."""
    monkeypatch.setattr(checkpoint_loader, "Checkpoint", Loads)
    engine = SimpleNamespace(state=SimpleNamespace(max_epochs=None, epoch=0))

    def loaded(root: Path) -> dict:
        parser = parser_of(root)
        network = parser.get_parsed_content("network")
        parser.get_parsed_content("initialize")
        for handler in parser.get_parsed_content("handlers"):
            handler(engine)
        return network.state_dict()

    return loaded


INTO = {"model": "@network"}
# The configuration, and how each file is wrapped.
CASES: dict[str, tuple[dict, dict]] = {
    "a key of its own": ({"handlers": [loader(BEST, {"net": "@network"})]}, {"best": "net"}),
    "a key that the file lacks": ({"handlers": [loader(BEST, {"net": "@network"})]}, {}),
    "disabled": ({"handlers": [loader(BEST, INTO, _disabled_=True), loader(MODEL, INTO)]}, {}),
    "disabled by a text": (
        {"handlers": [loader(BEST, INTO, _disabled_="True"), loader(MODEL, INTO)]},
        {},
    ),
    "disabled by a reference": (
        {"old": True, "handlers": [loader(BEST, INTO, _disabled_="@old"), loader(MODEL, INTO)]},
        {},
    ),
    "the last of two": ({"handlers": [loader(MODEL, INTO), loader(BEST, INTO)]}, {}),
    "by its whole name": (
        {"handlers": [{**loader(BEST, INTO), "_target_": "monai.handlers.CheckpointLoader"}]},
        {},
    ),
    "a dictionary by reference": (
        {"loads": {"net": "@network"}, "handlers": [loader(BEST, "@loads")]},
        {"best": "net"},
    ),
    "a call": ({"initialize": ["$@network.load_state_dict(torch.load(@f))"], "f": BEST}, {}),
    "a call with a key": (
        {"initialize": ["$@network.load_state_dict(torch.load(@f)['net'])"], "f": BEST},
        {"best": "net"},
    ),
    "a call and a handler": (
        {
            "initialize": ["$@network.load_state_dict(torch.load(@f))"],
            "f": BEST,
            "handlers": [loader(MODEL, INTO)],
        },
        {},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_weights_are_monais(case, monais, tmp_path):
    more, keys = CASES[case]
    root, weights, other = bundle(tmp_path, **more)
    for name, held in (("model", weights), ("best", other)):
        if name in keys:
            torch.save({keys[name]: held}, root / "models" / f"{name}.pt")
    expected = monais(root)
    assert is_loaded(root, expected)
    assert is_loaded(root, weights) != is_loaded(root, other)
    assert load_victim(root).notes == ()


@pytest.mark.parametrize("key", ["model", "state_dict", "net"])
def test_of_several_state_dicts_the_one_that_the_loader_names(key, monais, tmp_path):
    root, weights, other = bundle(tmp_path, handlers=[loader(BEST, {key: "@network"})])
    content = dict.fromkeys(("model", "state_dict", "net"), weights) | {key: other}
    torch.save(content, root / "models" / "best.pt")
    assert is_loaded(root, monais(root))
    assert is_loaded(root, other)


def test_several_state_dicts_without_a_loader_are_refused(tmp_path):
    root, weights, other = bundle(tmp_path)
    torch.save({"model": weights, "state_dict": other}, root / "models" / "model.pt")
    with pytest.raises(SegadvError, match=r"model.pt: holds several state dicts \(state_dict, mod"):
        load_victim(root)


def test_several_files_without_a_loader_are_told(tmp_path):
    root, weights, _ = bundle(tmp_path)
    assert is_loaded(root, weights)
    (note,) = load_victim(root).notes
    assert note == (
        "its configuration names none of its several files of weights; models/model.pt was loaded"
    )
    (root / "models" / "best.pt").unlink()
    assert load_victim(root).notes == ()


def test_a_file_that_is_not_there_is_told_or_refused(tmp_path):
    gone = "$@bundle_root + '/models/gone.pt'"
    root, weights, _ = bundle(tmp_path, handlers=[loader(gone, INTO)])
    with pytest.raises(SegadvError, match=r"gone.pt, which is not there, and .* several files"):
        load_victim(root)
    (root / "models" / "best.pt").unlink()
    assert is_loaded(root, weights)
    (note,) = load_victim(root).notes
    assert "gone.pt, which is not there; models/model.pt was loaded" in note


# Ways to load weights that are not followed.
ODD: dict[str, dict] = {
    "a handler of its own": {
        "handlers": [{**loader(BEST, INTO), "_target_": "scripts.own.CheckpointLoader"}]
    },
    "a call that is code": {
        "initialize": ["$@network.load_state_dict({k: v for k, v in torch.load(@f).items()})"],
        "f": BEST,
    },
    "a function": {
        "initialize": ["$torch.nn.Module.load_state_dict(@network, torch.load(@f))"],
        "f": BEST,
    },
    "a path that is code": {"handlers": [loader("$[n for n in ['best.pt']][0]", INTO)]},
    "a dictionary that is code": {"handlers": [loader(BEST, "$dict(model=@network)")]},
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_not_understood_is_refused_if_there_is_a_choice(case, tmp_path):
    root, weights, _ = bundle(tmp_path)
    config = root / "configs" / "inference.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | ODD[case]))
    with pytest.raises(SegadvError, match="not understood, and .* holds several files") as caught:
        load_victim(root)
    assert "\n" not in str(caught.value)
    (root / "models" / "best.pt").unlink()
    assert is_loaded(root, weights)


def test_loaders_in_different_parts_are_refused(tmp_path):
    more = {"train": {"handlers": [loader(BEST, INTO)]}, "handlers": [loader(MODEL, INTO)]}
    root, *_ = bundle(tmp_path, **more)
    with pytest.raises(SegadvError, match="loads several files of weights .* keep one loader"):
        load_victim(root)


def test_what_is_loaded_into_something_else_does_not_count(tmp_path):
    more = {
        "critic": {**UNET, "spatial_dims": 2, "in_channels": 1, "out_channels": 1},
        "handlers": [loader(MODEL, INTO), loader(BEST, {"critic": "@critic"})],
        "initialize": ["$@critic.load_state_dict(torch.load(@f))"],
        "f": BEST,
    }
    root, weights, _ = bundle(tmp_path, **more)
    assert is_loaded(root, weights)
