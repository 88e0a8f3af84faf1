"""Questions to the user: which file, and whether code in it may run."""

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from ..errors import NeedsTrust

PATTERNS = "Networks (*.safetensors *.pt *.pth *.ckpt *.ts *.torchscript *.pt2 *.json)"


def pick_file(parent: QWidget) -> str:
    """A network file, "" where the user cancels."""
    return str(QFileDialog.getOpenFileName(parent, "Open a network", "", PATTERNS)[0])


def pick_folder(parent: QWidget) -> str:
    """A bundle's folder, "" where the user cancels."""
    return str(QFileDialog.getExistingDirectory(parent, "Open a MONAI bundle"))


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
