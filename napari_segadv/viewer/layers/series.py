"""Which series of a DICOM folder is meant: the only one, or the one that the user picks."""

from pathlib import Path

from qtpy.QtWidgets import QApplication, QInputDialog

from ...io.formats.dicom import list_series


def one_series(path: Path) -> Path | None:
    """A path that means one series or image: itself, or a file of the series picked in a dialog.

    None where the user cancels. Without a window a folder of several series is passed on, and
    reading it says what there is to choose from.
    """
    if not path.is_dir():
        return path
    series = list_series(path)
    if len(series) < 2 or QApplication.instance() is None:
        return path
    titles = [f"{n + 1}. {one.title}" for n, one in enumerate(series)]
    parent = QApplication.activeWindow()
    picked, accepted = QInputDialog.getItem(
        parent, "DICOM series", f"{path.name} holds several series. Open:", titles, 0, False
    )
    return Path(series[titles.index(picked)].files[0]) if accepted else None
