"""Hashes that identify files, folders and arrays."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# What is hashed in front of the contents of a folder, and of several files. No network file begins
# so, and none is as short, so the hash of one thing is never that of a thing of another kind.
FOLDER, FILES = b"napari-segadv folder\0", b"napari-segadv files\0"


@dataclass(eq=False)
class HashedFolder:
    """The hashes of what a folder holds.

    Attributes:
        sha256: of all of it, with the names.
        files: the hash of each file by its name.
        folders: its folders by their names, also those that links lead to.
    """

    sha256: str = ""
    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, "HashedFolder"] = field(default_factory=dict)


def sha256_of(path: Path) -> str:
    """Return the hash of a file, or of all files in a folder with their names.

    Hidden files and compiled scripts count too, since code can be run from them. A file's hash is
    that of its bytes, as other programs compute it.
    """
    return _hash_file(path) if path.is_file() else hashed_folder(path).sha256


def hashed_folder(folder: Path) -> HashedFolder:
    """Hash a folder's files and the folders that links in it lead to: code can run from both."""
    return _hashed(folder, {}, [])


def _hashed(folder: Path, known: dict[Path, HashedFolder], above: list[Path]) -> HashedFolder:
    """Hash a folder.

    Args:
        folder: the folder.
        known: the folders met so far, filled in here.
        above: the folders that this one lies in, from the outermost.
    """
    real = folder.resolve()
    if real in known:
        return known[real]
    found = known[real] = HashedFolder()
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name)):
        if path.is_file():
            kind, value = b"file", _hash_file(path)
            found.files[path.name] = value
        elif path.is_dir():
            inner = path.resolve()
            circle = [*above, real].index(inner) if inner in [*above, real] else None
            held = known[inner] if circle is not None else _hashed(path, known, [*above, real])
            found.folders[path.name] = held
            kind, value = (
                (b"link", f"{circle:064x}") if circle is not None else (b"dir", held.sha256)
            )
        else:
            continue
        name = os.fsencode(path.name)
        digest.update(kind + len(name).to_bytes(8, "big") + name + bytes.fromhex(value))
    found.sha256 = hashlib.sha256(FOLDER + digest.digest()).hexdigest()
    return found


def sha256_of_files(hashes: Sequence[str]) -> str:
    """Return the hash of files that belong together, in their order, from the hash of each."""
    digest = hashlib.sha256(b"".join(bytes.fromhex(value) for value in hashes)).digest()
    return hashlib.sha256(FILES + digest).hexdigest()


def recorded_before(sha256: str, path: Path | None) -> bool:
    """Return whether a hash is what earlier versions recorded of a folder, or of weights with code.

    Args:
        sha256: the hash.
        path: the folder, or the file of the weights.
    """
    if path is None:
        return False
    if path.is_dir():
        return sha256 == earlier_hash(path)
    pair = (path, path.with_suffix(".json"))
    return all(file.is_file() for file in pair) and sha256 == sha256_of_all(pair)


def earlier_hash(folder: Path, known: dict[Path, str] | None = None) -> str:
    """Hash a folder as earlier versions did, to recognise what they recorded.

    Args:
        folder: the folder.
        known: hashes of the folders met so far, filled in here; "" for a folder that is still
            being hashed. None: none so far.
    """
    known = {} if known is None else known
    known[folder.resolve()] = ""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = os.fsencode(path.relative_to(folder).as_posix())
        if path.is_file():
            digest.update(relative + f"\0{_hash_file(path)}\n".encode())
        elif path.is_dir() and path.is_symlink():
            real = path.resolve()
            if real not in known:
                known[real] = earlier_hash(real, known)
            digest.update(relative + f"/\0{known[real]}\n".encode())
    known[folder.resolve()] = digest.hexdigest()
    return digest.hexdigest()


def sha256_of_all(files: Sequence[Path]) -> str:
    """Return the hash of a file, or of several that belong together, in their order."""
    return sha256_of_each([sha256_of(file) for file in files])


def sha256_of_each(hashes: Sequence[str]) -> str:
    """Return what `sha256_of_all` gives of files, from the hash of each."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def sha256_of_array(array: npt.NDArray[Any]) -> str:
    """Return the hash of an array's values, in memory order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
