"""The window of the reading test: an image or a pair, two answers, and nothing else."""

import time
from collections.abc import Sequence

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ...data.scan import Array
from ...data.window_presets import PRESETS, numbered
from ...measures.reading_test import ALONE, ALTERED, ANSWERS, LEFT, PAIR, Reading
from ..widgets.keys import Key
from ..widgets.layout import set_tips
from ..widgets.plain import Plain
from .canvas import ReadingCanvas, Stimulus
from .covers import Cover, cover_all, uncover

# Milliseconds of empty canvas between two trials: without them, a clean image replaced by its
# altered twin flickers just where it was changed.
BLANK = 500

# F and J, where the index fingers rest. Numbers choose windows and arrows go through slices, so
# readers would press them by habit.
KEYS = (
    Key("F", "answer: unaltered; side by side: the left one is altered", "say_first"),
    Key("J", "answer: altered; side by side: the right one is altered", "say_second"),
    Key("Up", "next slice", "next_slice"),
    Key("Down", "previous slice", "previous_slice"),
    *(
        Key(str(number), f"CT window: {name}", "window_preset", (number,))
        for number, name in enumerate((*(p.name for p in PRESETS), "full range"), start=1)
    ),
)
QUESTIONS = {ALONE: "Is this image altered?", PAIR: "Which of the two is altered?"}
BUTTONS = {ALONE: ("Unaltered (F)", "Altered (J)"), PAIR: ("Left (F)", "Right (J)")}


class ReadingWindow(QDialog):
    """Shows a Reading's trials one after the other; emits `finished` at the end or when stopped.

    While it is open, no other window of the application can be used or seen.
    """

    def __init__(
        self, parent: QWidget, reading: Reading, stimuli: Sequence[Stimulus], theme: str
    ) -> None:
        super().__init__(parent)
        self.reading = reading
        self._stimuli = tuple(stimuli)
        self._asked: float | None = None
        self._covers: list[Cover] = []
        self._blank = QTimer(self)
        self._blank.setSingleShot(True)
        self._blank.setInterval(BLANK)
        self._blank.timeout.connect(self._ask)
        self.canvas = ReadingCanvas(theme)
        self.progress, self.help = Plain(), Plain()
        self.first, self.second = (QPushButton(text) for text in BUTTONS[reading.mode])
        self.stop = QPushButton("Stop the test")
        self.setWindowTitle("Reading test")
        self.setWindowModality(Qt.ApplicationModal)
        self._lay_out()
        self.first.clicked.connect(self.say_first)
        self.second.clicked.connect(self.say_second)
        self.stop.clicked.connect(self.reject)
        self._by_key = {QKeySequence(key.key).toString(): key for key in KEYS}

    def _lay_out(self) -> None:
        for button in (self.first, self.second, self.stop):
            # Enter and the arrows must not press buttons.
            button.setFocusPolicy(Qt.NoFocus)
            button.setAutoDefault(False)
        line = QHBoxLayout()
        line.addWidget(self.progress)
        line.addStretch()
        line.addWidget(Plain(QUESTIONS[self.reading.mode]))
        line.addWidget(self.first)
        line.addWidget(self.second)
        line.addStretch()
        line.addWidget(self.stop)
        column = QVBoxLayout(self)
        column.addWidget(self.canvas, stretch=1)
        column.addWidget(self.help)
        column.addLayout(line)
        set_tips(
            {
                self.first: "Key F",
                self.second: "Key J",
                self.stop: "Ends the test; the answers so far are kept and can be exported",
                self.progress: "The present trial; it is shown until you answer",
                self.help: "Keys and mouse; the Keys and help panel lists them all",
            }
        )

    def start(self) -> None:
        """Cover all other windows and show the first trial."""
        self.setGeometry(self.screen().availableGeometry())
        self.showMaximized()
        self._covers = cover_all(but=self)
        self.activateWindow()
        self.setFocus()
        self._next()

    def say_first(self) -> None:
        self._say(ANSWERS[self.reading.mode][0])

    def say_second(self) -> None:
        self._say(ANSWERS[self.reading.mode][1])

    def next_slice(self) -> None:
        self.canvas.step(1)

    def previous_slice(self) -> None:
        self.canvas.step(-1)

    def window_preset(self, number: int) -> None:
        """Apply the window preset of this number."""
        self.canvas.choose_preset(number)

    def _say(self, answer: str) -> None:
        """Record an answer; it is ignored while nothing is shown."""
        if self._asked is None:
            return
        self.reading.answer(answer, time.monotonic() - self._asked)
        self._next()

    def _next(self) -> None:
        """Show an empty canvas for a moment, then the next trial; at the end, close the window."""
        self._asked = None
        self._enable(False)
        self.canvas.clear()
        if self.reading.trial is None:
            self.accept()
        else:
            self._blank.start()

    def _ask(self) -> None:
        trial = self.reading.trial
        if trial is None:
            return
        shown = self._stimuli[trial.run]
        arrays: tuple[Array, ...] = (shown.clean, shown.altered)
        if self.reading.mode == ALONE:
            arrays = (shown.altered if trial.shown == ALTERED else shown.clean,)
        elif trial.shown == LEFT:
            arrays = (shown.altered, shown.clean)
        self.canvas.show_images(arrays, shown)
        self.progress.setText(f"{trial.number} of {len(self.reading.trials)}")
        self.help.setText(_help(shown))
        self._enable(True)
        self.setFocus()
        self._asked = time.monotonic()

    def _enable(self, on: bool) -> None:
        self.first.setEnabled(on)
        self.second.setEnabled(on)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Take only the test's keys: Escape would end the test by mistake."""
        pressed = QKeySequence(event.keyCombination()).toString()
        key = self._by_key.get(pressed.removeprefix("Num+"))
        # A key held down may go through slices; it must not answer one trial after the other.
        if key is not None and (not event.isAutoRepeat() or key.method.endswith("_slice")):
            key.act(self)

    def done(self, code: int) -> None:
        """Uncover the other windows, however the test ends, before `finished` is emitted."""
        self._blank.stop()
        self._asked = None
        uncover(self._covers)
        self.canvas.clear()
        self.canvas.close()
        super().done(code)


def _help(shown: Stimulus) -> str:
    """Return one line on what the reader can do with the image."""
    parts = []
    if shown.first is not None:
        parts.append("slices: Up, Down, Ctrl + wheel")
    parts.append("zoom: wheel; move: drag")
    if shown.presets:
        parts.append("window: drag with the right button")
        parts += [f"{n} {preset.name}" for n, preset in numbered(shown.presets)]
    return "   ".join(parts)
