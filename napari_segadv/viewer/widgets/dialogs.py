"""Questions to the user: which file, and whether code in it may run."""

import re
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from ...errors import NeedsTrust
from .settings import settings

CSV, TABLES = ".csv", "Tables (*.csv)"
HTML, PAGES = ".html", "Web pages (*.html)"
PATTERNS = "Networks (*.safetensors *.pt *.pth *.ckpt *.ts *.torchscript *.pt2 *.json)"


def pick_file(parent: QWidget) -> str:
    """Ask for a network file; return "" if the user cancels."""
    return str(QFileDialog.getOpenFileName(parent, "Open a network", "", PATTERNS)[0])


def pick_folder(parent: QWidget) -> str:
    """Ask for a bundle's folder; return "" if the user cancels."""
    return str(QFileDialog.getExistingDirectory(parent, "Open a MONAI bundle"))


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
    return settings().folder / re.sub(r'[\\/:*?"<>|]+', "_", name)


def pick_saved(parent: QWidget, title: str) -> str:
    """Ask for a folder that something was saved in; return "" if the user cancels."""
    return str(QFileDialog.getExistingDirectory(parent, title, str(settings().folder)))


def ask_delete(parent: QWidget, names: Sequence[str], lost: str) -> bool:
    """Ask whether to delete runs although something is lost with them. "No" is the default."""
    what = names[0] if len(names) == 1 else f"{len(names)} runs"
    answer = QMessageBox.question(
        parent,
        "Delete?",
        f"Delete {what}? {lost}",
        QMessageBox.Yes | QMessageBox.No,
        QMessageBox.No,
    )
    return int(answer) == int(QMessageBox.Yes)


def ask_trust(parent: QWidget, question: NeedsTrust) -> bool:
    """Ask whether a file's code may run; show what would run, and its hash. "No" is the default."""
    box = QMessageBox(parent)
    box.setWindowTitle("Run code from this file?")
    box.setIcon(QMessageBox.Warning)
    box.setText(
        f"Loading {Path(question.path).name} runs code from the file. Code from a source that you "
        "do not know can do anything that you can do on this computer."
    )
    runs = "\n".join(question.runs)
    box.setInformativeText(
        f"{question.path}\n\nsha256 {question.sha256}\n\nThis would run:\n{runs}\n\n"
        "Run it now, and whenever exactly this file is loaded?"
    )
    box.setStandardButtons(QMessageBox.Yes | QMessageBox.No)
    box.setDefaultButton(QMessageBox.No)
    return int(box.exec()) == int(QMessageBox.Yes)
