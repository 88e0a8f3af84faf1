"""Text from files is plain text, since all of it goes through few places: nothing goes around."""

import ast
from pathlib import Path

import pytest

import napari_segadv

VIEWER = Path(napari_segadv.__file__).parent / "viewer"
FILES = {str(path.relative_to(VIEWER)): path for path in sorted(VIEWER.rglob("*.py"))}

PLAIN, CHOICES, DIALOGS = "widgets/plain.py", "widgets/choices.py", "widgets/dialogs.py"
NOTICES, HELP = "notices.py", "help/panel.py"
# What guesses whether a text is HTML, or takes one of any length, and the files that may use it;
# then what to use instead.
NAMES = {
    "QLabel": ((PLAIN, DIALOGS), "Plain or Rich of widgets/plain.py"),
    "QTableWidgetItem": ((PLAIN,), "cell of widgets/plain.py"),
    "QListWidgetItem": ((PLAIN,), "entry of widgets/plain.py"),
    "QTreeWidgetItem": ((), "a table, see widgets/plain.py"),
    "QMessageBox": ((DIALOGS,), "Question of widgets/dialogs.py"),
    "QInputDialog": ((DIALOGS,), "pick_one of widgets/dialogs.py"),
    "QErrorMessage": ((), "complain of notices.py"),
    "QToolTip": ((PLAIN,), "point_out of widgets/plain.py"),
    "QTextBrowser": ((HELP,), "Plain of widgets/plain.py"),
    "QTextEdit": ((), "QPlainTextEdit"),
    "QTextDocument": ((), "Plain of widgets/plain.py"),
    "ComboBox": ((CHOICES,), "ComboBox of widgets/choices.py"),
    "show_info": ((NOTICES,), "tell of notices.py"),
    "show_warning": ((NOTICES,), "warn of notices.py"),
    "show_error": ((NOTICES,), "complain of notices.py"),
    "show_debug": ((), "tell of notices.py"),
    "notification_manager": ((NOTICES,), "offer of notices.py"),
}
CALLS = {
    "setToolTip": ((PLAIN,), "tip of widgets/plain.py"),
    "setStatusTip": ((), "tip of widgets/plain.py"),
    "setWhatsThis": ((), "tip of widgets/plain.py"),
    "setTextFormat": ((PLAIN, DIALOGS), "Plain or Rich of widgets/plain.py"),
    "setHtml": ((HELP,), "Rich of widgets/plain.py"),
}
each_file = pytest.mark.parametrize("name", FILES)


def tree(name):
    return ast.parse(FILES[name].read_text(encoding="utf-8"))


def refused(name, used):
    """What a file may not use, with what to use instead; `used` are lines by what is used."""
    found = []
    for what, line in used:
        files, instead = {**NAMES, **CALLS}.get(what, ((name,), ""))
        if name not in files:
            found.append(f"{name}, line {line}: {what}; use {instead}")
    return found


@each_file
def test_what_guesses_at_html_is_imported_in_few_places(name):
    used = []
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            used += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            # As QtWidgets.QLabel, widgets.ComboBox, notifications.show_info.
            used += [(node.attr, node.lineno)] if node.attr in NAMES else []
    assert refused(name, used) == []


@each_file
def test_tooltips_and_formats_are_set_in_few_places(name):
    used = []
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr in CALLS:
                used.append((called.attr, node.lineno))
            used += [("setToolTip", node.lineno) for word in node.keywords if word.arg == "tooltip"]
    assert refused(name, used) == []


@each_file
def test_qt_makes_no_labels_of_forms(name):
    """Qt makes a label of its own of a text that a form's row is given."""
    found = []
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            text = node.args and isinstance(node.args[0], (ast.Constant, ast.JoinedStr))
            if node.func.attr in ("addRow", "insertRow") and text:
                found.append(f"{name}, line {node.lineno}: {node.func.attr} of a text; use Plain")
    assert found == []


def test_what_is_used_instead_is_there():
    for files, _ in (*NAMES.values(), *CALLS.values()):
        assert set(files) <= FILES.keys()
