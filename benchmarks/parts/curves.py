"""Target IoU against the number of passes, at one budget."""

import statistics
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from .contestants import CONTESTANTS, DEFAULT, Contestant
from .goals import behind, goal, here, peers, seed
from .meter import Case, Meter, labels_of


class Look:
    """Records the target IoU at each pass of an attack, and the images at certain passes."""

    def __init__(self, case: Case, marks: list[int]) -> None:
        self.case, self.marks = case, marks
        self.ious: list[float] = []
        self.images: dict[int, Tensor] = {}

    def __call__(self, images: Tensor, logits: Tensor) -> None:
        if len(self.ious) in self.marks:
            self.images[len(self.ious)] = images.clone()
        self.ious.append(self.case.iou(labels_of(logits)))


@dataclass
class Rows:
    """What one attack reached, image by image."""

    images: list[dict[str, Any]] = field(default_factory=list)

    def mean(self, mark: int, name: str) -> float:
        return statistics.mean(image["marks"][mark][name] for image in self.images)

    def cells(self, one: Contestant, marks: list[int]) -> str:
        """Return a cell for each number of passes, and one for the passes of the longest run."""
        cells = []
        for mark in marks:
            cell = f"{self.mean(mark, 'within'):.4f}"
            if not one.bounded:
                cell += f" ({self.mean(mark, 'iou'):.4f}, {self.mean(mark, 'linf'):.1f})"
            cells.append(cell)
        last = self.images[0]
        return " | ".join([*cells, f"{last['forward']}, {last['backward']}"])


def curves(found: list[Case], marks: list[int], epsilon: float) -> dict[str, Any]:
    """Run each attack on the cases of one target; print the table and the goals.

    Returns:
        For each attack, the figures of each image, see `trace`.
    """
    target = found[0].name
    rows = {one.name: Rows() for one in here()}
    for case in found:
        for one in here():
            rows[one.name].images.append(trace(one, case, marks, epsilon))
    print(f"\n## Target IoU at {epsilon:.3g} grey levels, target: {target}\n")
    print("Mean over the images, each within the budget. Methods without a budget are cut to it;")
    print("in brackets the IoU and the Linf before that. The clean image has")
    print(f"{statistics.mean(i['curve'][0] for i in rows[DEFAULT].images):.4f}.\n")
    heads = [*(f"{n} passes" for n in marks), "forward, backward"]
    print("| attack | " + " | ".join(heads) + " |")
    print("| --- |" + " --- |" * len(heads))
    for one in here():
        print(f"| {one.name} | {rows[one.name].cells(one, marks)} |")
    for mark in marks:
        means = {name: row.mean(mark, "within") for name, row in rows.items()}
        above = [name for name in peers(means) if means[name] > means[DEFAULT]]
        goal(
            f"{target}, {mark} passes: our default's IoU at or above every peer's",
            not above,
            f"{means[DEFAULT]:.4f}, {behind(above)}",
        )
    return {name: row.images for name, row in rows.items()}


def trace(one: Contestant, case: Case, marks: list[int], epsilon: float) -> dict[str, Any]:
    """Run one attack on one image; return its figures after each number of passes in `marks`.

    An attack whose steps depend on their number runs once for each number and is judged by what it
    returns. Any other runs once, and the images on the way are judged; it takes one more pass to
    see the last of them. The curve is that of the longest run.
    """
    images: dict[int, Tensor] = {}
    for mark in marks[-1:] if one.anytime else marks:
        look = Look(case, marks)
        meter = Meter(case.problem.model, look)
        seed(case.seed)
        result = one.run(meter, case, mark + one.anytime, epsilon)
        if not one.anytime:
            images[mark] = result
            continue
        for passes in marks:
            # An attack that stopped early keeps its result from then on.
            images[passes] = look.images.get(passes, result)
    reached = {}
    for mark in marks:
        whole = case.iou(case.predict(images[mark]))
        cut = case.within(images[mark], epsilon)
        prediction = case.predict(cut)
        reached[mark] = {
            "iou": whole,
            "within": case.iou(prediction),
            "linf": case.linf(images[mark]),
            **case.shares(prediction),
        }
    more = meter.backward - min(meter.backward, marks[-1])
    return {
        "seed": case.seed,
        "marks": reached,
        "curve": look.ious,
        "forward": meter.forward - more,
        "backward": meter.backward - more,
    }


def draw(found: dict[str, Any], path: str) -> None:
    """Draw a panel for each target: mean IoU over the images at each pass of the longest run."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    bounded = {one.name: one.bounded for one in CONTESTANTS}
    figure, panels = plt.subplots(
        1, len(found), figsize=(7 * len(found), 5), squeeze=False, layout="constrained"
    )
    for panel, (target, attacks) in zip(panels[0], found.items(), strict=True):
        for name, images in attacks.items():
            length = min(len(image["curve"]) for image in images)
            panel.plot(
                np.mean([image["curve"][:length] for image in images], axis=0),
                label=name if bounded[name] else f"{name} (no budget)",
                linestyle="-" if bounded[name] else ":",
                linewidth=2.5 if name == DEFAULT else 1.2,
            )
        panel.set(title=f"target: {target}", xlabel="forward and backward passes")
        panel.set_ylabel("mean target IoU")
        panel.grid(alpha=0.3)
    panels[0][-1].legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=150)
