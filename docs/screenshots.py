"""Makes the screenshots of README and docs in a real window: python docs/screenshots.py [NAME ...]

Without a screen: xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots.py
"""

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import torch
from qtpy.QtWidgets import QApplication

from napari_segadv.viewer.attack_panel import AttackPanel
from napari_segadv.viewer.demo import prepare

log = logging.getLogger(__name__)

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 800)
LONGEST = 600.0


def wait(done: Callable[[], Any], what: str) -> None:
    """Runs the window until something holds."""
    started = time.monotonic()
    while not done():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() - started > LONGEST:
            raise SystemExit(f"{what}: nothing after {LONGEST:.0f} s")


def settle(panel: AttackPanel, seconds: float = 0.5) -> None:
    """Until no job runs and the window has been drawn."""
    wait(lambda: not panel.controller.busy, "the panel")
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until, "the window")


def open_demo(viewer: napari.Viewer, name: str, structure: str, shape: str) -> AttackPanel:
    """The demo of a victim, with a target for one of its structures."""
    panel = prepare(viewer, name, structure, shape)
    wait(lambda: panel.target.value in viewer.layers, "the target")
    settle(panel)
    return panel


def run(viewer: napari.Viewer, panel: AttackPanel) -> None:
    panel.run_button.click()
    settle(panel)
    if panel.controller.example is None:
        raise SystemExit(f"no result: {panel.status.text()}")


def save(viewer: napari.Viewer, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"{name}.png"
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    log.info("%s", path)


def chest(viewer: napari.Viewer) -> None:
    """README: the heart symbol that the network draws."""
    panel = open_demo(viewer, "chest-xray", "heart", "heart")
    save(viewer, "chest-target")
    run(viewer, panel)
    save(viewer, "chest")


def noise(viewer: napari.Viewer) -> None:
    """The noise alone."""
    panel = open_demo(viewer, "chest-xray", "heart", "heart")
    run(viewer, panel)
    for layer in viewer.layers:
        layer.visible = layer.name in ("noise", "target")
    settle(panel)
    save(viewer, "noise")


PICTURES = {"chest": chest, "noise": noise}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"{', '.join(PICTURES)}; all by default")
    names = parser.parse_args().names or list(PICTURES)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    for name in names:
        viewer = napari.Viewer(title="napari")
        viewer.window.resize(*SIZE)
        PICTURES[name](viewer)
        viewer.close()


if __name__ == "__main__":
    main()
