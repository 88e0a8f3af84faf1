"""What a victim's files held when they were hashed: nothing else of them is ever loaded."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...common.hashing import HashedFolder, hashed_folder
from ...errors import SegadvError


@dataclass(frozen=True, eq=False)
class Contents:
    """A folder as it was hashed. Reading a file of it gives the bytes that the hash was made of.

    Attributes:
        root: the folder.
        folder: the hashes of its files.
    """

    root: Path
    folder: HashedFolder

    @classmethod
    def of(cls, root: Path) -> "Contents":
        """Hash a folder."""
        return cls(root, hashed_folder(root))

    @property
    def sha256(self) -> str:
        return self.folder.sha256

    def hash_of(self, relative: str) -> str | None:
        """Return the hash of a file, by its path in the folder; None if there was none."""
        folder, parts = self.folder, PurePosixPath(relative).parts
        for name in parts[:-1]:
            if name not in folder.folders:
                return None
            folder = folder.folders[name]
        return folder.files.get(parts[-1]) if parts else None

    def is_folder(self, relative: str) -> bool:
        """Return whether there was a folder of this path in the folder."""
        folder = self.folder
        for name in PurePosixPath(relative).parts:
            if name not in folder.folders:
                return False
            folder = folder.folders[name]
        return True

    def size(self) -> int:
        """Return how many bytes the files have that were there."""
        total, found, seen = 0, [(self.root, self.folder)], set()
        while found:
            path, folder = found.pop()
            if id(folder) in seen:
                continue
            seen.add(id(folder))
            found += [(path / name, inner) for name, inner in folder.folders.items()]
            for name in folder.files:
                with suppress(OSError):
                    total += (path / name).stat().st_size
        return total

    def read(self, relative: str) -> bytes:
        """Return what a file held when it was hashed.

        Raises:
            SegadvError: if the file was not there then, or has changed since.
        """
        path, expected = self.root / relative, self.hash_of(relative)
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise SegadvError(f"{path}: can't be read ({reason}); copy it again") from None
        if hashlib.sha256(content).hexdigest() != expected:
            raise SegadvError(f"{path}: has changed while it was being loaded; load it again")
        return content


def read_hashed(path: Path) -> tuple[bytes, str]:
    """Return a file's bytes and their hash.

    Raises:
        SegadvError: if it can't be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise SegadvError(f"{path}: can't be read ({reason}); copy it again") from None
    return content, hashlib.sha256(content).hexdigest()
