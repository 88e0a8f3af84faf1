"""Write results and a session of every kind as the current code saves them.

    PYTHONPATH=tests python tests/saved_before/make.py VERSION

The folders of earlier versions stay as they are; `tests/results/test_saved_before.py` opens each of
them. Run it again for a version that saves something that the one before did not.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from detectors import square_victim, squares
from helpers import bands, disc_image

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.results.session.folder import open_session, save_session
from napari_segadv.results.session.session import (
    Session,
    SessionBoxes,
    SessionImage,
    SessionLabels,
    SessionRun,
    VictimSource,
)
from napari_segadv.results.verdicts import Verdict
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.victims.victim import Victim
from saved_before.facts import facts_of

HERE = Path(__file__).parent
WINDOW = {"a_min": 0.0, "a_max": 255.0, "b_min": 0.0, "b_max": 1.0}


def photograph() -> Victim:
    """Make a victim that segments bytes into bands of intensity."""
    step = Transform("ScaleIntensityRange", WINDOW)
    return Victim(
        bands(),
        name="bands",
        dims=2,
        classes=("background", "dim", "bright"),
        steps=(step,),
    )


def grader() -> Victim:
    """Make a victim that predicts one class for the whole image."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Conv2d(1, 3, 1)).eval()
    step = Transform("ScaleIntensityRange", WINDOW)
    classes = ("none", "mild", "severe")
    return Victim(
        network,
        name="grader",
        dims=2,
        classes=classes,
        steps=(step,),
        task="classification",
    )


def volume() -> tuple[Scan, Victim]:
    """Make a CT with flips and anisotropic spacing, and a victim that takes it slice by slice."""
    array = np.random.default_rng(0).normal(0, 30, (5, 16, 18)).astype(np.int16)
    array[1:4, 4:11, 6:14] += 150
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.diag([1.0, -1.0, -1.0]))
    step = Transform(
        "ScaleIntensityRange", {"a_min": -60.0, "a_max": 240.0, "b_min": 0.0, "b_max": 1.0}
    )
    victim = Victim(bands(), name="slices", dims=2, classes=("air", "a", "b"), steps=(step,))
    return Scan(array, grid, "HU", Storage("int16")), victim


def main(version: str) -> None:
    folder = HERE / version
    folder.mkdir()
    # Use relative paths only: where a result was made is nobody's business.
    os.chdir(folder)
    torch.set_num_threads(1)
    two = sa.attacks.PGD(epsilon=12.0, steps=2)

    flat = Scan.from_array(disc_image((32, 40)))
    io.save(flat, "xray.png")
    flat, victim = io.read("xray.png"), photograph()
    target = victim.predict(flat)
    target = target.with_array(np.where(np.arange(40) < 12, 1, target.array).astype(np.uint8))
    io.save_mask(target, "target.png")
    painted = sa.craft(flat, victim, two, target="target.png", device="cpu")
    painted.save("targeted")

    scan, slicer = volume()
    io.save(scan, "ct.nii.gz")
    scan = io.read("ct.nii.gz")
    away = sa.craft(scan, slicer, two, slices=(1, 3), device="cpu")
    away.save("untargeted")

    deform = sa.attacks.get("deform")(steps=2)
    bent = sa.craft(flat, victim, deform, target="target.png", device="cpu")
    bent.save("deformed")

    graded = sa.craft(flat, grader(), two, target="severe", device="cpu")
    graded.save("graded")

    cells = squares(bright=[(1, 1)], dark=[(2, 4)])
    found = sa.craft(cells, square_victim(), two, target="none", device="cpu")
    found.save("detected")

    drawn = Boxes.of([[3, 4, 12, 20]], [2], cells.grid, found.prediction_clean.classes)
    session = Session(
        images=(SessionImage("film", flat, (10.0, 200.0)), SessionImage("volume", scan)),
        labels=(
            SessionLabels("target", target, 0),
            SessionLabels("alone", Mask(np.eye(4, dtype=np.uint16) * 300, Grid.pixels((4, 4)))),
        ),
        runs=(
            SessionRun("pgd 1", painted, {0: Verdict("suspicious", "an edge")}),
            SessionRun("slices", away, {2: Verdict("obvious"), 3: Verdict("", "note")}),
            SessionRun("grade", graded),
            SessionRun("boxes", found),
            SessionRun("bent", bent),
        ),
        target=0,
        shown=1,
        victim=VictimSource("demo:chest-xray", "demo:chest-xray", "0" * 64, "built-in",
                            "segmentation", ("background", "heart")),
        boxes=(SessionBoxes("drawn", drawn, 0),),
        choice="none:2",
    )  # fmt: skip
    save_session(session, "session")
    # Figures are nearly all of the bytes and are never read back: keep one to stand for all.
    for figure in Path().rglob("figure.png"):
        if figure.parent.name != "targeted":
            figure.unlink()

    images = {"targeted": "xray.png", "untargeted": "ct.nii.gz", "deformed": "xray.png",
              "graded": "xray.png", "detected": None}  # fmt: skip
    known = {
        name: facts_of(sa.load_example(name, path if path else cells))
        for name, path in images.items()
    }
    io.save(cells, "cells.png")
    for number, run in enumerate(open_session("session").runs):
        known[f"session run {number}"] = facts_of(run.example)
    Path("facts.json").write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
