"""What a model predicts with a description that is being tried: a slice, and what was found."""

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHeaderView, QTableWidget, QVBoxLayout, QWidget

from ...common.palette import colour
from ...common.wording import counted, in_percent
from ...data.scan import Array, Mask, Scan
from ...measures.sizes import size_text, structures, widest
from ..compare.contours import FILLED, ROLES
from ..compare.thumbnails import Facing, slice_labels, thumbnail
from ..controller.descriptions import Trial
from ..widgets.class_chooser import swatch
from ..widgets.plain import Plain, cell

# Longest side of the picture, and the height of the table's rows, in pixels.
PICTURE, ROW = 300, 22
NOTHING = (
    "Nothing but background is predicted on this image. Does it show none of the classes, or is "
    "something here wrong: window, axes, spacing?"
)


class DescriptionResult(QWidget):
    """A picture of the slice with most structures, the classes with their sizes, and a line."""

    def __init__(self) -> None:
        super().__init__()
        self.picture, self.caption = Plain(), Plain(wrap=True)
        self.picture.setAlignment(Qt.AlignCenter)
        self.picture.setMinimumSize(PICTURE, PICTURE // 2)
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["class", "predicted"])
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(ROW)
        self.table.setEditTriggers(QTableWidget.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.NoSelection)
        self.table.setFocusPolicy(Qt.NoFocus)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeToContents)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.picture)
        column.addWidget(self.caption)
        column.addWidget(self.table, stretch=1)
        self.clear()

    def clear(self, text: str = "Not tried yet.") -> None:
        """Show that there is no result, and why."""
        self.picture.hide()
        self.table.setRowCount(0)
        self.table.hide()
        self.caption.setText(text)

    def show_trial(self, trial: Trial) -> None:
        """Show a prediction."""
        self.clear("")
        if isinstance(trial.prediction, Mask):
            self._show_mask(trial, trial.prediction)
        else:
            self.caption.setText(trial.victim.task.listing(trial.prediction))

    def _show_mask(self, trial: Trial, mask: Mask) -> None:
        found = structures(mask.array)
        names = mask.classes
        self.table.setRowCount(max(len(names) - 1, 0))
        for row, (label, name) in enumerate(list(enumerate(names))[1:]):
            item = cell(name)
            item.setIcon(swatch(colour(label)))
            size = size_text(mask.grid, found[label].pixels) if label in found else "none"
            self.table.setItem(row, 0, item)
            self.table.setItem(row, 1, cell(size))
        self.table.show()
        number = 0
        if found and mask.grid.ndim == 3:
            largest = max(found.values(), key=lambda one: one.pixels)
            number = widest(mask.array, largest, 0)
        self._draw(trial, mask, number)
        inside = in_percent(float(np.mean(mask.array != 0)), 1)
        place = f"Slice {number} of 0 to {len(mask.array) - 1}. " if mask.grid.ndim == 3 else ""
        many = counted(len(found), "class")
        text = f"{many} found, in {inside} of the image." if found else NOTHING
        self.caption.setText(f"{place}{text}")

    def _draw(self, trial: Trial, mask: Mask, number: int) -> None:
        layer, scan = trial.draft.layer, trial.scan
        facing = Facing.of(layer, scan.grid)
        plane, labels = _slice(scan, mask, number)
        drawn = thumbnail(layer, facing, plane, labels, FILLED, ROLES[0], PICTURE)
        pixels = np.ascontiguousarray(drawn.pixels)
        rows, columns = pixels.shape[:2]
        image = QImage(pixels.tobytes(), columns, rows, 3 * columns, QImage.Format_RGB888)
        high, wide = rows * facing.aspect, float(columns)
        scale = PICTURE / max(high, wide)
        size = QSize(max(1, round(wide * scale)), max(1, round(high * scale)))
        smooth = Qt.SmoothTransformation
        self.picture.setPixmap(QPixmap.fromImage(image).scaled(size, Qt.IgnoreAspectRatio, smooth))
        self.picture.show()


def _slice(scan: Scan, mask: Mask, number: int) -> tuple[Array, Array | None]:
    """Return a slice of a volume, or an image, with its labels."""
    if scan.grid.ndim == 3:
        return scan.array[number], slice_labels(mask, number)
    return scan.array, mask.array
