"""Chen 2019, table 1: a generator for each row, trained and measured."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...attacks.fields.fields import Parts
from ...attacks.fields.recipe import Recipe
from ...data.scan import Scan
from ...io.cases import Case
from ..bench import Bench
from ..report import Done
from ..synthesis_table import table


def cell(
    bench: Bench,
    images: Sequence[Scan],
    cases: Sequence[Case],
    recipe: Recipe,
    settings: Sequence[tuple[Parts, float]],
    keys: Sequence[Mapping[str, Any]],
) -> Callable[[int], Generator[Done, None, dict[str, Any]]]:
    """Return a function that makes the cell of a setting, by its number: a row of the table.

    Args:
        bench: gives the victim, the device, and the folder in which a generator stays.
        images: to train on.
        cases: to measure on.
        recipe: of all generators.
        settings: fields and xi.
        keys: of the settings, which name the folders.
    """

    def make(number: int) -> Generator[Done, None, dict[str, Any]]:
        with bench.folder({**bench.key(), **keys[number]}) as folder:
            (row,) = yield from table(
                images, cases, bench.victim, folder, recipe=recipe, settings=[settings[number]],
                device=bench.device,
            )  # fmt: skip
        bench.forwards += row.forward + len(cases)
        bench.backwards += row.backward
        return asdict(row)

    return make
