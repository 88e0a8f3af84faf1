"""`segadv train`: a CSV of cases in, a MONAI bundle with its measured Dice out."""

import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import cast, get_args

from ...common.wording import counted
from ...errors import SegadvError
from ...io.cases import Case, ClassMap, names_of, read_cases
from ...victims.loading.registry import load_file
from .bundle import write_bundle
from .fit import Epoch, Trained, dice_table, train
from .recipe import Network, Recipe

# With fewer cases than this, all of them are needed for training.
CASES_TO_HOLD_OUT = 5
# Smallest and largest spacing, in mm, that images are resampled to.
SPACINGS = (0.05, 100.0)


def recipe_from(
    network: str,
    dims: int,
    epochs: int,
    width: int,
    spacing: str | None,
    seed: int,
    bfloat16: bool,
) -> Recipe:
    """Make a Recipe from the options of the command line.

    Raises:
        SegadvError: if a value is not allowed.
    """
    if network not in get_args(Network):
        raise SegadvError(f"--network {network}: use {' or '.join(get_args(Network))}")
    if dims not in (2, 3):
        raise SegadvError(f"--dims {dims}: use 2 or 3")
    parts: tuple[float, ...] | None = None
    if spacing is not None:
        try:
            parts = tuple(float(part) for part in spacing.split(","))
        except ValueError:
            parts = ()
        low, high = SPACINGS
        if len(parts) != dims or not all(low <= part <= high for part in parts):
            raise SegadvError(
                f"--spacing {spacing}: give {dims} lengths in mm from {low:g} to {high:g}, "
                "such as 3,1.5,1.5"
            )
    if network == "segresnet" and width % 8:
        raise SegadvError(f"--width {width}: a segresnet needs a multiple of 8")
    return Recipe(
        dims,
        cast(Network, network),
        width,
        epochs=epochs,
        spacing=parts,
        seed=seed,
        bfloat16=bfloat16,
    )


def train_bundle(
    table: Path, out: Path, recipe: Recipe, classes: str | None
) -> Generator[Epoch, None, tuple[dict[str, float], str]]:
    """Train on the cases of a CSV and write a bundle; yield epochs, return Dice and its basis.

    With five cases or more, the last fifth is held out and the Dice is measured on it.

    Raises:
        SegadvError: if the CSV, a file or an option is invalid.
    """
    if out.exists():
        raise SegadvError(f"{out}: exists already; name another folder")
    cases = read_cases(table)
    masks = [case.mask for case in cases]
    # Also for labels that the user names: they must mean the same in all masks.
    names_of(masks)
    mapping = ClassMap.parse(classes) if classes else ClassMap.found_in(masks)
    used, held_out = split(cases)
    trained = yield from train(used, mapping, recipe)
    dice, about = finish(trained, out, out.name, held_out or used, mapping, bool(held_out))
    return dice, about


def split(cases: Sequence[Case]) -> tuple[Sequence[Case], Sequence[Case]]:
    """Split cases into those to train on and those to measure on (none if there are few)."""
    if len(cases) < CASES_TO_HOLD_OUT:
        return cases, []
    count = max(1, len(cases) // 5)
    return cases[:-count], cases[-count:]


def finish(
    trained: Trained,
    out: Path,
    name: str,
    measured_on: Sequence[Case],
    classes: ClassMap,
    unseen: bool,
) -> tuple[dict[str, float], str]:
    """Measure the bundle as the victim that it will be, and write it with the result."""
    about = (
        f"Trained on {counted(trained.cases, 'case')} for "
        f"{counted(trained.recipe.epochs, 'epoch')}; Dice measured on "
    )
    about += (
        f"{counted(len(measured_on), 'case')} held out."
        if unseen
        else f"{len(measured_on)} of the training cases."
    )
    with tempfile.TemporaryDirectory(prefix="segadv-") as folder:
        draft = write_bundle(trained, Path(folder) / name, name, {}, about)
        dice = dice_table(load_file(draft), measured_on, classes)
    write_bundle(trained, out, name, dice, about)
    return dice, about
