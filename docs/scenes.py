"""The scenes of the screenshots: each arranges a Session and yields the widget to capture."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from qtpy.QtWidgets import QWidget
from session import SAMPLES, SIZE, Session

from napari_segadv.samples import bundles
from napari_segadv.viewer.layers.names import CLICKS, NOISE, TARGET
from napari_segadv.viewer.views.tools import ViewTools

Arrange = Callable[[Session], AbstractContextManager[QWidget]]
# What a scene needs before it is arranged: nothing, a target, one run, all runs.
OPENED, TARGETED, RUN, RUNS = 0, 1, 2, 99
# Clicks on the phantom's spleen and on its background.
CLICKED = (((66, 100, 118), (66, 82, 122)), ((66, 96, 88),))


@dataclass(frozen=True)
class Scene:
    """One picture for each sample and theme, named NAME-SAMPLE-THEME.

    Attributes:
        name: name of the scene.
        runs: what it needs beforehand: OPENED, TARGETED, RUN or RUNS.
        arrange: yields the widget to capture, and restores everything afterwards.
        samples: the keys of SAMPLES that it shows.
    """

    name: str
    runs: int
    arrange: Arrange
    samples: tuple[str, ...]


SCENES: list[Scene] = []


def scene(
    name: str, runs: int, samples: tuple[str, ...] = tuple(SAMPLES)
) -> Callable[[Callable[[Session], Iterator[QWidget]]], None]:
    """Register a generator that arranges the session, yields the widget and restores everything.

    A scene of another panel is as short as `designer` below.
    """

    def register(arrange: Callable[[Session], Iterator[QWidget]]) -> None:
        SCENES.append(Scene(name, runs, contextmanager(arrange), samples))

    return register


@scene("open", OPENED)
def opened(session: Session) -> Iterator[QWidget]:
    yield session.window


@scene("describe", OPENED, ("xray",))
def describe(session: Session) -> Iterator[QWidget]:
    """Show the form for the built-in model's weights, as if they had come without a description."""
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pt"
        shutil.copy(bundles()["chest-xray"] / "models" / "model.pt", weights)
        session.attack.victim_section.open(str(weights))
        session.wait(lambda: session.attack.form, "the form")
        form = session.attack.form
        names = session.controller.victims.victim.classes
        form.editors["classes"].setText(", ".join(names))
        form.editors["classes"].setCursorPosition(0)
        form.editors["axes"].setCurrentIndex(1)
        form.try_button.click()
        session.wait(form.save_button.isEnabled, "the prediction")
        yield form
        form.close_button.click()
        session.idle()


@scene("clicks", OPENED, ("ct",))
def clicks(session: Session) -> Iterator[QWidget]:
    """Show clicks on the spleen and beside it, for a model that is not trained."""
    # Late: it needs MONAI, which is there by now.
    from interactive import bundle

    builtin, victims = session.controller.victims.source, session.controller.victims
    # By a path that names no machine's folder: the panel shows it.
    with TemporaryDirectory() as folder, chdir(folder):
        model = bundle(Path())
        session.attack.victim_section.open(str(model))
        session.wait(lambda: victims.source == str(model), "the model")
        session.idle()
        section = session.attack.clicks_section
        section.add_button.click()
        layer = session.controller.shown(CLICKS)
        for number, places in enumerate(CLICKED):
            section.structure.value = number
            for place in places:
                layer.add(place)
        above = session.attack.victim_section
        session.wait(lambda: above.height() == above.sizeHint().height(), "the layout")
        yield session.window
        session.viewer.layers.remove(layer)
        session.attack.victim_section.open(builtin)
        session.wait(lambda: victims.source == builtin, "the built-in model")
        session.idle()


@scene("target", TARGETED)
def target(session: Session) -> Iterator[QWidget]:
    yield session.window


@scene("attack", RUN)
def attack(session: Session) -> Iterator[QWidget]:
    yield session.window


@scene("noise", RUN)
def noise(session: Session) -> Iterator[QWidget]:
    before = {layer: layer.visible for layer in session.viewer.layers}
    shown = [session.controller.shown(role) for role in (NOISE, TARGET)]
    for layer in before:
        layer.visible = layer in shown
    yield session.window
    for layer, visible in before.items():
        layer.visible = visible


@scene("views", RUN, ("ct",))
def views(session: Session) -> Iterator[QWidget]:
    bench = ViewTools.of(session.viewer)
    assert bench is not None
    bench.toggle_views()
    session.settle()
    yield session.window
    bench.toggle_views()


@scene("designer", RUN)
def designer(session: Session) -> Iterator[QWidget]:
    with session.docked("Target designer") as panel:
        session.wait(lambda: panel.distance.text(), "the distance")
        yield session.window


def compare(name: str, mode: str) -> None:
    """Register a scene of the Compare panel in one of its modes, with contours."""

    @scene(name, RUN)
    def arrange(session: Session) -> Iterator[QWidget]:
        with session.docked("Compare") as panel:
            panel.modes[mode].click()
            panel.toggle_contours()
            yield session.window
            panel.toggle_contours()
            panel.modes[mode].click()


for name in ("blink", "swipe", "difference"):
    compare(name, name)
compare("side-by-side", "side by side")


@scene("rendered", RUN, ("ct",))
def rendered(session: Session) -> Iterator[QWidget]:
    """Show the difference of a volume in napari's 3-D view."""
    with session.docked("Compare") as panel:
        panel.modes["difference"].click()
        session.viewer.dims.ndisplay = 3
        session.settle(2.0)
        yield session.window
        session.viewer.dims.ndisplay = 2
        panel.modes["difference"].click()
        session.viewer.reset_view()


@scene("runs", RUNS)
def runs(session: Session) -> Iterator[QWidget]:
    with session.docked("Runs"):
        yield session.window


@scene("slices", RUN)
def slices(session: Session) -> Iterator[QWidget]:
    with session.docked("Slices") as panel:
        session.wait(lambda: panel.figures, "the figures")
        if session.of.slice is not None:
            panel.worst()
            panel.judge("suspicious")
            panel.next_worst()
        panel.judge("nothing seen")
        yield session.window


@scene("visibility", RUN)
def visibility(session: Session) -> Iterator[QWidget]:
    with session.docked("Slices") as panel:
        part = panel.visibility
        part.button.click()
        session.wait(part.table.rowCount, "the windows")
        session.settle()
        session.scroll_to(part.line)
        yield session.window


def reading(name: str, mode: str) -> None:
    """Register a scene of the reading test's window."""

    @scene(name, RUNS)
    def arrange(session: Session) -> Iterator[QWidget]:
        with session.docked("Reading test") as panel:
            panel.mode.value = mode
            panel.start_button.click()
            session.wait(lambda: panel.test is not None, "the test")
            panel.test.showNormal()
            panel.test.resize(*SIZE)
            session.wait(lambda: panel.test.canvas.images, "the trial")
            yield panel.test
            panel.test.stop.click()
            session.settle()


reading("reading-alone", "one at a time")
reading("reading-pair", "side by side")


@scene("reading", RUNS)
def read(session: Session) -> Iterator[QWidget]:
    """Show the panel with the result of a reader who answers "altered" every time."""
    with session.docked("Reading test") as panel:
        panel.start_button.click()
        session.wait(lambda: panel.test is not None, "the test")
        while panel.test is not None:
            session.wait(lambda: panel.test is None or panel.test.canvas.images, "the trial")
            if panel.test is not None:
                panel.test.say_second()
        yield session.window


@scene("help", OPENED)
def helped(session: Session) -> Iterator[QWidget]:
    with session.docked("Keys and help"):
        yield session.window
