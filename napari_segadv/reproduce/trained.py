"""Networks that a table needs besides its victim: trained once, for all processes on the table."""

import time
from collections.abc import Generator, Sequence
from dataclasses import asdict

from ..common.atomic_files import written_whole
from ..common.generators import relayed
from ..io.cases import Case, ClassMap
from ..training.victim.fit import Epoch, train
from ..training.victim.recipe import Recipe
from ..training.victim.run import finish
from ..victims import Victim, load_victim
from .bench import PATIENCE
from .cells import Cells, hash_of
from .keys import of_case, of_code, of_setting
from .report import Done


def trained(
    name: str, recipe: Recipe, cases: Sequence[Case], measured_on: Sequence[Case], cells: Cells
) -> Generator[Done, None, Victim]:
    """Return a network that is trained on cases; yield progress.

    It stays beside the cells, in a folder that is there once it is complete.

    Args:
        name: of the network.
        recipe: how it is trained.
        cases: to train on; their masks name the classes.
        measured_on: cases whose Dice its bundle tells.
        cells: the folder, shared with other processes.
    """
    names = cases[0].mask.classes
    classes = ClassMap(names, tuple((n,) for n in range(1, len(names))))
    drawn = [of_case(case) for case in cases]
    key = {"recipe": of_setting(asdict(recipe)), "cases": drawn, "code": of_code()}
    place = cells.folder / f"{name}-{hash_of(key)[:32]}"

    def told(epoch: Epoch) -> Done:
        return Done(epoch.step, epoch.steps + 1, f"training the {name}: {epoch}")

    while not place.exists():
        with cells.claim_file(place.name) as mine:
            # Another process may have finished it in between.
            if mine and not place.exists():
                found = yield from relayed(train(cases, classes, recipe), told)
                with written_whole(place) as new:
                    finish(found, new / name, name, measured_on, classes, unseen=False)
        if not mine:
            yield Done(0, 1, f"waiting for another process, which trains the {name}")
            time.sleep(PATIENCE)
    return load_victim(place / name)
