"""A generator's folder: `generator.json`, its weights, and what is needed to resume its training.

`generator.json` names the two safetensors files that belong to it. It is replaced last and in one
step, so that a folder holds a whole checkpoint at any moment.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ...attacks.fields.critic import Critic
from ...attacks.fields.networks import Generator, Layout, Scale
from ...attacks.fields.recipe import Recipe
from ...attacks.fields.synthesiser import Synthesiser
from ...attacks.fields.training import Training
from ...common.hashing import sha256_of
from ...common.json_data import read_json as read_plain
from ...errors import SegadvError
from ...victims.loading.network import load_weights, one_line, read_weights

JSON, KIND = "generator.json", "segadv synthesis generator"
PARTS = ("generator", "training")
# Bounds on the values in a JSON. A damaged one must not ask for more memory than there is, nor for
# numbers that float32 can't square and sum.
BOUNDS: dict[str, tuple[float, float]] = {
    "dims": (2, 3),
    "channels": (1, 3),
    "width": (1, 256),
    "levels": (3, 6),
    "latent": (1, 256),
    "low": (-1e15, 1e15),
    "high": (-1e15, 1e15),
    "mean": (-1e15, 1e15),
    "deviation": (1e-15, 1e15),
    "spread": (1e-15, 1e15),
    "displacement": (0, 10_000),
    "intensity": (0, 1e15),
    "xi": (0, 1000),
    "epoch": (1, 100_000),
}
# Keys of the work that a training has taken.
SPENT = ("forward", "backward", "seconds")
# Raised over contents of the wrong kind.
ODD = (TypeError, ValueError, LookupError, AttributeError, RuntimeError, OverflowError, SegadvError)


def save_training(training: Training, folder: Path, about: Mapping[str, Any]) -> None:
    """Write a checkpoint into a folder, replacing an earlier one.

    Args:
        training: at the end of an epoch.
        folder: created with its parents if it does not exist.
        about: the victim and images of the training, as plain data.

    Raises:
        SegadvError: if the folder can't be written.
    """
    synthesiser = training.synthesiser
    names = {part: f"{part}-{training.epoch:05d}.safetensors" for part in PARTS}
    content = {
        "kind": KIND,
        "layout": asdict(synthesiser.network.layout),
        "scale": asdict(synthesiser.scale),
        "displacement": synthesiser.displacement,
        "intensity": synthesiser.intensity,
        "xi": synthesiser.xi,
        "recipe": asdict(training.recipe),
        "epoch": training.epoch,
        "critic_side": training.critic.smallest_side,
        "history": training.history,
        "files": names,
        "about": dict(about),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(_plain(synthesiser.network.state_dict()), folder / names["generator"])
        save_file(_plain(_state(training)), folder / names["training"])
        half = folder / f".{JSON}"
        half.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        half.replace(folder / JSON)
        for stale in _checkpoints(folder):
            if stale.name not in names.values():
                stale.unlink()
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SegadvError(f"{folder}: can't be written ({reason}); name another folder") from None


def load_generator(folder: str | Path) -> Synthesiser:
    """Load the generator of a folder, ready to draw from.

    Raises:
        SegadvError: if the folder holds none, or a damaged one.
    """
    folder = Path(folder)
    content = read_json(folder)
    synthesiser = _synthesiser(folder, content)
    synthesiser.network.eval().requires_grad_(False)
    return synthesiser


def load_training(folder: Path, device: str = "cpu") -> tuple[Training, dict[str, Any]]:
    """Load a training, to resume it on a device, and what it is about.

    Raises:
        SegadvError: if the folder holds none, or a damaged one.
    """
    content = read_json(folder)
    synthesiser = _synthesiser(folder, content).to(torch.device(device))
    path = folder / str(content["files"]["training"])
    state = read_weights(path)
    about = dict(content["about"])
    try:
        about["spent"] = {name: float(about["spent"][name]) for name in SPENT}
        critic = Critic(synthesiser.network.layout, int(content["critic_side"])).to(device)
        history = [(float(a), float(b), float(c)) for a, b, c in content["history"]]
        epoch = int(content["epoch"])
        training = Training(synthesiser, critic, _recipe(content), epoch, history)
    except ODD as error:
        raise _damaged(folder / JSON, error) from None
    try:
        _restore(training, state)
    except ODD as error:
        raise _damaged(path, error) from None
    return training, about


def _checkpoints(folder: Path) -> list[Path]:
    """List the files of checkpoints in a folder, and no others."""
    epoch = "[0-9]" * 5
    return [path for part in PARTS for path in folder.glob(f"{part}-{epoch}.safetensors")]


def has_generator(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint."""
    return (folder / JSON).is_file()


def only_begun(folder: Path) -> bool:
    """Return whether a folder holds nothing, or only part of a first checkpoint."""
    begun = {*_checkpoints(folder), folder / f".{JSON}"}
    return folder.is_dir() and not has_generator(folder) and set(folder.iterdir()) <= begun


def read_json(folder: Path) -> dict[str, Any]:
    """Read a folder's `generator.json`.

    Raises:
        SegadvError: if there is none, or it does not describe a generator.
    """
    path = folder / JSON
    if not path.is_file():
        raise SegadvError(
            f"{folder}: holds no generator; give a folder that segadv synthesis train has written"
        )
    content = read_plain(path)
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or content.get("kind") != KIND or not files.keys() >= {*PARTS}:
        raise SegadvError(f"{path}: describes no generator; give the folder of a trained one")
    # Names only, so that a JSON can't point out of its folder.
    names = {part: Path(str(name)).name for part, name in files.items()}
    return {**content, "files": names}


def _synthesiser(folder: Path, content: Mapping[str, Any]) -> Synthesiser:
    path = folder / str(content["files"]["generator"])
    try:
        layout = Layout(**content["layout"])
        limits = {name: float(content[name]) for name in ("displacement", "intensity", "xi")}
        scale = Scale(**{name: float(value) for name, value in content["scale"].items()})
        _check_bounds(asdict(layout) | asdict(scale) | limits | {"epoch": content["epoch"]})
        network = Generator(layout)
        about = {name: content["about"][name] for name in ("victim", "pieces")}
        about |= {"recipe": asdict(_recipe(content)), "epoch": int(content["epoch"])}
    except ODD as error:
        raise _damaged(folder / JSON, error) from None
    load_weights(network, path)
    about |= {"path": str(folder), "sha256": sha256_of(path)}
    return Synthesiser(network, scale, **limits, about=about)


def _check_bounds(values: Mapping[str, Any]) -> None:
    for name, (low, high) in BOUNDS.items():
        if not low <= values[name] <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}")
    if not values["low"] < values["high"]:
        raise ValueError("the scale's intensity window is empty")


def _recipe(content: Mapping[str, Any]) -> Recipe:
    return Recipe(**content["recipe"] | {"patch": tuple(content["recipe"]["patch"])})


def _state(training: Training) -> dict[str, Tensor]:
    """Return the critic's weights and both optimisers' averages, by name."""
    state = {f"critic.{key}": value for key, value in training.critic.state_dict().items()}
    for name, optimiser in training.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            state |= {f"rmsprop.{name}.{index}.{key}": value for key, value in values.items()}
    return state


def _restore(training: Training, state: Mapping[str, Tensor]) -> None:
    if not all(bool(values.isfinite().all()) for values in state.values()):
        raise ValueError("it holds NaN or infinity")
    training.critic.load_state_dict(_under("critic.", state))
    for name, optimiser in training.optimisers.items():
        averages: dict[int, dict[str, Tensor]] = {}
        for key, value in _under(f"rmsprop.{name}.", state).items():
            index, _, what = key.partition(".")
            averages.setdefault(int(index), {})[what] = value
        groups = optimiser.state_dict()["param_groups"]
        weights = optimiser.param_groups[0]["params"]
        if averages.keys() != set(range(len(weights))):
            raise ValueError(f"some averages of the {name} are missing")
        for number, weight in enumerate(weights):
            squares = averages[number]["square_avg"]
            if squares.shape != weight.shape or not bool((squares >= 0).all()):
                raise ValueError(f"the averages of the {name} do not fit its weights")
        optimiser.load_state_dict({"state": averages, "param_groups": groups})


def _under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as safetensors needs them: each in separate memory."""
    return {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}


def _damaged(path: Path, error: BaseException) -> SegadvError:
    return SegadvError(
        f"{path}: damaged or of another version ({one_line(error)}); copy it or train again"
    )
