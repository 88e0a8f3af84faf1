"""What the files in a result's folder are called, and which folder may be written to."""

from pathlib import Path

from ..common.atomic_files import check_place
from ..errors import SegadvError

RESULT, FIGURE = "result.json", "figure.png"
ADVERSARIAL, NOISE = "adversarial", "noise"
# The arrays of an attack that bends or shades.
FIELDS = ("displacement", "intensity")
PREDICTIONS = ("prediction_clean", "prediction_adversarial")
# What the viewer saves besides: the target, what was said of the slices, and what files round.
TARGET, VERDICTS, EXACT = "target", "verdicts.json", "exact.npz"
# Of float32 arrays, and of predictions as label maps.
ARRAY = ".nii.gz"


def refuse_existing(folder: Path, overwrite: bool) -> None:
    """Raises SegadvError if a folder must not be (over)written."""
    check_place(folder)
    if not folder.exists():
        return
    if not overwrite:
        raise SegadvError(f"{folder}: exists already; name another folder (or --overwrite)")
    if not is_result(folder):
        raise SegadvError(
            f"{folder}: is no earlier result, so it is not overwritten; name another folder"
        )


def is_result(folder: Path) -> bool:
    """Whether a folder holds what a result is saved as and nothing else, or nothing."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    ours = {RESULT, FIGURE, VERDICTS, EXACT}
    ours |= {f"{name}{ARRAY}" for name in (NOISE, *FIELDS, TARGET)} | {f"{TARGET}.json"}
    # Their endings are those of the image's format and of the task.
    begin = (f"{ADVERSARIAL}.", *(f"{name}." for name in PREDICTIONS))
    return all(
        path.is_file() and (path.name in ours or path.name.startswith(begin))
        for path in folder.iterdir()
    )
