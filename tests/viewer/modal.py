"""Dialogs that hold a test up until somebody closes them: answered when they come, never left."""

import faulthandler
import time
from contextlib import contextmanager

import pytest
from helpers import PATIENCE
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

# Milliseconds between two looks for a dialog.
LOOK = 20


def name_of(dialog):
    """A dialog as a message names it."""
    text = getattr(dialog, "text", lambda: "")() or dialog.windowTitle()
    return f"{type(dialog).__name__} {text[:80]!r}"


@contextmanager
def looking(look):
    """Looks for dialogs by a timer: its slot is called while `exec` holds the test up."""
    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(LOOK)
    try:
        yield
    finally:
        timer.stop()


@contextmanager
def answered(qtbot, kind, answer, patience=PATIENCE):
    """Answers the next dialog of a class as soon as it is there, however late that is.

    Goes around the call that opens the dialog, and ends when it is closed. A dialog that does not
    come, or stays, fails the test; whatever holds the test up then is closed.

    Args:
        qtbot: the test's.
        kind: the dialog's class.
        answer: gets the dialog, and closes it.
        patience: seconds that the dialog has to come and go.
    """
    met, failures, deadline = [], [], time.monotonic() + patience

    def look():
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, kind) and not met:
            met.append(dialog)
            try:
                answer(dialog)
            except Exception as error:  # noqa: BLE001 - a slot's errors end no test
                failures.append(f"{name_of(dialog)} was not answered: {error!r}")
        elif time.monotonic() > deadline and not over():
            missing = "was answered but stays" if met else "did not come"
            failures.append(f"{kind.__name__} {missing} within {patience} s")
        if failures and dialog is not None:
            failures[0] += f"; closed {name_of(dialog)}"
            dialog.reject()

    def over():
        return bool(failures) or (bool(met) and QApplication.activeModalWidget() is not met[0])

    try:
        with looking(look):
            yield
            qtbot.waitUntil(over)
    finally:
        if failures:
            pytest.fail(failures[0])


@contextmanager
def none_left_standing(patience=PATIENCE):
    """Closes a dialog that nobody has closed for long, says where that was, and fails the test.

    `exec` holds up the test and all that come after it. No signal of Python's, such as that of a
    time limit, gets through to a test that waits there.
    """
    standing, since, failures = None, 0.0, []

    def look():
        nonlocal standing, since
        dialog, now = QApplication.activeModalWidget(), time.monotonic()
        if dialog is not standing:
            standing, since = dialog, now
        elif dialog is not None and now - since > patience:
            faulthandler.dump_traceback(2)
            failures.append(f"nobody closed {name_of(dialog)} for {patience} s")
            dialog.reject()

    with looking(look):
        yield
    if failures:
        pytest.fail("; ".join(failures))
