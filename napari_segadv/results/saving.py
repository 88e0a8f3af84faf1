"""A run in a folder, as the command line and the viewer save it.

A run's folder is an example's, together with the target, a reader's verdicts on slices, and the
exact values that files of predictions round: so the run comes back as it was.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..common.atomic_files import written_whole
from .example import Example
from .files import EXACT, PREDICTIONS, TARGET, VERDICTS, refuse_existing
from .verdicts import Verdict, verdicts_to_json


def save_run(
    example: Example,
    folder: str | Path,
    verdicts: Mapping[int, Verdict] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write an example and the verdicts on its slices into a folder, all or nothing.

    Args:
        example: what to save.
        folder: created, with its parents.
        verdicts: by number of the slice.
        overwrite: replace an earlier result there.

    Raises:
        SegadvError: as `Example.save`.
    """
    folder = Path(folder)
    refuse_existing(folder, overwrite)
    with written_whole(folder, overwrite) as new:
        write_run(example, new, verdicts)
    return folder


def write_run(
    example: Example, folder: Path, verdicts: Mapping[int, Verdict] | None = None
) -> None:
    """Write the same into an existing, empty folder."""
    task = example.task
    exact: dict[str, Any] = {}
    if example.target is not None:
        task.save(example.target, folder / f"{TARGET}{task.ending}")
    for name in (*PREDICTIONS, TARGET):
        value = getattr(example, name)
        if value is not None:
            exact |= {f"{name}.{part}": array for part, array in task.exact(value).items()}
    if exact:
        np.savez_compressed(folder / EXACT, **exact)
    if verdicts:
        text = json.dumps(verdicts_to_json(verdicts), indent=1, ensure_ascii=False)
        (folder / VERDICTS).write_text(text + "\n", encoding="utf-8")
    # Last, since it lists all files.
    example.write(folder)
