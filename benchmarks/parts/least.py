"""The least perturbation with 99 % of the pixels at target."""

import math
import statistics
import sys
from typing import Any

import numpy as np
from torch import Tensor

from .contestants import ALMA, LEAST, Contestant
from .goals import OURS, goal, seed
from .meter import GOAL, Case, Meter, labels_of

# Passes that ours may take.
LEAST_PASSES = 120
# The criterion that every package can be asked for, and the one that ours asks for.
ALL, BOTH = "structures", "moved and kept"


class Look:
    """Looks at each pass of an attack: the least Linf and L2 change that reaches the goal.

    Attributes:
        found: by criterion and norm, the size and the number of the pass.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.count = case, 0
        self.found: dict[str, dict[str, tuple[float, int]]] = {ALL: {}, BOTH: {}}

    def __call__(self, images: Tensor, logits: Tensor) -> None:
        self.judge(images, labels_of(logits))

    def judge(self, images: Tensor, prediction: np.ndarray) -> None:
        """Takes an image into account, with what is predicted on it."""
        self.count += 1
        case = self.case
        for criterion, share in case.shares(prediction).items():
            best = self.found[criterion]
            if share < GOAL:
                continue
            for norm, size in (("linf", case.linf(images)), ("l2", case.l2(images))):
                if norm not in best or size < best[norm][0]:
                    best[norm] = (size, self.count)


def least(found: list[Case], most: int, epsilon: float) -> dict[str, Any]:
    """Runs each method without a budget on the cases of one target; prints table and goals.

    Args:
        found: the cases.
        most: passes at most, for a smoke test.
        epsilon: where a method wants a budget all the same.
    """
    rows: dict[str, Any] = {}
    for norm, one, passes in LEAST:
        if one.here:
            images = [smallest(one, case, min(passes, most), epsilon) for case in found]
            name = f"{one.name} ({norm}), {passes} passes"
            rows[name] = {"norm": norm, "name": one.name, "passes": passes, "images": images}
            print(f"  {found[0].name}, {name}: done", file=sys.stderr, flush=True)
    show(rows, found[0].name)
    compare(rows, found[0].name)
    return rows


def smallest(one: Contestant, case: Case, passes: int, epsilon: float) -> dict[str, Any]:
    """The least that one method finds on one image, among all images that it shows the model."""
    look = Look(case)
    meter = Meter(case.problem.model, look)
    seed(case.seed)
    result = one.run(meter, case, passes, epsilon)
    look.judge(result, case.predict(result))
    return {
        "seed": case.seed,
        "forward": meter.forward,
        "backward": meter.backward,
        **look.found,
    }


def show(rows: dict[str, Any], target: str) -> None:
    """The table of one target."""
    print(f"\n## Least perturbation with 99 % of the pixels at target, target: {target}\n")
    print("Grey levels, mean over the images that reach it. Pixels: those of structures in the")
    print("target or the clean prediction; in brackets with 99 % moved and 99 % kept.\n")
    print("| attack (norm that it makes small) | backward passes | Linf | L2 | reached |")
    print("| --- | --- | --- | --- | --- |")
    for name, row in rows.items():
        images = row["images"]
        cells = [f"{statistics.mean(image['backward'] for image in images):.0f}"]
        for norm in ("linf", "l2"):
            cells.append(f"{mean(images, ALL, norm)} ({mean(images, BOTH, norm)})")
        counts = [sum(bool(image[criterion]) for image in images) for criterion in (ALL, BOTH)]
        print(f"| {name} | {' | '.join(cells)} | {counts[0]} ({counts[1]}) of {len(images)} |")


def mean(images: list[dict[str, Any]], criterion: str, norm: str) -> str:
    sizes = [image[criterion][norm][0] for image in images if image[criterion]]
    return f"{statistics.mean(sizes):.2f}" if sizes else "-"


def compare(rows: dict[str, Any], target: str) -> None:
    """The goals: Linf against ALMA-prox, which has no L2; L2 against the best of all others."""
    for row in rows.values():
        norm, passes = row["norm"], row["passes"]
        rivals = [
            other
            for other in rows.values()
            if other["norm"] == norm
            and (other["name"] == ALMA if norm == "linf" else not other["name"].startswith(OURS))
        ]
        if not row["name"].startswith(OURS) or passes > LEAST_PASSES or not rivals:
            continue
        won, total = 0, len(row["images"])
        for index, image in enumerate(row["images"]):
            own = size_of(image, norm)
            theirs = min(size_of(rival["images"][index], norm) for rival in rivals)
            won += own <= theirs and own < math.inf
        of = f"{ALMA}'s" if norm == "linf" else "every peer's"
        goal(
            f"{target}: least {norm} of ours with {passes} passes at or below {of} with "
            f"{rivals[0]['passes']}",
            won == total,
            f"on {won} of {total} images",
        )


def size_of(image: dict[str, Any], norm: str) -> float:
    """The least size by the criterion that all can be asked for; infinite if not reached."""
    return float(image[ALL][norm][0]) if image[ALL] else math.inf
