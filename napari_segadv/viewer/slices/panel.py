"""The dock widget "Slices": figures and verdicts slice by slice, and visibility by window."""

from typing import Any
from weakref import WeakKeyDictionary

import napari
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QComboBox, QPushButton

from ...common.wording import share, with_units
from ...results.by_slice import IOU, SliceFigures, slice_figures
from ...results.verdicts import VERDICTS
from ..controller.latest import Latest
from ..controller.runner import Poll
from ..controller.runs import Run
from ..layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE
from ..layers.slice_place import SlicePlace, place_of
from ..widgets.keys import Key
from ..widgets.layout import group, set_tips, stack
from ..widgets.panel import Panel
from ..widgets.plain import Plain
from ..widgets.tabs import Tab
from .plot import SlicePlot
from .verdict_section import VerdictSection
from .visibility_section import VisibilitySection

TITLE = "Slices"
KEYS = (
    Key("N", "go to the next worst slice", "next_worst"),
    Key("Shift-N", "go to the previous worst slice", "previous_worst"),
    *(
        Key(f"Alt-{n}", f"judge the slice: {verdict}", "judge", (verdict,))
        for n, verdict in enumerate(VERDICTS, start=1)
    ),
    Key("Alt-0", "take back the verdict on the slice", "judge", ("",)),
)
TURNED = "the view cuts across the slices; click in the plot to go to one"
NO_RUN = "no run is shown; run an attack, or show an earlier run"


def plain(value: float) -> str:
    """Return a number in four digits, a large one with all of them: 11,143 and not 1.114e+04."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


class SlicesPanel(Panel):
    """The panel. It shows the run that the viewer's Controller shows."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.latest = Latest()
        self.number: int | None = None
        self._run: Run | None = None
        self._known: WeakKeyDictionary[Run, SliceFigures] = WeakKeyDictionary()
        self.plot = SlicePlot()
        self.figures_text = Plain(wrap=True)
        self.by = QComboBox()
        self.worst_button = QPushButton("Worst")
        self.previous_button, self.next_button = QPushButton("Previous"), QPushButton("Next")
        self.verdicts = VerdictSection(self.controller.runs)
        self.visibility = VisibilitySection(self.controller)
        self._lay_out()
        self._connect()
        self._show_theme()
        self._chosen(self.controller.runs.current)

    def _lay_out(self) -> None:
        steps = [self.worst_button, self.previous_button, self.next_button]
        self.finding = group("Worst slices", [("by", self.by), steps])
        slices = group("Slices of the run", [self.plot, self.figures_text])
        judging = group("Verdict on the slice in view", [self.verdicts])
        windows = group("Visibility by window", [self.visibility])
        stack(self, [slices, self.finding, judging, windows], [self.status])
        set_tips(
            {
                self.plot: "Changed area in mm² (pixels if the image has no scale), target IoU, "
                "largest and mean |noise| in the image's units. Click or drag to go to a slice",
                self.figures_text: "Figures of this image",
                self.by: "Figure that ranks the slices: the largest value first; for target "
                "IoU, the lowest first",
                self.worst_button: "Goes to the worst slice",
                self.previous_button: "Goes to the previous worst slice (Shift-N)",
                self.next_button: "Goes to the next worst slice (N)",
                self.status: "The slice in view, numbered as in the array, and its figures",
            }
        )

    def _connect(self) -> None:
        self.plot.went.connect(self.go_to)
        self.verdicts.goes.connect(self.go_to)
        self.verdicts.refused.connect(self.failed)
        self.worst_button.clicked.connect(self.worst)
        self.next_button.clicked.connect(self.next_worst)
        self.previous_button.clicked.connect(self.previous_worst)
        runs, layers = self.controller.runs, self.viewer.layers.events
        self.listen(
            {
                runs.chosen: self._chosen,
                runs.judged: self._judged,
                self.latest.failed: self.failed,
                self.viewer.dims.events.point: self._moved,
                self.viewer.dims.events.order: self._moved,
                self.viewer.dims.events.ndisplay: self._moved,
                layers.inserted: self._moved,
                layers.removed: self._moved,
                self.viewer.events.theme: self._show_theme,
            }
        )
        self.bind(KEYS)
        self.at_leaving(self.latest.drop)
        self.listen(self.visibility.slots)

    def closing(self) -> None:
        self.verdicts.keep_note()

    @property
    def figures(self) -> SliceFigures | None:
        """Figures of the run that is shown; None until they are computed."""
        return None if self._run is None else self._known.get(self._run)

    def worst(self) -> None:
        """Go to the worst slice."""
        self._step(None)

    def next_worst(self) -> None:
        """Go to the slice ranked just below the one in view."""
        self._step(1)

    def previous_worst(self) -> None:
        """Go to the slice ranked just above the one in view."""
        self._step(-1)

    def judge(self, verdict: str) -> None:
        """Give a verdict on the slice in view; "" takes it back."""
        self.verdicts.say(verdict)

    def go_to(self, number: int) -> None:
        """Show a slice in the viewer."""
        place = self._place()
        if place is None:
            if self._volume:
                self.say("the run's layers are gone; show the run again")
            return
        place.show(self.viewer.dims, number)
        self._moved()

    def _chosen(self, run: Run | None) -> None:
        """Show another run, or none."""
        if run is not self._run:
            self.latest.drop()
            self.number = None
        self._run = run
        if run is not None and run not in self._known:
            self.latest.ask(
                lambda poll: self._figures_of(run, poll), lambda found: self._computed(run, found)
            )
        self._show()

    @staticmethod
    def _figures_of(run: Run, poll: Poll) -> SliceFigures:
        return slice_figures(run.example, poll)

    def _computed(self, run: Run, figures: SliceFigures) -> None:
        self._known[run] = figures
        if run is self._run:
            self._show()

    def _show(self) -> None:
        figures = self.figures
        volume = figures is not None and self._volume
        self.plot.show_figures(figures if volume else None)
        self.plot.setVisible(volume)
        self.finding.setVisible(volume)
        self.figures_text.setVisible(not volume)
        if figures is not None:
            chosen = self.by.currentText()
            self.by.clear()
            self.by.addItems(list(figures.values))
            self.by.setCurrentText(chosen)
        waiting = "computing the slices' figures …"
        self.figures_text.setText(
            NO_RUN if self._run is None else waiting if figures is None else self._in_words(0, "\n")
        )
        self.verdicts.show_run(self._run, figures)
        self.visibility.show_run(self._run)
        self.plot.show_verdicts({} if self._run is None else self._run.verdicts)
        self.number = None
        self._moved()

    def _moved(self, event: Any = None) -> None:
        """Follow the viewer to the slice that is in view."""
        place = self._place()
        number = 0 if self._run is not None and not self._volume else None
        turned = place is not None and not place.seen(self.viewer.dims)
        if place is not None and not turned:
            number = place.number(self.viewer.dims)
        if number == self.number and number is not None:
            return
        self.number = number
        self.plot.show_number(number)
        self.verdicts.show_number(number)
        if number is not None and self._volume:
            self.say(self._in_words(number, ", "))
        else:
            self.say(TURNED if turned else "")

    def _in_words(self, number: int, between: str) -> str:
        """Return the figures of a slice in words."""
        parts = [f"slice {number}"] if self._volume else []
        if self.figures is not None:
            for name, values in self.figures.values.items():
                unit = self.figures.units[name]
                value = values[number]
                text = share(value) if name == IOU else with_units(plain(value), unit)
                parts.append(f"{name} {text}")
        return between.join(parts)

    def _step(self, by: int | None) -> None:
        """Go along the list of the worst slices; None: to its beginning."""
        figures = self.figures
        if figures is None or not self._volume:
            self.say(NO_RUN if self._run is None else "there is only one slice")
            return
        order = figures.worst_first(self.by.currentText())
        if not order:
            self.say(f"no slice differs in {self.by.currentText()}")
            return
        rank = 0
        if by is not None and self.number in order:
            rank = order.index(self.number) + by
        if not 0 <= rank < len(order):
            self.say("this is the worst slice" if rank < 0 else "no other slice has changed")
            return
        self.go_to(order[rank])
        if self.number == order[rank]:
            figures_text = self._in_words(order[rank], ", ")
            self.say(f"rank {rank + 1} of {len(order)}: {figures_text}")

    def _judged(self, run: Run) -> None:
        if run is self._run:
            self.verdicts.refresh()
            self.plot.show_verdicts(run.verdicts)

    @property
    def _volume(self) -> bool:
        return self._run is not None and self._run.example.clean.grid.ndim == 3

    def _place(self) -> SlicePlace | None:
        if self._run is None or not self._volume:
            return None
        names = (ADVERSARIAL, CLEAN, AFTER, NOISE)
        layers = [self._run.image, *map(self.controller.shown, names)]
        return place_of(layers, self.viewer, self._run.example.clean.grid.shape)

    def _show_theme(self, event: Any = None) -> None:
        self.plot.show_theme(get_theme(self.viewer.theme))


TAB = Tab("Slices", 4, SlicesPanel)
