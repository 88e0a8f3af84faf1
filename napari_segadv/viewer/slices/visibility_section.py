"""The part of the Slices panel that finds the clinical window in which a change shows most."""

from collections.abc import Callable
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...common.screen import one_line
from ...common.wording import counted, in_percent
from ...measures.by_window import Seen, worst
from ..controller.controller import Controller
from ..controller.runs import Run
from ..layers.names import ADVERSARIAL
from ..widgets.layout import set_tips
from ..widgets.plain import Plain
from ..widgets.tables import Table

LOOK, STOP, MEASURING = "Measure in every window", "Stop", "measuring …"


def described(seen: Seen) -> tuple[str, str, str]:
    """Return SSIM, PSNR and mean |noise| as text."""
    ssim = "too small" if seen.ssim_shown is None else f"{seen.ssim_shown:.4f}"
    psnr = "no change" if seen.psnr_shown is None else f"{seen.psnr_shown:.1f}"
    return ssim, psnr, f"{seen.mean_abs:.3g}"


def sentence(table: tuple[Seen, ...], volume: bool) -> str:
    """Say which window is the worst; for a volume, over how many slices that was measured."""
    found = worst(table)
    if found is None:
        return "The change shows in no window."
    ssim, psnr, _ = described(found)
    figures = f"PSNR {psnr} dB" if found.ssim is None else f"SSIM {ssim}, PSNR {psnr} dB"
    over = f" Measured over the {counted(found.slices, 'slice')} that changed." if volume else ""
    if len(table) == 1:
        return f"This image has no presets. In its {found.preset.name}: {figures}.{over}"
    return f"The change shows most in the {found.preset.name} window: {figures}.{over}"


class VisibilitySection(QWidget):
    """A button, the table of windows, and a sentence that names the worst."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._run: Run | None = None
        self._visibility = controller.visibility
        self._table: tuple[Seen, ...] = ()
        self.button = QPushButton(LOOK)
        self.table = Table(("window", "SSIM", "PSNR\n(dB)", "mean |noise|"), rows=7)
        self.line = Plain(wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.button, self.table, self.line):
            column.addWidget(widget)
        self.button.clicked.connect(self._pressed)
        self.table.cellClicked.connect(lambda row, _: self._apply(row))
        set_tips(
            {
                self.button: "Compares clean and adversarial as each window shows them. A large "
                "volume takes minutes; attacks can run meanwhile",
                self.table: "As each window shows the images: SSIM (1: the same), PSNR in dB (the "
                "higher, the less visible), mean |noise| in the image's units. A click on a row "
                "shows clean and adversarial in that window",
                self.line: "The window with the lowest SSIM; among equal ones, the lowest PSNR",
            }
        )
        self._show()

    @property
    def slots(self) -> dict[Any, Callable[..., Any]]:
        """The slots by signal, as `Panel.listen` takes them."""
        return {
            self._visibility.changed: self._changed,
            self._visibility.progressed: self._progressed,
            self._visibility.failed: self._failed,
        }

    def show_run(self, run: Run | None) -> None:
        """Show what is known of a run; measuring another one goes on."""
        if run is not self._run:
            self._run = run
            self._show()

    def _changed(self, run: Run) -> None:
        if run is self._run:
            self._show()

    @property
    def _measuring(self) -> bool:
        return self._visibility.busy(self._run)

    def _show(self) -> None:
        run = self._run
        doing = MEASURING if self._measuring else ""
        self._table = self._visibility.known(run)
        units = "" if run is None else f"\n({one_line(run.seen.clean.units)})"
        self.table.horizontalHeaderItem(3).setText(f"mean |noise|{units}")
        self.table.fill([(seen.preset.name, *described(seen)) for seen in self._table])
        self.table.fit(len(self._table))
        self.table.setVisible(bool(self._table))
        found = worst(self._table)
        for row, seen in enumerate(self._table):
            font = self.table.item(row, 0).font()
            font.setBold(seen is found and len(self._table) > 1)
            for column in range(self.table.columnCount()):
                self.table.item(row, column).setFont(font)
        volume = run is not None and run.example.clean.grid.ndim == 3
        text = sentence(self._table, volume) if self._table else doing
        channel = f"{run.channels[run.channel]}: " if run is not None and run.channels else ""
        self.line.setText(f"{channel}{text}" if text else "")
        self.button.setText(STOP if doing else LOOK)
        self.button.setEnabled(run is not None and not self._table)

    def _pressed(self) -> None:
        if self._measuring:
            self._visibility.stop()
        elif self._run is not None:
            self._visibility.measure(self._run)

    def _progressed(self, share: float) -> None:
        if self._measuring:
            self.line.setText(f"{MEASURING} {in_percent(share)}")

    def _failed(self, message: str) -> None:
        self.line.setText(message)

    def _apply(self, row: int) -> None:
        """Show clean and adversarial in the window of a row; colour images have none."""
        run = self._run
        if run is None:
            return
        images: tuple[Any, ...] = (
            self._controller.clean_of(run),
            self._controller.shown(run.role(ADVERSARIAL)),
        )
        for layer in images:
            there = isinstance(layer, Image) and layer in self._controller.layers
            if there and not layer.rgb and row < len(self._table):
                layer.contrast_limits = self._table[row].preset.limits
