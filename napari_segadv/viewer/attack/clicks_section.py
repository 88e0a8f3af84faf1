"""The part of the attack panel for what a model is shown: clicks, or classes by their names."""

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QPushButton, QWidget

from ..controller.controller import Controller
from ..layers.clicks import choose, chosen
from ..widgets.class_chooser import ClassChooser
from ..widgets.dialogs import pick_clicks
from ..widgets.layout import SPACING, set_tips, show_row, side_by_side
from ..widgets.plain import Plain
from .prompt_list import PromptList

ADD, PAN = "add", "pan_zoom"
STALE = "the prediction is of other classes: press Predict"
SAVED = "saved in {}; on the command line, give it in place of the model"


class ClicksSection(QWidget):
    """Hidden unless the model takes clicks or is asked for classes.

    Signals:
        said: one line on what was done.
    """

    said = Signal(str)

    def __init__(
        self,
        viewer: ViewerModel,
        controller: Controller,
        image: Callable[[], Image | None],
        attempt: Callable[..., None],
    ) -> None:
        """Lay out the section.

        Args:
            viewer: the viewer.
            controller: knows the clicks and the model.
            image: returns the chosen image.
            attempt: calls a function, and shows why if it is refused.
        """
        super().__init__()
        self._viewer, self._controller, self._image = viewer, controller, image
        self.structure, self.text = ClassChooser(), Plain(wrap=True)
        self.add_button, self.undo_button = QPushButton("Add clicks"), QPushButton("Remove last")
        self.save_button = QPushButton("Save…")
        self.add_button.setCheckable(True)
        self.prompts, self.stale = PromptList(), Plain(STALE, wrap=True)
        self.clicking = QWidget()
        form = QFormLayout(self.clicking)
        rows = QFormLayout(self)
        for layout in (form, rows):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(SPACING)
        form.addRow(Plain("click on"), self.structure)
        form.addRow(side_by_side([self.add_button, self.undo_button, self.save_button]))
        form.addRow(Plain("clicks"), self.text)
        rows.addRow(self.clicking)
        rows.addRow(self.prompts)
        rows.addRow(self.stale)
        set_tips(
            {
                self.structure: "What the next clicks lie on",
                self.add_button: "Each click in the image shows the model a point; a drag still "
                "moves the view. A second press ends it. With napari's tools of the layer clicks, "
                "points are selected, moved and deleted",
                self.undo_button: "Takes back the click that was made last",
                self.save_button: "Saves the clicks as a JSON file that names the model, for the "
                "command line",
            }
        )
        # `clicked`, since only the user presses it.
        self.add_button.clicked.connect(lambda on: attempt(self._begin if on else self._end))
        self.undo_button.clicked.connect(self._remove_last)
        self.save_button.clicked.connect(lambda: attempt(self._save))
        self.structure.changed.connect(self._choose)
        self.prompts.asked.connect(lambda names: attempt(controller.victims.ask, names))
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show what the model takes, and the clicks on the chosen image."""
        clicks, image = self._controller.clicks, self._image()
        kinds, layer = clicks.kinds, clicks.layer(image)
        self.clicking.setVisible(bool(kinds))
        asked = None if clicks.takes is None else clicks.takes.asked
        self.prompts.setVisible(asked is not None)
        self.stale.setVisible(asked is not None and clicks.stale(image))
        if asked is not None:
            self.prompts.offer(asked, self._controller.victims.victim.network.asked)
        self.setVisible(bool(kinds) or asked is not None)
        if not kinds:
            return
        self.structure.blockSignals(True)
        self.structure.offer(
            {n: kind.title for n, kind in enumerate(kinds)}, lambda number: kinds[number].colour
        )
        now = None if layer is None else chosen(layer)
        self.structure.value = next((n for n, k in enumerate(kinds) if k.name == now), 0)
        self.structure.blockSignals(False)
        show_row(self.structure, len(kinds) > 1)
        why = clicks.why_not(image)
        self.add_button.setEnabled(image is not None and not why)
        adding = image is not None and clicks.being_made(image) is not None
        self.add_button.setChecked(adding)
        filled = layer is not None and len(layer.data) > 0
        self.undo_button.setEnabled(filled)
        self.save_button.setEnabled(filled)
        self.text.setText(why if image is not None and why else clicks.text(image))

    def _begin(self) -> None:
        image = self._image()
        try:
            if image is not None:
                layer = self._controller.clicks.begin(image)
                self._controller.choose(image)
                layer.visible = True
                self._viewer.layers.selection.active = layer
                layer.mode = ADD
                self._choose(self.structure.value)
        finally:
            self.refresh()

    def _end(self) -> None:
        layer = self._controller.clicks.layer(self._image())
        if layer is not None:
            layer.mode = PAN
        self.refresh()

    def _choose(self, number: int | None) -> None:
        layer, kinds = self._controller.clicks.layer(self._image()), self._controller.clicks.kinds
        if layer is not None and number is not None and number < len(kinds):
            choose(layer, kinds[number].name)

    def _remove_last(self) -> None:
        layer = self._controller.clicks.layer(self._image())
        if layer is not None and len(layer.data):
            layer.remove([len(layer.data) - 1])

    def _save(self) -> None:
        image = self._image()
        path = None if image is None else pick_clicks(self, f"{image.name} clicks")
        if path is not None and image is not None:
            self._controller.clicks.write(image, path)
            self.said.emit(SAVED.format(path))
