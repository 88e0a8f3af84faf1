"""The part of the Compare panel that copies the view, or saves it as a PNG with its facts."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QBuffer, QByteArray, QIODevice, Signal
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QPushButton, QWidget

from ...common.generators import relayed
from ...common.wording import in_percent
from ...measures.by_window import Seen, seen_steps, worst
from ..controller.latest import Latest
from ..controller.runner import Poll, Snapshot
from ..widgets.layout import set_tips
from ..widgets.settings import settings
from .comparison import Comparison
from .loan import Loan
from .pair import CAPTIONS
from .view_facts import Facts, facts_of
from .view_picture import picture

if TYPE_CHECKING:
    from ...results.example import Example

PNG = ".png"
COPIED = "the view is in the clipboard"
MEASURING = "measuring how visible the change is; then the view is saved …"


class ViewSection(QWidget):
    """Two buttons.

    Signals:
        said: a line for the user.
        refused: a line on what could not be done.
    """

    said = Signal(str)
    refused = Signal(str)

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison
        self._known: WeakKeyDictionary[Example, tuple[Seen | None]] = WeakKeyDictionary()
        self.latest = Latest()
        self._waiting: Any = None
        self.copy_button, self.save_button = QPushButton("Copy view"), QPushButton("Save view …")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.copy_button)
        row.addWidget(self.save_button)
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(self.save)
        self.latest.progressed.connect(self._progressed)
        self.latest.failed.connect(self.refused.emit)
        set_tips(
            {
                self.copy_button: "Puts the canvas as a picture into the clipboard, as it is",
                self.save_button: "Writes the canvas as a PNG with what belongs to it: legend, "
                "which image, window, slice, scale bar, and the result's figures. No name of a "
                "patient, file or layer is written; what is burned into the image stays",
            }
        )

    def refresh(self) -> None:
        """Offer what can be done now."""
        self.save_button.setEnabled(self._comparison.controller.runs.current is not None)

    def copy(self) -> None:
        """Put the canvas into the clipboard."""
        QApplication.clipboard().setImage(canvas_image(self._comparison.viewer))
        self.said.emit(COPIED)

    def save(self) -> None:
        """Ask for a file and write the view as it is now; first measure what is not known yet."""
        comparison, run = self._comparison, self._comparison.controller.runs.current
        if run is None:
            return
        self.finish()
        canvas = unnamed_canvas(comparison.viewer)
        ratio = canvas.width() / max(1, comparison.viewer.canvas.size[1])
        # As they are now: the user may go on while a large volume is measured.
        shown = run.seen
        known, facts = self._known.get(shown), facts_of(comparison)
        chosen = QFileDialog.getSaveFileName(
            self, "Save the view", str(settings().folder / "view.png"), f"Pictures (*{PNG})"
        )[0]
        if not chosen:
            return
        path = Path(chosen) if Path(chosen).suffix else Path(f"{chosen}{PNG}")
        view = View(canvas, facts, ratio, path)
        if known is not None:
            self._write(view, *known)
            return
        self._waiting = view
        self.said.emit(MEASURING)

        def work(poll: Poll) -> Generator[Snapshot, None, Seen | None]:
            steps = seen_steps(shown.clean, shown.adversarial)
            return worst((yield from relayed(steps, Snapshot.of_share)))

        def measured(found: Seen | None) -> None:
            self._known[shown], self._waiting = (found,), None
            self._write(view, found)

        self.latest.ask(work, measured)

    def finish(self) -> None:
        """Write a view that still waits for its measure without it."""
        waiting, self._waiting = self._waiting, None
        self.latest.drop()
        if waiting is not None:
            self._write(waiting, None, measured=False)

    def _progressed(self, now: Snapshot) -> None:
        if self._waiting is not None:
            self.said.emit(f"{MEASURING} {in_percent(now.step / now.steps)}")

    def _write(self, view: "View", seen: Seen | None, measured: bool = True) -> None:
        facts = view.facts.with_worst(seen) if measured else view.facts
        try:
            write_png(picture(view.canvas, facts, view.ratio), view.path)
        except OSError as error:
            self.refused.emit(f"{view.path.name}: can't be written: {error.strerror or error}")
        else:
            self.said.emit(f"saved the view as {view.path.name}")


@dataclass(frozen=True, eq=False)
class View:
    """A view that is to be saved, as it was when the button was clicked."""

    canvas: QImage
    facts: Facts
    ratio: float
    path: Path


def canvas_image(viewer: Any) -> QImage:
    """Return the canvas as it is on the screen."""
    pixels = np.ascontiguousarray(viewer.screenshot(canvas_only=True, flash=False)[..., :3])
    height, width = pixels.shape[:2]
    # `copy`, since the image would share the array's memory.
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format_RGB888).copy()


def unnamed_canvas(viewer: Any) -> QImage:
    """Return the canvas without texts of the user's own and names of layers."""
    loan, overlays = Loan(), viewer.canvas.overlays
    if overlays.text.text not in CAPTIONS:
        loan.set(overlays.text, "visible", False)
    for layer in viewer.layers:
        loan.set(layer.name_overlay, "visible", False)
    try:
        return canvas_image(viewer)
    finally:
        loan.give_back()


def write_png(image: QImage, path: Path) -> None:
    """Write a picture as a PNG, whole or not at all.

    Raises:
        OSError: if it can't be written.
    """
    data, buffer = QByteArray(), QBuffer()
    buffer.setBuffer(data)
    buffer.open(QIODevice.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise OSError("the picture can't be made into a PNG")
    buffer.close()
    new = path.with_name(f".{path.name}.part")
    try:
        new.write_bytes(bytes(data))
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
