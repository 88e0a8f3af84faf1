"""Chooses a series of a DICOM folder: the only one, or the one that the user picks."""

from pathlib import Path

from qtpy.QtWidgets import QApplication, QInputDialog

from ...io.formats.dicom import list_series


def one_series(path: Path) -> Path | None:
    """Return the path of one series or image: `path`, or a file of the series that the user picks.

    None if the user cancels. Without a window, a folder of several series is returned unchanged;
    the error on reading it lists the series.
    """
    if not path.is_dir():
        return path
    series = list_series(path)
    if len(series) < 2 or QApplication.instance() is None:
        return path
    titles = [f"{n + 1}. {one.title}" for n, one in enumerate(series)]
    parent = QApplication.activeWindow()
    picked, accepted = QInputDialog.getItem(
        parent, "DICOM series", f"{path.name} has several series. Open:", titles, 0, False
    )
    return Path(series[titles.index(picked)].files[0]) if accepted else None
