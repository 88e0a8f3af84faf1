"""What tests of the adapters share: pictures, gradients by finite differences, hostile folders."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SHARED, disc_image, disc_labels
from safetensors.torch import load_file, save_file

import napari_segadv as sa
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.victim import Victim

NAMES = {0: "background", 1: "left", 2: "right"}
CLASSES = tuple(NAMES.values())


def picture(shape=(48, 64), seed=0) -> np.ndarray:
    """A colour picture (y, x, 3) of two discs, as bytes."""
    layers = [disc_image(shape, seed + n) * share for n, share in enumerate((1.0, 0.8, 0.6))]
    return np.stack(layers, axis=-1).astype(np.uint8)


def colour(shape=(48, 64), seed=0) -> Scan:
    return Scan.from_array(picture(shape, seed), colour=True)


def fundus() -> Path:
    """A real colour photograph; skips where it is missing."""
    path = SHARED / "fundus" / "11.png"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def xray() -> Path:
    """A real radiograph; skips where it is missing."""
    path = SHARED / "chest_xray" / "1.jpg"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def fitted(network: torch.nn.Module, outputs, steps=60) -> torch.nn.Module:
    """Train a network on the discs, as it sees them, until it finds them.

    Args:
        network: the network.
        outputs: called as outputs(images); returns logits of the discs' size.
        steps: of the training.
    """
    torch.manual_seed(0)
    images = np.stack([picture(seed=seed) for seed in range(4)])
    x = torch.from_numpy(images).movedim(-1, 1).float()
    y = torch.from_numpy(disc_labels()).long().expand(len(x), -1, -1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(outputs(x), y).backward()
        optimiser.step()
    return network.eval()


def check_attack(victim: Victim, epsilon=40.0, steps=60) -> None:
    """Erase the right disc that a victim finds in a picture."""
    scan = colour(seed=9)
    clean = victim.predict(scan)
    found = clean.array == 2
    assert (found & (disc_labels() == 2)).sum() > 0.7 * (disc_labels() == 2).sum()
    target = np.where(found, 0, clean.array)
    attack = sa.attacks.PGD(epsilon=epsilon, steps=steps, goal=0.9)
    example = sa.craft(scan, victim, attack, target=target)
    assert example.measures["moved"] >= 0.9, example.measures
    assert example.measures["kept"] >= 0.9
    assert example.measures["linf"] <= epsilon
    # What was measured is what the victim predicts for the saved image.
    again = victim.predict(example.adversarial)
    assert np.array_equal(again.array, example.prediction_adversarial.array)


def check_gradient(victim: Victim, scan: Scan) -> None:
    """Compare the gradient along a direction with finite differences, in double precision."""
    bound = victim.on(scan)
    assert isinstance(bound.victim.network, torch.nn.Module)
    bound.victim.network.double()
    generator = torch.Generator().manual_seed(1)
    # Whole numbers may lie on the ends of a window, where there is a kink.
    noise = torch.rand(bound.image.shape, generator=generator, dtype=torch.float64)
    x = (bound.image * 0.9 + 5 + noise).requires_grad_()
    weights = torch.randn(bound(x).shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((bound(x) * weights).sum(), x)
    assert gradient.abs().sum() > 0
    way = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    step = 1e-5 * way
    with torch.no_grad():
        change = ((bound(x + step) - bound(x - step)) * weights).sum() / 2e-5
    assert (gradient * way).sum() == pytest.approx(float(change), rel=1e-4)


class Touch:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


def edit_json(path: Path, **changes: Any) -> None:
    """Change entries of a JSON file; None removes one."""
    content = json.loads(path.read_text())
    for key, value in changes.items():
        content.pop(key, None)
        if value is not None:
            content[key] = value
    path.write_text(json.dumps(content))


def with_weights(root: Path, trace: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the weights of a folder of Hugging Face's kind."""
    weights = load_file(root / "model.safetensors")
    change(weights)
    save_file(weights, root / "model.safetensors")


def wrong_weights(changed: Callable[..., None], name: str) -> dict[str, tuple[Any, str]]:
    """Weights that are not the network's, as hostile cases.

    Args:
        changed: changes the weights of a file, as `with_weights` does.
        name: of one of the weights.
    """
    return {
        "a weight too many": (
            partial(changed, change=lambda w: w.update(more=torch.zeros(1))),
            "1 unknown",
        ),
        "a weight too few": (partial(changed, change=lambda w: w.pop(name)), "1 missing"),
        "NaN": (
            partial(changed, change=lambda w: w.update({name: w[name] * torch.nan})),
            "NaN or infinite",
        ),
    }


def check_refused(
    path: Path, case: tuple[Any, str], trace: Path, named: Path | None = None
) -> None:
    """Spoil a victim: it is refused in one line that names it, and nothing of it runs.

    Args:
        path: of the victim.
        case: what spoils it, called with the path and the trace; and what the line says.
        trace: a file that code in the victim would leave.
        named: what the line names; None: the victim's path.
    """
    spoil, message = case
    spoil(path, trace)
    with pytest.raises(SegadvError, match=message) as caught:
        load_victim(path)
    assert "\n" not in str(caught.value)
    assert str(named or path) in str(caught.value)
    assert not trace.exists()
