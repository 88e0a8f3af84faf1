"""What `segadv reproduce` does: gathers cases and victims, runs, and writes the folder."""

from collections.abc import Generator
from pathlib import Path

from ..common.device import pick_device
from ..errors import SegadvError
from ..io.cases import Case, read_cases
from ..samples import DEMO
from ..victims import Victim, load_victim
from . import Bench, Report, get
from .bench import FIRST_SEED, Done, phantoms
from .output import refuse, save
from .surrogate import train_surrogate

QUICK_CASES = 1


def reproduce(
    name: str,
    out: Path,
    *,
    victim: Victim | None = None,
    cases: Path | None = None,
    surrogate: Victim | None = None,
    count: int | None = None,
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> Generator[Done, None, Report]:
    """Runs one reproduction and writes its folder; yields its progress.

    Args:
        name: see `names`.
        out: folder for table.md, table.csv, figure.png and result.json.
        victim: what is attacked; None: the built-in one that the table is made on by default.
        cases: a CSV with columns image,mask; None: fresh phantoms of the built-in victim.
        surrogate: for a black box; None: one is trained on phantoms that nothing else has seen.
        count: how many phantoms, or of the CSV's cases.
        quick: a smoke test.
        seed: of the attacks.
        device: "auto", "cpu" or "cuda".
        overwrite: replace an earlier reproduction.

    Raises:
        SegadvError: where the parts do not fit each other, or the folder can't be written.
    """
    paper = get(name)
    refuse(out, overwrite)
    device = pick_device(device)
    known = victim or load_victim(paper.VICTIM)
    held = gather(known, cases, QUICK_CASES if quick else count or paper.CASES)
    if count is not None and len(held) < count and not quick:
        raise SegadvError(f"--count {count}: there are {len(held)} cases; give more, or ask fewer")
    if paper.SURROGATE and surrogate is None:
        if not known.name.startswith(DEMO):
            raise SegadvError(
                f"{name}: needs --surrogate for a victim of your own; segadv train makes one"
            )
        surrogate = yield from train_surrogate(known, quick)
    bench = Bench(known, held, surrogate, quick, device, seed)
    report = yield from paper.run(bench)
    save(out, paper, bench, report, overwrite)
    return report


def gather(victim: Victim, table: Path | None, count: int) -> list[Case]:
    """The cases of a CSV, or fresh phantoms of a built-in victim."""
    if table is not None:
        return read_cases(table)[:count]
    if not victim.name.startswith(DEMO):
        raise SegadvError(f"{victim.name}: give its cases with --cases CSV (image,mask)")
    return phantoms(victim.name.removeprefix(DEMO), count, FIRST_SEED)
