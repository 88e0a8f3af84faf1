"""The picture of an example: clean, target, adversarial, noise and both predictions."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from ..common.palette import colour, overlay
from ..common.screen import one_line
from ..common.wording import percent, with_units
from ..data.boxes import Boxes
from ..data.channels import Channel
from ..data.presentation import Presentation
from ..data.scan import Array, Mask, Scan
from ..victims.prediction import Prediction
from ..victims.task import Task

Draw = Callable[[Any], None]


class Pictured(Protocol):
    """What a figure is drawn from: an `Example`, which draws itself when it is saved."""

    @property
    def task(self) -> Task[Any]: ...
    @property
    def clean(self) -> Scan: ...
    @property
    def adversarial(self) -> Scan: ...
    @property
    def noise(self) -> npt.NDArray[np.float32]: ...
    @property
    def noise_counted(self) -> npt.NDArray[np.float32]: ...
    @property
    def channels(self) -> tuple[Channel, ...]: ...
    @property
    def noise_shown(self) -> npt.NDArray[np.float32]: ...
    @property
    def target(self) -> Prediction | None: ...
    @property
    def prediction_clean(self) -> Prediction: ...
    @property
    def prediction_adversarial(self) -> Prediction: ...
    @property
    def measures(self) -> Mapping[str, Any]: ...
    @property
    def window(self) -> tuple[float, float]: ...


def figure(example: Pictured) -> Figure:
    """Draw six panels; of a volume, the slice whose prediction (or else intensity) changed most.

    Of several channels, they show the one that changed most, and the noise of all.
    """
    cut = changed_slice(example)
    upright = _flips(example)
    number = _channel(example, cut)
    clean, adversarial = (
        _shown(s.singles[number].array[cut])[upright] for s in (example.clean, example.adversarial)
    )
    brightness = _brightness(example, number)
    named = f" ({example.channels[number].name})" if example.channels else ""
    aspect = example.clean.grid.spacing[-2] / example.clean.grid.spacing[-1]

    def image(axes: Any, array: Array, drawn: Prediction | None = None) -> None:
        if example.clean.colour:
            axes.imshow(array, aspect=aspect, interpolation="nearest")
        else:
            grey = {"cmap": "gray", "vmin": 0, "vmax": 1}
            axes.imshow(brightness(array), aspect=aspect, interpolation="nearest", **grey)
        if isinstance(drawn, Mask):
            axes.imshow(overlay(drawn.array[cut][upright]), aspect=aspect, interpolation="nearest")
        elif isinstance(drawn, Boxes):
            outline(axes, drawn if cut is ... else drawn.on_slice(cut), upright)

    measures = example.measures
    linf = measures["linf"]
    panels: list[tuple[str, Array, Prediction | None]] = [
        (f"clean{named}", clean, None),
        ("untargeted" if example.target is None else "target", clean, example.target),
        ("prediction of clean", clean, example.prediction_clean),
        (f"adversarial{named}", adversarial, None),
        ("noise", clean, None),
        (
            f"prediction of adversarial{_reached(example)}",
            adversarial,
            example.prediction_adversarial,
        ),
    ]
    result = Figure(figsize=(12, 8 * min(max(aspect * clean.shape[0] / clean.shape[1], 0.6), 1.3)))
    result.set_layout_engine("constrained")
    for axes, (title, array, prediction) in zip(result.subplots(2, 3).flat, panels, strict=True):
        if title == "noise":
            noise = axes.imshow(
                example.noise_shown[cut][upright],
                cmap="RdBu_r",
                vmin=-linf or -1,
                vmax=linf or 1,
                aspect=aspect,
            )
            bar = result.colorbar(noise, ax=axes, fraction=0.046, pad=0.02)
            bar.set_label(example.clean.units)
            most = with_units(format(linf, ".4g" if example.channels else "g"), example.clean.units)
            title = f"noise{' of all channels' if example.channels else ''}, at most {most}"
        else:
            image(axes, array, prediction)
        caption = "" if prediction is None else example.task.caption(prediction)
        axes.set_title(as_it_is(f"{title}: {caption}") if caption else title)
        # Without ticks, the same picture: matplotlib measures also those that it does not draw.
        axes.set(xticks=[], yticks=[])
        axes.set_axis_off()
    _legend(result, example, cut)
    return result


def _channel(example: Pictured, cut: Any) -> int:
    """Return the number of the channel that changed most in a slice; 0 if there is one."""
    if not example.channels:
        return 0
    noise = np.abs(example.noise_counted[cut])
    return int(noise.reshape(-1, noise.shape[-1]).sum(axis=0).argmax())


def _brightness(example: Pictured, number: int) -> Presentation:
    """Return how intensities are drawn: in the victim's window, black and white as in the file."""
    limits = example.channels[number].window if example.channels else example.window
    window = Presentation.between(*limits, "window of the model")
    header = example.clean.singles[number].presentation
    if header is None:
        return window
    if not header.linear:
        return header
    return window.inverted if header.falls else window


def outline(axes: Any, boxes: Boxes, upright: tuple[slice, slice]) -> None:
    """Draw boxes in a plane, with their classes and scores, over an image turned by `upright`."""
    from matplotlib.patches import Rectangle

    for corners, label, text in zip(boxes.corners, boxes.labels, boxes.texts, strict=True):
        (top, left), (high, wide) = corners[:2], corners[2:] - corners[:2]
        if upright[0].step == -1:
            top = boxes.grid.shape[-2] - top - high
        if upright[1].step == -1:
            left = boxes.grid.shape[-1] - left - wide
        # A pixel's centre lies at its index, its edge half a pixel before.
        place, shade = (left - 0.5, top - 0.5), colour(int(label))
        axes.add_patch(Rectangle(place, wide, high, fill=False, edgecolor=shade, linewidth=1.5))
        words = axes.text(
            *place, as_it_is(text), color=shade, fontsize=7, va="bottom", clip_on=True
        )
        words.set_bbox({"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0})


def as_it_is(text: str) -> str:
    """Return a text that matplotlib draws as it is: "$" begins a formula, "_" leaves a label out.

    Examples:
        >>> as_it_is("_lesion $1"), as_it_is("left\\nkidney")
        (' _lesion \\\\$1', 'left kidney')
    """
    shown = one_line(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _reached(example: Pictured) -> str:
    """Say how near the prediction came to its target; a target without structures has no IoU."""
    iou, moved = (example.measures.get(name) for name in ("target_iou", "moved"))
    if isinstance(example.target, Mask) and not example.target.array.any() and moved is not None:
        return f", {percent(moved)} gone"
    return "" if iou is None else f", IoU {iou:.3f}"


def changed_slice(example: Pictured) -> Any:
    """Return the index of the slice that changed most; for a 2-D image, of everything."""
    if example.clean.grid.ndim == 2:
        return ...
    noise = example.noise_counted
    by_slice = np.zeros(len(noise))
    if isinstance(example.prediction_clean, Mask):
        changed = example.prediction_clean.array != example.prediction_adversarial.array
        by_slice += changed.sum(axis=(1, 2))
    elif isinstance(example.prediction_clean, Boxes):
        for index in range(example.prediction_clean.count):
            by_slice[list(example.prediction_clean.slices(index))] += 1
    if not by_slice.any():
        by_slice = np.abs(noise).reshape(len(noise), -1).sum(axis=1)
    return int(by_slice.argmax())


def _flips(example: Pictured) -> tuple[slice, slice]:
    """Return the index that turns a slice: rows to the back, columns to the patient's left."""
    down, across = np.diag(example.clean.grid.direction)[-2:]
    return slice(None, None, -1 if down < 0 else 1), slice(None, None, -1 if across < 0 else 1)


def _shown(array: Array) -> Array:
    """Return colour as matplotlib takes it: bytes, or floats from 0 to 1."""
    if array.ndim == 3 and array.dtype != np.uint8:
        return array.astype(np.float64) / max(float(array.max()), 1.0)
    return array


def _legend(result: Figure, example: Pictured, cut: Any) -> None:
    from matplotlib.patches import Patch

    shown = [example.prediction_clean, example.prediction_adversarial, example.target]
    maps = [m for m in shown if isinstance(m, Mask)]
    labels = sorted({int(n) for m in maps for n in np.unique(m.array[cut])} - {0})
    names = [as_it_is(maps[0].class_name(label)) for label in labels]
    patches = [Patch(color=colour(n), label=name) for n, name in zip(labels, names, strict=True)]
    if patches:
        result.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 6))
