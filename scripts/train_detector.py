"""Train the built-in detector on phantoms: python scripts/train_detector.py --out DIR."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
from monai.losses import FocalLoss
from torch import Tensor

from napari_segadv.cli.terminal import guarded
from napari_segadv.data.boxes import Boxes, f1, mean_precision, swapped
from napari_segadv.data.scan import Scan
from napari_segadv.samples import phantom, phantom_modules
from napari_segadv.victims import Victim, load_victim
from napari_segadv.victims.detections import detected
from napari_segadv.victims.detector import SmallRetinaNet

log = logging.getLogger(__name__)

NAME = "endoscopy"
# First seed of the phantoms to measure on: nothing is trained on them.
TEST_SEED = 10_000
# Boxes with at least this score count for the average precision.
LEAST_SCORE = 0.02
TARGET = "napari_segadv.victims.detector.SmallRetinaNet"
PREPROCESSING = [
    {"_target_": "LoadImaged", "keys": "image"},
    {"_target_": "EnsureChannelFirstd", "keys": "image"},
    {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255,
     "b_min": 0.0, "b_max": 1.0, "clip": True},
    {"_target_": "Resized", "keys": "image", "spatial_size": [256, 256], "mode": "bilinear"},
]  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How the detector is built and trained."""

    widths: tuple[int, ...] = (16, 32, 64, 96)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    features: int = 40
    levels: tuple[int, ...] = (2, 3, 4)
    sizes: tuple[tuple[int, ...], ...] = ((14, 24), (36, 54), (76, 112))
    ratios: tuple[float, ...] = (0.6, 1.0, 1.67)
    nms: float = 0.4
    gamma: float = 1.0
    epochs: int = 15
    batch: int = 8
    rate: float = 2e-3
    seed: int = 0

    def arguments(self, classes: int) -> dict[str, Any]:
        """Return the arguments of the network."""
        names = ("widths", "blocks", "features", "levels", "sizes", "ratios", "nms")
        chosen = {name: value for name, value in asdict(self).items() if name in names}
        return {"spatial_dims": 2, "in_channels": 3, "num_classes": classes, **chosen}


class Training(RetinaNetDetector):  # type: ignore[misc]
    """MONAI's losses, without the torchvision matcher that its own method imports."""

    def compute_anchor_matched_idxs(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]], numbers: list[int]
    ) -> list[Tensor]:
        return [
            self.proposal_matcher(one["boxes"], places, numbers, self.num_anchors_per_loc)[1]
            for places, one in zip(anchors, targets, strict=True)
        ]

    def compute_cls_loss(
        self, logits: Tensor, targets: list[dict[str, Tensor]], matched: list[Tensor]
    ) -> Tensor:
        """Sum over all anchors, divided by the number of anchors with a box (Lin 2017, 4.1)."""
        total = super().compute_cls_loss(logits, targets, matched).sum()
        return total / max(1, sum(int((m >= 0).sum()) for m in matched))


def example(scan: Scan, truth: Boxes) -> tuple[Tensor, Tensor, Tensor]:
    """Return the image (3, x, y) as bytes, boxes (M, 4) in the same axis order, classes from 0."""
    image = torch.from_numpy(scan.array.copy()).permute(2, 1, 0).contiguous()
    return image, torch.from_numpy(swapped(truth.corners)), torch.from_numpy(truth.labels - 1)


def augmented(rng: np.random.Generator, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror, turn and relight an example at random; the image is (3, n, n), returned in 0 to 1."""
    size = image.shape[-1]
    x = image.float() / 255
    for axis in (0, 1):
        if rng.random() < 0.5:
            x = x.flip(axis + 1)
            boxes = boxes.clone()
            boxes[:, [axis, axis + 2]] = size - boxes[:, [axis + 2, axis]]
    if rng.random() < 0.5:
        x, boxes = x.transpose(1, 2), boxes[:, [1, 0, 3, 2]]
    gain = torch.from_numpy(rng.uniform(0.85, 1.15) * np.exp(rng.normal(0, 0.05, (3, 1, 1))))
    x = (x * gain).clamp(0, 1) ** rng.uniform(0.85, 1.18)
    return x.float(), boxes


def train(examples: list[tuple[Tensor, Tensor, Tensor]], recipe: Recipe, bfloat16: bool,
          classes: int) -> Iterator[tuple[int, float, SmallRetinaNet]]:  # fmt: skip
    """Train; yield number, mean loss and network after each epoch."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    net = SmallRetinaNet(**recipe.arguments(classes))
    detector = Training(net.network, net.anchor_generator)
    detector.set_atss_matcher(num_candidates=4, center_in_gt=False)
    detector.set_cls_loss(FocalLoss(gamma=recipe.gamma, reduction="none"))
    steps = recipe.epochs * (len(examples) // recipe.batch)
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, steps, pct_start=0.1)
    for epoch in range(1, recipe.epochs + 1):
        detector.train()
        losses, order = [], rng.permutation(len(examples))
        for first in range(0, len(order) - recipe.batch + 1, recipe.batch):
            images, targets = [], []
            for index in order[first : first + recipe.batch]:
                image, boxes, labels = examples[index]
                x, moved = augmented(rng, image, boxes)
                images.append(x)
                targets.append({"boxes": moved, "labels": labels})
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                parts = detector(torch.stack(images), targets)
            loss = parts["classification"] + parts["box_regression"]
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        net.eval()
        yield epoch, float(np.mean(losses)), net


def scores(victim: Victim, cases: list[tuple[Scan, Boxes]]) -> dict[str, float]:
    """Return the average precision of each class at an IoU of 0.5, and the F1 of the boxes."""
    found, overlaps = [], []
    with torch.no_grad():
        for scan, truth in cases:
            model = victim.on(scan)
            found.append(detected(model, model.image, LEAST_SCORE))
            overlaps.append(f1(model.predict(), truth))
    precision = mean_precision(found, [truth for _, truth in cases], victim.classes)
    mean = float(np.mean(list(precision.values())))
    return {f"AP {name}": value for name, value in precision.items()} | {
        "mAP": mean, "F1": float(np.mean(overlaps))}  # fmt: skip


def calibrate(victim: Victim, cases: list[tuple[Scan, Boxes]]) -> float:
    """Return the score from which on the boxes found agree best with the truth (F1)."""
    found = []
    with torch.no_grad():
        for scan, _ in cases:
            model = victim.on(scan)
            found.append(detected(model, model.image, LEAST_SCORE))
    best = {
        score: float(np.mean([f1(f.pick(f.scores >= score), t) for f, (_, t) in
                              zip(found, cases, strict=True)]))
        for score in np.arange(0.1, 0.85, 0.025)
    }  # fmt: skip
    return float(max(best, key=lambda score: best[score]))


def write(folder: Path, net: SmallRetinaNet, recipe: Recipe, classes: tuple[str, ...],
          about: str, figures: dict[str, float]) -> None:  # fmt: skip
    """Write the MONAI bundle."""
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    config = {
        "network_def": {"_target_": TARGET, **recipe.arguments(len(classes) - 1)},
        "preprocessing": {"_target_": "Compose", "transforms": PREPROCESSING},
        "inferer": {"_target_": "SimpleInferer"},
    }
    image = {
        "type": "image", "num_channels": 3, "spatial_shape": [256, 256], "dtype": "float32",
        "value_range": [0, 1], "is_patch_data": False,
        "channel_def": {"0": "red", "1": "green", "2": "blue"},
    }  # fmt: skip
    named = {str(n): name for n, name in enumerate(classes)}
    metadata = {
        "version": "1.0.0",
        "name": NAME,
        "task": "detection of " + ", ".join(classes[1:]),
        "description": about,
        "monai_version": version("monai"),
        "pytorch_version": version("torch").split("+")[0],
        "numpy_version": version("numpy"),
        "eval_metrics": {name: round(value, 4) for name, value in figures.items()},
        "intended_use": "robustness research; not for diagnosis",
        "network_data_format": {
            "inputs": {"image": image},
            "outputs": {"pred": {"type": "object", "format": "boxes", "channel_def": named}},
        },
    }
    for name, content in (("inference", config), ("metadata", metadata)):
        text = json.dumps(content, indent=2) + "\n"
        (folder / "configs" / f"{name}.json").write_text(text, encoding="utf-8")
    torch.save(net.state_dict(), folder / "models" / "model.pt")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="Folder for the bundle.")],
    count: Annotated[int, typer.Option(help="Phantoms to train on.")] = 600,
    tests: Annotated[int, typer.Option(help="Fresh phantoms to measure on.")] = 60,
    epochs: Annotated[int, typer.Option(help="Passes over the phantoms.")] = Recipe.epochs,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    bfloat16: Annotated[
        bool, typer.Option("--bfloat16", help="Compute in bfloat16: faster with AMX.")
    ] = False,
) -> None:
    """Train the built-in detector and measure it."""
    torch.set_num_threads(threads)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    recipe, classes = Recipe(epochs=epochs), phantom_modules()[NAME].CLASSES
    log.info("drawing %d phantoms", count)
    cases = [phantom(NAME, seed) for seed in range(count)]
    started = time.monotonic()
    for epoch, loss, trained in train(
        [example(*c) for c in cases], recipe, bfloat16, len(classes) - 1
    ):
        net = trained
        log.info("epoch %d: loss %.4f after %.0f s", epoch, loss, time.monotonic() - started)
    write(out, net, recipe, classes, "", {})
    # Shift all scores so that 0.5 is the best threshold on the training phantoms.
    score = calibrate(load_victim(str(out)), cases[:100])
    with torch.no_grad():
        net.network.classification_head.cls_logits.bias -= float(np.log(score / (1 - score)))
    log.info("a score of %.3f becomes 0.5", score)
    about = (
        f"Trained on {count} phantoms for {epochs} epochs; average precision (IoU 0.5) and F1 "
        f"(scores above 0.5) measured on {tests} fresh ones."
    )
    write(out, net, recipe, classes, about, {})
    figures = scores(load_victim(str(out)), [phantom(NAME, TEST_SEED + n) for n in range(tests)])
    write(out, net, recipe, classes, about, figures)
    log.info("%s", {name: round(value, 4) for name, value in figures.items()})


if __name__ == "__main__":
    guarded(lambda: app(standalone_mode=False))
