"""How much memory the window keeps of runs that were deleted. Prints figures.

Makes runs one after the other in a real window, by clicks, and deletes each. After the 1st, 10th,
50th, 100th and last run it collects garbage, gives free pages back to the system (where the C
library can), and prints the resident memory and what is alive: layers, visuals of napari's canvas,
workers, examples. At the end come the Python objects of which there are more with every run.

The clicks are made inside Qt's event loop, as a user's are. A script that calls
`QApplication.processEvents` instead measures something else: what is to be deleted later, as the
controls of a layer are, is deleted only by an event loop, so it would see 7 MB a run.

Run: python benchmarks/memory.py, or without a screen
xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/memory.py
"""

import argparse
import collections
import ctypes
import gc
import json
import time
from collections.abc import Callable

import napari
import numpy as np
import psutil
import torch
from napari.layers import Layer
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtTest import QTest
from superqt.utils._qthreading import WorkerBase
from torch import nn
from vispy.scene.node import Node

import napari_segadv as sa
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.results.example import Example
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.task_view import UNTARGETED

PLUGIN, ATTACK, RUNS = "napari-segadv", "Adversarial attack", "Runs"
OTHERS = ("Target designer", "Compare", "Slices", "Reading test")
SHOWN = (1, 10, 50, 100)
# Milliseconds between two looks at whether something has come.
LOOK = 5


def until(done: Callable[[], object], seconds: float = 600.0) -> None:
    """Let Qt's event loop run until something holds."""
    started, loop, timer = time.monotonic(), QEventLoop(), QTimer()
    timer.timeout.connect(lambda: done() and loop.quit())
    timer.timeout.connect(lambda: time.monotonic() - started > seconds and loop.exit(1))
    timer.start(LOOK)
    if not done() and loop.exec():
        raise SystemExit("nothing happens any more")


def rest(milliseconds: int = 40) -> None:
    """Let what is to be drawn and deleted later have its turn."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def resident() -> float:
    """Return the process's memory in MB, without garbage and free pages."""
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / 2**20


def alive() -> dict[str, int]:
    """Return how many there are of what a run makes."""
    gc.collect()
    kinds = {"layers": Layer, "visuals": Node, "workers": WorkerBase, "examples": Example}
    found = dict.fromkeys(kinds, 0)
    for one in gc.get_objects():
        for name, kind in kinds.items():
            # Not isinstance, which asks a proxy for its class and so runs its code.
            found[name] += issubclass(type(one), kind)
    return found


def counted() -> collections.Counter[str]:
    gc.collect()
    return collections.Counter(
        f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects()
    )


def picture(shape: tuple[int, ...]) -> Scan:
    """Return a bright square on a darker, noisy ground, as bytes."""
    array = np.random.default_rng(0).normal(60, 10, shape)
    array[..., shape[-2] // 4 : shape[-2] // 2, shape[-1] // 4 : shape[-1] // 2] += 90
    direction = np.eye(len(shape))
    grid = Grid(shape, (1.0,) * len(shape), (0.0,) * len(shape), direction, physical=False)
    return Scan(array.clip(0, 255).astype(np.uint8), grid, "grey level", Storage("uint8"))


def victim() -> "sa.victims.Victim":
    """Return a small network that separates dark, middle and bright, slice by slice."""
    smooth, score = nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Conv2d(1, 3, 1)
    nn.init.constant_(smooth.weight, 1 / 9)
    score.weight.data[:, 0, 0, 0] = torch.tensor([-10.0, 0.0, 10.0])
    score.bias.data = torch.tensor([4.0, 0.0, -6.0])
    limits = {"a_min": 0.0, "a_max": 255.0, "b_min": 0.0, "b_max": 1.0}
    return sa.victims.Victim(
        nn.Sequential(smooth, score).eval(),
        name="bands",
        dims=2,
        classes=("dark", "middle", "bright"),
        steps=(Transform("ScaleIntensityRange", limits),),
    )


class Session:
    """A window with its panels, an image and a victim."""

    def __init__(self, shape: tuple[int, ...], panels: tuple[str, ...], preview: bool) -> None:
        self.viewer = napari.Viewer()
        self.viewer.window.resize(1280, 800)
        data, keywords, _ = image_tuple(picture(shape), "film")
        self.viewer.add_image(data, **keywords)
        docked = {
            title: self.viewer.window.add_plugin_dock_widget(PLUGIN, title)[1]
            for title in (*panels, RUNS, ATTACK)
        }
        self.panel, self.runs = docked[ATTACK], docked[RUNS]
        self.controller = self.panel.controller
        until(lambda: self.controller.victims.attacks and not self.controller.jobs.busy)
        self.controller.victims.victim = victim()
        self.controller.victims.victim_changed.emit(self.controller.victims.victim)
        section = self.panel.attack_section
        self.panel.target.value = UNTARGETED
        section.form.editors["steps"].value = 2
        section.preview.value = preview

    def run_and_delete(self) -> None:
        """Click on Run, wait for the result, choose it in the list, and click on Delete."""
        QTest.mouseClick(self.panel.run_button, Qt.LeftButton)
        until(lambda: not self.controller.jobs.busy and self.controller.runs.current is not None)
        rest()
        run = self.controller.runs.current
        # Saved, so that nobody is asked.
        run.saved = True
        self.runs.list.choose(run)
        del run
        self.runs.delete_button.click()
        until(lambda: not self.controller.jobs.busy and not len(self.controller.runs))
        rest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--shape", type=int, nargs="+", default=[48, 64], help="of the image")
    parser.add_argument("--panels", action="store_true", help="open all panels")
    parser.add_argument("--no-preview", action="store_true")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    options = parser.parse_args()
    torch.set_num_threads(1)
    session = Session(
        tuple(options.shape), OTHERS if options.panels else (), not options.no_preview
    )
    found: dict[int, float] = {}
    before: collections.Counter[str] = collections.Counter()
    for number in range(1, options.runs + 1):
        session.run_and_delete()
        if number in SHOWN or number == options.runs:
            found[number] = resident()
            there = ", ".join(f"{count} {name}" for name, count in alive().items())
            print(f"after run {number:3}: {found[number]:7.1f} MB; alive: {there}", flush=True)
        if number == min(10, options.runs):
            before = counted()
    if options.runs > 10:
        more = options.runs - 10
        print(f"grown by {found[options.runs] - found[10]:.1f} MB since the 10th run")
        for name, count in (counted() - before).most_common():
            if count >= more // 2:
                print(f"{count / more:6.1f} more a run of {name}")
    if options.json:
        print(json.dumps(found))
    session.viewer.close()


if __name__ == "__main__":
    main()
