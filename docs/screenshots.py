"""Make the screenshots of README and docs in a real window: python docs/screenshots.py [NAME ...]

Pictures that a page shows go to docs/images, all others to build/screenshots. NAME is a picture
(swipe-ct-light) or part of its name (swipe, ct, swipe-ct, light).
Without a screen: xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots.py
"""

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from napari._qt.dialogs.qt_notification import NapariQtNotification
from PIL import Image
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QWidget
from scenes import SCENES, Scene
from session import SAMPLES, Session

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
IMAGES, OTHERS = ROOT / "docs" / "images", ROOT / "build" / "screenshots"
THEMES = ("dark", "light")
# Levels of a colour channel are rounded to multiples of STEP.
STEP = 4
# Bytes; a larger picture gets a palette.
MOST = 290_000


def pages() -> list[Path]:
    """Return the pages that can show a picture."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown(name: str) -> bool:
    """Return whether a page shows a picture."""
    return any(f"images/{name}.png" in page.read_text(encoding="utf-8") for page in pages())


def pictures() -> Iterator[tuple[str, str, Scene, str]]:
    """Yield name, sample, scene and theme of each picture, in the order in which they are made."""
    for sample in SAMPLES:
        own = [scene for scene in SCENES if sample in scene.samples]
        for scene in sorted(own, key=lambda scene: scene.runs):
            for theme in THEMES:
                yield f"{scene.name}-{sample}-{theme}", sample, scene, theme


def chosen(names: list[str]) -> list[tuple[str, str, Scene, str]]:
    """Return the pictures whose names contain one of the given parts; without any, all."""
    found = [
        picture
        for picture in pictures()
        if not names or any(f"-{name}-" in f"-{picture[0]}-" for name in names)
    ]
    if not found:
        raise SystemExit("no such picture; there are\n" + "\n".join(p[0] for p in pictures()))
    return found


def save(widget: QWidget, name: str) -> None:
    """Save a widget as a PNG of true colours in steps of a few levels: at most half the size.

    A palette would be smaller, but turns small patches of the overlays into other classes' colours.
    """
    # What napari tells for a few seconds lies on the image.
    for told in widget.findChildren(NapariQtNotification):
        told.hide()
    picture = widget.grab().toImage().convertToFormat(QImage.Format_RGB888)
    bits = picture.constBits().asarray(picture.sizeInBytes())
    lines = np.frombuffer(bits, np.uint8).reshape(picture.height(), picture.bytesPerLine())
    pixels = lines[:, : 3 * picture.width()].reshape(picture.height(), picture.width(), 3)
    folder = IMAGES if shown(name) else OTHERS
    folder.mkdir(parents=True, exist_ok=True)
    rounded = np.minimum(255, (pixels.astype(int) + STEP // 2) // STEP * STEP).astype(np.uint8)
    path, image = folder / f"{name}.png", Image.fromarray(rounded)
    image.save(path, optimize=True)
    if path.stat().st_size > MOST:
        # A picture this large shows noise: it has no patch of one colour for a palette to change.
        image.quantize(256, Image.Quantize.MEDIANCUT).save(path, optimize=True)
    log.info("%s", path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pictures or parts of names; all by default")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch; 2 by default")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    todo = chosen(given.names)
    for sample in SAMPLES:
        own = [picture for picture in todo if picture[1] == sample]
        if not own:
            continue
        session = Session(sample)
        for name, _, scene, theme in own:
            session.prepare(scene.runs, theme)
            with scene.arrange(session) as widget:
                session.settle()
                save(widget, name)
        session.close()


if __name__ == "__main__":
    main()
