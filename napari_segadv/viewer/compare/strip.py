"""A film strip: small pictures of slices in a row, clean above adversarial; a click goes to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QEvent, QLineF, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

from ..widgets.plain import point_out
from .thumbnails import Thumbnail

# Longest side of a picture, and the room around it, in pixels.
PICTURE, GAP, TITLE = 88, 4, 18
FRAME = QColor(255, 190, 40)


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice of the strip.

    Attributes:
        number: of the slice.
        clean, adversarial: its pictures, of one size.
        tip: what is special about it, for the tooltip.
    """

    number: int
    clean: Thumbnail
    adversarial: Thumbnail
    tip: str


class Film(QWidget):
    """The pictures themselves.

    Signals:
        went: the number of the slice that was clicked.
    """

    went = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.frames: tuple[Frame, ...] = ()
        self.number: int | None = None
        self._cell = QSize(PICTURE, PICTURE)
        self.setMouseTracking(True)
        self.setCursor(Qt.PointingHandCursor)

    def show_frames(self, frames: Sequence[Frame], aspect: float) -> None:
        """Show other frames; `aspect` is the height of a pixel over its width."""
        self.frames = tuple(frames)
        if self.frames:
            rows, columns = self.frames[0].clean.pixels.shape[:2]
            high, wide = rows * aspect, float(columns)
            scale = PICTURE / max(high, wide)
            self._cell = QSize(max(24, round(wide * scale)), max(24, round(high * scale)))
        self.setFixedSize(self.sizeHint())
        self.update()

    def show_number(self, number: int | None) -> None:
        """Frame the slice that is in view."""
        if number != self.number:
            self.number = number
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        wide = len(self.frames) * (self._cell.width() + GAP) + GAP
        return QSize(wide, TITLE + 2 * (self._cell.height() + GAP) + GAP)

    def place(self, index: int) -> QRect:
        """Return where a frame lies: its title and both pictures."""
        step = self._cell.width() + GAP
        return QRect(GAP + index * step, 0, self._cell.width(), self.sizeHint().height() - GAP)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        for index, frame in enumerate(self.frames):
            place = self.place(index)
            title = QRect(place.left(), 0, place.width(), TITLE)
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(title, Qt.AlignCenter, str(frame.number))
            top = TITLE
            for picture in (frame.clean, frame.adversarial):
                at = QRect(QPoint(place.left(), top), self._cell)
                _draw(painter, at, picture)
                top += self._cell.height() + GAP
            if frame.number == self.number:
                painter.setPen(QPen(FRAME, 2))
                painter.drawRect(place.adjusted(-1, TITLE - 2, 1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        found = self._at(event.pos())
        if found is not None and event.button() == Qt.LeftButton:
            self.went.emit(found.number)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.ToolTip:
            help_event: Any = event
            found = self._at(help_event.pos())
            point_out(help_event.globalPos(), "" if found is None else found.tip, self)
            return True
        return bool(super().event(event))

    def _at(self, place: QPoint) -> Frame | None:
        hit = (f for i, f in enumerate(self.frames) if self.place(i).contains(place))
        return next(hit, None)


class FilmStrip(QScrollArea):
    """A film that scrolls sideways."""

    def __init__(self) -> None:
        super().__init__()
        self.film = Film()
        self.setWidget(self.film)
        self.setFrameShape(QFrame.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAsNeeded)

    def show_frames(self, frames: Sequence[Frame], aspect: float) -> None:
        """Show other frames, from the first one on."""
        self.film.show_frames(frames, aspect)
        bar = self.horizontalScrollBar()
        self.setFixedHeight(self.film.sizeHint().height() + bar.sizeHint().height())
        bar.setValue(0)


def _draw(painter: QPainter, place: QRect, picture: Thumbnail) -> None:
    pixels = picture.pixels
    rows, columns = pixels.shape[:2]
    # `copy`, since the image would share the array's memory.
    image = QImage(pixels.tobytes(), columns, rows, 3 * columns, QImage.Format_RGB888).copy()
    painter.setRenderHint(QPainter.SmoothPixmapTransform)
    painter.drawImage(place, image)
    if len(picture.lines):
        painter.setPen(QPen(QColor.fromRgbF(*picture.colour), 1))
        painter.drawLines(
            [
                QLineF(
                    place.left() + x0 * place.width(),
                    place.top() + y0 * place.height(),
                    place.left() + x1 * place.width(),
                    place.top() + y1 * place.height(),
                )
                for (y0, x0), (y1, x1) in picture.lines.tolist()
            ]
        )
