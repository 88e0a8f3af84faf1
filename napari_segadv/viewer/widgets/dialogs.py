"""Questions to the user: which file, and whether code in it may run."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog, QLabel, QMessageBox, QWidget

from ...common.screen import MESSAGE, breakable, one_line, some_lines
from ...errors import NeedsTrust
from .settings import settings
from .trust_question import TrustQuestion

# Most characters of an entry that is described, not only named.
LONG = 160
# Letters of a word that stays whole, as a hash does: somebody may copy it.
WORD = 80
CSV, TABLES = ".csv", "Tables (*.csv)"
HTML, PAGES = ".html", "Web pages (*.html)"
JSON, CLICKS = ".json", "Models with clicks (*.json)"
ALL = "All files (*)"


def pick_file(parent: QWidget) -> str:
    """Ask for a file of a network or a program; return "" if the user cancels."""
    return str(QFileDialog.getOpenFileName(parent, "Open a model", "", model_patterns())[0])


def model_patterns() -> str:
    """Return the endings of a victim's files, of all formats, as a dialog takes them."""
    from ...victims.loading.registry import suffixes  # late: it imports torch

    known = " ".join(f"*{end}" for end in suffixes())
    return f"Networks and programs ({known});;{ALL}"


def pick_image(parent: QWidget) -> str:
    """Ask for an image file; return "" if the user cancels."""
    return str(QFileDialog.getOpenFileName(parent, "Open an image", str(settings().folder))[0])


def pick_series(parent: QWidget) -> str:
    """Ask for a folder of DICOM files; return "" if the user cancels."""
    title = "Open a folder of DICOM files"
    return str(QFileDialog.getExistingDirectory(parent, title, str(settings().folder)))


def pick_folder(parent: QWidget) -> str:
    """Ask for a model's folder; return "" if the user cancels."""
    return str(QFileDialog.getExistingDirectory(parent, "Open a MONAI bundle or an nnU-Net model"))


def pick_new_folder(parent: QWidget, title: str, name: str) -> str:
    """Ask for the path of a new folder; return "" if the user cancels."""
    # Don't ask whether to overwrite: a folder that exists is refused in one line.
    option = QFileDialog.DontConfirmOverwrite
    suggested = str(_suggested(name))
    return str(QFileDialog.getSaveFileName(parent, title, suggested, options=option)[0])


def pick_table(parent: QWidget, title: str, name: str) -> Path | None:
    """Ask for the CSV file to write a table to; return None if the user cancels."""
    return _pick_new(parent, title, name, CSV, TABLES)


def pick_page(parent: QWidget, title: str, name: str) -> Path | None:
    """Ask for the web page to write; return None if the user cancels."""
    return _pick_new(parent, title, name, HTML, PAGES)


def pick_clicks(parent: QWidget, name: str) -> Path | None:
    """Ask for the JSON file to write clicks to; return None if the user cancels."""
    return _pick_new(parent, "Save clicks", name, JSON, CLICKS)


def _pick_new(parent: QWidget, title: str, name: str, end: str, kinds: str) -> Path | None:
    """Ask for a file to write, with an ending unless the user gives it another."""
    suggested = str(_suggested(f"{name}{end}"))
    chosen, _ = QFileDialog.getSaveFileName(parent, title, suggested, kinds)
    if not chosen:
        return None
    path = Path(chosen)
    ending = path.with_name(f"{path.name}{end}")
    # The dialog has not asked whether to overwrite a file with the ending added.
    return path if path.suffix or ending.exists() else ending


def _suggested(name: str) -> Path:
    """Return a path in the results folder, with "_" for what file names can't contain."""
    return settings().folder / re.sub(r'[\\/:*?"<>|]+', "_", one_line(name))


def pick_saved(parent: QWidget, title: str) -> str:
    """Ask for a folder that something was saved in; return "" if the user cancels."""
    return str(QFileDialog.getExistingDirectory(parent, title, str(settings().folder)))


def ask_delete(parent: QWidget, names: Sequence[str], lost: str) -> bool:
    """Ask whether to delete runs although something is lost with them. "No" is the default."""
    what = names[0] if len(names) == 1 else f"{len(names)} runs"
    return asked(QMessageBox.Question, parent, "Delete?", f"Delete {what}? {lost}")


def ask_trust(parent: QWidget, question: NeedsTrust) -> bool:
    """Ask whether a file's code may run; show what would run, and its hash. "No" is the default."""
    from ...victims.loading.consent import remembered

    again = question.path in remembered().values()
    return bool(TrustQuestion(parent, question, again).exec())


class Question(QMessageBox):
    """A question in plain text; its callers add what can be answered."""

    def __init__(
        self, icon: Any, parent: QWidget | None, title: str, text: str, more: str = ""
    ) -> None:
        """Put the question.

        Args:
            icon: `Question.Warning` or another of QMessageBox.
            parent: the window that it belongs to.
            title: of its window.
            text: one line.
            more: lines below it.
        """
        super().__init__(parent)
        self.setIcon(icon)
        self.setWindowTitle(title)
        self.setText(breakable(one_line(text, MESSAGE), WORD))
        self.setInformativeText(breakable(some_lines(more), WORD))
        self.setTextFormat(Qt.PlainText)


def asked(icon: Any, parent: QWidget | None, title: str, text: str, more: str = "") -> bool:
    """Ask yes or no, as `Question` does; "No" is the default."""
    box = Question(icon, parent, title, text, more)
    box.setStandardButtons(QMessageBox.Yes | QMessageBox.No)
    box.setDefaultButton(QMessageBox.No)
    return int(box.exec()) == int(QMessageBox.Yes)


def pick_one(title: str, question: str, offered: Sequence[str]) -> int | None:
    """Ask which of several is meant; return its place, or None if the user cancels."""
    dialog = QInputDialog(QApplication.activeWindow())
    dialog.setWindowTitle(title)
    dialog.setLabelText(breakable(one_line(question, MESSAGE), WORD))
    for label in dialog.findChildren(QLabel):
        label.setTextFormat(Qt.PlainText)
    # The numbers keep them apart, whatever they are called.
    titles = [f"{number}. {one_line(name, LONG)}" for number, name in enumerate(offered, start=1)]
    dialog.setComboBoxItems(titles)
    accepted = bool(dialog.exec())
    return titles.index(dialog.textValue()) if accepted else None
