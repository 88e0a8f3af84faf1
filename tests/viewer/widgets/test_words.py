"""Plain words: what the window says is free of words that mean something to developers alone."""

import ast
import re
from pathlib import Path

import pytest
from clicks import drained, idle, steady
from compare_window import show
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QTabBar,
    QTableWidget,
    QTextBrowser,
    QWidget,
)

import napari_segadv
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.widgets.keys import all_keys
from napari_segadv.viewer.workbench.panel import TABS, TITLE

PACKAGE = Path(napari_segadv.__file__).parent
# Patterns of words that panels don't use, and what is said in their place.
BANNED = {
    r"\bvictims?\b": "model",
    r"\blogits?\b": "said to experts alone",
    r"\bkappa\b": "said to experts alone",
    r"\bL_?inf\b": "largest change of a pixel",
    r"\bloss(es)?\b": "objective",
    r"\bgradients?\b": "said to experts alone",
    r"\btensors?\b": "image, labels",
    r"\bepsilon\b|ε": "budget",
    r"\bperturbations?\b": "change, noise",
    r"\bdtype\b": "type of number",
    r"goal (not reached|missed)": "stopped at 97.8 of 99 %",
    r"\b(moved|kept) \d": "changed as asked, left intact",
    r"\bsuccess \d": "69 % of the target reached",
    r"leaves? behind": "replace with",
    r"\bstart from\b": "based on",
    r"\b(usual|subtle)\b": "standard, least visible",
    r"\bas they are\b": "filled",
    r"chance is inside": "guessing can't be excluded",
    r"\bwhat came out\b": "result",
    r"beside each other": "compare runs",
    r"^-+$": "none yet",
    r"is an? (RGB|grey) image but": "needs a grey-scale image; ... is in colour",
    r"comma-separated numbers|numbers with commas|, or none$": "the field shows it",
}
# Where the one explanation is, and names that are no words.
ALLOWED = ("The model to attack: the victim", "docs/victims.md", "victims.detector")


def banned_in(text):
    """Words in a text that should not be there, with what is better."""
    for allowed in ALLOWED:
        text = text.replace(allowed, "")
    found = ((re.search(word, text, re.IGNORECASE), better) for word, better in BANNED.items())
    return [f"{match.group()!r} in {text!r}: {better}" for match, better in found if match]


def texts_of(widget):
    """All that a widget says, with its tooltip."""
    yield widget.toolTip()
    if isinstance(widget, (QLabel, QAbstractButton)):
        yield widget.text()
    elif isinstance(widget, QGroupBox):
        yield widget.title()
    elif isinstance(widget, QComboBox):
        yield from (widget.itemText(n) for n in range(widget.count()))
    elif isinstance(widget, QLineEdit):
        yield widget.placeholderText()
    elif isinstance(widget, QTabBar):
        for n in range(widget.count()):
            yield widget.tabText(n)
            yield widget.tabToolTip(n)
    elif isinstance(widget, QTextBrowser):
        yield widget.toPlainText()
    elif isinstance(widget, QTableWidget):
        heads = [widget.horizontalHeaderItem(n) for n in range(widget.columnCount())]
        cells = [
            widget.item(y, x) for y in range(widget.rowCount()) for x in range(widget.columnCount())
        ]
        for item in (*heads, *cells):
            if item is not None:
                yield item.text()


def said_in(root):
    """All texts of the widgets that can be seen in a panel."""
    seen = [w for w in root.findChildren(QWidget) if w.isVisibleTo(root)]
    return [text for widget in (root, *seen) for text in texts_of(widget) if text]


@pytest.fixture
def bench(window, qtbot, deep):
    """The workbench beside a run, with every panel made."""
    show(window, deep)
    bench = window.window.add_plugin_dock_widget("napari-segadv", TITLE)[1]
    for _, title, _ in TABS:
        bench.open(title)
        idle(qtbot, Controller.of(window))
    steady(qtbot, window)
    return bench


def test_no_panel_uses_a_word_of_developers(bench, qtbot):
    found, read = [], 0
    for _, title, _ in TABS:
        panel = bench.open(title)
        drained(qtbot)
        for text in said_in(panel):
            read += 1
            found += [f"{title}: {word}" for word in banned_in(text)]
    found += banned_in(bench.strip.text.text())
    assert found == []
    assert read > 200


def test_nor_does_a_key():
    assert [w for keys in all_keys().values() for key in keys for w in banned_in(key.does)] == []


def literals(path):
    """Texts in a file of code, without docstrings, and the line of each."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def test_no_text_in_the_code_of_the_viewer_does():
    """Messages of all moments: a sentence has a space, names of settings have none."""
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {word}"
        for path in sorted((PACKAGE / "viewer").rglob("*.py"))
        for line, text in literals(path)
        if " " in text.strip()
        for word in banned_in(text)
    ]
    assert found == []


def raised(path):
    """Texts of the errors that a file raises."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SegadvError":
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


def test_no_error_that_the_window_can_show_speaks_of_a_victim():
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ("cli", "reproduce")
        for line, text in raised(path)
        if any(word.startswith("'victim") for word in banned_in(text))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "of the victim's window",
        "Linf, none",
        "step 3: loss 0.13",
        "moved 99.0 %",
        "ε 5 HU",
        "-----",
    ],
)
def test_such_words_are_found(text):
    assert banned_in(text)


def test_others_are_not():
    assert banned_in("Moves a structure with the mouse; what is not saved will be lost") == []
    assert banned_in("The model to attack: the victim") == []
