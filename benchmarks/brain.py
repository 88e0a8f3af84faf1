"""A brain network that others trained: erase tissue from what it sees, and print the measures.

Everything goes through the installed command line. The data folder holds brain_meshnet.ts with its
brain_meshnet.json, and brain_t1.nii.gz (networks and head of neuroneural/brainchop, MIT). The
network is a TorchScript program: running this script agrees to run it. Run:
python benchmarks/brain.py --data DIR --out DIR
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import nibabel

from napari_segadv.common.wording import share

NETWORK, HEAD = "brain_meshnet.ts", "brain_t1.nii.gz"
# The middle of the brain, in the order of the file: as large as the network's window.
CROP = (slice(82, 178), slice(77, 173), slice(49, 145))
WHITE, GREY = 1, 2
EPSILON = 3.0


def segadv(*arguments: object) -> None:
    """Run a segadv command."""
    command = [str(Path(sys.executable).parent / "segadv"), *map(str, arguments)]
    print("segadv", *command[1:], flush=True)
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/networks"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    data, out = options.data.resolve(), options.out
    out.mkdir(parents=True, exist_ok=True)
    image, clean = out / "crop.nii.gz", out / "clean.nii.gz"
    nibabel.save(nibabel.load(data / HEAD).slicer[CROP], image)
    trusted = hashlib.sha256((data / NETWORK).read_bytes()).hexdigest()
    victim = ["--victim", data / NETWORK, "--trust", trusted]
    segadv("predict", image, *victim, "--out", clean)
    no_grey, nothing = out / "no_grey.nii.gz", out / "nothing.nii.gz"
    segadv("target", "erase", clean, "--label", GREY, "--to", 0, "--out", no_grey)
    segadv("target", "erase", no_grey, "--label", WHITE, "--to", 0, "--out", nothing)
    for target, folder in ((nothing, out / "gone"), (no_grey, out / "no_grey")):
        segadv(
            "attack", image, *victim, "--target", target, "--out", folder,
            "--set", f"epsilon={EPSILON}", "--overwrite",
        )  # fmt: skip
        print("\n| figure | value |\n| --- | --- |")
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        for name, value in figures(result).items():
            print(f"| {name} | {value} |")
        print(f"\nlook at {folder / 'figure.png'}\n", flush=True)


def figures(result: dict) -> dict[str, str]:
    """Return the figures of one attack, measured from the file read back."""
    m, passes = result["measures"], result["passes"]
    return {
        "steps": str(result["steps"]),
        "passes": f"{passes['forward']:g} forward, {passes['backward']:g} backward",
        "moved": share(m["moved"], 4),
        "kept": "-" if m["kept"] is None else share(m["kept"], 4),
        "largest change": f"{m['linf']:g} grey levels",
        "mean": f"{m['mean_abs']:.2f} grey levels",
        "SSIM": share(m["ssim"], 4),
    }


if __name__ == "__main__":
    main()
