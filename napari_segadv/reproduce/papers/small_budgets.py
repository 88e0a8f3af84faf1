"""Bortsova 2021, table 2 at its smallest budgets: what decides how far an attack gets there."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...samples import DEMO
from ...training.victim.recipe import Recipe
from ...victims import Victim
from ..bench import BORTSOVA_WIDTH, Bench, phantoms
from ..bortsova import HEART, OTHERS
from ..bortsova_table import WHITE, WORDS, average
from ..making.small_budgets import AIM, CHANGES, EPSILONS, NOTHING, Setting, cell
from ..report import Curve, Done, Report, Running
from ..surrogate import CASES as PHANTOMS
from ..surrogate import EPOCHS, QUICK_CASES, SURROGATE_SEED
from ..trained import trained

NAME = "small-budgets"
TITLE = "What decides at small budgets"
SOURCE = "Bortsova et al. 2021, table 2, small hearts at its two smallest budgets, white box"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
CASES = 10
SURROGATE = False

# Networks besides the victim, and how each differs from the first of them. The built-in victim is
# trained on 800 phantoms for 12 epochs.
FEW = 10
OWN = f"trained on {PHANTOMS} phantoms"
SMALL: dict[str, Any] = {"resize": (256, 256), "levels": 5}
OTHER_VICTIMS: dict[str, tuple[int, dict[str, Any]]] = {
    OWN: (PHANTOMS, {}),
    f"{OWN}, nothing bent": (PHANTOMS, {"bend": 0.0}),
    f"{OWN}, half the resolution": (PHANTOMS, SMALL),
    f"trained on {PHANTOMS // FEW} phantoms as long, half the resolution": (
        PHANTOMS // FEW,
        {**SMALL, "epochs": FEW * EPOCHS},
    ),
}

Cells = Sequence[Mapping[str, float]]


def run(bench: Bench) -> Running:
    """Change one thing of the attack at a time, then the victim."""
    epsilons, first = bench.some(EPSILONS), bench.victim.name
    settings = [Setting(epsilon, change) for change in CHANGES for epsilon in epsilons]
    made = yield from bench.each(settings, cell(bench))
    found = {(first, setting): cells for setting, cells in zip(settings, made, strict=True)}
    for name, victim in (yield from others(bench)).items():
        own = replace(bench, victim=victim, forwards=0.0, backwards=0.0, seconds=0.0)
        plain = [setting for setting in settings if setting.change == NOTHING]
        made = yield from own.each(plain, cell(own), (name + ", {}").format)
        found |= {(name, setting): cells for setting, cells in zip(plain, made, strict=True)}
        bench.add(own)
    return Report(
        (
            *("victim", "changed", "epsilon in [-1, 1]", "epsilon in image units"),
            f"paper, {WORDS[HEART]}, IoU x 100",
            *(f"ours, {WORDS[name]}, IoU x 100" for name in (HEART, OTHERS)),
        ),
        [row(bench, *key, cells) for key, cells in found.items()],
        curves(found, first),
        ("epsilon in [-1, 1]", f"{WORDS[HEART]}, IoU x 100"),
        [finding(found, first, epsilon) for epsilon in epsilons],
    )


def others(bench: Bench) -> Generator[Done, None, dict[str, Victim]]:
    """Train other networks for the phantom of the chest; none for another victim."""
    if bench.victim.name != VICTIM or bench.cells is None:
        return {}
    # As the built-in victim's, but for the number of phantoms and epochs.
    plain = Recipe(
        dims=2, width=10, widest=112, levels=6, epochs=EPOCHS, resize=(512, 512), window=(0, 255)
    )
    quick = {"epochs": 1, "resize": (64, 64), "levels": 3} if bench.quick else {}
    yield Done(0, len(OTHER_VICTIMS), "drawing phantoms for other networks")
    count = QUICK_CASES if bench.quick else PHANTOMS
    drawn = phantoms(bench.victim.name.removeprefix(DEMO), count, SURROGATE_SEED)
    found = {}
    for number, (name, (few, more)) in enumerate(OTHER_VICTIMS.items(), start=1):
        recipe = replace(plain, **(more | quick))
        run = trained(f"network-{number}", recipe, drawn[:few], drawn[:2], bench.cells)
        found[name] = yield from run
    return found


def theirs(epsilon: float) -> float | None:
    """Return the paper's figure at a budget."""
    return WHITE[HEART, AIM][1 + EPSILONS.index(epsilon)]


def row(bench: Bench, victim: str, setting: Setting, cells: Cells) -> tuple[Any, ...]:
    """Return a row of the table."""
    return (
        victim,
        setting.change,
        setting.epsilon,
        bench.units(setting.epsilon, BORTSOVA_WIDTH),
        theirs(setting.epsilon),
        average(cells, HEART),
        average(cells, OTHERS),
    )


def curves(found: Mapping[tuple[str, Setting], Cells], first: str) -> list[Curve]:
    """Return a curve for each change of the attack, and one for each other victim."""
    values: dict[str, dict[float, float]] = {}
    for (victim, setting), cells in found.items():
        label = setting.change if victim == first else victim
        values.setdefault(label, {})[setting.epsilon] = float(average(cells, HEART))
    known = sorted({setting.epsilon for _, setting in found})
    paper = [value for value in map(theirs, known) if value is not None]
    return [
        Curve("paper", known, paper, True),
        *(Curve(label, list(own), list(own.values())) for label, own in values.items()),
    ]


def finding(found: Mapping[tuple[str, Setting], Cells], first: str, epsilon: float) -> str:
    """Say what each change of the attack gains at a budget, and what other networks show."""
    at = {key: float(average(cells, HEART)) for key, cells in found.items()}
    plain = at[first, Setting(epsilon, NOTHING)]
    gains = [(at[first, Setting(epsilon, change)] - plain, change) for change in CHANGES]
    text = "; ".join(
        f"{change} {gain:+.1f}" for gain, change in sorted(gains, reverse=True) if change != NOTHING
    )
    networks = "; ".join(
        f"{victim} {value:.1f}"
        for (victim, setting), value in at.items()
        if victim != first and setting.epsilon == epsilon
    )
    if networks:
        text += f". Other networks with the paper's setting: {networks}"
    return (
        f"At epsilon {epsilon:g} the paper's heart has {theirs(epsilon):g}, ours with its setting "
        f"{plain:.1f}. What changes it, in points: {text}."
    )
