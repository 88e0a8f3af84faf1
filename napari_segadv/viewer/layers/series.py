"""Which image of a DICOM folder or file is meant: the only one, or the one that the user picks."""

from pathlib import Path

from qtpy.QtWidgets import QApplication, QInputDialog

from ...io.dicom.choice import choices
from ...io.dicom.files import is_dicom_file
from ...io.place import SEPARATOR


def one_series(path: Path) -> str | None:
    """A place that means one image: the path, or PATH::WHICH for the image picked in a dialog.

    None where the user cancels. Without a window a folder of several images is passed on, and
    reading it says what there is to choose from.
    """
    if QApplication.instance() is None or not (path.is_dir() or is_dicom_file(path)):
        return str(path)
    offered = choices(path)
    if not offered:
        return str(path)
    titles = [f"{n}. {one.description}" for n, one in enumerate(offered, start=1)]
    picked, accepted = QInputDialog.getItem(
        QApplication.activeWindow(),
        "DICOM images",
        f"{path.name} holds several images. Open:",
        titles,
        0,
        False,
    )
    return f"{path}{SEPARATOR}{offered[titles.index(picked)].which}" if accepted else None
