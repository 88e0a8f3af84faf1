"""What `segadv reproduce` does: gather cases and victims, run, and write the folder."""

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from ..common.device import pick_device
from ..errors import SegadvError
from ..io.cases import Case, read_cases, refuse_channels
from ..samples import DEMO
from ..victims import Victim, load_victim
from ..victims.tasks import DEFAULT
from . import Bench, Report, cases_of, get
from .bench import FIRST_SEED, PATIENCE, phantoms
from .cells import CELLS, Cells
from .keys import of_words
from .output import check, complete, forget, identity, save, written
from .report import Done
from .surrogate import train_surrogates

QUICK_CASES = 1
# The name of what a process holds while it writes the table.
TABLE = "table"


def reproduce(
    name: str,
    out: Path,
    *,
    victim: Victim | None = None,
    cases: Path | None = None,
    surrogate: Victim | Sequence[Victim] | None = None,
    count: int | None = None,
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    fresh: bool = False,
) -> Generator[Done, None, Report]:
    """Run one reproduction and write its folder; yield its progress.

    Each figure of a setting on a case is written into `out` as it is there. A second call, or
    another process at the same time, takes what is there and computes the rest. The table is
    written by who comes last.

    Args:
        name: name of the reproduction, see `names`.
        out: folder for table.md, table.csv, figure.png, result.json and the cells.
        victim: the victim to attack; None: the built-in one of this reproduction.
        cases: a CSV with columns image,mask; None: fresh phantoms of the built-in victim.
        surrogate: the network for a black box, or several, of which the first stands for all in
            the rows of one; None: train three on phantoms that nothing else uses.
        count: how many phantoms, or cases of the CSV; None: the number of this reproduction.
        quick: run a smoke test with one case, few steps and few settings.
        seed: seed of the attacks.
        device: "auto", "cpu" or "cuda".
        overwrite: replace a table of other settings.
        fresh: compute everything again, and replace the table.

    Raises:
        SegadvError: if the parts do not fit each other, or the folder can't be written.
    """
    paper = get(name)
    check(out)
    surrogates = (surrogate,) if isinstance(surrogate, Victim) else tuple(surrogate or ())
    attacked = victim or load_victim(paper.VICTIM)
    if attacked.task.name not in paper.TASKS:
        raise SegadvError(
            f"{name}: is for {' and '.join(paper.TASKS)}, but {attacked.name} does "
            f"{attacked.task.name}; use another victim"
        )
    usual = cases_of(paper, attacked.task.name)
    found = gather(attacked, cases, QUICK_CASES if quick else count or usual)
    if count is not None and len(found) < count and not quick:
        raise SegadvError(
            f"--count {count}: there are {len(found)} cases; add some or lower --count"
        )
    untrained = paper.SURROGATE and not surrogates
    if untrained and not attacked.name.startswith(DEMO):
        raise SegadvError(
            f"{name}: needs --surrogate for a victim of your own; segadv train makes one"
        )
    cells = Cells(out / CELLS)
    if fresh:
        cells.clear()
        forget(out)
    bench = Bench(attacked, found, surrogates, quick, pick_device(device), seed, cells, paper.NAME)
    # Surrogates that are trained here follow from what the table is identified by anyway.
    own, words = identity(bench), of_words(paper)
    earlier = written(out)
    if earlier not in ("", own) and not overwrite:
        raise SegadvError(
            f"{out}: exists already, with a table of other settings, cases or code; name another "
            "folder or add --overwrite"
        )
    if untrained:
        bench.surrogates = yield from train_surrogates(attacked, quick, cells)
    report = yield from paper.run(bench)
    while not complete(out, own, words):
        with cells.claim_file(TABLE) as mine:
            # Another process may have written it in between.
            if mine and not complete(out, own, words):
                save(out, paper, bench, report, own)
        if not mine:
            yield Done(0, 1, "waiting for another process, which writes the table")
            time.sleep(PATIENCE)
    return replace(report, notes=tuple(cells.notes))


def gather(victim: Victim, table: Path | None, count: int) -> list[Case]:
    """Return the first cases of a CSV, or fresh phantoms of a built-in victim."""
    if table is not None:
        if victim.task.name != DEFAULT:
            raise SegadvError(
                f"{table}: holds masks, but {victim.name} does {victim.task.name}; only phantoms "
                "of a built-in victim are known for it, so leave out --cases"
            )
        cases = read_cases(table)[:count]
        refuse_channels([case.scan for case in cases], "tables are made of single channels alone")
        return cases
    if not victim.name.startswith(DEMO):
        raise SegadvError(
            f"{victim.name}: has no phantoms; give its cases with --cases CSV (image,mask)"
        )
    return phantoms(victim.name.removeprefix(DEMO), count, FIRST_SEED)
