"""Keeps what is built from data alone off the network, whatever its classes would fetch."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from ...errors import SegadvError

# Names of Python's audit events by which a program reaches out.
REACHING = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "urllib.Request",
        "http.client.connect",
        "ftplib.connect",
    }
)
_here = threading.local()


class ReachesOut(SegadvError):
    """Something wants to fetch data although nobody has agreed to that."""


@contextmanager
def offline() -> Iterator[None]:
    """Let nothing that this thread does reach the network.

    Raises:
        ReachesOut: inside, where something tries to.
    """
    _watch()
    before, _here.offline = getattr(_here, "offline", False), True
    try:
        yield
    finally:
        _here.offline = before


@cache
def _watch() -> None:
    """Watch from now on; Python has no way to end that, and elsewhere nothing is refused."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in REACHING and getattr(_here, "offline", False):
        asked = next((str(one) for one in arguments if isinstance(one, (str, tuple))), "a server")
        raise ReachesOut(f"it would fetch data from the network ({asked[:80]})")
