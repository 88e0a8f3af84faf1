"""What a cold start costs: `segadv attack` on a film as a whole process, and its parts; figures.

The processor time (user and system) is that of processes which have just started, the median of
some runs after one that warms the disk. With --against, another checkout of this repository takes
turns with this one on the same files, so that a busy machine slows both, and the ratios of the
medians are printed too. With --window, the parts are those of napari's window, up to the first step
of an attack.
Run: python benchmarks/start.py --against ../main, and without a screen
xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/start.py --window
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from napari_segadv import io, load_victim, targets
from napari_segadv.samples import DEMO_SEED, phantom

HERE = Path(__file__).parents[1]
VICTIM, HEART = "demo:chest-xray", 1
Times = dict[str, tuple[float, float]]


class Film:
    """A film and a target on the disk, and the commands that use them."""

    def __init__(self, folder: Path, image: Path | None) -> None:
        self.folder, self.image = folder, image or folder / "film.png"
        self.target, self.out = folder / "target.png", folder / "out"
        if image is None:
            io.save(phantom("chest-xray", DEMO_SEED)[0], self.image)
        clean = load_victim(VICTIM).predict(io.read(self.image))
        io.save_mask(targets.heart(clean, label=HEART), self.target)

    def run(self, checkout: Path, arguments: list[str]) -> tuple[str, float, float]:
        """Run Python on a checkout; return what it prints, its processor time, and its time."""
        # Compiled modules beside neither checkout's own: both find theirs after the first run.
        places = {"PYTHONPATH": str(checkout), "PYTHONPYCACHEPREFIX": str(self.folder / "compiled")}
        environment = os.environ | places
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{checkout}: {done.stderr}")
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return done.stdout, used, wall

    def command(self, checkout: Path) -> Times:
        """Run `segadv attack`."""
        attack = ["-m", "napari_segadv.cli", "attack", str(self.image), "--victim", VICTIM]
        # Naming the goal, which is the usual one, means the defaults: those stop there.
        given = ["--target", str(self.target), "--set", "goal=0.99"]
        given += ["--out", str(self.out), "--overwrite"]
        _, used, wall = self.run(checkout, [*attack, *given])
        return {"segadv attack, as a whole": (used, wall)}

    def parts(self, checkout: Path, window: bool) -> Times:
        """Run its parts, or those of napari's window."""
        script = str(HERE / "benchmarks" / "parts" / "started.py")
        given = [str(one) for one in (self.image, self.target, self.out)]
        printed, _, _ = self.run(checkout, [script, *given, *(["--window"] if window else [])])
        found: Times = json.loads(printed.strip().splitlines()[-1])
        return found


def medians(runs: list[Times]) -> Times:
    """Return the median of each part's times."""
    return {
        name: (
            statistics.median(run[name][0] for run in runs),
            statistics.median(run[name][1] for run in runs),
        )
        for name in runs[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path, help="another checkout of this repository")
    parser.add_argument("--image", type=Path, help="a film; by default a phantom")
    parser.add_argument("--window", action="store_true", help="napari's window, not the command")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    options = parser.parse_args()
    checkouts = [HERE, *([options.against.resolve()] if options.against else [])]
    found: dict[Path, list[Times]] = {checkout: [] for checkout in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        film = Film(Path(folder), options.image and options.image.resolve())
        for number in range(options.runs + 1):
            for checkout in checkouts:
                times = {} if options.window else film.command(checkout)
                times |= film.parts(checkout, options.window)
                # The first run compiles the modules, and reads all from the disk.
                if number:
                    found[checkout].append(times)
    tables = [medians(runs) for runs in found.values()]
    print(f"seconds of the processor (and on the clock), median of {options.runs} runs")
    for name in tables[0]:
        each = "  ".join(f"{used:6.2f} ({wall:6.2f})" for used, wall in (t[name] for t in tables))
        ratio = f"  ratio {tables[0][name][0] / tables[1][name][0]:.2f}" if tables[1:] else ""
        print(f"{name:50} {each}{ratio}")
    if options.json:
        print(json.dumps(tables))


if __name__ == "__main__":
    main()
