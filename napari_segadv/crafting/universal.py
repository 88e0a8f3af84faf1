"""One perturbation for many scans, measured on scans that it was not made from."""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import io
from ..attacks import Progress
from ..attacks.universal import Universal
from ..common.atomic_files import written_whole
from ..common.device import pick_device
from ..data.scan import Mask, Scan
from ..errors import SegadvError
from ..io.cases import check_alike, refuse_channels
from ..io.quantise import quantise
from ..measures.labels import FIGURES_VERSION, away, moved_and_kept
from ..results.provenance import describe_budget, describe_image, describe_victim
from ..victims.preprocessing.guidance import is_shown
from ..victims.scan_tensors import as_array
from ..victims.victim import Victim
from .binding import Setup, bind
from .problem import problem_of
from .record import describe_machine, describe_settings
from .request import Request

FILES = ("noise.nii.gz", "result.json")


@dataclass(frozen=True, eq=False)
class UniversalResult:
    """A universal perturbation, with the record of how it was made.

    Attributes:
        noise: float32, of the scans' shape, in their units.
        scan: one of the scans, for geometry and units.
        record: what `result.json` holds.
        notes: what the user should know.
    """

    noise: npt.NDArray[np.float32]
    scan: Scan
    record: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The result in one line of text."""
        cases = self.record["cases"]
        unseen = [case for case in cases if case["held_out"]] or cases
        where = "held-out images" if any(case["held_out"] for case in cases) else "its own images"
        mean = float(np.mean([case["moved"] for case in unseen]))
        return f"changed {100 * mean:.1f} % of the pixels of {len(unseen)} {where}"

    def save(self, folder: Path) -> None:
        """Write noise.nii.gz and result.json into a new folder, all or nothing.

        Raises:
            SegadvError: if the folder exists or can't be written.
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
    present: str = "auto",
    device: str = "auto",
    seed: int = 0,
) -> Generator[Progress, None, UniversalResult]:
    """Make one perturbation for many scans; yield Progress after each step.

    Args:
        scans: the scans, all of one size.
        victim: a segmentation network.
        attack: the parameters.
        truths: the correct labels of each scan; an untargeted attack moves away from them.
        target: what the victim should predict on every scan; None: untargeted.
        held_out: how many scans, from the end, are only measured.
        present, device, seed: as for `craft_steps`.

    Raises:
        SegadvError: if the parts do not fit each other, or the images have several channels.
    """
    if victim.task.name != "segmentation":
        raise SegadvError(f"{victim.name}: does {victim.task.name}; use a model that segments")
    victim.require_gradient()
    if is_shown(victim.steps):
        raise SegadvError(
            f"{victim.name}: is shown clicks on one image, which mean nothing on others; use the "
            "model itself"
        )
    refuse_channels(scans, "one perturbation is made for single channels alone")
    check_alike(scans)
    if held_out >= len(scans):
        raise SegadvError(f"{len(scans)} images: too few to hold out {held_out}; give more")
    device = pick_device(device)
    setups = [
        bind(victim, Request(scan, target, truth), device=device, present=present)
        for scan, truth in zip(scans, truths, strict=True)
    ]
    problems = [problem_of(one) for one in setups[: len(setups) - held_out]]
    budget = attack.budget(problems[0])
    tensor = yield from attack.run(problems, seed)
    noise = as_array(tensor, scans[0])
    measured = [
        {**_measure(one, noise, attack.norm, budget), "held_out": place >= len(problems)}
        for place, one in enumerate(setups)
    ]
    window = setups[0].judge.window
    record = {
        "figures_version": FIGURES_VERSION,
        "method": "universal",
        **describe_settings(attack, seed, target is not None),
        "victim": describe_victim(victim, victim.classes),
        "budget": describe_budget(scans[0], window, attack.norm, budget),
        "steps": attack.epochs * len(problems),
        **describe_machine(device),
        "cases": measured,
    }
    notes = [note for setup in setups for note in setup.judge.seen]
    return UniversalResult(noise, scans[0], record, tuple(dict.fromkeys(notes)))


def _measure(
    setup: Setup, noise: npt.NDArray[np.float32], norm: str, budget: float
) -> dict[str, Any]:
    """Measure a scan with the perturbation, rounded as its file will be, within the budget."""
    scan, clean = setup.request.scan, setup.clean
    target, truth = setup.request.target, setup.request.truth
    perturbed = replace(
        scan, array=quantise(scan, scan.array + noise.astype(np.float64), norm, budget)
    )
    after, _ = setup.predict(perturbed)
    if target is not None:
        moved, kept = moved_and_kept(after.array, target.array, clean.array)
        before = 0.0
    else:
        right = clean if truth is None else truth
        moved, kept = away(after.array, right.array), None
        before = away(clean.array, right.array)
    change = perturbed.array.astype(np.float64) - scan.array
    presented = setup.judge.presented
    return {
        "image": describe_image(scan),
        "presentation": None if presented is None else presented.data,
        "moved": moved,
        "moved_clean": before,
        "kept": kept,
        "linf": float(np.abs(change).max()),
        "l2": float(np.linalg.norm(change)),
    }
