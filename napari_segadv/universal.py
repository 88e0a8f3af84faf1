"""A universal perturbation for a set of scans, measured on scans that it was not made from."""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from . import io
from .attacks import Problem, Progress
from .attacks.methods.pgd import PGD
from .attacks.universal import Universal
from .errors import SegadvError
from .folders import written_whole
from .io.quantise import quantise
from .measures import away, moved_and_kept
from .parameters import values
from .provenance import describe_budget, describe_image, describe_versions, describe_victim
from .request import Request, pick_device, predict, problem_of
from .scan import Mask, Scan
from .victims.scan_tensors import as_array
from .victims.victim import Victim

FILES = ("noise.nii.gz", "result.json")


@dataclass(frozen=True, eq=False)
class UniversalResult:
    """What came out.

    Attributes:
        noise: float32, of the scans' shape, in their units.
        scan: one of them, for geometry and units.
        record: what `result.json` holds.
    """

    noise: npt.NDArray[np.float32]
    scan: Scan
    record: dict[str, Any]

    @property
    def summary(self) -> str:
        """What came out, in a line."""
        cases = self.record["cases"]
        unseen = [case for case in cases if case["held_out"]] or cases
        where = "held-out images" if any(case["held_out"] for case in cases) else "its own images"
        mean = float(np.mean([case["moved"] for case in unseen]))
        return f"moved {100 * mean:.1f} % of the pixels of {len(unseen)} {where}"

    def save(self, folder: Path) -> None:
        """Writes noise.nii.gz and result.json into a new folder, all or nothing.

        Raises:
            SegadvError: where it exists or can't be written.
        """
        if folder.exists():
            raise SegadvError(f"{folder}: exists already; name another folder")
        with written_whole(folder) as new:
            io.save_array(self.noise, new / FILES[0], self.scan)
            text = json.dumps(self.record, indent=1, allow_nan=False)
            (new / FILES[1]).write_text(text + "\n", encoding="utf-8")


def universal_steps(
    scans: Sequence[Scan],
    victim: Victim,
    attack: Universal,
    *,
    truths: Sequence[Mask],
    target: Mask | None = None,
    held_out: int = 0,
    device: str = "auto",
    seed: int = 0,
) -> Generator[Progress, None, UniversalResult]:
    """Makes one perturbation for many scans; yields Progress after each step.

    Args:
        scans: of one size.
        victim: a segmentation network.
        attack: its parameters.
        truths: what is right on each scan; an untargeted attack goes away from it.
        target: what the victim shall predict on every one; None: untargeted.
        held_out: how many scans at the end are only measured.
        device, seed: as for `craft`.

    Raises:
        SegadvError: where the parts do not fit each other.
    """
    if victim.task.name != "segmentation":
        raise SegadvError(f"{victim.name}: does {victim.task.name}; use one that segments")
    if held_out >= len(scans):
        raise SegadvError(f"{len(scans)} images: too few to hold {held_out} out; give more")
    device = pick_device(device)
    made = [
        _problem(scan, victim, truth, target, device, seed)
        for scan, truth in zip(scans, truths, strict=True)
    ]
    kept = [problem for problem, _ in made[: len(made) - held_out]]
    budget = attack.budget(kept[0])
    tensor = yield from attack.run(kept, seed)
    noise = as_array(tensor, scans[0])
    measured = []
    for place, (scan, truth) in enumerate(zip(scans, truths, strict=True)):
        found = _measure(scan, victim, truth, target, (noise, attack.norm, budget), device)
        measured.append({**found, "held_out": place >= len(kept)})
    window = victim.window or scans[0].bounds
    record = {
        "method": "universal",
        "parameters": values(attack),
        "seed": seed,
        "goal": "untargeted" if target is None else "targeted",
        "victim": describe_victim(victim, victim.classes),
        "budget": describe_budget(scans[0], window, attack.norm, budget),
        "steps": attack.epochs * len(kept),
        "device": device,
        "versions": describe_versions(),
        "cases": measured,
    }
    return UniversalResult(noise, scans[0], record)


def _problem(
    scan: Scan, victim: Victim, truth: Mask, target: Mask | None, device: str, seed: int
) -> tuple[Problem, Scan]:
    request = Request(*(scan, victim, PGD(), target, truth), *(None, None, (), device, seed))
    model, clean = predict(victim, scan, request)
    known = torch.from_numpy(clean.array.astype(np.int64))[None].to(device)
    return problem_of(request, model, known, model.window), scan


def _measure(
    scan: Scan,
    victim: Victim,
    truth: Mask,
    target: Mask | None,
    made: tuple[npt.NDArray[np.float32], str, float],
    device: str,
) -> dict[str, Any]:
    """A scan with the perturbation, rounded as its file will be, inside budget and bounds."""
    noise, norm, budget = made
    clean = victim.predict(scan, device)
    wanted = scan.array + noise.astype(np.float64)
    worn = replace(scan, array=quantise(scan, wanted, norm, budget))
    after = victim.predict(worn, device)
    if target is None:
        moved: float = away(after.array, truth.array)
        kept: float | None = None
        before = away(clean.array, truth.array)
    else:
        moved, kept = moved_and_kept(after.array, target.array, clean.array)
        before = 0.0
    change = worn.array.astype(np.float64) - scan.array
    return {
        "image": describe_image(scan),
        "moved": moved,
        "moved_clean": before,
        "kept": kept,
        "linf": float(np.abs(change).max()),
        "l2": float(np.linalg.norm(change)),
    }
