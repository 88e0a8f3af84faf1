"""Memory: how much of it is left."""

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
