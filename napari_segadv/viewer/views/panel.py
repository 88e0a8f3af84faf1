"""The bar above the canvas, at hand for every panel: orthogonal views, presets of the window."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QPushButton, QToolBar, QWidget

from ..compare.window import Window
from ..compare.window_section import PresetButtons
from ..widgets.keys import Key
from ..widgets.layout import set_tips
from ..widgets.plain import Plain

TITLE = "Views"
KEYS = (Key("Shift-O", "axial, coronal and sagittal at once, on and off", "toggle_orthogonal"),)


class ViewBar(QToolBar):
    """The bar. It forwards clicks."""

    def __init__(self, window: Window, toggle: Callable[[], Any]) -> None:
        super().__init__(TITLE)
        # napari remembers where bars were by their names.
        self.setObjectName("segadv views")
        self.setMovable(False)
        self._toggle = toggle
        self.orthogonal = QPushButton("Orthogonal views")
        self.orthogonal.setCheckable(True)
        self.orthogonal.clicked.connect(self.toggle_orthogonal)
        self.presets = PresetButtons(window, columns=None)
        title = Plain("window")
        gap = QWidget()
        gap.setFixedWidth(12)
        for widget in (self.orthogonal, gap, title, self.presets):
            self.addWidget(widget)
        set_tips(
            {
                self.orthogonal: "Axial, coronal and sagittal at once, with a crosshair "
                "(Shift-O). Click to move the crosshair; double-click a view to make it the "
                "large one",
                title: "Level and width of the grey levels that are shown. Drag on the image with "
                "the right button: to the right widens the window, up raises its level",
            }
        )

    def leave(self) -> None:
        """Take the bar away for good."""
        self.setParent(None)
        self.deleteLater()

    def toggle_orthogonal(self) -> None:
        self._toggle()

    def refresh(self, shown: bool) -> None:
        """Show the present state.

        Args:
            shown: whether the orthogonal views are open.
        """
        self.orthogonal.setChecked(shown)
        self.presets.refresh()
