"""Train the built-in victim that grades fundus photographs, on phantoms.

Run: python scripts/train_grades.py --out DIR
"""

import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from napari_segadv.cli.terminal import guarded
from napari_segadv.samples import phantom, phantom_modules
from napari_segadv.training.victim.bundle import metadata_of, write_files
from napari_segadv.training.victim.grades import accuracy
from napari_segadv.victims.loading.registry import load_file
from napari_segadv.victims.scan_tensors import as_tensor
from napari_segadv.victims.victim import Victim

log = logging.getLogger(__name__)

NAME = "fundus-grade"
# First seed of the phantoms to measure on: nothing is trained on them.
TEST_SEED = 10_000

NETWORK = {
    "_target_": "DenseNet",
    "spatial_dims": 2,
    "in_channels": 3,
    "out_channels": 5,
    "init_features": 24,
    "growth_rate": 16,
    "block_config": [3, 4, 6, 4],
    "bn_size": 2,
}
SIZE = 256


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        count: phantoms to train on.
        tests: fresh phantoms to measure on.
        epochs: passes over the phantoms.
        batch: images of a step.
        rate: largest learning rate.
        bfloat16: compute the network in bfloat16.
    """

    count: int
    tests: int
    epochs: int
    batch: int = 16
    rate: float = 4e-3
    bfloat16: bool = False


def inference() -> dict[str, Any]:
    """Return the bundle's configs/inference.json."""
    scaling = {"a_min": 0, "a_max": 255, "b_min": 0.0, "b_max": 1.0, "clip": True}
    resize = {"spatial_size": [SIZE, SIZE], "mode": "bilinear", "anti_aliasing": True}
    transforms: list[dict[str, Any]] = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "ScaleIntensityRanged", "keys": "image", **scaling},
        {"_target_": "Resized", "keys": "image", **resize},
    ]
    post = [
        {"_target_": "Activationsd", "keys": "pred", "softmax": True},
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
    ]
    return {
        "network_def": NETWORK,
        "preprocessing": {"_target_": "Compose", "transforms": transforms},
        "inferer": {"_target_": "SimpleInferer"},
        "postprocessing": {"_target_": "Compose", "transforms": post},
    }


def write(network: nn.Module, folder: Path, metrics: dict[str, float], about: str) -> Victim:
    """Write the bundle and load it as a victim."""
    classes = phantom_modules()[NAME].CLASSES
    task = "classification of fundus photographs by diabetic lesions"
    meta = metadata_of(NAME, task, about, metrics, classes, ("red", "green", "blue"), (SIZE, SIZE))
    return load_file(write_files(folder, inference(), meta, network))


def drawn(network: nn.Module, first: int, count: int) -> tuple[Tensor, Tensor]:
    """Draw phantoms of consecutive seeds; return them as the network sees them, and their grades.

    Images are bytes (N, 3, x, y), grades (N,).
    """
    with tempfile.TemporaryDirectory() as folder:
        victim = write(network, Path(folder) / NAME, {}, "a draft")
    images, labels = [], []
    # All phantoms have one size, so the victim bound to one of them prepares all.
    model = victim.on(phantom(NAME, first)[0])
    for n in range(count):
        scan, grade = phantom(NAME, first + n)
        prepared = model.prepared(as_tensor(scan, "cpu"))[0]
        # A byte takes half of float16's memory, and rounds by less than the camera's noise.
        images.append((255 * prepared).round().byte())
        labels.append(grade.label)
    return torch.stack(images), torch.tensor(labels)


def augmented(x: Tensor) -> Tensor:
    """Mirror a batch, turn it by quarters, and change its exposure and colour, at random."""
    dims = [2 + axis for axis in range(2) if torch.rand(()) < 0.5]
    x = x.flip(dims) if dims else x
    x = x.transpose(2, 3) if torch.rand(()) < 0.5 else x
    gain = torch.empty(len(x), 3, 1, 1).uniform_(0.9, 1.1)
    return (x * gain + torch.empty(len(x), 1, 1, 1).uniform_(-0.05, 0.05)).clamp(0, 1)


def epochs(network: nn.Module, images: Tensor, labels: Tensor, recipe: Recipe) -> Iterator[float]:
    """Train; yield the mean loss of each epoch."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-2)
    steps = len(images) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=steps * recipe.epochs
    )
    for _ in range(recipe.epochs):
        network.train()
        total = 0.0
        order = torch.randperm(len(images))
        for n in range(steps):
            chosen = order[n * recipe.batch : (n + 1) * recipe.batch]
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
                logits = network(augmented(images[chosen].float() / 255))
            loss = F.cross_entropy(logits.float(), labels[chosen], label_smoothing=0.05)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        yield total / steps


def train(out: Path, recipe: Recipe) -> None:
    """Train, measure the victim on fresh phantoms, and write the bundle."""
    from monai.networks.nets import DenseNet

    torch.manual_seed(0)
    network = DenseNet(**{k: v for k, v in NETWORK.items() if k != "_target_"})
    started = time.monotonic()
    log.info("drawing %d phantoms", recipe.count)
    images, labels = drawn(network.eval(), 0, recipe.count)
    for number, loss in enumerate(epochs(network, images, labels, recipe), start=1):
        log.info("epoch %d, loss %.4f after %.0f s", number, loss, time.monotonic() - started)
    network.eval()
    about = (
        f"Trained on {recipe.count} phantoms for {recipe.epochs} epochs; accuracy measured on "
        f"{recipe.tests} fresh ones."
    )
    with tempfile.TemporaryDirectory() as folder:
        victim = write(network, Path(folder) / NAME, {}, about)
        fresh = (phantom(NAME, TEST_SEED + n) for n in range(recipe.tests))
        metrics = accuracy(victim, fresh)
    write(network, out, metrics, about)
    log.info("%s %s", about, {label: round(value, 4) for label, value in metrics.items()})


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="Folder for the bundle.")],
    count: Annotated[int, typer.Option(help="Phantoms to train on.")] = 800,
    tests: Annotated[int, typer.Option(help="Fresh phantoms to measure on.")] = 100,
    rounds: Annotated[int, typer.Option("--epochs", help="Passes over the phantoms.")] = 10,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    bfloat16: Annotated[
        bool, typer.Option("--bfloat16", help="Compute in bfloat16: faster with AMX.")
    ] = False,
) -> None:
    """Train the built-in grading victim."""
    torch.set_num_threads(threads)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    train(out, Recipe(count, tests, rounds, bfloat16=bfloat16))


if __name__ == "__main__":
    guarded(lambda: app(standalone_mode=False))
