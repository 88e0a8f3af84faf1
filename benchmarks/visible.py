"""How visible the change is: presets "standard" and "least visible", textures, and the least L2.

The images are real films, a fundus photograph and CT slices that no victim was trained on, and
phantoms. The settings of "least visible" were found on chest-xray phantom 20101, fundus phantom
20101 and film 2, so film 2 is no test. Every figure is of the saved image; the worst window is that
of a reading room in which the change shows most. Prints a Markdown table, and with --pictures
writes for each case the clean and the adversarial image in the worst window, and the noise.
Run: python benchmarks/visible.py
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_segadv import Example, attacks, craft, load_victim, read, targets
from napari_segadv.attacks import Attack
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.measures.by_window import Seen, seen_in_windows, worst
from napari_segadv.samples import phantom
from napari_segadv.victims.victim import Victim

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
# No victim was trained on phantoms from this seed on, and no setting was found on them.
FIRST_SEED = 30_000
PASSES = 60
# Class of demo:abdomen-ct.
KIDNEYS = 3
GOALS = {"reached": 0.99, "ssim": 0.99, "psnr": 48.0}


@dataclass(frozen=True)
class Case:
    """An image, the victim, the target, and the slices that are attacked; None: all."""

    name: str
    scan: Scan
    victim: Victim
    target: Mask
    slices: tuple[int, int] | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phantoms", type=int, default=3, help="chest phantoms, up to 10")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--passes", type=int, default=PASSES)
    parser.add_argument("--methods", default="", help="methods whose name contains this")
    parser.add_argument("--pictures", type=Path, help="folder for pictures")
    options = parser.parse_args()
    ways: dict[str, Attack] = {
        "standard": attacks.PGD(),
        "least, L2": attacks.get("least")(norm="l2", steps=options.passes),
        "least visible": attacks.PGD(norm="visible", steps=options.passes, polish=True),
        "standard, smooth": attacks.PGD(texture="smooth"),
        "standard, quantum": attacks.PGD(texture="quantum"),
    }
    for texture in ("smooth", "quantum"):
        ways[f"least visible, {texture}"] = replace(ways["least visible"], texture=texture)
    heads = ("image", "method", "passes", "target IoU", "moved", "kept", "SSIM", "worst window's")
    print(f"| {' | '.join(heads)} SSIM | PSNR | mean change | goals |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, victim, source in kinds(options.phantoms):
        if options.only not in name:
            continue
        case = case_of(name, victim, source)
        for method, attack in ways.items():
            if options.methods in method:
                example = craft(
                    case.scan, case.victim, attack, target=case.target, slices=case.slices
                )
                most = worst(seen_in_windows(example.clean, example.adversarial))
                show(case, method, example, most)
                if options.pictures is not None:
                    picture(case, example, most, options.pictures / f"{name}-{method}.png")


def kinds(phantoms: int) -> list[tuple[str, str, Path | int]]:
    """Return name, victim, and file or number of each case."""
    chest, abdomen = "demo:chest-xray", "demo:abdomen-ct"
    return [
        *((f"film {n}", chest, DATA / "chest_xray" / f"{n}.jpg") for n in (1, 2)),
        ("fundus photograph", "demo:fundus", DATA / "fundus" / "11.png"),
        *((f"CT slice {n}", abdomen, n) for n in (85, 95)),
        *((f"chest phantom {n}", chest, n) for n in range(FIRST_SEED, FIRST_SEED + phantoms)),
        ("fundus phantom", "demo:fundus", FIRST_SEED),
    ]


def case_of(name: str, victim: str, source: Path | int) -> Case:
    """Make a case: the heart of a chest or the smallest structure of an eye becomes a heart symbol.

    Of a CT slice, the kidneys are erased.
    """
    loaded, slices = load_victim(victim), None
    if isinstance(source, Path):
        scan = read(source)
    elif "slice" in name:
        scan, slices = read(DATA / "ct" / "thorax_abdomen_ct.nii.gz"), (source, source)
    else:
        scan, _ = phantom(victim.removeprefix("demo:"), source)
    prediction = loaded.predict(scan)
    if slices is not None:
        return Case(name, scan, loaded, targets.erase(prediction, label=KIDNEYS), slices)
    sizes = {int(n): int((prediction.array == n).sum()) for n in np.unique(prediction.array) if n}
    label = 1 if victim == "demo:chest-xray" else min(sizes, key=lambda n: sizes[n])
    return Case(name, scan, loaded, targets.heart(prediction, label=label, size=1.0))


def show(case: Case, method: str, example: Example, most: Seen | None) -> None:
    """Print a row."""
    m, passes = example.measures, example.record["passes"]["backward"]
    found = {"reached": min(m["moved"], m["kept"]), "ssim": m["ssim"] or 1.0, "psnr": m["psnr"]}
    missed = [goal for goal, least in GOALS.items() if (found[goal] or np.inf) < least]
    least = "-" if most is None or most.ssim is None else f"{most.ssim:.4f} ({most.preset.name})"
    print(
        f"| {case.name} | {method} | {passes:g} | {m['target_iou']:.4f} | {m['moved']:.4f} | "
        f"{m['kept']:.4f} | {m['ssim']:.4f} | {least} | {m['psnr']:.1f} | {m['mean_abs']:.3f} "
        f"{m['units']} | {'missed: ' + ', '.join(missed) if missed else 'reached'} |",
        flush=True,
    )


def picture(case: Case, example: Example, most: Seen | None, path: Path) -> None:
    """Write the clean image, the adversarial one and their difference beside each other."""
    from PIL import Image

    low, high = example.window if most is None else most.preset.limits
    pair = [s.array.astype(np.float32) for s in (example.clean, example.adversarial)]
    pair = pair if case.slices is None else [a[case.slices[0]] for a in pair]
    shown = [np.clip((a - low) / (high - low), 0, 1) for a in pair]
    # Ten percent of the window is full contrast.
    shown.append(np.clip(0.5 + (pair[1] - pair[0]) / (0.1 * (high - low)), 0, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((255 * np.concatenate(shown, axis=1)).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
