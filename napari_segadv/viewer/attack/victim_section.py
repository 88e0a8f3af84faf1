"""The part of the attack panel that chooses the victim, on the screen the model.

A victim is built in or comes from a file; the user is asked before a file's code runs.
"""

from typing import Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QPushButton, QWidget

from ...common.screen import MESSAGE, NAME, markup
from ...samples import DEMO, bundles
from ..controller.controller import Controller
from ..controller.structures import Structures
from ..controller.victim_jobs import PRESENT
from ..layers.task_view import view_of
from ..widgets.choices import ComboBox
from ..widgets.dialogs import pick_file, pick_folder
from ..widgets.layout import SPACING, set_tips, show_row, side_by_side
from ..widgets.legend import Legend
from ..widgets.plain import Plain, Rich, tip


class VictimSection(QWidget):
    """A list of victims, buttons to open others, and the classes that the loaded one predicts.

    `opened` is emitted with what was chosen, as `load_victim` takes it.
    """

    opened = Signal(str)

    def __init__(self, controller: Controller, structures: Structures) -> None:
        super().__init__()
        self._touched = controller.victims.victim is not None
        self.controller, self.structures = controller, structures
        self.victim: Any = ComboBox(choices=[f"{DEMO}{name}" for name in bundles()])
        self.file_button, self.folder_button = QPushButton("File…"), QPushButton("Folder…")
        self.predict_button = QPushButton("Predict")
        self.present: Any = ComboBox(
            choices=[(words, choice) for choice, words in PRESENT.items()],
            value=controller.victims.present,
        )
        self.legend = Legend()
        self.legend.hide()
        self._seen = ""
        self.about = Rich()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(SPACING)
        form.addRow(self.victim.native)
        form.addRow(side_by_side([self.file_button, self.folder_button, self.predict_button]))
        form.addRow(Plain("sees"), self.present.native)
        form.addRow(self.legend)
        form.addRow(self.about)
        set_tips(
            {
                self.victim: "The model to attack: the victim",
                self.file_button: "Opens a model file: safetensors or a state dict with a JSON "
                "file beside it, TorchScript, .pt2, ONNX; or a YAML file with the command of a "
                "program",
                self.folder_button: "Opens the folder of a MONAI bundle, an nnU-Net model, "
                "or a network of transformers or segmentation-models-pytorch",
                self.predict_button: "Shows what the model predicts on the clean image",
                self.present: "What the model gets of an image whose intensities are not those it "
                "was trained on, as of an X-ray of 12 bits. The noise stays in the image's own "
                "intensities",
            }
        )
        self.victim.changed.connect(self.choose)
        self.victim.native.activated.connect(self._touch)
        self.present.changed.connect(controller.victims.show_as)
        self.file_button.clicked.connect(lambda: self.open(pick_file(self)))
        self.folder_button.clicked.connect(lambda: self.open(pick_folder(self)))
        self.legend.jumped.connect(structures.go_to)
        self.legend.toggled.connect(structures.toggle)
        self.legend.alone.connect(structures.show_alone)
        self.legend.all_shown.connect(structures.show_all)

    def choose(self, source: str) -> None:
        """Load a victim of the list, unless it is loaded already or being loaded."""
        if source and source != self.controller.victims.coming:
            self.opened.emit(source)

    def suggest(self, name: str | None) -> None:
        """Load a built-in victim, unless the user has chosen one."""
        if self._touched:
            return
        if name is not None and self.victim.value == self.victim.choices[0]:
            self.victim.value = f"{DEMO}{name}"
        self.choose(self.victim.value)

    def show_present(self, choice: str) -> None:
        """Show how images are presented to the victim."""
        self.present.value = choice

    def show_seen(self, image: Image | None) -> None:
        """Say which classes the victim knows, and how it sees an image."""
        if self.controller.victims.victim is not None:
            self._seen = self.controller.victims.seen(image)
            self.show_structures()

    def show_structures(self) -> None:
        """List the structures of the prediction; what other tasks predict is named in a line."""
        victims, view = self.controller.victims, view_of(self.controller.victims.task)
        self.legend.show_rows(self.structures.rows if view.paints else [])
        self.legend.setVisible(bool(self.legend.rows))
        known = "" if victims.victim is None else view.legend(victims.victim.classes)
        if victims.victim is not None and not known and not self.legend.rows:
            known = "class names unknown"
        seen = markup(self._seen, MESSAGE)
        self.about.setText("<br>".join(line for line in (known, seen) if line))
        cut = [name for name in getattr(victims.victim, "classes", ()) if len(name) > NAME]
        tip(self.about, "\n\n".join(cut))
        self.about.setVisible(bool(self.about.text()))

    def _touch(self) -> None:
        """Note that the user has chosen a victim: from now on, none is suggested."""
        self._touched = True

    def open(self, path: str) -> None:
        """Load a victim from a file or folder; "" does nothing."""
        if path:
            self._touch()
            self.opened.emit(path)

    def show_loaded(self) -> None:
        """Set the list back to the loaded victim, after another could not be loaded."""
        if self.controller.victims.source in self.victim.choices:
            self.victim.value = self.controller.victims.source

    def show_victim(self, image: Image | None) -> None:
        """Show the victim that has been loaded, and how it sees an image."""
        source = self.controller.victims.source
        if source not in self.victim.choices:
            self.victim.choices = [*self.victim.choices, source]
        self.victim.value = source
        self.show_seen(image)

    def set_expert(self, on: bool) -> None:
        """Show or hide what only experts set."""
        show_row(self.present, on)
