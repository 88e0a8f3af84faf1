"""Hashes of files and folders, by which they are known again."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hash of a file, or of all of a folder's files with their names.

    Hidden files and compiled scripts count: a script can be run from either.
    """
    if path.is_file():
        return _hash_file(path)
    return _hash_folder(path, {})


def _hash_folder(folder: Path, known: dict[Path, str]) -> str:
    """Hash of a folder's files, and of what links to folders lead to: code can be run from there.

    Args:
        folder: the folder.
        known: hashes of folders that links led to, which is filled; of one that is being hashed "".
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
    """Hash of a file, or of several that belong together, in their order."""
    if len(files) == 1:
        return sha256_of(files[0])
    return hashlib.sha256("".join(sha256_of(file) for file in files).encode()).hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
