"""Threads: how long one that waits for others keeps its core busy."""

import os

SPINS = "GOMP_SPINCOUNT"
# How often a waiting thread looks before it sleeps. It is what GNU's OpenMP takes by itself where
# it starts more threads than there are cores; of cores that others use it knows nothing.
SOON = 1000


def sleep_soon() -> None:
    """Let threads of torch that wait for others sleep soon, instead of keeping a core busy.

    GNU's OpenMP, which torch uses on Linux, lets them look 300,000 times first. On a machine with
    other work the thread that they wait for is often not running, and most of a step's processor
    time goes into waiting.

    It has no effect after torch was imported, nor where the user has said how threads wait.
    """
    if SPINS not in os.environ and "OMP_WAIT_POLICY" not in os.environ:
        os.environ[SPINS] = str(SOON)
