"""A glass pane over a canvas: letters of the patient's sides, crosshair, place, values, window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

# In pixels: from the edges, of the text, of the letters, around the middle of the crosshair, of the
# ruler's ends.
EDGE, TEXT, LETTER, GAP, TICK = 6, 12, 16, 12, 5
# Pixels from the upper edge to below a caption of the canvas.
CAPTION = 36
# Share of the width that the ruler takes at most.
RULER = 0.25
INK, BEHIND = QColor(255, 255, 255), QColor(0, 0, 0, 150)
LETTER_INK = QColor(255, 214, 90)
NO_LETTERS = ("", "", "", "")


@dataclass(frozen=True)
class Cross:
    """A crosshair in a view.

    Attributes:
        down, across: its place on the axis down and on the one across the screen, in the world.
        level, upright: colours of the level and of the upright line.
    """

    down: float
    across: float
    level: str
    upright: str


class Glass(QWidget):
    """Lies on a canvas and lets the mouse through. What it shows is set through `show_...`.

    Attributes:
        letters: at the upper, lower, left and right edge.
        cross: the crosshair; None for none.
        place, reading, window_text: the slice that is seen, what is under the pointer, level and
            width.
        place_colour: of the slice's text.
        in_mm: whether the world is in mm, so that a ruler is drawn.
        note: what is said instead of showing the image; "" to show it.
        entered: whether the pointer is over the canvas.
    """

    def __init__(self, canvas: QWidget, model: ViewerModel) -> None:
        super().__init__(canvas)
        self._canvas, self._model = canvas, model
        self.letters: tuple[str, str, str, str] = NO_LETTERS
        self.cross: Cross | None = None
        self.place = self.reading = self.window_text = self.note = ""
        self.place_colour = ""
        self.in_mm = False
        self.entered = False
        self.setAttribute(Qt.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.NoFocus)
        camera = model.scene.camera.events
        self._events = (camera.center, camera.zoom, camera.orientation)
        for event in self._events:
            event.connect(self._moved)
        canvas.installEventFilter(self)
        self.setGeometry(canvas.rect())
        self.show()

    def leave(self) -> None:
        """Take the glass off."""
        for event in self._events:
            event.disconnect(self._moved)
        self._canvas.removeEventFilter(self)
        self.setParent(None)
        self.deleteLater()

    def show_texts(self, **texts: Any) -> None:
        """Set some of the attributes, and draw anew if any of them changes."""
        changed = False
        for name, value in texts.items():
            if getattr(self, name) != value:
                setattr(self, name, value)
                changed = True
        if changed:
            self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Resize:
            self.setGeometry(self._canvas.rect())
        elif event.type() == QEvent.MouseMove:
            self.entered = True
        elif event.type() == QEvent.Leave:
            self.entered = False
            self.show_texts(reading="")
        return False

    def on_canvas(self, down: float, across: float) -> QPointF:
        """Return the pixel of the canvas where a place of the world is seen."""
        camera = self._model.scene.camera
        vertical, horizontal = map(str, camera.orientation2d)
        y, x = down - camera.center[-2], across - camera.center[-1]
        return QPointF(
            self.width() / 2 + x * camera.zoom * (1 if horizontal == "right" else -1),
            self.height() / 2 + y * camera.zoom * (1 if vertical == "down" else -1),
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.TextAntialiasing)
        if self.note:
            painter.fillRect(self.rect(), Qt.black)
            painter.setPen(INK)
            painter.setFont(_font(self, TEXT))
            room = self.rect().adjusted(2 * EDGE, EDGE, -2 * EDGE, -EDGE)
            painter.drawText(room, Qt.AlignCenter | Qt.TextWordWrap, self.note)
            return
        if self.cross is not None:
            self._draw_cross(painter, self.cross)
        self._draw_letters(painter)
        self._draw_texts(painter)
        if self.in_mm:
            self._draw_ruler(painter)

    def _moved(self, event: Any = None) -> None:
        if self.cross is not None or self.in_mm:
            self.update()

    def _draw_cross(self, painter: QPainter, cross: Cross) -> None:
        middle = self.on_canvas(cross.down, cross.across)
        x, y = middle.x(), middle.y()
        for colour, ends in (
            (cross.level, ((0, y, x - GAP, y), (x + GAP, y, self.width(), y))),
            (cross.upright, ((x, 0, x, y - GAP), (x, y + GAP, x, self.height()))),
        ):
            painter.setPen(QPen(QColor(colour), 1))
            for x1, y1, x2, y2 in ends:
                # Not the piece that would run back over the gap.
                if x2 > x1 or y2 > y1:
                    painter.drawLine(QPointF(x1, y1), QPointF(x2, y2))

    def _draw_letters(self, painter: QPainter) -> None:
        font = _font(self, LETTER, bold=True)
        wide, high = self.width(), self.height()
        upper, lower, left, right = self.letters
        for text, x, y, sides in (
            (upper, wide / 2, EDGE, (0.5, 0.0)),
            (lower, wide / 2, high - EDGE, (0.5, 1.0)),
            (left, EDGE, high / 2, (0.0, 0.5)),
            (right, wide - EDGE, high / 2, (1.0, 0.5)),
        ):
            _text(painter, font, text, (x, y), sides, LETTER_INK)

    @property
    def window_top(self) -> int:
        """How far from the upper edge level and width stand: below a caption in their corner."""
        overlays = self._model.canvas.overlays.values()
        captions = (one for one in overlays if str(getattr(one, "position", "")) == "top_right")
        return CAPTION if any(one.visible for one in captions) else EDGE

    def _draw_texts(self, painter: QPainter) -> None:
        font = _font(self, TEXT)
        metrics = QFontMetricsF(font)
        room = self.width() - 4 * EDGE
        line = metrics.height() + 2
        colour = QColor(self.place_colour) if self.place_colour else INK
        corner = (self.width() - EDGE, self.window_top)
        _text(painter, font, self.window_text, corner, (1.0, 0.0), INK)
        reading = metrics.elidedText(self.reading, Qt.ElideRight, room)
        _text(painter, font, reading, (EDGE, self.height() - EDGE), (0.0, 1.0), INK)
        _text(painter, font, self.place, (EDGE, self.height() - EDGE - line), (0.0, 1.0), colour)

    def _draw_ruler(self, painter: QPainter) -> None:
        """Draw a round length, at most RULER of the width, into the lower right corner."""
        zoom = self._model.scene.camera.zoom
        length = round_length(RULER * self.width() / zoom)
        end, y = self.width() - EDGE - 2, self.height() - EDGE - 2
        start = end - length * zoom
        for pen in (QPen(QColor(0, 0, 0), 4), QPen(INK, 2)):
            painter.setPen(pen)
            for x1, y1, x2, y2 in (
                (start, y, end, y),
                (start, y - TICK, start, y),
                (end, y - TICK, end, y),
            ):
                painter.drawLine(QPointF(x1, y1), QPointF(x2, y2))
        text = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
        _text(painter, _font(self, TEXT), text, (end, y - TICK - 2), (1.0, 1.0), INK)


def round_length(most: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, 50 ... that is not longer than a length."""
    power = 10.0 ** math.floor(math.log10(most))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= most * (1 + 1e-9)))


def _font(widget: QWidget, pixels: int, bold: bool = False) -> QFont:
    font = QFont(widget.font())
    font.setPixelSize(pixels)
    font.setBold(bold)
    return font


def _text(
    painter: QPainter,
    font: QFont,
    text: str,
    at: Sequence[float],
    sides: tuple[float, float],
    ink: QColor,
) -> None:
    """Write a line on a dark ground, which shows it on bone and on air.

    Args:
        painter, font, text, ink: what is written, and how.
        at: a place of its box.
        sides: which place of its box that is: 0.0 left or above, 1.0 right or below.
    """
    if not text:
        return
    metrics = QFontMetricsF(font)
    wide, high = metrics.horizontalAdvance(text) + 6, metrics.height()
    box = QRectF(at[0] - sides[0] * wide, at[1] - sides[1] * high, wide, high)
    painter.setFont(font)
    painter.setPen(Qt.NoPen)
    painter.setBrush(BEHIND)
    painter.drawRoundedRect(box, 3, 3)
    painter.setPen(ink)
    painter.drawText(box, Qt.AlignCenter, text)
