"""A real CT: train a 3-D victim on it, erase the kidneys at 10 HU, and print the measures.

Everything goes through the installed command line. The data folder holds thorax_abdomen_ct.nii.gz
and thorax_abdomen_labels.nii.gz (a TotalSegmentator example, Apache-2.0). If the output folder
already holds a victim, it is used again. Run: python benchmarks/erase_kidneys.py --out DIR
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

IMAGE, LABELS = "thorax_abdomen_ct.nii.gz", "thorax_abdomen_labels.nii.gz"
CLASSES = "liver=5,spleen=1,kidneys=2+3"
KIDNEYS = 3
EPSILON = 10.0


def segadv(*arguments: object) -> float:
    """Run a segadv command and return the seconds that it took."""
    command = [str(Path(sys.executable).parent / "segadv"), *map(str, arguments)]
    print("segadv", *command[1:], flush=True)
    started = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/ct"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=400)
    options = parser.parse_args()
    data, out = options.data.resolve(), options.out
    out.mkdir(parents=True, exist_ok=True)
    victim, image = out / "victim", data / IMAGE
    if not victim.exists():
        table = out / "cases.csv"
        table.write_text(f"image,mask\n{image},{data / LABELS}\n", encoding="utf-8")
        training = ["--classes", CLASSES, "--dims", 3, "--epochs", options.epochs]
        spent = segadv("train", table, "--out", victim, *training)
        print(f"trained in {spent / 60:.0f} minutes")
    clean, target = out / "clean.nii.gz", out / "target.nii.gz"
    segadv("predict", image, "--victim", victim, "--out", clean)
    segadv("target", "erase", clean, "--label", KIDNEYS, "--to", 0, "--out", target)
    folder = out / "erased"
    segadv(
        "attack", image, "--victim", victim, "--target", target, "--out", folder,
        "--truth", truth(data, out), "--set", f"epsilon={EPSILON}", "--overwrite",
    )  # fmt: skip
    print("\n| figure | value |\n| --- | --- |")
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for name, value in figures(result).items():
        print(f"| {name} | {value} |")
    print(f"\nlook at {folder / 'figure.png'}")


def truth(data: Path, out: Path) -> Path:
    """Write the labels as the victim's classes; return the file."""
    import numpy as np

    from napari_segadv import io
    from napari_segadv.data.scan import Mask
    from napari_segadv.io.cases import ClassMap

    path = out / "truth.nii.gz"
    labels = io.read_mask(data / LABELS)
    io.save_mask(Mask(np.asarray(ClassMap.parse(CLASSES)(labels.array)), labels.grid), path)
    return path


def figures(result: dict) -> dict[str, str]:
    """Return the figures of one attack, measured from the file read back."""
    m, passes = result["measures"], result["passes"]
    return {
        "budget": f"{result['budget']['epsilon']:g} HU",
        "steps": str(result["steps"]),
        "passes": f"{passes['forward']:g} forward, {passes['backward']:g} backward",
        "moved": f"{m['moved']:.4f}",
        "kept": f"{m['kept']:.4f}",
        "target IoU": f"{m['target_iou']:.4f}",
        "Dice with the truth, before and after": (
            f"{m['dice_with_truth_clean']:.3f}, {m['dice_with_truth']:.3f}"
        ),
        "largest change": f"{m['linf']:g} HU",
        "mean": f"{m['mean_abs']:.2f} HU",
        "SSIM": f"{m['ssim']:.4f}",
    }


if __name__ == "__main__":
    main()
