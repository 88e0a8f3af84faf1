"""The names of the files in a result's folder, and which folders may be written to."""

from pathlib import Path

from ..common.atomic_files import check_place
from ..common.json_data import read_json
from ..errors import SegadvError
from ..io.registry import formats

RESULT, FIGURE = "result.json", "figure.png"
ADVERSARIAL, NOISE = "adversarial", "noise"
# The fields of an attack that deforms or shades.
FIELDS = ("displacement", "intensity")
PREDICTIONS = ("prediction_clean", "prediction_adversarial")
# What the viewer also saves: the target, verdicts on slices, and arrays that the files round.
TARGET, VERDICTS, EXACT = "target", "verdicts.json", "exact.npz"
# Suffix of float32 arrays and of predictions that are label maps.
ARRAY = ".nii.gz"
# Files that a result may have, apart from those whose suffixes differ.
OURS = (
    *(FIGURE, VERDICTS, EXACT, f"{TARGET}.json"),
    *(f"{name}{ARRAY}" for name in (NOISE, *FIELDS, TARGET)),
)
# What every `result.json` holds.
ALWAYS = ("method", "victim", "measures", "adversarial")


def refuse_existing(folder: Path, overwrite: bool) -> None:
    """Raise SegadvError if a folder must not be written or overwritten."""
    check_place(folder)
    if not folder.exists():
        return
    if not overwrite:
        raise SegadvError(f"{folder}: exists already; name another folder or add --overwrite")
    other = not_of_a_result(folder)
    if other is None:
        raise SegadvError(
            f"{folder}: is not a segadv result, so it is not overwritten; name another folder"
        )
    if other:
        raise SegadvError(
            f"{folder}: holds {other}, which is not of the result there, so it is not overwritten; "
            "move that file elsewhere or name another folder"
        )


def is_result(folder: Path) -> bool:
    """Return whether a folder is empty, or holds a result and nothing else."""
    return not_of_a_result(folder) == ""


def not_of_a_result(folder: Path) -> str | None:
    """Return a file in a result's folder that is not the result's.

    `result.json` lists the files of a result. Those of earlier versions did not: then the names
    decide.

    Returns:
        Its path in the folder; "" if there is none, also of an empty folder; None if the folder
        holds no result.
    """
    if folder.is_symlink() or not folder.is_dir():
        return None
    if next(folder.iterdir(), None) is None:
        return ""
    try:
        record = read_json(folder / RESULT)
        found = files_in(folder)
    except (SegadvError, OSError):
        return None
    if not isinstance(record, dict) or not all(name in record for name in ALWAYS):
        return None
    listed = record.get("files")
    if isinstance(listed, list):
        ours = {RESULT, *map(str, listed)}
        return next((name for name in found if name not in ours), "")
    return next((name for name in found if name not in OURS and not _with_suffix(name)), "")


def files_in(folder: Path) -> list[str]:
    """Return the files below a folder, by their paths in it; links and folders count as files."""
    below = sorted(folder.rglob("*"))
    names = [path.relative_to(folder).as_posix() for path in below if not _holds(path)]
    return [name for name in names if name != RESULT]


def _holds(path: Path) -> bool:
    """Return whether a path is a folder that is not empty, so that its contents stand for it."""
    return path.is_dir() and not path.is_symlink() and next(path.iterdir(), None) is not None


def _with_suffix(name: str) -> bool:
    """Return whether a name is that of an image or a prediction, whose suffixes differ."""
    stem, dot, ending = name.partition(".")
    images = {end for form in formats() for end in form.suffixes} | {".img", ".raw", ".zraw"}
    known = {ADVERSARIAL: images} | {key: {ARRAY, ".json"} for key in PREDICTIONS}
    return dot + ending in known.get(stem, set())
