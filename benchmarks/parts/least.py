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

# Most passes that a row of ours may take to be compared with the peers.
LEAST_PASSES = 120
# The criterion that every package can use, and the one that ours uses.
ALL, BOTH = "structures", "moved and kept"


class Look:
    """Records the least Linf and L2 change that reaches the goal, over all passes of an attack.

    Attributes:
        found: size of the change and number of the pass, by criterion and norm.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.count = case, 0
        self.found: dict[str, dict[str, tuple[float, int]]] = {ALL: {}, BOTH: {}}

    def __call__(self, images: Tensor, logits: Tensor) -> None:
        self.judge(images, labels_of(logits))

    def judge(self, images: Tensor, prediction: np.ndarray) -> None:
        """Take an image into account, with the prediction on it."""
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
    """Run each method without a budget on the cases of one target; print table and goals.

    Args:
        found: the cases.
        most: largest number of passes, for a smoke test.
        epsilon: budget in grey levels, for a method that requires one anyway.
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
    """Return the least change that one method finds on one image, among all that it tries."""
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
    """Print the table of one target."""
    print(f"\n## Least perturbation with 99 % of the pixels at target, target: {target}\n")
    print("Grey levels, mean over the images that reach it. The pixels are those of structures in")
    print("the target or the clean prediction; in brackets with 99 % moved and 99 % kept.\n")
    print("| attack (norm that it minimises) | backward passes | Linf | L2 | reached |")
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
    """Print the goals: Linf against ALMA-prox, which has no L2; L2 against the best peer."""
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
        whose = f"{ALMA}'s" if norm == "linf" else "every peer's"
        goal(
            f"{target}: least {norm} of ours with {passes} passes at or below {whose} with "
            f"{rivals[0]['passes']}",
            won == total,
            f"on {won} of {total} images",
        )


def size_of(image: dict[str, Any], norm: str) -> float:
    """Return the least size by the criterion of all packages; infinite if not reached."""
    return float(image[ALL][norm][0]) if image[ALL] else math.inf
