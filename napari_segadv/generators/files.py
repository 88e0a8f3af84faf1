"""A generator's folder: `generator.json`, its weights, and what going on with its training takes.

`generator.json` names the two safetensors files that belong to it, and is replaced last and at
once: a folder holds a whole checkpoint at any moment.
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

from ..attacks.synthesis.critic import Critic
from ..attacks.synthesis.networks import Generator, Layout, Scale
from ..attacks.synthesis.recipe import Recipe
from ..attacks.synthesis.synthesiser import Synthesiser
from ..attacks.synthesis.training import Training
from ..errors import SegadvError
from ..victims.network import load_weights, one_line, read_weights
from ..victims.trust import sha256_of

JSON, KIND = "generator.json", "segadv synthesis generator"
# Bounds on what a JSON may ask for, so that a damaged one asks for no more memory than there is.
BOUNDS = {"dims": (2, 3), "channels": (1, 3), "width": (1, 256), "levels": (3, 6)}
BOUNDS |= {"latent": (1, 256)}


def save_training(training: Training, folder: Path, about: Mapping[str, Any]) -> None:
    """Writes a checkpoint into a folder, in the place of an earlier one.

    Args:
        training: at the end of an epoch.
        folder: is made, with its parents.
        about: what it is trained against and on, as plain data.

    Raises:
        SegadvError: where it can't be written.
    """
    synthesiser = training.synthesiser
    names = {part: f"{part}-{training.epoch:05d}.safetensors" for part in ("generator", "training")}
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
        for stale in folder.glob("*-[0-9]*.safetensors"):
            if stale.name not in names.values():
                stale.unlink()
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SegadvError(f"{folder}: can't be written ({reason}); name another folder") from None


def load_generator(folder: str | Path) -> Synthesiser:
    """The generator of a folder, ready to draw from.

    Raises:
        SegadvError: where it holds none, or a damaged one.
    """
    folder = Path(folder)
    content = read_json(folder)
    synthesiser = _synthesiser(folder, content)
    synthesiser.network.eval().requires_grad_(False)
    return synthesiser


def load_training(folder: Path, device: str = "cpu") -> tuple[Training, dict[str, Any]]:
    """A training to go on with on a device, and what it is about.

    Raises:
        SegadvError: where the folder holds none, or a damaged one.
    """
    content = read_json(folder)
    synthesiser = _synthesiser(folder, content).to(torch.device(device))
    path = folder / str(content["files"]["training"])
    state = read_weights(path)
    try:
        recipe = Recipe(**content["recipe"] | {"patch": tuple(content["recipe"]["patch"])})
        critic = Critic(synthesiser.network.layout, int(content["critic_side"])).to(device)
        history = [(float(a), float(b), float(c)) for a, b, c in content["history"]]
        training = Training(synthesiser, critic, recipe, int(content["epoch"]), history)
        _restore(training, state)
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        raise _damaged(path, error) from None
    return training, dict(content["about"])


def read_json(folder: Path) -> dict[str, Any]:
    """The contents of a folder's `generator.json`.

    Raises:
        SegadvError: where there is none, or it is something else.
    """
    path = folder / JSON
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise SegadvError(
            f"{folder}: holds no generator; give a folder that segadv synthesis train has written"
        ) from None
    except ValueError as error:
        raise _damaged(path, error) from None
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or content.get("kind") != KIND:
        raise SegadvError(f"{path}: describes no generator; give the folder of a trained one")
    # Names alone, so that a JSON can't point out of its folder.
    names = {part: Path(str(name)).name for part, name in files.items()}
    return {**content, "files": names}


def _synthesiser(folder: Path, content: Mapping[str, Any]) -> Synthesiser:
    path = folder / str(content["files"]["generator"])
    try:
        layout = Layout(**content["layout"])
        for name, (low, high) in BOUNDS.items():
            if not low <= getattr(layout, name) <= high:
                raise ValueError(f"{name} is not from {low} to {high}")
        network = Generator(layout)
        limits = [float(content[name]) for name in ("displacement", "intensity")]
        xi = float(content["xi"])
        scale = Scale(**{name: float(value) for name, value in content["scale"].items()})
        about = {name: content["about"][name] for name in ("victim", "pieces")}
        about |= {"recipe": content["recipe"], "epoch": int(content["epoch"])}
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise _damaged(folder / JSON, error) from None
    load_weights(network, path)
    about |= {"path": str(folder), "sha256": sha256_of(path)}
    return Synthesiser(network, scale, limits[0], limits[1], xi, about)


def _state(training: Training) -> dict[str, Tensor]:
    """The critic's weights and both optimisers' averages, by name."""
    state = {f"critic.{key}": value for key, value in training.critic.state_dict().items()}
    for name, optimiser in training.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            state |= {f"rmsprop.{name}.{index}.{key}": value for key, value in values.items()}
    return state


def _restore(training: Training, state: Mapping[str, Tensor]) -> None:
    training.critic.load_state_dict(_under("critic.", state))
    for name, optimiser in training.optimisers.items():
        averages: dict[int, dict[str, Tensor]] = {}
        for key, value in _under(f"rmsprop.{name}.", state).items():
            index, _, what = key.partition(".")
            averages.setdefault(int(index), {})[what] = value
        groups = optimiser.state_dict()["param_groups"]
        if set(averages) != set(groups[0]["params"]):
            raise ValueError(f"the {name}'s averages are not all there")
        optimiser.load_state_dict({"state": averages, "param_groups": groups})


def _under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors takes them: each in memory of its own."""
    return {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}


def _damaged(path: Path, error: BaseException) -> SegadvError:
    return SegadvError(
        f"{path}: damaged or of another version ({one_line(error)}); copy it again or train anew"
    )
