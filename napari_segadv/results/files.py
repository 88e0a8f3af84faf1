"""The names of the files in a result's folder, and which folders may be written to."""

from pathlib import Path

from ..common.atomic_files import check_place
from ..errors import SegadvError

RESULT, FIGURE = "result.json", "figure.png"
ADVERSARIAL, NOISE = "adversarial", "noise"
# The fields of an attack that deforms or shades.
FIELDS = ("displacement", "intensity")
PREDICTIONS = ("prediction_clean", "prediction_adversarial")
# What the viewer also saves: the target, verdicts on slices, and arrays that the files round.
TARGET, VERDICTS, EXACT = "target", "verdicts.json", "exact.npz"
# Suffix of float32 arrays and of predictions that are label maps.
ARRAY = ".nii.gz"


def refuse_existing(folder: Path, overwrite: bool) -> None:
    """Raise SegadvError if a folder must not be written or overwritten."""
    check_place(folder)
    if not folder.exists():
        return
    if not overwrite:
        raise SegadvError(f"{folder}: exists already; name another folder or add --overwrite")
    if not is_result(folder):
        raise SegadvError(
            f"{folder}: is not a segadv result, so it is not overwritten; name another folder"
        )


def is_result(folder: Path) -> bool:
    """Return whether a folder holds nothing, or only files of a result."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    ours = {RESULT, FIGURE, VERDICTS, EXACT}
    ours |= {f"{name}{ARRAY}" for name in (NOISE, *FIELDS, TARGET)} | {f"{TARGET}.json"}
    # Their suffixes depend on the image's format and on the task.
    begin = (f"{ADVERSARIAL}.", *(f"{name}." for name in PREDICTIONS))
    return all(
        path.is_file() and (path.name in ours or path.name.startswith(begin))
        for path in folder.iterdir()
    )
