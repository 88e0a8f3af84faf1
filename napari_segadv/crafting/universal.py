"""One perturbation for many scans, measured on scans that it was not made from."""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..attacks import Problem, Progress
from ..attacks.universal import Universal
from ..common.atomic_files import written_whole
from ..common.device import pick_device
from ..common.hashing import sha256_of_all
from ..common.wording import counted
from ..data.channels import Channel, Chosen, in_percent, shares_of
from ..data.scan import Mask, Scan
from ..errors import SegadvError
from ..io.cases import check_alike
from ..io.output import save_values
from ..io.quantise import quantise
from ..measures.labels import FIGURES_VERSION, away, moved_and_kept
from ..results.files import NOISE, RESULT
from ..results.provenance import describe_budget, describe_given, describe_image, describe_victim
from ..victims.preprocessing.guidance import is_shown
from ..victims.scan_tensors import as_array
from ..victims.victim import Victim
from .binding import Setup, bind
from .problem import problem_of
from .record import describe_channels, describe_machine, describe_settings
from .request import Request
from .scale import Scale, in_units_of_channels, on_scale, quantise_channels


@dataclass(frozen=True, eq=False)
class UniversalResult:
    """A universal perturbation, with the record of how it was made.

    Attributes:
        noise: float32, of the scans' shape, in their units; of several channels, each in its own.
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
        where = "held out" if any(case["held_out"] for case in cases) else "that it was made from"
        shares = [case["moved"] for case in unseen if case["moved"] is not None]
        if not shares:
            return f"no pixel had to change in {counted(len(unseen), 'image')} {where}"
        # Of an image in which nothing has to change, no share is as good as another.
        other = len(unseen) - len(shares)
        more = f"; in {other} more, no pixel had to" if other else ""
        mean, images = 100 * float(np.mean(shares)), counted(len(shares), "image")
        return f"changed {mean:.1f} % of the pixels that had to change, in {images} {where}{more}"

    def save(self, folder: Path) -> None:
        """Write noise.nii.gz and result.json into a new folder, all or nothing.

        Of several channels, the noise of each is a file: noise_0000.nii.gz, ...

        Raises:
            SegadvError: if the folder exists or can't be written.
        """
        if folder.exists():
            raise SegadvError(f"{folder}: exists already; name another folder")
        with written_whole(folder) as new:
            save_values(self.noise, new / NOISE, self.scan)
            files = {path.name: sha256_of_all([path]) for path in sorted(new.iterdir())}
            record = {**self.record, "notes": list(self.notes), "noise": files}
            text = json.dumps(record, indent=1, allow_nan=False)
            (new / RESULT).write_text(text + "\n", encoding="utf-8")


def universal_steps(
    scans: Sequence[Scan],
    victim: Victim,
    attack: Universal,
    *,
    truths: Sequence[Mask],
    target: Mask | None = None,
    held_out: int = 0,
    channels: Chosen | None = None,
    present: str = "auto",
    device: str = "auto",
    seed: int = 0,
) -> Generator[Progress, None, UniversalResult]:
    """Make one perturbation for many scans; yield Progress after each step.

    Args:
        scans: the scans, all of one size; of several channels, all have the same ones.
        victim: a segmentation network.
        attack: the parameters; the budget is in the scans' units, of several channels in percent of
            the windows that the victim has for those of the first scan.
        truths: the correct labels of each scan; an untargeted attack moves away from them.
        target: what the victim should predict on every scan; None: untargeted.
        held_out: how many scans, from the end, are only measured.
        channels, present, device, seed: as for `craft_steps`.

    Raises:
        SegadvError: if the parts do not fit each other.
    """
    _check(scans, victim, held_out)
    device = pick_device(device)
    setups = [
        bind(
            victim,
            Request(scan, target, truth, shares=shares_of(channels, scan, victim.channel_names)),
            device=device,
            present=present,
        )
        for scan, truth in zip(scans, truths, strict=True)
    ]
    # One change for all images has one scale: that of the first.
    shared = setups[0].channels
    problems = [_problem(one, shared) for one in setups[: len(setups) - held_out]]
    budget = attack.budget(problems[0])
    tensor = yield from attack.run(problems, seed)
    noise = as_array(in_units_of_channels(tensor, problems[0]), scans[0])
    measured = [
        {**_measure(one, noise, attack.norm, budget, shared), "held_out": place >= len(problems)}
        for place, one in enumerate(setups)
    ]
    window = setups[0].judge.window
    # What the user gave: binding fits labels to the victim's cells.
    given = {"target": describe_given(target), "truths": [describe_given(one) for one in truths]}
    record = {
        "figures_version": FIGURES_VERSION,
        "method": "universal",
        **describe_settings(attack, seed, target is not None),
        "inputs": given,
        "present": present,
        "victim": describe_victim(victim, victim.classes),
        "window": list(window),
        "budget": describe_budget(scans[0], window, attack.norm, budget),
        **describe_channels(shared),
        "steps": attack.epochs * len(problems),
        **describe_machine(device),
        "cases": measured,
    }
    notes = [
        note
        for setup in setups
        for note in (*setup.request.scan.notes, *setup.judge.seen, *setup.request.notes)
    ]
    return UniversalResult(noise, scans[0], record, tuple(dict.fromkeys(notes)))


def _check(scans: Sequence[Scan], victim: Victim, held_out: int) -> None:
    """Refuse a victim that can't be attacked so, and scans that do not fit each other."""
    if victim.task.name != "segmentation":
        raise SegadvError(f"{victim.name}: does {victim.task.name}; use a model that segments")
    victim.require_gradient()
    if is_shown(victim.steps):
        raise SegadvError(
            f"{victim.name}: is shown clicks on one image, which mean nothing on others; use the "
            "model itself"
        )
    check_alike(scans)
    if held_out >= len(scans):
        raise SegadvError(f"{len(scans)} images: too few to hold out {held_out}; give more")


def _problem(setup: Setup, channels: tuple[Channel, ...]) -> Problem:
    """Return the problem of one scan; of several channels, on the scale of `channels`."""
    problem = problem_of(setup)
    return on_scale(problem, setup.request.scan, Scale.of(channels)) if channels else problem


def _measure(
    setup: Setup,
    noise: npt.NDArray[np.float32],
    norm: str,
    budget: float,
    channels: tuple[Channel, ...],
) -> dict[str, Any]:
    """Measure a scan with the perturbation, rounded as its file will be, within the budget."""
    scan, clean = setup.request.scan, setup.clean
    target, truth = setup.request.target, setup.request.truth
    wanted = scan.array + noise.astype(np.float64)
    perturbed = (
        quantise_channels(scan, wanted, norm, budget, channels)
        if channels
        else replace(scan, array=quantise(scan, wanted, norm, budget))
    )
    after, _ = setup.predict(perturbed)
    moved: float | None
    before: float | None
    kept: float | None
    if target is not None:
        moved, kept = moved_and_kept(after.array, target.array, clean.array)
        before, asks = 0.0, bool((target.array != clean.array).any())
    else:
        right = clean if truth is None else truth
        moved, kept = away(after.array, right.array), None
        before, asks = away(clean.array, right.array), bool((right.array != 0).any())
    if not asks:
        moved = before = None
    presented = setup.judge.presented
    return {
        "image": describe_image(scan),
        "presentation": None if presented is None else presented.data,
        "moved": moved,
        "moved_clean": before,
        "kept": kept,
        **_sizes(perturbed.array.astype(np.float64) - scan.array, channels),
    }


def _sizes(change: npt.NDArray[np.float64], channels: tuple[Channel, ...]) -> dict[str, Any]:
    """Return the largest value and the length of a change; of several channels, of each too."""

    def sizes(values: npt.NDArray[np.float64]) -> dict[str, Any]:
        return {"linf": float(np.abs(values).max()), "l2": float(np.linalg.norm(values))}

    found = sizes(in_percent(change, channels))
    if channels:
        found["channels"] = [
            {"name": one.name, "units": one.units, **sizes(change[..., number])}
            for number, one in enumerate(channels)
        ]
    return found
