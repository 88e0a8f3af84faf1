"""Chen 2019, table 1: Dice under generators of several xi, and of one field alone."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from ...attacks.fields.recipe import Recipe
from ...common.hashing import sha256_of_array
from ...data.scan import Scan
from ...errors import SegadvError
from ...io.cases import Case
from ...samples import DEMO
from ..bench import Bench, phantoms, rises
from ..keys import of_case, of_setting
from ..making.synthesis import cell
from ..real_scan import RealScan
from ..report import Curve, Done, Report, Running
from ..slices import PHANTOM, slice_victim, slices_of
from ..synthesis_table import SETTINGS, Row

NAME = "synthesis"
TITLE = "Learned synthesis of displacement and intensity fields"
SOURCE = "Chen et al. 2019, table 1 (2-D abdominal CT)"
VICTIM = f"{DEMO}{PHANTOM}"
TASKS = ("segmentation",)
# Volumes, and slices of each.
CASES, EACH = 4, 6
SURROGATE = False

# Dice x 100 of each organ; with noise also p.
ORGANS = ("pancreas", "kidneys", "liver", "spleen")
CLEAN = (80.07, 94.74, 94.71, 94.76)
PAPER = {
    ("both", 1.0): ((70.66, 90.06, 59.51, 37.12), 0.060),
    ("both", 2.0): ((53.59, 60.07, 11.19, 17.21), 0.074),
    ("both", 3.0): ((31.49, 43.43, 5.82, 26.58), 0.085),
    ("displacement", 2.0): ((70.46, 82.04, 75.06, 70.47), 0.056),
    ("intensity", 2.0): ((68.15, 88.25, 50.05, 46.94), 0.061),
}
# Of a xi that the paper does not have.
NOT_THERE: tuple[tuple[Any, ...], Any] = (("",) * len(ORGANS), "")
# Seed of the first training image: nothing else uses phantoms from this seed on.
IMAGE_SEED, IMAGES, QUICK_IMAGES = 60_000, 40, 2
VOLUMES = 10
EPOCHS = 30


def run(bench: Bench) -> Running:
    """Train a generator for each row of the table, on other images than it is measured on."""
    if bench.victim.name == VICTIM:
        yield from on_slices(bench)
    images, cases = divided(bench)
    rounded = bench.rounded
    recipe = Recipe(epochs=bench.steps(EPOCHS), seed=bench.seed)
    if bench.quick:
        recipe = Recipe(epochs=1, width=4, pieces=1, seed=bench.seed)
    settings = [setting for setting in SETTINGS if setting in bench.some(SETTINGS)]
    common = {
        "recipe": of_setting(recipe),
        "images": [sha256_of_array(image.array) for image in images],
        "cases": [of_case(case) for case in cases],
    }
    keys = [{**common, "setting": of_setting(setting)} for setting in settings]
    make = cell(bench, images, cases, recipe, settings, keys)
    rows = yield from bench.share(keys, make, lambda n: f"{settings[n][0]}, xi {settings[n][1]:g}")
    return report([Row(**row) for row in rows], rounded)


def on_slices(bench: Bench) -> Generator[Done, None, None]:
    """Put slices in the place of volumes, and a 2-D network in that of the 3-D victim."""
    if bench.cells is None:
        raise SegadvError(f"{NAME}: needs a folder, where it keeps the network that it trains")
    bench.cases = slices_of(bench.cases, 1 if bench.quick else EACH)
    bench.victim = yield from slice_victim(bench.cases, bench.quick, bench.cells)


def divided(bench: Bench) -> tuple[list[Scan], list[Case]]:
    """Return images to train on and cases to measure: other phantoms, or the halves of a CSV."""
    kind, _, name = bench.victim.name.partition(":")
    own = any(case.scan.path is not None for case in bench.cases)
    cases = [real(case) for case in bench.cases]
    if not own and kind != "demo":
        made = phantoms(PHANTOM, 1 if bench.quick else VOLUMES, IMAGE_SEED)
        return [real(case).scan for case in slices_of(made, EACH)], cases
    if not own:
        made = phantoms(name, QUICK_IMAGES if bench.quick else IMAGES, IMAGE_SEED)
        return [real(case).scan for case in made], cases
    half = (len(bench.cases) + 1) // 2
    # A single case can't be divided: it is trained on and measured.
    return [case.scan for case in cases[:half]], cases[half:] or cases


def real(case: Case) -> Case:
    """Return a case whose image is of real numbers, as the paper's are."""
    return Case(RealScan.of(case.scan), case.mask)


def report(rows: Sequence[Row], rounded: str) -> Report:
    """Return the table, the figure and the findings: each organ beside the same of the paper."""
    organs = list(rows[0].clean)
    own = paper_organs(organs)
    clean = side_by_side(CLEAN, rows[0].clean)
    lines: list[tuple[Any, ...]] = [("none", "", *clean, "", 0.0, 0.0, "", "")]
    for row in rows:
        dice, change = PAPER.get((row.parts, row.xi), NOT_THERE)
        done = "yes" if row.succeeded_in(own) else "no"
        whole = 100 * float(np.mean([row.rounded[organ] for organ in own]))
        lines.append(
            (
                *(row.parts, row.xi, *side_by_side(dice, row.dice), whole),
                *(change, row.change, row.reached, done),
            )
        )
    headings: list[str] = []
    for organ in organs:
        headings += [f"paper, {organ}"] if organ in ORGANS else []
        headings.append(f"ours, {organ}")
    headings.append(f"ours, mean of the paper's organs, rounded to {rounded}")
    both = [row for row in rows if row.parts == "both"]
    xi = [row.xi for row in both]
    curves = []
    for organ in organs:
        if organ in ORGANS:
            known = [x for x in xi if ("both", x) in PAPER]
            theirs = [PAPER["both", x][0][ORGANS.index(organ)] for x in known]
            curves += [Curve(f"paper, {organ}", known, theirs, True)] if known else []
        curves.append(Curve(organ, xi, [100 * row.dice[organ] for row in both]))
    return Report(
        (
            *("fields", "xi", *headings, "paper, p", "ours, p"),
            *("cross-entropy at the end of the training", "each of the paper's organs lost 30 %"),
        ),
        lines,
        curves,
        ("xi", "Dice x 100"),
        findings(rows, both),
    )


def paper_organs(organs: Sequence[str]) -> Sequence[str]:
    """Return those of some organs that the paper has; all of them if it has none."""
    return [organ for organ in ORGANS if organ in organs] or organs


def side_by_side(paper: Sequence[Any], ours: Mapping[str, float]) -> list[Any]:
    """Return each organ's Dice x 100: the paper's, if it has the organ, and ours."""
    found: list[Any] = []
    for organ, value in ours.items():
        found += [paper[ORGANS.index(organ)]] if organ in ORGANS else []
        found.append(100 * value)
    return found


def findings(rows: Sequence[Row], both: Sequence[Row]) -> list[str]:
    """Say whether p and Dice follow xi, and which field hurts more, as in the paper."""
    own = paper_organs(list(rows[0].clean))
    sentences = [
        "Means are over the slices that show an organ: "
        + ", ".join(f"{organ} {count}" for organ, count in rows[0].slices.items())
        + "."
    ]
    if len(both) > 1:
        up, down = rises([r.change for r in both]), rises([-r.mean_of(own) for r in both])
        sentences.append(
            f"A larger xi {'raises' if up else 'does not raise'} p and "
            f"{'lowers' if down else 'does not lower'} Dice"
            + (", as in the paper." if up and down else "; in the paper it does both.")
        )
    alone = {row.parts: row for row in rows if row.parts != "both"}
    if len(alone) > 1:
        bend, shade = alone["displacement"].mean_of(own), alone["intensity"].mean_of(own)
        sentences.append(
            f"Intensity alone leaves a mean Dice of {100 * shade:.1f}, displacement alone "
            f"{100 * bend:.1f}: "
            + ("intensity hurts more, as in the paper." if shade < bend else "not as in the paper.")
        )
    seconds = sum(row.seconds for row in rows)
    sentences.append(f"Training the {len(rows)} generators took {seconds:.0f} s.")
    return sentences
