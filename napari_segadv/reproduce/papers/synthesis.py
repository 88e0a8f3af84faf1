"""Chen 2019, table 1: Dice under generators of several xi, and of one field alone."""

from collections.abc import Generator, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from ...attacks.fields.recipe import Recipe
from ...common.hashing import sha256_of_array
from ...data.scan import Scan
from ...io.cases import Case
from ..bench import Bench, Curve, Done, RealScan, Report, Running, phantoms, rises
from ..keys import of_case, of_setting
from ..synthesis_table import SETTINGS, Row, table

NAME = "synthesis"
TITLE = "Learned synthesis of displacement and intensity fields"
SOURCE = "Chen et al. 2019, table 1 (2-D abdominal CT)"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
CASES = 10
SURROGATE = False

# Dice x 100 of pancreas, kidneys, liver and spleen; with noise also p.
CLEAN = (80.07, 94.74, 94.71, 94.76)
PAPER = {
    ("both", 1.0): ((70.66, 90.06, 59.51, 37.12), 0.060),
    ("both", 2.0): ((53.59, 60.07, 11.19, 17.21), 0.074),
    ("both", 3.0): ((31.49, 43.43, 5.82, 26.58), 0.085),
    ("displacement", 2.0): ((70.46, 82.04, 75.06, 70.47), 0.056),
    ("intensity", 2.0): ((68.15, 88.25, 50.05, 46.94), 0.061),
}
# Seed of the first training image: nothing else uses phantoms from this seed on.
IMAGE_SEED, IMAGES, QUICK_IMAGES = 60_000, 40, 2
EPOCHS = 20


def run(bench: Bench) -> Running:
    """Train a generator for each row of the table, on other images than it is measured on."""
    images, cases = divided(bench)
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

    def make(number: int) -> Generator[Done, None, dict[str, Any]]:
        with bench.folder({**bench.key(), **keys[number]}) as folder:
            steps = table(
                images, cases, bench.victim, folder, recipe=recipe, settings=[settings[number]],
                device=bench.device,
            )  # fmt: skip
            (row,) = yield from rows_of(steps)
        bench.forwards += row.forward + len(cases)
        bench.backwards += row.backward
        return asdict(row)

    rows = yield from bench.share(keys, make, lambda n: f"{settings[n][0]}, xi {settings[n][1]:g}")
    return report([Row(**row) for row in rows])


def divided(bench: Bench) -> tuple[list[Scan], list[Case]]:
    """Return images to train on and cases to measure: other phantoms, or the halves of a CSV."""
    kind, _, name = bench.victim.name.partition(":")
    own = any(case.scan.path is not None for case in bench.cases)
    if kind == "demo" and not own:
        made = phantoms(name, QUICK_IMAGES if bench.quick else IMAGES, IMAGE_SEED)
        return [real(case).scan for case in made], [real(case) for case in bench.cases]
    half = (len(bench.cases) + 1) // 2
    # A single case can't be divided: it is trained on and measured.
    cases = [real(case) for case in bench.cases]
    return [case.scan for case in cases[:half]], cases[half:] or cases


def real(case: Case) -> Case:
    """Return a case whose image is of real numbers, as the paper's are."""
    return Case(RealScan.of(case.scan), case.mask)


def rows_of(steps: Generator[Any, None, list[Row]]) -> Generator[Done, None, list[Row]]:
    """Return the table's rows; yield progress as a reproduction does."""
    while True:
        try:
            state = next(steps)
        except StopIteration as stop:
            rows: list[Row] = stop.value
            return rows
        yield Done(state.step, state.steps, str(state))


def report(rows: Sequence[Row]) -> Report:
    """Return the table, the figure and the findings."""
    organs = list(rows[0].clean)
    lines: list[tuple[Any, ...]] = [
        ("none", "", fmean(CLEAN), 0.0, 100 * fmean(rows[0].clean.values()), 0.0,
         *(100 * value for value in rows[0].clean.values()), ""),
    ]  # fmt: skip
    for row in rows:
        dice, change = PAPER[row.parts, row.xi]
        lines.append(
            (row.parts, row.xi, fmean(dice), change, 100 * row.mean, row.change,
             *(100 * row.dice[name] for name in organs), "yes" if row.succeeded else "no")
        )  # fmt: skip
    both = [row for row in rows if row.parts == "both"]
    xi = [row.xi for row in both]
    return Report(
        (
            "fields",
            "xi",
            "paper, mean Dice x 100",
            "paper, p",
            "ours, mean Dice x 100",
            "ours, p",
            *organs,
            "each lost 30 %",
        ),
        lines,
        [
            Curve("paper", xi, [fmean(PAPER["both", x][0]) for x in xi], True),
            Curve("ours", xi, [100 * row.mean for row in both]),
        ],
        ("xi", "mean Dice x 100"),
        findings(rows, both),
    )


def findings(rows: Sequence[Row], both: Sequence[Row]) -> list[str]:
    """Say whether p and Dice follow xi, and which field hurts more, as in the paper."""
    sentences = []
    if len(both) > 1:
        up, down = rises([r.change for r in both]), rises([-r.mean for r in both])
        sentences.append(
            f"A larger xi {'raises' if up else 'does not raise'} p and "
            f"{'lowers' if down else 'does not lower'} Dice"
            + (", as in the paper." if up and down else "; in the paper it does both.")
        )
    alone = {row.parts: row for row in rows if row.parts != "both"}
    if len(alone) > 1:
        bend, shade = alone["displacement"].mean, alone["intensity"].mean
        sentences.append(
            f"Intensity alone leaves a mean Dice of {100 * shade:.1f}, displacement alone "
            f"{100 * bend:.1f}: "
            + ("intensity hurts more, as in the paper." if shade < bend else "not as in the paper.")
        )
    seconds = sum(row.seconds for row in rows)
    sentences.append(f"Training the {len(rows)} generators took {seconds:.0f} s.")
    return sentences
