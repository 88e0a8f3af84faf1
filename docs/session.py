"""A napari window with a sample, a target and some runs, for the screenshots."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import napari
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import TARGET

PLUGIN, WORKBENCH, ATTACK = "napari-segadv", "Workbench", "Adversarial attack"
SIZE = (1280, 800)
LONGEST = 900.0


@dataclass(frozen=True)
class Sample:
    """A sample, the target made from one of its structures, and the settings of the attacks on it.

    Attributes:
        name: name of the sample and its built-in victim.
        structure, shape: the structure to change, and the shape that it gets.
        runs: parameters of each run in turn.
        slice: the slice of a volume to show.
    """

    name: str
    structure: str
    shape: str
    runs: tuple[dict[str, Any], ...]
    slice: int | None = None


SAMPLES = {
    "xray": Sample(
        "chest-xray",
        "heart",
        "heart",
        (
            {"norm": "visible", "polish": True, "steps": 60},
            {"epsilon": 2.55, "steps": 30},
            {"epsilon": 10.0, "steps": 10},
        ),
    ),
    "ct": Sample(
        "abdomen-ct",
        "spleen",
        "erase",
        ({"epsilon": 20.0, "steps": 14}, {"epsilon": 10.0, "steps": 3}),
        slice=66,
    ),
}


@dataclass
class Session:
    """The window, from empty to the last run that a scene needs."""

    sample: str
    viewer: Any = field(init=False)
    bench: Any = field(init=False)
    attack: Any = field(init=False)
    target: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.viewer = napari.Viewer(title="napari")
        self.viewer.window.resize(*SIZE)
        self.viewer.open_sample(PLUGIN, self.of.name)
        self.show_slice()
        _, self.bench = self.viewer.window.add_plugin_dock_widget(PLUGIN, WORKBENCH)
        self.attack = self.bench.open(ATTACK)
        self.wait(lambda: self.controller.victims.attacks, "the attacks")
        self.idle()
        self.attack.victim_section.victim.value = f"demo:{self.of.name}"
        self.settle()
        # The image was fitted to the canvas before the panel was docked.
        self.viewer.reset_view()

    @property
    def of(self) -> Sample:
        return SAMPLES[self.sample]

    @property
    def controller(self) -> Controller:
        return Controller.of(self.viewer)

    @property
    def window(self) -> QWidget:
        return self.viewer.window._qt_window

    def prepare(self, runs: int, theme: str) -> None:
        """Make what a scene still needs; `runs`: 0 nothing, 1 a target, 2 also a run, ..."""
        self.viewer.theme = theme
        if runs > 0 and self.target is None:
            section = self.attack.target_section
            classes = self.controller.victims.victim.classes
            section.structure.value = classes.index(self.of.structure)
            section.shape.value = self.of.shape
            section.button.click()
            self.idle()
            self.target = self.controller.shown(TARGET)
        needed = min(runs - 1, len(self.of.runs))
        while len(self.controller.runs) < needed:
            self.run(self.of.runs[len(self.controller.runs)])
        self.show_slice()

    def run(self, settings: dict[str, Any]) -> None:
        """Run an attack with these settings; go on showing the first run."""
        layer = self.attack.image.value
        self.controller.attack(layer, "pgd", settings, self.target)
        self.idle()
        runs = list(self.controller.runs)
        if not runs:
            raise SystemExit(f"no result: {self.attack.status.text()}")
        if self.controller.runs.current is not runs[0]:
            self.controller.show_run(runs[0])
            self.idle()

    def show_slice(self) -> None:
        if self.of.slice is not None:
            self.viewer.dims.set_current_step(0, self.of.slice)

    @contextmanager
    def docked(self, title: str) -> Iterator[Any]:
        """Open a panel's tab in the workbench; afterwards, restore what it changed."""
        before = [(layer, layer.visible) for layer in self.viewer.layers]
        panel = self.bench.open(title)
        self.settle()
        yield panel
        self.bench.open(ATTACK)
        self.settle(0.1)
        for layer, visible in before:
            layer.visible = visible

    def scroll_to(self, widget: QWidget) -> None:
        """Scroll a widget of a panel into view."""
        place = widget.parentWidget()
        while place is not None and not isinstance(place, QScrollArea):
            place = place.parentWidget()
        if place is not None:
            place.ensureWidgetVisible(widget)

    def wait(self, done: Callable[[], Any], what: str) -> None:
        """Process the window's events until `done` returns something true."""
        started = time.monotonic()
        while not done():
            QApplication.processEvents()
            # Without a running event loop nothing else deletes widgets: old forms would stay.
            QApplication.sendPostedEvents(None, QEvent.DeferredDelete)
            time.sleep(0.005)
            if time.monotonic() - started > LONGEST:
                raise SystemExit(f"{what}: nothing after {LONGEST:.0f} s")

    def idle(self) -> None:
        """Wait until no job runs."""
        self.wait(lambda: not self.controller.jobs.busy, "the job")

    def settle(self, seconds: float = 0.6) -> None:
        """Wait until no job runs and the window has been drawn."""
        self.idle()
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > until, "the window")

    def close(self) -> None:
        self.viewer.close()
        self.wait(lambda: True, "the end")
