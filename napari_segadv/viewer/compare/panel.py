"""The dock widget "Compare": blink, side by side, swipe, difference, contours, window and level."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import napari
from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QPushButton,
    QSlider,
    QWidget,
)

from ...common.screen import one_line
from ...data.window_presets import WindowPreset, numbered
from ..notices import tell, warn
from ..widgets.keys import Key
from ..widgets.layout import group, set_tips, stack
from ..widgets.panel import Panel
from ..widgets.plain import Plain, Rich, tip
from ..widgets.settings import settings
from ..widgets.tabs import Tab
from .blink import Blink
from .comparison import MODES, Comparison
from .contours import AS_SHOWN, CONTOURS, LOOKS, legend
from .difference import MOST_GAIN, Difference
from .digits import LayerKeys
from .drags import Drags, drag_line, drag_window
from .side_by_side import SideBySide
from .strip_section import StripSection
from .swipe import Swipe
from .view_section import ViewSection
from .window_section import WindowSection

TITLE = "Compare"
PRESET_KEYS = (
    *(f"window: {name}" for name in ("lung", "mediastinum", "bone", "brain", "liver")),
    "window: soft tissue",
    "window: full range",
)
KEYS = (
    Key("H", "show the clean image while held down", "hold_clean"),
    Key("Shift-B", "blink between clean and adversarial, on and off", "toggle_blink"),
    Key("Shift-S", "clean and adversarial side by side, on and off", "toggle_side"),
    Key("Shift-W", "swipe line between clean and adversarial, on and off", "toggle_swipe"),
    Key("Shift-X", "difference in colours, on and off", "toggle_difference"),
    Key("Shift-C", "contours of target and predictions, on and off", "toggle_contours"),
    *(Key(str(n), does, "preset", (n,)) for n, does in enumerate(PRESET_KEYS, 1)),
)
SLIDER = 1000
TIPS = {
    Blink.name: "Clean and adversarial image in turn, in the same place (Shift-B; hold H for the "
    "clean one alone)",
    SideBySide.name: "Clean on the left, adversarial on the right, with the same zoom, slice and "
    "window (Shift-S)",
    Swipe.name: "The clean image left of a line, the adversarial one right of it (Shift-W); drag "
    "the line on the canvas. 2-D only",
    Difference.name: "Adversarial minus clean, in colours: blue is darker, red is brighter "
    "(Shift-X)",
}


class ComparePanel(Panel):
    """The panel. It shows a Comparison of the viewer's current run and forwards clicks to it."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.comparison = Comparison(self.viewer, self.controller)
        self.run_name, self.legend = Plain(wrap=True), Rich(legend())
        self.modes = {name: QPushButton(name) for name in MODES}
        self.rate, self.gain = QDoubleSpinBox(), QDoubleSpinBox()
        self.line, self.look = QSlider(Qt.Horizontal), QComboBox()
        self.channel_name, self.channel = Plain("channel"), QComboBox()
        self.window_section = WindowSection(self.comparison.window)
        self.strip, self.view = StripSection(self.comparison), ViewSection(self.comparison)
        self.timer = QTimer(self)
        self._drags, self._digits = Drags(self.viewer), LayerKeys(self.viewer)
        self._presets: tuple[WindowPreset, ...] = ()
        self._lay_out()
        self._connect()
        self._refresh()

    def _lay_out(self) -> None:
        buttons = QWidget()
        grid = QGridLayout(buttons)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, (name, button) in enumerate(self.modes.items()):
            button.setCheckable(True)
            tip(button, TIPS[name])
            grid.addWidget(button, place // 2, place % 2)
        self.rate.setRange(0.5, 10.0)
        self.rate.setDecimals(1)
        self.rate.setSingleStep(0.5)
        self.rate.setValue(settings().blink_rate)
        self.rate.setSuffix(" changes/s")
        self.line.setRange(0, SLIDER)
        self.line.setValue(SLIDER // 2)
        self.gain.setRange(0.1, MOST_GAIN)
        self.gain.setDecimals(1)
        self.gain.setKeyboardTracking(False)
        self.gain.setPrefix("\N{MULTIPLICATION SIGN} ")
        self.look.addItems(LOOKS)
        self.full_colour = Plain()
        ways = group(
            "Clean and adversarial",
            [
                self.run_name,
                [self.channel_name, self.channel],
                buttons,
                ("blink", self.rate),
                ("swipe line", self.line),
                ("gain", self.gain),
                self.full_colour,
            ],
        )
        overlays = group("Target and predictions", [("predictions", self.look), self.legend])
        windows = group("Window", [self.window_section])
        self.worst = group("Worst slices", [self.strip])
        stack(self, [ways, overlays, self.worst, windows], [self.view, self.status])
        set_tips(
            {
                self.run_name: "The run that is shown; choose another one in the Runs panel",
                self.channel: "Which of the image's channels all panels show, before and after; "
                "predictions are of all of them together",
                self.rate: "How often the image changes, per second",
                self.line: "Position of the swipe line, from the image's left edge to its right",
                self.gain: "Factor that multiplies the difference, no unit; the result is shown in "
                "the width of the images' window. Automatic: the largest change has about the "
                "strongest colour",
                self.full_colour: "The change that has the strongest colour, in the image's units",
                self.look: "Target and predictions: filled, as their layers show them; as contours "
                "in fixed colours (Shift-C); or hidden. In 3-D, napari fills contours too",
                self.legend: "Colours and line widths of the contours",
                self.status: "What the panel did last",
            }
        )

    def _connect(self) -> None:
        comparison = self.comparison
        for name, button in self.modes.items():
            button.clicked.connect(lambda _, name=name: self._compare(name))
        self.rate.valueChanged.connect(self._set_rate)
        self.channel.activated.connect(self._show_channel)
        self.line.valueChanged.connect(lambda value: comparison.set_share(value / SLIDER))
        self.gain.valueChanged.connect(self._set_gain)
        self.look.textActivated.connect(self._look)
        self.window_section.drag.toggled.connect(self._drag_to_window)
        self.timer.timeout.connect(comparison.flip)
        self.view.said.connect(self.say)
        self.view.refused.connect(self.failed)
        # Called in reverse order: the listeners below are gone before `close` restores anything.
        self.at_leaving(comparison.close)
        self.at_leaving(self._digits.close)
        self.at_leaving(self._drags.close)
        self.at_leaving(self.strip.latest.drop)
        self.bind(KEYS)
        self.listen(
            {
                comparison.changed: self._refresh,
                comparison.left: self._left,
                comparison.said: self._said,
                comparison.window.changed: self._windowed,
                self.controller.runs.changed: self._refresh,
                self.controller.runs.chosen: self._shown_again,
                self.viewer.dims.events.point: self.strip.moved,
                self.viewer.dims.events.order: self.strip.moved,
                self.viewer.dims.events.ndisplay: self.strip.moved,
            }
        )

    def closing(self) -> None:
        self.timer.stop()
        self.view.finish()

    def _left(self, message: str) -> None:
        self.say(message)
        warn(message)

    def _said(self, message: str) -> None:
        """Say it here and, since another tab may lie on top, in napari's own line; once."""
        if message != self.status.text():
            self.say(message)
            tell(message)

    def _shown_again(self, run: Any) -> None:
        """Clear the message: it was about the run shown before."""
        self.say("")

    def _compare(self, name: str) -> None:
        self.say("")
        self.attempt(self.comparison.compare, name)
        # The click has pressed the button down, even if the mode was refused.
        self._refresh()

    def _show_channel(self, number: int) -> None:
        """Show another channel, in the same way to compare."""
        self.say("")
        name = self.comparison.name
        self.attempt(self.controller.show_channel, number)
        if name and self.comparison.name != name:
            self._compare(name)
        self._refresh()

    def _look(self, look: str) -> None:
        self.attempt(self.comparison.show, look)
        self.strip.draw()

    def _set_rate(self) -> None:
        self.timer.setInterval(round(1000 / self.rate.value()))

    def _set_gain(self, gain: float) -> None:
        self.comparison.set_gain(gain)
        self._show_gain()

    def _refresh(self) -> None:
        """Show the comparison's present state."""
        comparison, run = self.comparison, self.controller.runs.current
        self.run_name.setText("no run is shown" if run is None else f"run: {run.name}")
        self._list_channels(() if run is None else run.channels)
        for name, button in self.modes.items():
            button.setChecked(name == comparison.name)
            button.setEnabled(run is not None)
        if comparison.name == Blink.name:
            self._set_rate()
            self.timer.start()
        else:
            self.timer.stop()
        self.line.setEnabled(comparison.name == Swipe.name)
        self.gain.setEnabled(comparison.name == Difference.name)
        # Until a difference is shown, the box holds its minimum, which the user did not choose.
        self.gain.setSpecialValueText("" if self.gain.isEnabled() else "automatic")
        self.look.setCurrentText(comparison.look)
        self.legend.setVisible(comparison.look == CONTOURS)
        self._drag_the_line()
        self._windowed()
        self.strip.show_run(run)
        self.worst.setVisible(self.strip.volume)
        self.view.refresh()

    def _list_channels(self, names: tuple[str, ...]) -> None:
        """Offer the channels of the run's image, if it has several."""
        run = self.controller.runs.current
        shown = [one_line(name) for name in names]
        if [self.channel.itemText(i) for i in range(self.channel.count())] != shown:
            self.channel.clear()
            self.channel.addItems(shown)
        if run is not None and names:
            self.channel.setCurrentIndex(run.channel)
        for widget in (self.channel_name, self.channel):
            widget.setVisible(bool(names))

    def _windowed(self) -> None:
        self.window_section.refresh()
        self.strip.windowed()
        self._show_gain()
        presets = self.comparison.window.presets
        if presets != self._presets:
            # Numbers without a preset stay the layers' own keys: brush, eraser, fill.
            self._presets = presets
            self._digits.set({str(n): partial(self.preset, n) for n, _ in numbered(presets)})

    def _show_gain(self) -> None:
        strongest = self.comparison.strongest
        self.full_colour.setVisible(bool(strongest))
        if strongest:
            self.full_colour.setText(strongest)
            with QSignalBlocker(self.gain):
                self.gain.setValue(self.comparison.gain)

    def _drag_the_line(self) -> None:
        mode = self.comparison.mode
        drag = drag_line(self.viewer, mode, self._line_dragged) if isinstance(mode, Swipe) else None
        self._drags.set("line", drag)

    def _line_dragged(self, share: float) -> None:
        self.line.setValue(round(share * SLIDER))

    def _drag_to_window(self, on: bool) -> None:
        drag = drag_window(self.viewer, self.comparison.window) if on else None
        self._drags.set("window", drag)

    def hold_clean(self) -> Iterator[None]:
        """Show the clean image until the key is released."""
        self.attempt(self.comparison.hold_clean, True)
        yield
        self.comparison.hold_clean(False)

    def toggle_blink(self) -> None:
        self._compare(Blink.name)

    def toggle_side(self) -> None:
        self._compare(SideBySide.name)

    def toggle_swipe(self) -> None:
        self._compare(Swipe.name)

    def toggle_difference(self) -> None:
        self._compare(Difference.name)

    def toggle_contours(self) -> None:
        self._look(AS_SHOWN if self.comparison.look == CONTOURS else CONTOURS)

    def preset(self, number: int) -> None:
        """Apply the window preset of this number, counted from 1."""
        self.window_section.preset(number)


TAB = Tab("Compare", 3, ComparePanel)
