"""The list of images that panels share: choosing one shows it; an empty list offers to open one."""

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from ...data.scan import Scan
from ...errors import SegadvError
from ...samples import bundles
from ..controller.controller import Controller
from ..hooks import read
from ..layers.convert import channel_tuples, image_tuple, scan_of
from .choices import ComboBox
from .dialogs import pick_image, pick_series
from .layout import set_tips
from .plain import tip

PLUGIN = "napari-segadv"
# Pixels across the arrow of a button with a menu.
ARROW = 20
OPEN, OTHER = "Open an image …", "Open …"


class ImageChoice(QWidget):
    """The images of a viewer, the chosen one, and a button that opens others.

    Attributes:
        box: the list; its value is the chosen image's layer, or None.
        button: opens a file; its menu has folders and samples.
    """

    def __init__(
        self, viewer: ViewerModel, controller: Controller, failed: Callable[[str], None]
    ) -> None:
        """Make the list.

        Args:
            viewer: into which images are opened.
            controller: the viewer's.
            failed: gets one line on what could not be opened.
        """
        super().__init__()
        self._viewer, self._controller, self._failed = viewer, controller, failed
        self._filling = False
        self.box: Any = ComboBox(choices=lambda widget: list(controller.images))
        self.button = QToolButton()
        self.button.setPopupMode(QToolButton.MenuButtonPopup)
        self.button.setMenu(self._menu())
        # napari's style has no room for the arrow beside the text.
        self.button.setStyleSheet(f"QToolButton {{ padding: 3px {ARROW}px 3px 6px; }}")
        self.button.clicked.connect(lambda: self.open(pick_image(self)))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box.native, stretch=1)
        row.addWidget(self.button)
        set_tips(
            {
                self.box: "The image to work on. Choosing one shows it with its layers and hides "
                "the others",
                self.button: "Opens an image file; the arrow offers DICOM folders and samples",
            }
        )
        self.box.changed.connect(self._picked)
        self.refresh()

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Image file …", lambda: self.open(pick_image(self)))
        menu.addAction("DICOM folder …", lambda: self.open(pick_series(self)))
        joined = menu.addAction("Selected layers as channels", lambda: self._try(self._join))
        tip(
            joined,
            "Makes one image of the image layers that are selected in napari's list, such as MRI "
            "sequences; the lowest layer is the first channel",
        )
        menu.setToolTipsVisible(True)
        menu.addSection("Samples")
        for name in bundles():
            title = f"{name.replace('-', ' ')} (phantom)"
            menu.addAction(title, lambda name=name: self._open_sample(name))
        return menu

    def open(self, path: str) -> None:
        """Open an image with our reader, whichever napari would ask for; "" does nothing."""
        if path:
            self._try(lambda: self._read(path))

    def _read(self, path: str) -> None:
        for data, keywords, kind in read(path):
            self._viewer.layers.append(Layer.create(data, keywords, kind))

    def _join(self) -> None:
        """Make one image of several channels of the selected image layers, the lowest first.

        Raises:
            SegadvError: if fewer than two are selected, or they do not lie on one grid.
        """
        layers = self._viewer.layers
        chosen = [x for x in layers if isinstance(x, Image) and x in layers.selection]
        if len(chosen) < 2:
            raise SegadvError(
                "fewer than two image layers are selected; select the channels in napari's list of "
                "layers, the first of them lowest"
            )
        scan = Scan.of_parts([part for layer in chosen for part in scan_of(layer).singles])
        for each in (image_tuple(scan), *channel_tuples(scan)):
            layers.append(Layer.create(*each))

    def _open_sample(self, name: str) -> None:
        self._try(lambda: self._viewer.open_sample(PLUGIN, name))

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except SegadvError as error:
            self._failed(str(error))

    def refresh(self, image: Image | None = None) -> None:
        """Offer the present images, and show which one is chosen."""
        self._filling = True
        try:
            self.box.reset_choices()
            chosen = self._controller.image
            if chosen is not None and any(chosen is choice for choice in self.box.choices):
                self.box.value = chosen
        finally:
            self._filling = False
        there = bool(self.box.choices)
        self.box.native.setVisible(there)
        self.button.setText(OTHER if there else OPEN)
        wide = QSizePolicy.Fixed if there else QSizePolicy.Expanding
        self.button.setSizePolicy(wide, QSizePolicy.Fixed)

    def _picked(self, image: Image | None) -> None:
        if not self._filling:
            self._controller.choose(image)
