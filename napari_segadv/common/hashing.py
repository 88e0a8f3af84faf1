"""Hashes that identify files, folders and arrays."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def sha256_of(path: Path) -> str:
    """Return the hash of a file, or of all files in a folder with their names.

    Hidden files and compiled scripts count too, since code can be run from them.
    """
    if path.is_file():
        return _hash_file(path)
    return _hash_folder(path, {})


def _hash_folder(folder: Path, known: dict[Path, str]) -> str:
    """Hash a folder's files and the folders that links in it lead to: code can run from both.

    Args:
        folder: the folder.
        known: hashes of the folders met so far, filled in here; "" for a folder that is still
            being hashed.
    """
    known[folder.resolve()] = ""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = os.fsencode(path.relative_to(folder).as_posix())
        if path.is_file():
            digest.update(relative + f"\0{_hash_file(path)}\n".encode())
        elif path.is_dir() and path.is_symlink():
            real = path.resolve()
            if real not in known:
                known[real] = _hash_folder(real, known)
            digest.update(relative + f"/\0{known[real]}\n".encode())
    known[folder.resolve()] = digest.hexdigest()
    return digest.hexdigest()


def sha256_of_all(files: Sequence[Path]) -> str:
    """Return the hash of a file, or of several that belong together, in their order."""
    if len(files) == 1:
        return sha256_of(files[0])
    return hashlib.sha256("".join(sha256_of(file) for file in files).encode()).hexdigest()


def sha256_of_array(array: npt.NDArray[Any]) -> str:
    """Return the hash of an array's values, in memory order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
