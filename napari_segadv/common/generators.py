"""Work that yields how far it is and returns a result: run to its end, or as a part of another."""

from collections.abc import Callable, Generator
from typing import TypeVar

State = TypeVar("State")
Told = TypeVar("Told")
Result = TypeVar("Result")


def finished(run: Generator[State, None, Result]) -> Result:
    """Run a generator to its end and return what it returns.

    Examples:
        >>> def count():
        ...     yield 1
        ...     return "all"
        >>> finished(count())
        'all'
    """
    while True:
        try:
            next(run)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def relayed(
    run: Generator[State, None, Result], told: Callable[[State], Told | None]
) -> Generator[Told, None, Result]:
    """Run a generator as a part of another one: yield what `told` makes of each state.

    Closing this generator closes `run` first.

    Args:
        run: the part.
        told: gives what is yielded in place of a state; None: nothing.

    Returns:
        What `run` returns.

    Examples:
        >>> def count():
        ...     yield from (1, 2)
        ...     return "all"
        >>> list(relayed(count(), lambda n: 10 * n))
        [10, 20]
    """
    try:
        while True:
            try:
                state = next(run)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            shown = told(state)
            if shown is not None:
                yield shown
    finally:
        run.close()
