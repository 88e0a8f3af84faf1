"""The command line's manners: progress on a terminal, results in few lines, errors in one."""

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from ..errors import SegadvError

if TYPE_CHECKING:
    from pathlib import Path

    from ..results.example import Example

Result = TypeVar("Result")
FAILED, BAD_INPUT, STOPPED = 1, 2, 130


def follow(run: Generator[Any, None, Result], title: str) -> Result:
    """Runs a generator to its end with a progress bar on a terminal; returns what it returns."""
    with Bar(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=None)
        shown = 0.0
        try:
            while True:
                state = next(run)
                # Reading a state waits for the GPU, so it is not done at every step.
                if time.monotonic() - shown > 0.1:
                    shown = time.monotonic()
                    bar.update(
                        task, completed=state.step, total=state.steps, description=str(state)
                    )
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def report(made: "Example", folder: "Path") -> None:
    """What came out, in a few lines."""
    for note in made.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo("\n".join([f"{folder}: {made.summary[0]}", *made.summary[1:]]))


def guarded(command: Callable[[], Any]) -> NoReturn:
    """Runs the command line: an error is one line on stderr, status 2 if the user can mend it."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # Ended from outside or with the terminal, it clears away what is half written, as on Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # What was told not to care (nohup) goes on not caring.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        status = command() or 0
        if status == STOPPED:
            # Typer makes an exit status of an interrupt.
            raise KeyboardInterrupt
        sys.exit(status)
    except SegadvError as error:
        _fail(str(error), BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped; nothing was written", STOPPED)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}; name another", BAD_INPUT)
    except Exception as error:  # noqa: BLE001 - the last resort: a line in place of a traceback
        # Typer keeps its usage errors to itself: they are the ones that format a message.
        if hasattr(error, "format_message"):
            _fail(f"{error.format_message()} (see segadv --help)", BAD_INPUT)
        if os.environ.get("SEGADV_TRACEBACK"):
            traceback.print_exc()
        _fail(
            f"{type(error).__name__}: {error} (this should not happen: please report it with what "
            "SEGADV_TRACEBACK=1 shows)",
            FAILED,
        )


def _fail(message: str, status: int) -> NoReturn:
    # A file's own words may hold what a terminal obeys, and could hide what would run.
    line = "".join(c if c.isprintable() else " " for c in message)
    sys.stderr.write(f"segadv: {' '.join(line.split())}\n")
    sys.exit(status)
