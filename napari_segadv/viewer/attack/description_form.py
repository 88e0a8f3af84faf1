"""The window that describes a model that does not describe itself: tried, and only then saved."""

from collections.abc import Callable
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ...common.screen import MESSAGE, one_line
from ...errors import NeedsTrust, SegadvError
from ...victims.loading.describing import Field, as_json, as_texts, described, sections
from ...victims.loading.description import beside
from ..controller.controller import Controller
from ..controller.descriptions import Draft, Trial
from ..controller.victim_jobs import Undescribed
from ..layers.convert import scan_of
from ..widgets.choices import narrow
from ..widgets.dialogs import ask_trust
from ..widgets.layout import MARGINS, SPACING, set_tips, side_by_side
from ..widgets.plain import Plain, tip
from .description_result import DescriptionResult

TITLE = "Describe the model"
# Pixels of the window, and of the fields.
SIZE, LEFT, LABEL = (820, 680), 440, 84
# Pixels of a page of text around its lines.
FRAME = 14
INTRODUCTION = (
    "{name} does not say what it needs to be used. Whoever trained it knows. Fill in what you "
    "know, try it on the open image, and save it if the prediction is right."
)
# Keys without which there is no class to put the weights into.
OF_WEIGHTS = ("network", "arguments")


class DescriptionForm(QDialog):
    """Fields on the left, what the model predicts with them on the right."""

    def __init__(
        self,
        parent: QWidget,
        controller: Controller,
        model: Undescribed,
        image: Callable[[], Image | None],
        device: Callable[[], str],
    ) -> None:
        """Show the form, filled in with what the file and the image tell.

        Args:
            parent: the window that it belongs to.
            controller: the viewer's.
            model: the file.
            image: returns the chosen image.
            device: returns where to compute.
        """
        super().__init__(parent)
        self.setWindowTitle(TITLE)
        self.model = model
        self._controller, self._image, self._device = controller, image, device
        self._trial: Trial | None = None
        self._draft: Draft | None = None
        self.editors: dict[str, Any] = {}
        self.from_screen = QPushButton("from the screen")
        self.result = DescriptionResult()
        self.status = Plain(wrap=True, lines=1, most=MESSAGE)
        self.try_button, self.save_button = QPushButton("Try"), QPushButton("Save")
        self.close_button = QPushButton("Close")
        self._lay_out()
        self._fill()
        self._connect()
        self._refresh()

    def _lay_out(self) -> None:
        inside = QWidget()
        fields = QVBoxLayout(inside)
        fields.setContentsMargins(2, 2, 2, 2)
        for section in sections():
            shown = [f for f in section.fields if f.key not in OF_WEIGHTS or self._has_weights]
            if shown:
                fields.addWidget(self._group(section.title, shown))
        fields.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        scroll.setMinimumWidth(LEFT)
        both = QHBoxLayout()
        both.addWidget(scroll, stretch=1)
        both.addWidget(self.result, stretch=1)
        column = QVBoxLayout(self)
        name = one_line(self.model.path.name)
        column.addWidget(Plain(INTRODUCTION.format(name=name), wrap=True))
        column.addLayout(both, stretch=1)
        column.addWidget(self.status)
        column.addLayout(side_by_side([self.try_button, self.save_button, self.close_button]))
        for button in (self.try_button, self.save_button, self.close_button, self.from_screen):
            button.setAutoDefault(False)
        # Enter in a field.
        self.try_button.setDefault(True)
        set_tips(
            {
                self.from_screen: "Takes the window in which the image is shown",
                self.try_button: "Shows what the model predicts on the open image. A file with "
                "code is asked about first",
                self.save_button: "Writes this beside the model's file, as "
                f"{one_line(beside(self.model.path).name)}, and loads the model. It has to be "
                "tried first",
                self.close_button: "Closes this window; nothing is saved (Escape)",
            }
        )
        self.resize(*SIZE)

    @property
    def _has_weights(self) -> bool:
        return OF_WEIGHTS[0] in self.model.told

    def _group(self, title: str, shown: list[Field]) -> QGroupBox:
        box = QGroupBox(title)
        form = QFormLayout(box)
        form.setContentsMargins(*MARGINS)
        form.setSpacing(SPACING)
        for field in shown:
            editor = self.editors[field.key] = _editor(field)
            label = Plain(field.title)
            label.setMinimumWidth(LABEL)
            for widget in (label, editor):
                tip(widget, field.doc)
            if field.units:
                form.addRow(label, side_by_side([editor, self.from_screen]))
            else:
                form.addRow(label, editor)
        return box

    def _fill(self) -> None:
        """Fill in what the file tells, and what fits the image."""
        self._set(as_texts({**self._of_image(), **self.model.told}))
        if self._has_weights:
            known = self.model.told["network"]
            self.say(
                f"The weights fit {known}. Strides and activations leave no trace in them: compare "
                "with the training."
                if known
                else "The weights fit none of the networks that are known by their shapes: name "
                "its class."
            )

    def _of_image(self) -> dict[str, Any]:
        layer = self._image()
        try:
            scan = None if layer is None else scan_of(layer)
        except SegadvError:
            return {}
        if scan is None:
            return {}
        found: dict[str, Any] = {"dims": scan.grid.ndim, "channels": scan.channels}
        if scan.array.dtype == "uint8":
            found["window"] = [0, 255]
        return found

    def _set(self, texts: dict[str, str]) -> None:
        for key, text in texts.items():
            editor = self.editors.get(key)
            if isinstance(editor, QComboBox):
                editor.setCurrentIndex(max(editor.findData(text), 0))
            elif isinstance(editor, QPlainTextEdit):
                editor.setPlainText(text)
            elif editor is not None:
                editor.setText(text)
                editor.setCursorPosition(0)

    def texts(self) -> dict[str, str]:
        """Return the texts of all fields by key."""
        return {key: _text(editor) for key, editor in self.editors.items()}

    def _connect(self) -> None:
        for editor in self.editors.values():
            box = isinstance(editor, QComboBox)
            (editor.currentIndexChanged if box else editor.textChanged).connect(self._edited)
        self.from_screen.clicked.connect(self._take_window)
        self.try_button.clicked.connect(self._try)
        self.save_button.clicked.connect(self._save)
        self.close_button.clicked.connect(self.reject)
        self.finished.connect(self._leave)
        controller = self._controller
        self._slots: dict[Any, Callable[..., None]] = {
            controller.descriptions.tried: self._tried,
            controller.descriptions.refused: self._refused,
            controller.descriptions.trust_asked: self._asked,
            controller.jobs.busy_changed: self._refresh,
            controller.jobs.failed: self._failed,
            controller.jobs.stopped: self._stopped,
            controller.image_chosen: self._edited,
        }
        for signal, slot in self._slots.items():
            signal.connect(slot)

    def _leave(self, *_: Any) -> None:
        """Stop listening, and what is being tried."""
        for signal, slot in self._slots.items():
            signal.disconnect(slot, missing_ok=True)
        self._slots = {}
        if self._draft is not None:
            self._draft = None
            if self._controller.jobs.busy.startswith("trying "):
                self._controller.jobs.cancel()

    def say(self, message: str) -> None:
        """Show one line."""
        self.status.setText(message)

    def _take_window(self) -> None:
        layer = self._image()
        if layer is not None and not layer.rgb:
            low, high = map(float, layer.contrast_limits)
            self._set({"window": f"{low:g}, {high:g}"})

    def _edited(self, *_: Any) -> None:
        """Forget the result: it is that of other values, or of another image."""
        if self._trial is not None:
            self._trial = None
            self.result.clear("Changed since it was tried.")
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        trying, image = self._draft is not None, self._image()
        self.try_button.setText("Cancel" if trying else "Try")
        self.try_button.setEnabled(trying or image is not None)
        self.save_button.setEnabled(self._trial is not None and not trying)
        self.from_screen.setEnabled(image is not None and not image.rgb)
        if image is None and not trying:
            self.result.clear("Open an image to try the model on.")

    def _try(self, *_: Any) -> None:
        if self._draft is not None:
            self._controller.jobs.cancel()
            return
        try:
            text = as_json(described(self.texts()))
            self._start(self._controller.descriptions.draft(self.model.path, text, self._image()))
        except SegadvError as error:
            self._give_up(str(error))

    def _start(self, draft: Draft) -> None:
        self._trial, self._draft = None, draft
        self.say("")
        self.result.clear(f"Trying {one_line(draft.path.name)} …")
        self._controller.descriptions.try_out(draft, self._device())
        self._refresh()

    def _give_up(self, message: str, result: str = "No prediction.") -> None:
        self._trial = self._draft = None
        self.result.clear(result)
        self.say(message)
        self._refresh()

    def _tried(self, trial: Trial) -> None:
        if trial.draft is not self._draft:
            return
        self._draft = None
        # Another image may have been chosen, or a field edited, while it was tried.
        if trial.draft.layer is self._image() and self._same(trial.draft.text):
            self._trial = trial
            self.result.show_trial(trial)
        else:
            self.result.clear("Changed since it was tried.")
        self._refresh()

    def _same(self, text: str) -> bool:
        try:
            return as_json(described(self.texts())) == text
        except SegadvError:
            return False

    def _refused(self, draft: Draft, message: str) -> None:
        if draft is self._draft:
            self._give_up(message)

    def _asked(self, draft: Draft, question: NeedsTrust) -> None:
        if draft is not self._draft:
            return
        if not ask_trust(self, question):
            self._give_up("Not tried: its code may not run.")
            return
        descriptions = self._controller.descriptions
        try:
            again = descriptions.draft(draft.path, draft.text, draft.layer, question.sha256)
            self._start(again)
        except SegadvError as error:
            self._give_up(str(error))

    def _failed(self, message: str) -> None:
        if self._draft is not None and not self._controller.jobs.busy:
            self._give_up(message)

    def _stopped(self) -> None:
        if self._draft is not None:
            self._give_up("Cancelled.")

    def _save(self) -> None:
        assert self._trial is not None
        try:
            self._controller.descriptions.save(self._trial)
        except SegadvError as error:
            self.say(str(error))
            return
        self.accept()


def _editor(field: Field) -> QWidget:
    """Return what edits a field."""
    if field.choices:
        box = QComboBox()
        for text, words in field.choices.items():
            box.addItem(words, text)
        narrow(box)
        return box
    if field.lines > 1:
        page = QPlainTextEdit()
        page.setPlaceholderText(field.example)
        page.setTabChangesFocus(True)
        page.setFixedHeight(page.fontMetrics().lineSpacing() * field.lines + FRAME)
        return page
    line = QLineEdit()
    line.setPlaceholderText(field.example)
    return line


def _text(editor: Any) -> str:
    """Return what an editor holds."""
    if isinstance(editor, QComboBox):
        return str(editor.currentData())
    return str(editor.toPlainText() if isinstance(editor, QPlainTextEdit) else editor.text())
