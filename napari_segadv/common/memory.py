"""Memory: how much of it is left, and whether what is freed is kept for the next use."""

import ctypes
import sys
from pathlib import Path

import psutil

# Files in which Linux says how much memory a container may use, and how much it uses.
CONTAINER = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def available() -> int:
    """Return how many bytes of memory can still be used without swapping, also in a container.

    Examples:
        >>> available() > 0
        True
    """
    free = int(psutil.virtual_memory().available)
    for limit, used in CONTAINER:
        try:
            most, now = (int(Path(name).read_text()) for name in (limit, used))
        except (OSError, ValueError):  # no container, or one without a limit
            continue
        # What is cached counts as used there, although it can be freed: leave it a quarter.
        free = min(free, max(most - now, most // 4))
    return free


# Parameters of glibc's mallopt, see malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# glibc before 2.35 takes no larger threshold for pages of its own.
_OLD_MOST = 32 << 20


def keep_freed(most: int = 1 << 30) -> bool:
    """Let this process keep the memory that it frees, up to so many bytes, for its next tensors.

    glibc gives large blocks back at once, and the system clears each page before it hands it out
    again: a quarter of the processor time of a step. At most an eighth of what is left is kept.

    Returns:
        Whether it is kept; other systems and libraries decide that on their own.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    most = min(most, available() // 8)
    own_pages = mallopt(_MMAP_THRESHOLD, most) or mallopt(_MMAP_THRESHOLD, _OLD_MOST)
    return bool(own_pages and mallopt(_TRIM_THRESHOLD, most))


def give_back() -> None:
    """Give the memory that is kept back to the system, if this is glibc."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
