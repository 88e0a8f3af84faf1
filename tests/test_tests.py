"""Tests wait for what comes, never for a time: a busy machine takes longer than anybody thinks."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# The bot's own limits, which are given in one place.
PATIENT = TESTS / "viewer" / "conftest.py"


def name_of(node) -> str:
    """A call's function as it is written, with its last two parts."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value).split('.')[-1]}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def is_zero(node) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def waits(call: ast.Call) -> bool:
    """Whether a call waits for a time, or gives up waiting at a time of its own."""
    name = name_of(call.func)
    last = name.split(".")[-1]
    if last in ("sleep", "qWait", "qSleep", "msleep", "usleep"):
        return True
    if last in ("singleShot", "startTimer"):
        return not (call.args and is_zero(call.args[0]))
    if not name.startswith("qtbot."):
        return False
    given = {more.arg for more in call.keywords}
    return last == "wait" or bool(given & {"timeout", "wait", "raising"})


def fixed_waits(text: str) -> list[tuple[int, str]]:
    """Lines with a call that waits for a time, and what is called there."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return sorted((call.lineno, ast.unparse(call)) for call in calls if waits(call))


def test_no_two_files_of_tests_share_a_name():
    """Pytest imports them by their bare names, whatever folder they lie in."""
    named: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        named.setdefault(path.name, []).append(str(path.relative_to(TESTS)))
    assert [paths for paths in named.values() if len(paths) > 1] == []


def test_no_test_waits_for_a_time():
    found = [
        f"{path.relative_to(TESTS.parent)}:{line}: {call}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != PATIENT
        for line, call in fixed_waits(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "wait for what comes instead, see tests/viewer/clicks.py"


@pytest.mark.parametrize(
    "call",
    [
        *("qtbot.wait(50)", "self.qtbot.wait(rate)", "time.sleep(0.1)", "sleep(1)"),
        *("QTimer.singleShot(500, answer)", "QTimer.singleShot(LATER, answer)"),
        *("QTest.qWait(5)", "QtTest.QTest.qWait(5)", "QThread.msleep(5)"),
        "qtbot.waitUntil(lambda: done, timeout=5000)",
        "qtbot.waitSignal(box.clicked, raising=False)",
        "qtbot.assertNotEmitted(box.clicked, wait=100)",
    ],
)
def test_a_fixed_wait_is_found(call):
    assert fixed_waits(f"def test():\n    x = 1\n    {call}\n") == [(3, call)]


@pytest.mark.parametrize(
    "call",
    [
        *("QTimer.singleShot(0, answer)", "go_on.wait(PATIENCE)", "process.wait(timeout=PATIENCE)"),
        *("qtbot.waitUntil(lambda: done)", "qtbot.waitSignal(box.clicked)"),
    ],
)
def test_what_waits_for_something_is_none(call):
    assert fixed_waits(call) == []
