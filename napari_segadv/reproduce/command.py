"""What `segadv reproduce` does: gather cases and victims, run, and write the folder."""

from collections.abc import Generator, Sequence
from pathlib import Path

from ..common.atomic_files import check_place
from ..common.device import pick_device
from ..errors import SegadvError
from ..io.cases import Case, read_cases
from ..samples import DEMO
from ..victims import Victim, load_victim
from . import Bench, Report, get
from .bench import FIRST_SEED, Done, phantoms
from .output import refuse, save
from .surrogate import train_surrogates

QUICK_CASES = 1


def reproduce(
    name: str,
    out: Path,
    *,
    victim: Victim | None = None,
    cases: Path | None = None,
    surrogate: Victim | Sequence[Victim] | None = None,
    keep: Path | None = None,
    count: int | None = None,
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> Generator[Done, None, Report]:
    """Run one reproduction and write its folder; yield its progress.

    Args:
        name: name of the reproduction, see `names`.
        out: folder for table.md, table.csv, figure.png and result.json.
        victim: the victim to attack; None: the built-in one of this reproduction.
        cases: a CSV with columns image,mask; None: fresh phantoms of the built-in victim.
        surrogate: the network for a black box, or several, of which the first stands for all in
            the rows of one; None: train three on phantoms that nothing else uses.
        keep: a new folder for the surrogates that are trained; None: they are not kept.
        count: how many phantoms, or cases of the CSV; None: the number of this reproduction.
        quick: run a smoke test with one case, few steps and few settings.
        seed: seed of the attacks.
        device: "auto", "cpu" or "cuda".
        overwrite: replace an earlier reproduction.

    Raises:
        SegadvError: if the parts do not fit each other, or the folder can't be written.
    """
    paper = get(name)
    refuse(out, overwrite)
    surrogates = (surrogate,) if isinstance(surrogate, Victim) else tuple(surrogate or ())
    if keep is not None:
        _check_kept(keep, paper.SURROGATE and not surrogates)
    device = pick_device(device)
    attacked = victim or load_victim(paper.VICTIM)
    found = gather(attacked, cases, QUICK_CASES if quick else count or paper.CASES)
    if count is not None and len(found) < count and not quick:
        raise SegadvError(
            f"--count {count}: there are {len(found)} cases; add some or lower --count"
        )
    if paper.SURROGATE and not surrogates:
        if not attacked.name.startswith(DEMO):
            raise SegadvError(
                f"{name}: needs --surrogate for a victim of your own; segadv train makes one"
            )
        surrogates = yield from train_surrogates(attacked, quick, keep)
    bench = Bench(attacked, found, surrogates, quick, device, seed)
    report = yield from paper.run(bench)
    save(out, paper, bench, report, overwrite)
    return report


def _check_kept(folder: Path, trained: bool) -> None:
    """Raise SegadvError if no surrogates are trained, or they can't be kept in a folder."""
    if not trained:
        raise SegadvError(f"--keep {folder}: no surrogates are trained; remove it")
    if folder.exists():
        raise SegadvError(f"{folder}: exists already; name another folder")
    check_place(folder)


def gather(victim: Victim, table: Path | None, count: int) -> list[Case]:
    """Return the first cases of a CSV, or fresh phantoms of a built-in victim."""
    if table is not None:
        return read_cases(table)[:count]
    if not victim.name.startswith(DEMO):
        raise SegadvError(
            f"{victim.name}: has no phantoms; give its cases with --cases CSV (image,mask)"
        )
    return phantoms(victim.name.removeprefix(DEMO), count, FIRST_SEED)
