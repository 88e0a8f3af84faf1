"""What commands print: progress on a terminal, results in a few lines, errors in one."""

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from ..common.wording import printable
from ..errors import SegadvError

if TYPE_CHECKING:
    from pathlib import Path

    from ..results.example import Example

Result = TypeVar("Result")
FAILED, BAD_INPUT, STOPPED = 1, 2, 130


def follow(run: Generator[Any, None, Result], title: str) -> Result:
    """Run a generator to its end, with a progress bar on a terminal; return what it returns."""
    with Bar(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=None)
        shown = 0.0
        try:
            while True:
                state = next(run)
                # Reading a state waits for the GPU, so not every step is shown.
                if time.monotonic() - shown > 0.1:
                    shown = time.monotonic()
                    bar.update(
                        task, completed=state.step, total=state.steps, description=str(state)
                    )
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def say(*lines: object, err: bool = False) -> None:
    """Print lines. Text from a file may hold control characters: they are shown, not obeyed."""
    typer.echo("\n".join(printable(str(line)) for line in lines), err=err)


def tell(notes: Iterable[str]) -> None:
    """Print what the user has to know."""
    for note in notes:
        say(f"note: {note}", err=True)


def report(example: "Example", folder: "Path") -> None:
    """Print an example's notes and summary in a few lines, with what the change looks like."""
    from ..measures.by_window import seen_in_windows, similarity_text

    tell(example.notes)
    head, *more = example.summary
    # The channels of several are each read in a window of their own.
    seen = () if example.channels else seen_in_windows(example.clean, example.adversarial)
    similar = similarity_text(example.measures["ssim"], seen)
    say(f"{folder}: {head}{f'; {similar}' if similar else ''}", *more)


def guarded(command: Callable[[], Any]) -> NoReturn:
    """Run the command line: an error is one line on stderr, status 2 if the user can fix it."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # If the process is ended from outside or with its terminal, clean up as on Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # A signal that the process was started to ignore (nohup) stays ignored.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        status = command() or 0
        if status == STOPPED:
            # Typer turns an interrupt into an exit status.
            raise KeyboardInterrupt
        sys.exit(status)
    except SegadvError as error:
        _fail(str(error), BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped; nothing was written", STOPPED)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        _fail(
            f"{error.filename or 'a file'}: {error.strerror or error}; use another path", BAD_INPUT
        )
    except Exception as error:  # noqa: BLE001 - the last resort: one line, not a traceback
        # Typer does not export its usage errors; only they have format_message.
        if hasattr(error, "format_message"):
            _fail(f"{error.format_message()} (see segadv --help)", BAD_INPUT)
        if os.environ.get("SEGADV_TRACEBACK"):
            traceback.print_exc()
        _fail(
            f"{type(error).__name__}: {error} (this is a bug: please report it with the output of "
            "SEGADV_TRACEBACK=1)",
            FAILED,
        )


def _fail(message: str, status: int) -> NoReturn:
    sys.stderr.write(f"segadv: {printable(' '.join(message.split()))}\n")
    sys.exit(status)
