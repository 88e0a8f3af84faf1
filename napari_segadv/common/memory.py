"""Memory: how much of it is left."""

import psutil


def available() -> int:
    """Return the bytes of memory that can be used without swapping.

    Examples:
        >>> available() > 0
        True
    """
    return int(psutil.virtual_memory().available)
