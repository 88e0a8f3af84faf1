"""The figures of a run, each with its unit and with a sentence on what it means."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...attacks.base import DEFAULT_GOAL
from ...common.wording import percent, share, with_units
from ...measures.by_window import Seen, worst
from ..example import Example

MOVED, AWAY_FROM, KEPT = "Changed as asked", "Predicted otherwise", "Left intact"
LARGEST, WORST = "Largest change of a pixel", "SSIM of the worst window"
# What the cells are that a task predicts, if they are no pixels.
UNITS = {
    "classification": "classes",
    "detection": "places where a box can be",
    "overlapping": "pixels of each structure",
}
# What stands at the top of the page.
FIRST = (MOVED, AWAY_FROM, KEPT, LARGEST, WORST)


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        name: as on the screen.
        value: with its unit.
        meaning: what it is and how to read it.
    """

    name: str
    value: str
    meaning: str


def figures_of(example: Example, table: Sequence[Seen]) -> tuple[Figure, ...]:
    """Return what came out: first of the prediction, then of the image.

    Args:
        example: the run.
        table: how visible the change is in each window.
    """
    return (*_of_prediction(example), *_of_image(example), *_of_visibility(example, table))


def headline(example: Example) -> str:
    """Say whether the goal was reached, in one sentence."""
    said = example.ending.capitalize()
    if not example.succeeded:
        return f"{said}; the goal was not reached."
    goal = example.record["parameters"].get("goal")
    wanted = DEFAULT_GOAL if goal is None else goal
    shares = [example.measures.get(name) for name in ("moved", "kept")]
    least = min((one for one in shares if one is not None), default=0.0)
    return f"{said}: {percent(least)}, and {percent(wanted)} was asked for."


def tiles(example: Example, table: Sequence[Seen]) -> tuple[Figure, ...]:
    """Return the few figures that say most, for the top of the page."""
    found = {figure.name: figure for figure in figures_of(example, table)}
    return tuple(found[name] for name in FIRST if name in found)


# Figures from 0 to 1: key, name, meaning, and the key of the same figure before, if there is one.
DECIMALS = (
    (
        "target_iou",
        "Target IoU",
        "Overlap of the prediction after with the target: what both have, divided by what at least "
        "one has; mean over the target's structures. 1: the same. It is high from the start if the "
        "target changes little.",
        "",
    ),
    (
        "target_f1",
        "Target F1",
        "How many of the target's boxes were found, and how many of those found are in the target. "
        "1: exactly these.",
        "",
    ),
    (
        "target_probability",
        "Probability of the target",
        "How sure the model is of the class that the target asks for, after.",
        "target_probability_clean",
    ),
    (
        "truth_probability",
        "Probability of the true class",
        "How sure the model is of the class that it should have named, after.",
        "truth_probability_clean",
    ),
    (
        "iou_with_clean",
        "Overlap with the prediction before",
        "IoU of both predictions: how much of the prediction is as it was. 1: nothing has changed.",
        "",
    ),
    (
        "dice_with_truth",
        "Dice with the truth",
        "How good the prediction is, by the true labels that were given. 1: perfect.",
        "dice_with_truth_clean",
    ),
    (
        "f1_with_truth",
        "F1 with the truth",
        "How good the boxes are, by the true ones. 1: perfect.",
        "f1_with_truth_clean",
    ),
)


def _of_prediction(example: Example) -> tuple[Figure, ...]:
    m, units = example.measures, UNITS.get(example.task.name, "pixels")
    if example.record["goal"] == "targeted":
        name, meaning = (
            MOVED,
            f"Of the {units} that had to change, the share that is now as the target asks. 100 %: "
            "all of them.",
        )
    else:
        name, meaning = (
            AWAY_FROM,
            f"Of the {units} of the true structures (or, if the truth was not given, of those "
            "predicted before), the share that is now predicted as something else.",
        )
    intact = (
        f"The {units} that had to stay and changed, background too, measured against those of the "
        "structures. 100 %: nothing else was disturbed."
    )
    if "figures_version" not in example.record:
        intact = (
            f"Of the structures' other {units}, the share that is predicted as before. Background "
            "that turned into a structure does not count."
        )
    listed = [
        Figure(words, percent(m[key]), what)
        for key, words, what in (("moved", name, meaning), ("kept", KEPT, intact))
        if m.get(key) is not None
    ]
    for key, words, what, earlier in DECIMALS:
        if m.get(key) is not None:
            before = m.get(earlier) if earlier else None
            more = "" if before is None else f" Before: {share(before)}."
            listed.append(Figure(words, share(m[key]), what + more))
    return tuple(listed)


def _of_image(example: Example) -> tuple[Figure, ...]:
    m, pixels = example.measures, example.clean.array.size
    units = str(m["units"])

    def size(value: float) -> str:
        return with_units(f"{value:.4g}", units)

    window = m["linf_percent_of_window"]
    largest = f"{size(m['linf'])}, {window:.2g} % of the window"
    if example.channels:
        each = (
            f"{one['name']} {with_units(format(one['linf'], '.4g'), one['units'])}, "
            f"{one['linf_percent_of_window']:.2g} %"
            for one in m["channels"]
        )
        largest = f"{size(m['linf'])} ({'; '.join(each)})"
    rms = m["l2"] / math.sqrt(pixels)
    return (
        Figure(
            LARGEST,
            largest,
            "Linf: no pixel of the image has changed by more. In percent of the range of "
            "intensities that the model distinguishes, so that images of different kinds can be "
            "compared.",
        ),
        Figure(
            "Typical change (RMS)",
            size(rms),
            "Root of the mean of the squared changes: the strength of the noise as a scanner's "
            "noise is measured, by its standard deviation.",
        ),
        Figure(
            "Mean change",
            size(m["mean_abs"]),
            "Mean of all pixels' changes, without sign. Small if most pixels are unchanged.",
        ),
        Figure(
            "Length of the change (L2)",
            size(m["l2"]),
            "Root of the sum of the squared changes. It grows with the number of pixels: compare "
            "it between images of one size only.",
        ),
    )


def _of_visibility(example: Example, table: Sequence[Seen]) -> tuple[Figure, ...]:
    m = example.measures
    psnr = m.get("psnr")
    listed = [
        Figure(
            "PSNR",
            "nothing differs" if psnr is None else f"{psnr:.1f} dB",
            "Width of the model's window against the noise in it. At 40 dB a change is hard to "
            "see; at 30 dB most people see it side by side.",
        )
    ]
    if m.get("ssim") is not None:
        mean = ", mean over all slices" if example.clean.grid.ndim == 3 else ""
        listed.append(
            Figure(
                "SSIM",
                share(m["ssim"], 4),
                f"Structural similarity of both images in the model's window{mean}. 1: the same.",
            )
        )
    least = worst(table)
    if least is not None and least.ssim_shown is not None:
        listed.append(
            Figure(
                WORST,
                f"{least.ssim_shown:.4f} ({least.preset.name})",
                "SSIM in the window in which the change shows most, over the slices that changed: "
                "a reader who searches for the change would choose this one.",
            )
        )
    return tuple(listed)
