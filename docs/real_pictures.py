"""Makes the pictures of real images that others took, for docs/visible.md and docs/brain.md.

The folder of data holds `chest_xray/1.jpg` of imlab-uiip/lung-segmentation-2d (MIT); the folder of
the brain is what benchmarks/brain.py has written. Run:
python docs/real_pictures.py --data ../shared/data --brain build/brain
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import napari_segadv as sa
from napari_segadv.attacks import PGD, Attack
from napari_segadv.data.scan import Array
from napari_segadv.results.figure import figure

IMAGES = Path(__file__).parent / "images"
FILM, BRAIN = "visible-film", "brain-erased"
NAMES = (FILM, BRAIN)
# The presets, in the words of the panel, and the part of the film that the heart lies in.
PRESETS: dict[str, Attack] = {
    "standard": PGD(),
    "least visible": PGD(norm="visible", steps=60, polish=True),
}
PART = (slice(190, 410), slice(170, 430))
# Grey levels of noise that are drawn as black and white.
FULL = 12
# Height of a line of text, and of its letters.
LINE, LETTERS = 24, 15
# Of the picture of the brain.
DPI = 72


def film(data: Path) -> None:
    """Draw the film before and after both presets, and the noise of each, pixel by pixel."""
    scan, victim = sa.read(data / "chest_xray" / "1.jpg"), sa.load_victim("demo:chest-xray")
    target = sa.targets.heart(victim.predict(scan), label=1, size=1.0)
    rows: list[Array] = []
    for name, attack in PRESETS.items():
        example = sa.craft(scan, victim, attack, target=target)
        noise = (np.clip(example.noise / FULL, -1, 1) + 1) * 127.5
        images = [scan.array, example.adversarial.array, noise.round().astype(np.uint8)]
        titles = ["clean", f"{name}: SSIM {example.measures['ssim']:.3f}", "its noise"]
        rows.append(
            np.hstack([titled(one[PART], t) for one, t in zip(images, titles, strict=True)])
        )
    # As it is: fewer levels would hide the noise, or show steps that are not there.
    Image.fromarray(np.vstack(rows)).save(IMAGES / f"{FILM}.png", optimize=True)


def titled(pixels: Array, text: str) -> Array:
    """Return a picture under a line of text."""
    line = Image.new("L", (pixels.shape[1], LINE), "white")
    ImageDraw.Draw(line).text((6, 3), text, "black", ImageFont.load_default(LETTERS))
    return np.vstack([np.asarray(line), pixels])


def brain(folder: Path) -> None:
    """Draw a result of benchmarks/brain.py."""
    buffer = io.BytesIO()
    figure(sa.load_example(folder / "gone")).savefig(buffer, format="png", dpi=DPI)
    Image.open(buffer).convert("RGB").save(IMAGES / f"{BRAIN}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--brain", type=Path, required=True)
    options = parser.parse_args()
    film(options.data)
    brain(options.brain)


if __name__ == "__main__":
    main()
