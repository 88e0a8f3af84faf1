"""Which image of a folder or DICOM file is meant: the only one, or the one that the user picks."""

from pathlib import Path

from qtpy.QtWidgets import QApplication

from ...common.screen import one_line
from ...io.channels import cases_in
from ...io.dicom.choice import choices
from ...io.dicom.files import is_dicom_file
from ...io.place import SEPARATOR
from ..widgets.dialogs import pick_one


def one_series(path: Path) -> str | None:
    """A place that means one image: the path, or PATH::WHICH for the image picked in a dialog.

    None where the user cancels. Without a window a folder of several images is passed on, and
    reading it says what there is to choose from.
    """
    if QApplication.instance() is None or not (path.is_dir() or is_dicom_file(path)):
        return str(path)
    cases = cases_in(path)
    if len(cases) > 1:
        question = f"{one_line(path.name)} holds several cases. Open:"
        number = pick_one("Cases", question, list(cases))
        return None if number is None else f"{path}{SEPARATOR}{cases[number]}"
    offered = () if cases else choices(path)
    if not offered:
        return str(path)
    question = f"{one_line(path.name)} holds several images. Open:"
    picked = pick_one("DICOM images", question, [one.description for one in offered])
    return None if picked is None else f"{path}{SEPARATOR}{offered[picked].which}"
