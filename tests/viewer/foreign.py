"""Names that files may bring, and what a window must not make of them."""

import re
from contextlib import contextmanager

from napari._qt.dialogs.qt_notification import NapariQtNotification
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QAction, QTextDocument, QTextDocumentFragment
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QDockWidget,
    QGroupBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QTableWidget,
    QToolTip,
    QWidget,
)

from napari_segadv.common.screen import MESSAGE, NAME, PAGE
from napari_segadv.viewer.widgets.plain import LEFT_TO_RIGHT, Plain, Rich

PICTURE = "file:///no/picture.png"
HOSTILE = {
    "image": f'<img src="{PICTURE}">',
    "markup": "<b>Error:</b> <a href='x'>the wrong patient</a><table><tr><td>1",
    "entity": f'&lt;b&gt; <img src="{PICTURE}">',
    "lines": "\n".join(["The model is safe."] * 1000),
    "control": "left\x1b[2J\x00\x07\r kidney\x85\u2028next",
    "around": "left \u202eyendik\u202c \u2066\u2067\u200f",
    "long": "liver " + "x" * 100_000,
    "marks": "liver" + "\u0301" * 5000,
    "formula": r"$\frac{ _cyst & %s {0} {class}",
}
# Tags of our own, in a legend and a line of figures.
OURS = re.compile(r"</?b>|<br>|<span style=\"color:rgb\(\d+,\d+,\d+\)\">|</span>")
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# A text that Qt may take for HTML.
MIGHT = getattr(Qt, "mightBeRichText", None)


def might_be_rich(text):
    return bool(MIGHT(text))


@contextmanager
def asked_for():
    """The pictures that any text of the process asks for meanwhile.

    Qt asks for those that it does not find as files, so the hostile names have one that is none.
    """
    found = []

    def note(url):
        found.append(url.toString())

    QTextDocument.setDefaultResourceProvider(note)
    try:
        yield found
    finally:
        QTextDocument.setDefaultResourceProvider(lambda url: None)


def faults(text, most, lines=1):
    """What is wrong with a text that is shown as it is."""
    text = text.removeprefix(LEFT_TO_RIGHT)
    found = []
    if OBEYED.search(text):
        found.append("obeyed characters")
    if len(text) > most:
        found.append(f"{len(text)} characters")
    if text.count("\n") >= lines:
        found.append(f"{text.count(chr(10)) + 1} lines")
    if re.search("[\u0300-\u036f]{5}", text):
        found.append("stacked marks")
    return found


def faults_of_rich(html, most):
    """What is wrong with a text of our own markup."""
    bare = OURS.sub("", html).replace("\u2068", "").replace("\u2069", "")
    found = faults(bare, most)
    return [*found, "foreign markup"] if "<" in bare else found


def faults_of_tip(tip):
    """What is wrong with a tooltip: it is one text in our own wrapping, or none."""
    if not tip:
        return []
    if not might_be_rich(tip):
        return ["Qt has to guess"]
    inside = re.sub(r"^<div style=\"white-space: pre\">(.*)</div>$", r"\1", tip, flags=re.DOTALL)
    plain = QTextDocumentFragment.fromHtml(tip).toPlainText()
    found = ["foreign markup"] if "<" in inside else []
    return found + faults(plain, 2 * PAGE, lines=100)


def texts(widget):
    """The texts of a widget, as triples: what it is, the text, and how many characters it may have.

    Texts of our own are short, so the limit is that for one with a name in it.
    """
    if isinstance(widget, QComboBox):
        return [("entry", widget.itemText(n), 2 * NAME) for n in range(widget.count())]
    if isinstance(widget, QTableWidget):
        columns, rows = range(widget.columnCount()), range(widget.rowCount())
        headers = [widget.horizontalHeaderItem(n) for n in columns]
        headers += [widget.verticalHeaderItem(n) for n in rows]
        cells = [widget.item(row, column) for row in rows for column in columns]
        return [("cell", item.text(), 2 * NAME) for item in (*headers, *cells) if item is not None]
    if isinstance(widget, QListWidget):
        return [("item", widget.item(n).text(), 2 * NAME) for n in range(widget.count())]
    if isinstance(widget, QGroupBox):
        return [("title", widget.title(), NAME)]
    if isinstance(widget, QAbstractButton):
        return [("button", widget.text(), NAME)]
    if isinstance(widget, QAbstractSpinBox) and hasattr(widget, "suffix"):
        return [("suffix", widget.suffix(), NAME), ("prefix", widget.prefix(), NAME)]
    if isinstance(widget, QDockWidget):
        return [("title", widget.windowTitle(), NAME)]
    return []


def tips(widget):
    """The tooltips of a widget and of its items."""
    found = [widget.toolTip()]
    if isinstance(widget, QTableWidget):
        columns, rows = range(widget.columnCount()), range(widget.rowCount())
        headers = [widget.horizontalHeaderItem(column) for column in columns]
        cells = [widget.item(row, column) for row in rows for column in columns]
        found += [item.toolTip() for item in (*headers, *cells) if item is not None]
    if isinstance(widget, QListWidget):
        found += [widget.item(n).toolTip() for n in range(widget.count())]
    if isinstance(widget, QComboBox):
        found += [widget.itemData(n, Qt.ToolTipRole) or "" for n in range(widget.count())]
    return found


def looked_at(root):
    """What is wrong with the texts of a widget and all in it, a line for each fault."""
    found = []
    for widget in (root, *root.findChildren(QWidget)):
        wrong = []
        if isinstance(widget, QLabel) and not isinstance(widget, (Plain, Rich)):
            # Labels that Qt makes: of dialogs, and of boxes that show numbers.
            allowed = widget.textFormat() == Qt.PlainText or not widget.text()
            wrong += [] if allowed else ["a label whose text Qt guesses"]
        if isinstance(widget, Rich):
            wrong += faults_of_rich(widget.text(), 50 * NAME)
        elif isinstance(widget, QLabel):
            lines = 1 if widget.objectName() == "qt_msgbox_label" else 100
            wrong += faults(widget.text(), PAGE, lines)
        for kind, text, most in texts(widget):
            wrong += [f"{kind}: {fault}" for fault in faults(text, most, lines=2)]
        for tip in tips(widget):
            wrong += [f"tooltip: {fault}" for fault in faults_of_tip(tip)]
        if isinstance(widget, QLineEdit):
            wrong += [f"hint: {fault}" for fault in faults(widget.placeholderText(), NAME)]
        found += [f"{type(widget).__name__} {widget.objectName()}: {one}" for one in wrong]
    for action in root.findChildren(QAction):
        found += [f"action: {fault}" for fault in faults(action.text(), NAME)]
    return found


def pointed_at(qtbot, root):
    """Shows every tooltip of a widget and all in it, one after the other."""
    for tip in {tip for widget in (root, *root.findChildren(QWidget)) for tip in tips(widget)}:
        QToolTip.showText(root.mapToGlobal(QPoint(2, 2)), tip, root)
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


def shown_by_napari(window):
    """The texts that napari shows of what we give it, where it guesses whether they are HTML.

    These are the tooltips of its list of layers, its status bar, and its notifications.
    """
    model = window.window._qt_viewer.layers.model()
    rows = [model.index(row, 0) for row in range(model.rowCount())]
    found = [row.data(Qt.ToolTipRole) for row in rows] + [row.data() for row in rows]
    found += [label.text() for label in window.window._qt_window.statusBar().findChildren(QLabel)]
    notes = window.window._qt_window.findChildren(NapariQtNotification)
    return found + [note.message.text() for note in notes]


def guessed_at(window):
    """What is wrong with what napari shows of ours."""
    found = []
    for text in shown_by_napari(window):
        wrong = [*faults(text, MESSAGE + NAME, lines=4)]
        wrong += ["taken for HTML"] if might_be_rich(text) else []
        found += [f"napari: {text[:60]!r}: {fault}" for fault in wrong]
    return found
