"""Paths from the root, of which the last part is a name."""

from pathlib import Path


def whole(path: Path) -> Path:
    """Return a path from the root, without `..`, whose name is that of the file or folder.

    A link keeps its own name, unless the path goes up: `..` is above where the link leads.
    """
    found = path.absolute()
    return found.resolve() if ".." in found.parts else found
