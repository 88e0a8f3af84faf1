"""nnU-Net v2 trainer folders, among them those of TotalSegmentator, as data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ....common.hashing import sha256_of_each
from ....errors import SegadvError
from ...heads import Head
from ...members import Mean, Mirrored, OnSlices, Stacked
from ...pipeline import Pipeline
from ...preprocessing.chain import Step, Transform
from ...preprocessing.nnunet import AsVolume, CropToNonzero, Normalise, Resample, Transpose
from ...preprocessing.totalsegmentator import Zoom
from ...regions import Regions
from ...victim import Victim
from ...windows import NnunetWindows
from ..contents import read_hashed
from ..nnunet_network import build_planned, fill, old_architecture, read_checkpoint, weights_in
from ..nnunet_plans import FILES, PICTURES, REORIENTED, Plan, check_trainer
from ..registry import VictimFormat
from ..sizes import check_numbers, check_size

FINAL = "checkpoint_final.pth"
# Share of a patch by which nnU-Net moves its window at most.
STEP = 0.5
# TotalSegmentator's models, by their names or by where it keeps them, but for those that it gives
# images as they are: for older lung vessels, bleedings, hip implants, effusions, liver vessels and
# heart chambers.
TOTALSEGMENTATOR = re.compile(r"TotalSeg|\.totalsegmentator/", re.IGNORECASE)
NOT_RESAMPLED = re.compile(r"Dataset(258|150|260|315|008|301)_")
# TotalSegmentator moves the window of its models of 1.5 mm, the parts of the task "total", by more.
FAST_PARTS, FAST_STEP = re.compile(r"Dataset29[1-5]_"), 0.8


def claims(path: Path) -> bool:
    return bool(_trainers(path)) or _fold_of(path) is not None


def _is_trainer(path: Path) -> bool:
    return all((path / name).is_file() for name in FILES) and any(path.glob("fold_*"))


def _trainers(path: Path) -> list[Path]:
    """Return the trainer folders that a path is or holds."""
    try:
        if _is_trainer(path):
            return [path]
        return [p for p in sorted(path.iterdir()) if _is_trainer(p)] if path.is_dir() else []
    except OSError:
        return []  # a folder that may not be read


def _fold_of(path: Path) -> Path | None:
    """Return the trainer folder of a single checkpoint, if the path is one."""
    inside = path.suffix == ".pth" and path.is_file() and path.parent.name.startswith("fold_")
    return path.parent.parent if inside and _is_trainer(path.parent.parent) else None


def load(path: Path, trusted_hash: str | None) -> Victim:
    # Nothing in such a folder runs, so nobody has to agree to it.
    root = _fold_of(path)
    checkpoints = [path]
    if root is None:
        root = _one_trainer(path)
        checkpoints = _checkpoints(root)
    trained = [Trained.read(file) for file in checkpoints]
    first = trained[0]
    for other in trained[1:]:
        if (other.configuration, other.trainer) != (first.configuration, first.trainer):
            raise SegadvError(
                f"{other.path}: was trained by {other.trainer} for {other.configuration}, but "
                f"{first.path} by {first.trainer} for {first.configuration}; remove one"
            )
    check_trainer(first.trainer, root)
    plan = Plan.read(root, first.configuration)
    victim = describe(plan, [one.network(plan) for one in trained], first.mirrored)
    sha256 = sha256_of_each([*plan.hashes, *(one.sha256 for one in trained)])
    return replace(victim, path=path, sha256=sha256)


def _one_trainer(path: Path) -> Path:
    found = _trainers(path)
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise SegadvError(f"{path}: holds several models; give the folder of one of them: {names}")
    return found[0]


def _checkpoints(root: Path) -> list[Path]:
    """Return the final checkpoints of a trainer's folds; of fold_all only if there is no other."""
    found = sorted(root.glob(f"fold_*/{FINAL}"))
    folds = [file for file in found if file.parent.name != "fold_all"] or found
    if not folds:
        raise SegadvError(
            f"{root}: has no fold_*/{FINAL}; copy it, or give another checkpoint's own path"
        )
    return folds


@dataclass(frozen=True, eq=False)
class Trained:
    """One fold's checkpoint.

    Attributes:
        path: the file.
        weights: the network's.
        configuration, trainer: their names.
        mirrored: the axes along which its program mirrors the image.
        sha256: of the bytes that it was read from.
    """

    path: Path
    weights: Any
    configuration: str
    trainer: str
    mirrored: tuple[int, ...]
    sha256: str

    @classmethod
    def read(cls, path: Path) -> "Trained":
        held, sha256 = read_hashed(path)
        content = read_checkpoint(path, held)
        arguments = content["init_args"]
        if not isinstance(arguments, Mapping) or "configuration" not in arguments:
            raise SegadvError(f"{path}: does not say of which configuration it is")
        axes = content.get("inference_allowed_mirroring_axes") or ()
        return cls(
            path,
            content["network_weights"],
            str(arguments["configuration"]),
            str(content["trainer_name"]),
            tuple(int(axis) for axis in axes),
            sha256,
        )

    def network(self, plan: Plan) -> nn.Module:
        """Build the fold's network."""
        architecture = plan.configuration.get("architecture")
        if not isinstance(architecture, Mapping):
            architecture = old_architecture(plan.configuration)
        check_numbers(architecture, plan.root / FILES[0])

        def build() -> nn.Module:
            return build_planned(architecture, len(plan.channels), plan.labels.outputs)

        check_size(build, weights_in(self.weights, self.path), self.path)
        with torch.device("meta"):
            network = build()
        return fill(network, self.weights, self.path)


def describe(plan: Plan, networks: Sequence[nn.Module], mirrored: Sequence[int]) -> Victim:
    """Make a Victim from a plan and the networks of its folds.

    It is attacked in single precision without mirroring, and predicts as nnU-Net's own program:
    mirrored, with sums in half precision.
    """
    dims = len(plan.patch)
    if len(set(mirrored)) < len(mirrored) or not set(mirrored) <= set(range(dims)):
        raise SegadvError(f"{plan.root}: mirrors axes {tuple(mirrored)} of a {dims}-D network")
    labels, outer = plan.labels, _around(plan)
    attacked = Mean(_of_volumes(networks, dims))
    judged = Stacked(_of_volumes([Mirrored(network, mirrored) for network in networks], dims))
    step = FAST_STEP if outer and FAST_PARTS.search(plan.title) else STEP
    windows = NnunetWindows(
        plan.patch if dims == 3 else (1, *plan.patch),
        overlap=(1 - step,) * 3 if dims == 3 else (0.0, 1 - step, 1 - step),
    )
    victim = Victim(
        attacked,
        name=f"{plan.title} {plan.name}",
        dims=dims,
        channels=len(plan.channels),
        channel_names=plan.channels,
        classes=labels.names,
        steps=_steps(plan, outer, exact=False),
        array_order=True,
        windows=windows,
        head=Head("none"),
        # Pictures are normalised and cropped one by one, all other images as volumes.
        volumewise=dims == 2 and plan.reader != PICTURES,
    )
    deployed = Pipeline(
        **{name: getattr(victim, name) for name in COMMON},
        network=judged,
        steps=_steps(plan, outer, exact=True),
        windows=replace(windows, half=True, members=len(networks)),
    )
    return replace(victim, deployed=deployed, notes=_notes(plan, networks, mirrored, outer))


def _of_volumes(networks: Sequence[nn.Module], dims: int) -> list[nn.Module]:
    return [network if dims == 3 else OnSlices(network, 0) for network in networks]


COMMON = (
    "name",
    "dims",
    "channels",
    "channel_names",
    "classes",
    "array_order",
    "head",
    "volumewise",
)


def _steps(plan: Plan, outer: Sequence[Step], exact: bool) -> tuple[Step, ...]:
    """Return the steps of the preprocessing, in nnU-Net's order; `exact`: as deployed."""
    regions = plan.labels.regions
    steps: list[Step] = [Regions(regions)] if regions else []
    steps += outer
    if plan.reader in REORIENTED and not outer:
        steps.append(Transform("Orientation", {"axcodes": "SAR"}))
    steps += [
        AsVolume(in_pixels=plan.reader == PICTURES),
        Transpose(plan.order),
        CropToNonzero(regions=bool(regions)),
        Normalise(plan.normalisations),
        Resample(plan.spacing, plan.resampler("data"), plan.resampler("probabilities"), exact),
    ]
    return tuple(steps)


def _around(plan: Plan) -> tuple[Step, ...]:
    """Return the steps that TotalSegmentator runs before its models; of others, none."""
    named = f"{plan.title} {plan.root.absolute().parent.as_posix()}"
    if len(plan.patch) != 3 or not TOTALSEGMENTATOR.search(named) or NOT_RESAMPLED.search(named):
        return ()
    # It resamples to the spacing of the plan itself, so that nnU-Net has nothing left to resample.
    spacing = [0.0] * 3
    for axis, length in zip(plan.order, plan.spacing, strict=True):
        spacing[axis] = length
    return Transform("Orientation", {"axcodes": "SAR"}), Zoom(tuple(spacing))


def _notes(
    plan: Plan, networks: Sequence[nn.Module], mirrored: Sequence[int], outer: Sequence[Step]
) -> tuple[str, ...]:
    ways = ["sums in half precision"]
    if mirrored:
        ways.insert(0, f"{2 ** len(mirrored)} mirrored passes")
    if len(networks) > 1:
        ways.insert(0, f"the mean of {len(networks)} folds")
    unlike = "without mirroring and " if mirrored else ""
    notes = [
        f"predictions are those of nnU-Net's own program ({', '.join(ways)}); the gradient comes "
        f"from the same model {unlike}in single precision"
    ]
    if len(plan.channels) > 1:
        notes.append(f"the model sees {len(plan.channels)} channels: {', '.join(plan.channels)}")
    if outer:
        notes.append(
            "TotalSegmentator's resampling is part of the model; its rough crop, its splitting of "
            "large images, its postprocessing and the other parts of a task are not"
        )
    return tuple(notes)


FORMAT = VictimFormat("trainer folder of nnU-Net v2", claims, load)
