"""Base of all panels: a dock widget that disconnects everything when its dock is closed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from napari.components import ViewerModel
from psygnal import SignalInstance
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from ...common.screen import MESSAGE, one_line
from ...errors import NeedsTrust, SegadvError
from ..controller.controller import Controller
from ..controller.shown_layers import unwrapped
from ..keeping.guard import guard
from ..layers.camera import untouched
from ..notices import complain, tell
from ..views.tools import ViewTools
from .dialogs import ask_trust
from .keys import Key, bind
from .opening import adopt_all, adopt_soon, prefer_our_reader
from .plain import Plain

# Milliseconds until napari has placed a new dock.
DOCKED = 50
# Qt's largest size of a widget.
HIGHEST = 2**24 - 1


class Status(Plain):
    """A line of plain text that takes no room while it says nothing."""

    def __init__(self) -> None:
        super().__init__(wrap=True, lines=1, most=MESSAGE)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        super().setText(text)
        self.setMaximumHeight(HIGHEST if text else 0)


class Panel(QWidget):
    """A dock widget of one viewer.

    Closing a dock removes the panel but does not delete it, so its connections and keys would go on
    working. Panels therefore connect and bind only through `listen`, `bind` and `at_leaving`.

    Attributes:
        viewer: that it is docked in.
        controller: the viewer's.
        status: the line that says what the panel did last.
        left: whether its dock was closed.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.controller = Controller.of(self.viewer)
        self.status = Status()
        self.left = False
        self._whole = untouched(self.viewer)
        leaving = self._leaving = ExitStack()
        # A partial is held by Qt; of a method, the object would not be.
        self.destroyed.connect(partial(ExitStack.close, leaving))
        guard(self.viewer)
        leaving.callback(ViewTools.hold(self.viewer, self.controller))
        prefer_our_reader()
        adopt_all(self.viewer.layers)
        self.listen({self.viewer.layers.events.inserted: self._opened})

    def _opened(self, event: Any) -> None:
        adopt_soon(self.viewer.layers, event.value)

    def listen(self, slots: Mapping[Any, Callable[..., Any]]) -> None:
        """Connect signals of psygnal and events of napari until the dock is closed."""
        for signal, slot in slots.items():
            signal.connect(slot)
            more = {"missing_ok": True} if isinstance(signal, SignalInstance) else {}
            self._leaving.callback(signal.disconnect, slot, **more)

    def bind(self, keys: Sequence[Key]) -> None:
        """Bind keys of the viewer until the dock is closed."""
        self._leaving.callback(bind(self.viewer, self, keys))

    def at_leaving(self, call: Callable[[], Any]) -> None:
        """Call a function when the dock is closed, the last one added first."""
        self._leaving.callback(call)

    def event(self, event: QEvent) -> bool:
        # A panel that is hidden, floating or docked elsewhere always has a parent.
        if event.type() == QEvent.ParentChange and self.parent() is None:
            self.left = True
            self.closing()
            self._leaving.close()
        return bool(super().event(event))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Refit a view that showed everything: the dock takes room from the canvas."""
        super().showEvent(event)
        if self._whole:
            self._whole = False
            QTimer.singleShot(DOCKED, self._fit)

    def _fit(self) -> None:
        if not self.left:
            self.viewer.fit_to_view()

    def closing(self) -> None:
        """Do what needs the panel's widgets, which are gone if the whole window closes."""

    def attempt(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Call a function; if it is refused, show why in one line."""
        try:
            action(*arguments)
        except SegadvError as error:
            self.failed(str(error))

    def say(self, message: str) -> None:
        """Show one line."""
        self.status.setText(message)

    def failed(self, message: str) -> None:
        """Show one line on what could not be done, also as napari's notification."""
        self.say(message)
        complain(message)

    def say_busy(self, title: str, idle: str = "") -> None:
        """Show the running job; once it ends, show `idle` unless another message is shown."""
        if title:
            self.say(f"{one_line(title)} …")
        elif self.status.text().endswith(" …"):
            self.say(idle)

    def asked(self, question: NeedsTrust) -> None:
        """Ask whether a file's code may run, and load the victim if so."""
        if not self.controller.victims.claim(question):
            return
        if ask_trust(self, question):
            self.attempt(self.controller.victims.consent, question)
        else:
            self.refused(f"{question.path}: not loaded")

    def refused(self, message: str) -> None:
        """Show that the user did not agree to run code."""
        self.say(message)
        tell(message)
