"""How quickly napari's window reacts on a CT of 200 x 512 x 512. Prints figures.

Measures the gaps while an attack runs, blinking, and scrolling. A timer in the window ticks every
5 ms; a gap is the time between two ticks. Without a GPU the processor draws the screen, which takes
most of the time, so a redraw of the same window that changes nothing is measured, too.

A shared machine stands still at times, or one of its processors does. On each processor a process
sleeps for 1 ms again and again and notes when it slept too long. The window is not to blame for
these halts, so the longest times are also given without them.

Run: python benchmarks/window.py, or without a screen
xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/window.py
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import napari
import numpy as np
import torch
from parts.witness import Span, Witnesses
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from torch import nn

import napari_segadv as sa
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.viewer.attack.slice_range import IN_VIEW
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.task_view import UNTARGETED

SHAPE = (200, 512, 512)
PLUGIN = "napari-segadv"


def volume() -> Scan:
    """Return a body with organs: smooth blobs of soft tissue and noise, int16 HU."""
    rng = np.random.default_rng(0)
    plane = rng.normal(0, 20, SHAPE[1:])
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    plane += np.where(x**2 + y**2 < 0.7, 40, -1000)
    plane += np.where((x - 0.3) ** 2 + y**2 < 0.06, 90, 0)
    array = np.repeat(plane[None].astype(np.int16), SHAPE[0], 0)
    grid = Grid(SHAPE, (1.0, 0.8, 0.8), (0.0, 0.0, 0.0), np.eye(3))
    return Scan(array, grid, "HU", Storage("int16"))


def victim() -> "sa.victims.Victim":
    """Return a small network that separates air, tissue and bright tissue, slice by slice."""
    from napari_segadv.victims.preprocessing.chain import Transform

    smooth, score = nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Conv2d(1, 3, 1)
    nn.init.constant_(smooth.weight, 1 / 9)
    score.weight.data[:, 0, 0, 0] = torch.tensor([-10.0, 0.0, 10.0])
    score.bias.data = torch.tensor([2.0, 0.0, -5.5])
    net = nn.Sequential(smooth, score)
    limits = {"a_min": -160.0, "a_max": 240.0, "b_min": 0.0, "b_max": 1.0, "clip": True}
    return sa.victims.Victim(
        net.eval(),
        name="bands",
        dims=2,
        classes=("air", "tissue", "bright"),
        steps=(Transform("ScaleIntensityRange", limits),),
    )


def until(done: Callable[[], object], seconds: float = 600.0) -> None:
    started = time.monotonic()
    while not done():
        QApplication.processEvents()
        if time.monotonic() - started > seconds:
            raise SystemExit("nothing happens any more")


def gaps_while(done: Callable[[], object]) -> list[Span]:
    """Return the times between a timer's ticks until `done` holds and the window has been drawn."""
    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start(5)
    until(done)
    drawn = time.monotonic() + 0.5
    until(lambda: time.monotonic() > drawn)
    timer.stop()
    return list(pairwise(ticks))


def drawn(action: Callable[[], object]) -> tuple[Span, Span]:
    """Return the time that an action takes, and the time until the window is drawn after it."""
    started = time.monotonic()
    action()
    alone = time.monotonic()
    QApplication.processEvents()
    return (started, alone), (started, time.monotonic())


def looked_at(
    viewer: napari.Viewer, compare: Any, say: Callable[[str, list[Span]], None], when: str
) -> None:
    """Blink and scroll through slices, as a reader does."""
    canvas = viewer.window._qt_viewer.canvas
    say(f"{when}: a redraw", [drawn(canvas.native.update)[1] for _ in range(20)])
    flips = [drawn(compare.comparison.flip) for _ in range(40)]
    say(f"{when}: blink, the panel's part", [alone for alone, _ in flips])
    say(f"{when}: blink, until it is drawn", [whole for _, whole in flips])
    places = [drawn(lambda z=z: viewer.dims.set_point(0, float(z))) for z in range(50, 130)]
    say(f"{when}: a slice further, napari's part", [alone for alone, _ in places])
    say(f"{when}: a slice further, until it is drawn", [whole for _, whole in places])
    per_slice = statistics.mean(end - start for _, (start, end) in places)
    print(f"{when}: {1 / per_slice:.1f} slices a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each attack")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    options = parser.parse_args()
    torch.set_num_threads(1)
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    data, keywords, _ = image_tuple(volume(), "ct")
    layer = viewer.add_image(data, **keywords)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Adversarial attack")
    controller, section = panel.controller, panel.attack_section
    until(lambda: controller.victims.attacks and not controller.jobs.busy)
    controller.victims.victim = victim()
    controller.victims.victim_changed.emit(controller.victims.victim)
    panel.image.value, panel.target.value = layer, UNTARGETED
    section.form.editors["goal"].value = None
    found: dict[str, dict[str, float]] = {}
    witnesses = Witnesses()

    def say(name: str, spans: list[Span]) -> None:
        values = [1000 * (end - start) for start, end in spans]
        own = max(witnesses.without(spans))
        found[name] = {
            "median": statistics.median(values),
            "longest": max(values),
            "longest without halts": own,
        }
        print(
            f"{name}: median {found[name]['median']:.1f} ms, longest {max(values):.0f} ms, "
            f"without the machine's halts {own:.0f} ms",
            flush=True,
        )

    for what in ("whole volume", IN_VIEW):
        section.slices.which.value = what
        for preview in (False, True):
            section.preview.value = preview
            section.form.editors["steps"].value = 100_000
            panel.run_button.click()
            began = gaps_while(lambda: panel.strip.text.text().startswith("Step "))
            say(f"gaps, up to the first step, preview {'on' if preview else 'off'}", began)
            end = time.monotonic() + options.seconds
            say(
                f"gaps, attack on the {what}, preview {'on' if preview else 'off'}",
                gaps_while(lambda end=end: time.monotonic() > end),
            )
            panel.cancel_button.click()
            going = gaps_while(lambda: not controller.jobs.busy)
            if preview:
                say("gaps, cancelled, the preview's layers go", going)
    section.preview.value = False
    section.form.editors["steps"].value = 2
    for which in ("first", "second"):
        before = controller.example
        panel.run_button.click()
        ended = gaps_while(lambda before=before: controller.example is not before)
        say(f"gaps, two steps and the results' layers, {which} run", ended)
    _, compare = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare")
    compare.modes["blink"].click()
    compare.timer.stop()
    until(lambda: not controller.jobs.busy)
    looked_at(viewer, compare, say, "nothing running")
    section.slices.which.value = "whole volume"
    section.form.editors["steps"].value = 100_000
    panel.run_button.click()
    until(lambda: panel.strip.text.text().startswith("Step "))
    looked_at(viewer, compare, say, "an attack running")
    panel.cancel_button.click()
    until(lambda: not controller.jobs.busy)
    if options.json:
        print(json.dumps(found))
    viewer.close()
    witnesses.close()


if __name__ == "__main__":
    main()
