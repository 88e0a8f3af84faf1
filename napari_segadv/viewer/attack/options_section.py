"""The part of the attack panel on how to attack: method, preset, budget, region, slices, form."""

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import CheckBox, SpinBox
from napari.layers import Labels
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from ...common.parameters import parameters
from ..widgets.choices import ComboBox
from ..widgets.forms import ParameterForm
from ..widgets.layout import in_rows, set_tips, show_row
from ..widgets.plain import Plain, tip
from ..widgets.settings import settings
from .budget import BudgetEditor
from .channel_shares import ChannelShares
from .region import RegionChooser
from .slice_range import SliceRange

# Title of each preset by the name that `attacks.presets` gives it.
PRESETS = {
    "subtle": "least visible",
    "usual": "standard",
    "paper": "as published",
    "strong": "strong",
}


class AttackSection(QWidget):
    """Preset, budget and slices; for experts also method, region, parameters, device and seed.

    Attributes:
        attacks: by name, once torch is loaded.
        units: of the image, for the form's tooltips.
    """

    def __init__(self, labels: Callable[[], Sequence[Labels]]) -> None:
        """Lay out the section.

        Args:
            labels: returns the layers that can be a painted region.
        """
        super().__init__()
        self.attacks: dict[str, Any] = {}
        self.units = "image units"
        self.method: Any = ComboBox(choices=["pgd"])
        self.presets = {name: QPushButton(title) for name, title in PRESETS.items()}
        self.budget = BudgetEditor()
        self.region = RegionChooser(labels)
        self.slices = SliceRange()
        self.channels = ChannelShares()
        self.form: ParameterForm | None = None
        self.form_place = QWidget()
        self.device: Any = ComboBox(choices=["auto", "cpu", "cuda"], value=settings().device)
        self.seed: Any = SpinBox(value=settings().seed, min=0, max=2**31 - 1)
        self.preview: Any = CheckBox(value=True, text="preview while it runs")
        self._expert = False
        self._lay_out()
        self.method.changed.connect(self._method_changed)
        for name, button in self.presets.items():
            button.clicked.connect(lambda _, name=name: self.apply(name))

    def _lay_out(self) -> None:
        QVBoxLayout(self.form_place).setContentsMargins(0, 0, 0, 0)
        presets = QWidget()
        # Side by side, four titles would be wider than the panel.
        first = [self.presets[name] for name in ("subtle", "usual", "strong")]
        grid = in_rows([first, [self.presets["paper"]]])
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        presets.setLayout(grid)
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(Plain("preset"), presets)
        rows.addRow(Plain("budget"), self.budget)
        rows.addRow(Plain("slices"), self.slices)
        rows.addRow(Plain("channels"), self.channels)
        rows.addRow(Plain("method"), self.method.native)
        rows.addRow(Plain("region"), self.region.native)
        rows.addRow(self.form_place)
        rows.addRow(Plain("device"), self.device.native)
        rows.addRow(Plain("seed"), self.seed.native)
        rows.addRow(self.preview.native)
        set_tips(
            {
                self.method: "The attack method",
                self.device: "Where to compute; auto uses a GPU if there is one",
                self.seed: "The same seed gives the same result",
                self.preview: "Shows the image as it is being changed, and its prediction, twice a "
                "second; of a volume, the slice in view",
            }
        )

    def set_expert(self, on: bool) -> None:
        """Show or hide what only experts set."""
        self._expert = on
        for widget in (self.method, self.region, self.form_place, self.device, self.seed):
            show_row(widget, on)
        show_row(self.preview, on)
        self.presets["paper"].setVisible(on)
        self.set_slices(self.slices.last.max + 1)
        self.set_channels(self.channels.names)

    def set_slices(self, count: int) -> None:
        """Adjust to a volume's number of slices; 0 for a single image, which has no such row."""
        self.slices.set_count(count)
        show_row(self.slices, count > 1)

    def set_channels(self, names: Sequence[str]) -> None:
        """Adjust to an image's channels; none for an image of one, which has no such row."""
        self.channels.set_names(names)
        show_row(self.channels, bool(self.channels.names))

    def set_units(self, units: str) -> None:
        """Name an image's units in the tooltips."""
        self.units = units
        if self.form is not None:
            self.form.set_units(units)

    def offer(self, attacks: dict[str, Any], task: str, gradient: bool = True) -> None:
        """Offer the attacks that fit a model; the chosen one stays if it fits.

        Args:
            attacks: by name.
            task: of the model.
            gradient: whether the model has one.
        """
        self.region.suit(gradient)
        self.attacks, chosen = attacks, self.method.value
        fit = {
            name: attack.title
            for name, attack in attacks.items()
            if _suits(task, attack) and (gradient or attack.blind)
        }
        self.method.choices = [(title, name) for name, title in fit.items()]
        # None are known yet if a session's model comes before them.
        if fit:
            self.method.value = next((n for n in (chosen, "pgd") if n in fit), next(iter(fit)))
        if self.form is None:
            self.begin()

    def _method_changed(self) -> None:
        """Begin anew, but keep a budget that somebody has set."""
        if self.budget.own:
            self.rebuild()
        else:
            self.begin()

    def begin(self) -> None:
        """Set the form and the budget to what the chosen attack starts from."""
        if self.method.value not in self.attacks:
            return
        from ...attacks.presets import first_preset  # late: it imports torch

        self.apply(first_preset(self.attacks[self.method.value]).name)

    def rebuild(self) -> None:
        """Make a form for the parameters of the chosen attack, with its defaults."""
        if self.form is not None:
            self.form_place.layout().removeWidget(self.form)
            self.form.deleteLater()
        if self.method.value not in self.attacks:
            return
        attack = self.attacks[self.method.value]
        declared = parameters(attack)
        norms = next(p.choices for p in declared if p.name == "norm")
        self.budget.set_attack(attack.unbounded, norms)
        self.form = ParameterForm(declared, self.units, leave_out=("epsilon", "norm"))
        self.form_place.layout().addWidget(self.form)
        for preset in self._known():
            tip(self.presets[preset.name], preset.doc)

    def apply(self, name: str) -> None:
        """Set the form and the budget to a preset of the chosen attack."""
        self.rebuild()
        preset = next((p for p in self._known() if p.name == name), None)
        if preset is None or self.form is None:
            return
        self.budget.norm.value = preset.norm
        self.budget.suggest(preset.budget)
        for parameter, value in preset.settings.items():
            self.form.editors[parameter].value = value

    def values(self) -> dict[str, Any]:
        """Return the attack's parameters as set.

        Raises:
            SegadvError: if a text is not a valid value of its parameter.
        """
        own = {} if self.form is None else self.form.values()
        return {**own, **self.budget.values()}

    def _known(self) -> Any:
        from ...attacks.presets import presets_of  # late: it imports torch

        return presets_of(self.attacks[self.method.value]) if self.attacks else ()


def _suits(task: str, attack: Any) -> bool:
    # Not with the panel: it imports torch, which takes seconds on the thread of the window.
    from ...victims.tasks import task_of

    return task_of(task).suits(attack.tasks)
