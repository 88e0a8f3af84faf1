"""The plot of the slices' figures, with verdicts and the slice in view; in napari's colours."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from qtpy.QtCore import Qt, Signal

from ...results.by_slice import IOU, SliceFigures
from ...results.verdicts import Verdict

# Matplotlib's canvas has no types.
Canvas: Any = FigureCanvasQTAgg

# Colours that show on dark and light backgrounds; shapes for readers who can't tell colours.
MARKS: dict[str, tuple[str, str, str]] = {
    "nothing seen": ("#2e9e5b", "o", "●"),
    "suspicious": ("#d98200", "^", "▲"),
    "obvious": ("#e0405a", "s", "■"),
    "": ("#8a8f94", "D", "◆"),
}
HERE = "#3d8bd4"
FONT = 8
# Pixels around the axes (left, right, below, above), and the least height of the plot.
MARGINS = (50, 10, 34, 8)
HEIGHT = 330


class SlicePlot(Canvas):
    """Draws the figures once; verdicts and the line at the slice in view move over that picture.

    Signals:
        went: the number of the slice that was clicked.
    """

    went = Signal(int)

    def __init__(self) -> None:
        super().__init__(Figure())
        self.setMinimumHeight(HEIGHT)
        self.colours = {"ground": "#000000", "text": "#ffffff", "grid": "#808080"}
        self.number: int | None = None
        self._figures: SliceFigures | None = None
        self._verdicts: Mapping[int, Verdict] = {}
        self._still: Any = None
        self._lines: list[Any] = []
        self._marks: dict[str, Any] = {}
        self.mpl_connect("draw_event", self._drawn)
        self.mpl_connect("button_press_event", self._pressed)
        self.mpl_connect("motion_notify_event", self._pressed)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let the wheel scroll the panel, as everywhere else in it."""
        event.ignore()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        self._still = None
        super().resizeEvent(event)
        self._fit()

    def show_theme(self, theme: Any) -> None:
        """Use the colours of a napari theme."""
        self.colours = {
            "ground": theme.background.as_hex(),
            "text": theme.text.as_hex(),
            "grid": theme.highlight.as_hex(),
        }
        self._redraw()

    def show_figures(self, figures: SliceFigures | None) -> None:
        """Draw the figures of a run; None: an empty plot."""
        self._figures = figures
        self._redraw()

    def show_verdicts(self, verdicts: Mapping[int, Verdict]) -> None:
        """Mark the slices that were judged."""
        self._verdicts = dict(verdicts)
        self._place_marks()
        self._move()

    def show_number(self, number: int | None) -> None:
        """Move the line to a slice; None hides it."""
        if number != self.number:
            self.number = number
            self._place_lines()
            self._move()

    def x_pixel(self, number: int) -> float:
        """Return how far from the left edge a slice is drawn, in the widget's pixels."""
        x, _ = self.figure.axes[0].transData.transform((number, 0))
        return float(x) / float(self.device_pixel_ratio)

    def _redraw(self) -> None:
        ground, text = self.colours["ground"], self.colours["text"]
        self._still, self._lines, self._marks = None, [], {}
        self.figure.clear()
        self.figure.set_facecolor(ground)
        if self._figures is not None:
            names = list(self._figures.values)
            heights = [0.3, *[1.0] * len(names)]
            strip, *rest = self.figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
            self._style(strip, "verdicts")
            strip.set(ylim=(-1, 1), yticks=[], xlim=(-0.5, len(self._figures) - 0.5))
            for axes, name in zip(rest, names, strict=True):
                self._style(axes, self._figures.column(name))
                values = self._figures.values[name]
                top = 1.0 if name == IOU else float(values.max()) or 1.0
                axes.set_ylim(0, 1.08 * top)
                numbers = np.arange(len(values))
                axes.fill_between(numbers, values, step="mid", color=text, alpha=0.25, lw=0)
                axes.plot(numbers, values, drawstyle="steps-mid", color=text, lw=1)
                axes.yaxis.set_major_locator(MaxNLocator(2))
                if name == IOU:
                    axes.set_yticks([0, 0.5, 1])
            rest[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
            rest[-1].set_xlabel("slice", fontsize=FONT, color=text, labelpad=1)
            rest[-1].tick_params(labelbottom=True)
            for name, (colour, marker, _) in MARKS.items():
                self._marks[name] = strip.scatter(
                    [], [], color=colour, marker=marker, s=22, clip_on=False, animated=True
                )
            self._lines = [
                axes.axvline(0, color=HERE, lw=1.5, animated=True, visible=False)
                for axes in (strip, *rest)
            ]
        self._place_marks()
        self._place_lines()
        self._fit()
        self.draw_idle()

    def _style(self, axes: Any, name: str) -> None:
        text = self.colours["text"]
        axes.set_facecolor(self.colours["ground"])
        axes.set_title(name, loc="left", fontsize=FONT, color=text, pad=2, parse_math=False)
        axes.tick_params(colors=text, labelsize=FONT, labelbottom=False, length=2)
        axes.grid(axis="x", color=self.colours["grid"], lw=0.4)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(self.colours["grid"])

    def _fit(self) -> None:
        left, right, below, above = MARGINS
        width, height = self.width(), self.height()
        if width > left + right and height > below + above:
            self.figure.subplots_adjust(
                left=left / width,
                right=1 - right / width,
                bottom=below / height,
                top=1 - (above + FONT) / height,
                hspace=0.55,
            )

    def _place_marks(self) -> None:
        for name, marks in self._marks.items():
            at = [n for n, verdict in self._verdicts.items() if verdict.said == name]
            marks.set_offsets(np.column_stack([at, np.zeros(len(at))]))

    def _place_lines(self) -> None:
        for line in self._lines:
            line.set_visible(self.number is not None)
            if self.number is not None:
                line.set_xdata([self.number] * 2)

    def _drawn(self, event: Any) -> None:
        self._still = self.copy_from_bbox(self.figure.bbox)
        self._draw_moving()

    def _draw_moving(self) -> None:
        for artist in (*self._lines, *self._marks.values()):
            self.figure.draw_artist(artist)

    def _move(self) -> None:
        """Draw the moving parts over the stored picture: a few ms instead of a whole plot."""
        if self._still is not None:
            self.restore_region(self._still)
            self._draw_moving()
            self.blit(self.figure.bbox)

    def _pressed(self, event: Any) -> None:
        """Go to the slice under a press or a drag, even beside the axes."""
        held = event.guiEvent.buttons() & Qt.LeftButton
        if self._figures is None or not held:
            return
        x, _ = self.figure.axes[0].transData.inverted().transform((event.x, event.y))
        number = min(max(round(float(x)), 0), len(self._figures) - 1)
        if event.name == "button_press_event" or number != self.number:
            self.went.emit(number)
