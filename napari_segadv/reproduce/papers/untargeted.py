"""Bortsova 2021, table 1: untargeted attacks, white box."""

from itertools import pairwise

from ..bench import Bench
from ..bortsova import ALL, UNTARGETED, cell, with_clean
from ..bortsova_table import WHITE, average, curves, headings, rows
from ..report import Report, Running

NAME = "untargeted"
TITLE = "Untargeted attacks, white box"
SOURCE = "Bortsova et al. 2021, table 1, white box (mean IoU of all structures with the truth)"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
CASES = 20
SURROGATE = False

MEASURED = ((ALL, UNTARGETED),)


def run(bench: Bench) -> Running:
    """Measure the IoU with the truth after sign steps of epsilon / 20 away from it (soft IoU)."""
    settings = with_clean(bench, [UNTARGETED])
    made = yield from bench.each(settings, cell(bench))
    found = dict(zip(settings, made, strict=True))
    ours = [float(average(cells, ALL)) for cells in made]
    falls = all(after <= before + 1 for before, after in pairwise(ours)) and ours[-1] < ours[0]
    return Report(
        headings(bench),
        rows(bench, found, MEASURED, WHITE),
        curves(found, MEASURED, WHITE),
        ("epsilon in [-1, 1]", "IoU with the truth x 100"),
        [f"More noise, less overlap: {'as in the paper' if falls else 'not throughout'}."],
    )
