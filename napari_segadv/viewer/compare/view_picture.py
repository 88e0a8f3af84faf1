"""The picture of a saved view: the canvas with a scale bar, and a strip below with the facts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qtpy.QtCore import QPoint, QRect, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen

from .view_facts import WARNING, Colour, Facts

BACK, TEXT, NAME, ALARM = (QColor(c) for c in ("#101214", "#ffffff", "#a9b2bc", "#a01818"))
# Sizes in pixels at a device pixel ratio of 1: letters, the room around things, the scale bar.
LETTER, EDGE, BAR = 14, 10, 4
# The longest scale bar, as a share of the picture's width.
LONGEST = 0.25


def picture(canvas: QImage, facts: Facts, ratio: float = 1.0) -> QImage:
    """Return the canvas with everything that must go with it.

    Args:
        canvas: as it is on the screen.
        facts: what is written.
        ratio: pixels of the canvas for each pixel in which the screen is measured.
    """
    strip = _Strip(facts, canvas.width(), ratio)
    whole = QImage(canvas.width(), canvas.height() + strip.height, QImage.Format_RGB32)
    whole.fill(BACK)
    # Read by whoever asks the file, also if the strip has been cut off.
    whole.setText("Description", WARNING)
    painter = QPainter(whole)
    painter.drawImage(0, 0, canvas)
    if facts.pixel is not None:
        _scale_bar(painter, canvas.size(), facts.pixel / ratio, facts.unit, ratio)
    painter.translate(0, canvas.height())
    strip.draw(painter)
    painter.end()
    return whole


def nice_length(longest: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... that is at most a length.

    Examples:
        >>> nice_length(73.0), nice_length(1.9), nice_length(0.07)
        (50.0, 1.0, 0.05)
    """
    power = 10.0 ** math.floor(math.log10(longest))
    return next(f * power for f in (5.0, 2.0, 1.0) if f * power <= longest * (1 + 1e-9))


def _font(ratio: float, bold: bool = False) -> QFont:
    font = QFont()
    font.setPixelSize(round(LETTER * ratio))
    font.setBold(bold)
    return font


def _scale_bar(painter: QPainter, size: QSize, pixel: float, unit: str, ratio: float) -> None:
    """Draw a bar of a round length into the lower left corner."""
    length = nice_length(LONGEST * size.width() * pixel)
    wide, thick, edge = round(length / pixel), round(BAR * ratio), round(EDGE * ratio)
    text = f"{length:g} {unit}"
    painter.setFont(_font(ratio, bold=True))
    metrics = QFontMetrics(painter.font())
    inside = max(wide, metrics.horizontalAdvance(text))
    box = QRect(0, 0, inside + 2 * edge, metrics.height() + thick + 2 * edge)
    box.moveBottomLeft(QPoint(edge, size.height() - edge))
    # On a ground of its own: the image there may be black or white.
    painter.fillRect(box, QColor(0, 0, 0, 200))
    top = box.bottom() - edge - thick
    painter.fillRect(QRect(box.left() + edge, top, wide, thick), TEXT)
    painter.setPen(TEXT)
    painter.drawText(QPoint(box.left() + edge, top - round(4 * ratio)), text)


@dataclass(frozen=True)
class _Word:
    """A piece of text that is not broken, after a square of a colour if it has one.

    Attributes:
        name: drawn first and fainter.
        text: the rest.
        colour: of the square.
    """

    name: str
    text: str
    colour: Colour | None = None


class _Strip:
    """Lines of words that wrap at the picture's width."""

    def __init__(self, facts: Facts, width: int, ratio: float) -> None:
        self._width, self._ratio = width, ratio
        self._plain, self._bold = _font(ratio), _font(ratio, bold=True)
        self._metrics = QFontMetrics(self._bold)
        self._row = round(1.6 * self._metrics.height())
        where = [_Word("", facts.seen), _Word("window", facts.window), _Word("", facts.place)]
        legend = [_Word("", name, colour) for colour, name in facts.legend]
        figures = [_Word(name, value) for name, value in facts.figures]
        lines = [self._wrapped([w for w in words if w.text]) for words in (where, legend, figures)]
        self._lines = [line for group in lines for line in group]
        self.height = self._row * (1 + len(self._lines)) + 2 * self._edge

    @property
    def _edge(self) -> int:
        return round(EDGE * self._ratio)

    @property
    def _square(self) -> int:
        return round(LETTER * self._ratio)

    def _parts(self, word: _Word) -> tuple[int, int, int]:
        """Return how wide a word's square, name and text are, with the gaps behind them."""
        gap = self._metrics.horizontalAdvance(" ")
        square = self._square + gap if word.colour is not None else 0
        name = QFontMetrics(self._plain).horizontalAdvance(word.name) + gap if word.name else 0
        return square, name, self._metrics.horizontalAdvance(word.text)

    def _wrapped(self, words: Sequence[_Word]) -> list[list[_Word]]:
        lines: list[list[_Word]] = []
        free = 0
        for word in (piece for whole in words for piece in self._broken(whole)):
            wide = sum(self._parts(word)) + 2 * self._edge
            if not lines or wide > free:
                lines.append([])
                free = self._width
            lines[-1].append(word)
            free -= wide
        return lines

    def _broken(self, word: _Word) -> list[_Word]:
        """Return a word in pieces that fit into a line, broken at its spaces."""
        pieces = [_Word(word.name, "", word.colour)]
        for text in word.text.split(" "):
            longer = replace(pieces[-1], text=f"{pieces[-1].text} {text}".strip())
            if pieces[-1].text and sum(self._parts(longer)) + 2 * self._edge > self._width:
                pieces.append(_Word("", text))
            else:
                pieces[-1] = longer
        return pieces

    def draw(self, painter: QPainter) -> None:
        """Draw the strip at the painter's origin."""
        top = QRect(0, 0, self._width, self._row)
        painter.fillRect(top, ALARM)
        painter.setFont(self._bold)
        painter.setPen(TEXT)
        painter.drawText(top, Qt.AlignCenter, WARNING)
        for number, line in enumerate(self._lines, start=1):
            left = self._edge
            for word in line:
                row = QRect(left, self._edge + number * self._row, self._width, self._row)
                self._draw_word(painter, word, row)
                left += sum(self._parts(word)) + 2 * self._edge

    def _draw_word(self, painter: QPainter, word: _Word, row: QRect) -> None:
        square, name, _ = self._parts(word)
        if word.colour is not None:
            place = QRect(row.left(), 0, self._square, self._square)
            place.moveCenter(QPoint(place.center().x(), row.center().y()))
            painter.fillRect(place, QColor.fromRgbF(*word.colour))
            painter.setPen(QPen(NAME, 1))
            painter.drawRect(place)
        middle = Qt.AlignVCenter | Qt.AlignLeft
        painter.setFont(self._plain)
        painter.setPen(NAME)
        painter.drawText(row.adjusted(square, 0, 0, 0), middle, word.name)
        painter.setFont(self._bold)
        painter.setPen(TEXT)
        painter.drawText(row.adjusted(square + name, 0, 0, 0), middle, word.text)
