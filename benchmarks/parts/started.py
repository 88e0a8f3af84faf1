"""A cold start, in a process of its own: prints the processor and wall time of each part.

Run by start.py, for this checkout or another one; it uses only what both have.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path


class Parts:
    """The time of each part, from the end of the one before."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[float, float]] = {}
        # Python itself has started by now.
        self._before = 0.0, time.perf_counter()
        self.end("Python")

    def end(self, name: str) -> None:
        used, now = os.times(), time.perf_counter()
        processor = used.user + used.system
        self.found[name] = processor - self._before[0], now - self._before[1]
        self._before = processor, now


def command(parts: Parts, image: Path, target: Path, out: Path) -> None:
    """Do what `segadv attack` does, a part at a time."""
    from napari_segadv import cli

    getattr(cli, "prepare_process", lambda: None)()
    parts.end("the command line")
    import torch  # noqa: F401

    parts.end("import torch")
    from napari_segadv import attacks, io
    from napari_segadv.common.generators import finished
    from napari_segadv.crafting import craft_steps
    from napari_segadv.results.saving import save_run

    parts.end("import the package")
    import monai.bundle  # noqa: F401

    parts.end("import MONAI")
    from napari_segadv import load_victim

    victim = load_victim("demo:chest-xray")
    parts.end("load the victim")
    run = craft_steps(io.read([image]), victim, attacks.PGD(), target=target)
    next(run)
    parts.end("up to the first step")
    example = finished(run)
    parts.end("all other steps, and measuring")
    save_run(example, out, overwrite=True)
    parts.end("save the result")


def window(parts: Parts, image: Path) -> None:
    """Do what a reader does in napari, up to the first step of two attacks."""
    import napari
    from qtpy.QtWidgets import QApplication

    def until(done: Callable[[], object], seconds: float = 300.0) -> None:
        started = time.monotonic()
        while not done():
            QApplication.processEvents()
            # The process's time is measured: waiting shall not take any.
            time.sleep(0.002)
            if time.monotonic() - started > seconds:
                raise SystemExit("nothing happens any more")

    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    viewer.open(str(image))
    until(lambda: len(viewer.layers))
    parts.end("napari, with the image")
    _, panel = viewer.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    jobs, victims = panel.controller.jobs, panel.controller.victims
    until(lambda: victims.victim is not None and not jobs.busy)
    parts.end("open the panel: torch, MONAI and the victim")
    panel.victim_section.predict_button.click()
    until(lambda: not jobs.busy and len(viewer.layers) > 1)
    parts.end("predict")
    panel.target_section.button.click()
    until(lambda: not jobs.busy and len(viewer.layers) > 2)
    parts.end("make the target")
    panel.attack_section.form.editors["goal"].value = None
    panel.attack_section.form.editors["steps"].value = 100_000
    for name in ("first", "second"):
        panel.run_button.click()
        until(lambda: panel.strip.text.text().startswith("Step "))
        parts.end(f"from the click on Run to a step, {name} time")
        panel.cancel_button.click()
        until(lambda: not jobs.busy)
        parts.end("cancelled")
    print(json.dumps(parts.found), flush=True)
    # Without napari's questions about what is not saved.
    os._exit(0)


def main() -> None:
    parts = Parts()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--window", action="store_true")
    options = parser.parse_args()
    if options.window:
        window(parts, options.image)
    else:
        command(parts, options.image, options.target, options.out)
    print(json.dumps(parts.found))


if __name__ == "__main__":
    main()
