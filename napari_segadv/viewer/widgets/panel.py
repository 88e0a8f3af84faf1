"""What every panel is: a dock widget that lets go of all it listens to when its dock is closed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from napari.components import ViewerModel
from napari.utils.notifications import show_error, show_info
from psygnal import SignalInstance
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel, QWidget

from ...errors import NeedsTrust, SegadvError
from ..controller.controller import Controller
from ..controller.shown_layers import unwrapped
from .camera import untouched
from .dialogs import ask_trust
from .keys import Key, bind

# Milliseconds until a new dock has its place.
DOCKED = 50


class Panel(QWidget):
    """A dock widget of one viewer.

    The cross of a dock takes the panel out and forgets it, but deletes nothing: what the panel has
    connected and bound would go on. So everything goes through `listen`, `bind` and `at_leaving`.

    Attributes:
        viewer: where it is docked.
        controller: the viewer's.
        status: the line that says what the panel did last.
        left: whether its dock was closed.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.controller = Controller.of(self.viewer)
        self.status = QLabel("")
        self.status.setWordWrap(True)
        self.left = False
        self._whole = untouched(self.viewer)
        leaving = self._leaving = ExitStack()
        self.destroyed.connect(lambda: leaving.close())

    def listen(self, slots: Mapping[Any, Callable[..., Any]]) -> None:
        """Connects signals of psygnal and events of napari until the dock is closed."""
        for signal, slot in slots.items():
            signal.connect(slot)
            more = {"missing_ok": True} if isinstance(signal, SignalInstance) else {}
            self._leaving.callback(signal.disconnect, slot, **more)

    def bind(self, keys: Sequence[Key]) -> None:
        """Binds keys of the viewer until the dock is closed."""
        self._leaving.callback(bind(self.viewer, self, keys))

    def at_leaving(self, call: Callable[[], Any]) -> None:
        """Calls something when the dock is closed, the last one first."""
        self._leaving.callback(call)

    def event(self, event: QEvent) -> bool:
        # Hidden, floated and docked elsewhere, a panel has a parent all the time.
        if event.type() == QEvent.ParentChange and self.parent() is None:
            self.left = True
            self.closing()
            self._leaving.close()
        return bool(super().event(event))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """The dock takes room from the canvas: an image that was seen whole stays so."""
        super().showEvent(event)
        if self._whole:
            self._whole = False
            QTimer.singleShot(DOCKED, self._fit)

    def _fit(self) -> None:
        if not self.left:
            self.viewer.fit_to_view()

    def closing(self) -> None:
        """Does what needs the panel's widgets, which are gone where the whole window closes."""

    def attempt(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Does something that may be refused in one line."""
        try:
            action(*arguments)
        except SegadvError as error:
            self.failed(str(error))

    def say(self, message: str) -> None:
        """Shows a line."""
        self.status.setText(message)

    def failed(self, message: str) -> None:
        """Shows a line on what could not be done, as napari's notification too."""
        self.say(message)
        show_error(message)

    def say_busy(self, title: str, idle: str = "") -> None:
        """Shows what is going on, and afterwards a line, unless there is more to say."""
        if title:
            self.say(f"{title} …")
        elif self.status.text().endswith(" …"):
            self.say(idle)

    def asked(self, question: NeedsTrust) -> None:
        """Asks whether a file's code may run, and loads the victim if so."""
        if not self.controller.victims.claim(question):
            return
        if ask_trust(self, question):
            self.attempt(self.controller.victims.consent, question)
        else:
            self.refused(f"{question.path}: not loaded")

    def refused(self, message: str) -> None:
        """Code was not agreed to."""
        self.say(message)
        show_info(message)
