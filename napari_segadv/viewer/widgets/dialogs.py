"""Questions to the user: which file, and whether code in it may run."""

import re
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from ...errors import NeedsTrust
from .settings import settings

CSV, TABLES = ".csv", "Tables (*.csv)"
PATTERNS = "Networks (*.safetensors *.pt *.pth *.ckpt *.ts *.torchscript *.pt2 *.json)"


def pick_file(parent: QWidget) -> str:
    """A network file, "" where the user cancels."""
    return str(QFileDialog.getOpenFileName(parent, "Open a network", "", PATTERNS)[0])


def pick_folder(parent: QWidget) -> str:
    """A bundle's folder, "" where the user cancels."""
    return str(QFileDialog.getExistingDirectory(parent, "Open a MONAI bundle"))


def pick_new_folder(parent: QWidget, title: str, name: str) -> str:
    """The place of a folder that is to be made, "" where the user cancels."""
    # Refused in one line where it exists, so no question whether to overwrite.
    option = QFileDialog.DontConfirmOverwrite
    suggested = str(_suggested(name))
    return str(QFileDialog.getSaveFileName(parent, title, suggested, options=option)[0])


def pick_table(parent: QWidget, title: str, name: str) -> Path | None:
    """The CSV file that a table is to be written to, None where the user cancels."""
    suggested = str(_suggested(f"{name}{CSV}"))
    chosen, _ = QFileDialog.getSaveFileName(parent, title, suggested, TABLES)
    if not chosen:
        return None
    path = Path(chosen)
    ending = path.with_name(f"{path.name}{CSV}")
    # One that exists was not asked about.
    return path if path.suffix or ending.exists() else ending


def _suggested(name: str) -> Path:
    """A path in the folder for results; what no file may be called is left out of a name."""
    return settings().folder / re.sub(r'[\\/:*?"<>|]+', "_", name)


def pick_saved(parent: QWidget, title: str) -> str:
    """A folder that something was saved as, "" where the user cancels."""
    return str(QFileDialog.getExistingDirectory(parent, title, str(settings().folder)))


def ask_delete(parent: QWidget, names: Sequence[str], lost: str) -> bool:
    """Whether runs shall be deleted though something is lost with them. "No" is the default."""
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
    """Whether a file's code may run; says what it is and shows its hash. "No" is the default."""
    box = QMessageBox(parent)
    box.setWindowTitle("Run code from this file?")
    box.setIcon(QMessageBox.Warning)
    box.setText(
        f"Loading {Path(question.path).name} runs code that the file brings along. Code from a "
        "source that you do not know can do anything that you can do on this computer."
    )
    runs = "\n".join(question.runs)
    box.setInformativeText(
        f"{question.path}\n\nsha256 {question.sha256}\n\nThis would run:\n{runs}\n\n"
        "Run it now, and whenever this very file is loaded?"
    )
    box.setStandardButtons(QMessageBox.Yes | QMessageBox.No)
    box.setDefaultButton(QMessageBox.No)
    return int(box.exec()) == int(QMessageBox.Yes)
