"""The pictures of one plane in every window, arranged as the page shows them."""

from dataclasses import dataclass, field
from typing import Any

from ...data.boxes import Boxes
from ...data.scan import Mask
from ..example import Example
from .pictures import Box, Outline, boxes, brightness, ends, noise, outlines, shade
from .views import Plane, Window

# Text in a picture, as a share of its shorter side.
TEXT = 0.045
# Pictures of fewer pixels are shown with their pixels, not smoothed.
FEW = 160


@dataclass(frozen=True)
class Group:
    """What is drawn over an image: structures and boxes."""

    structures: tuple[Outline, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        id: unique in the page.
        title: what it shows.
        mark: the word in its corner.
        image: the id of the image in it.
        outlines: the id of what is drawn over that; "" for nothing.
        under: the id of the image that is shown while the pointer rests on it; "" for none.
        light: whether it is bright, so that what is written on it is dark.
    """

    id: str
    title: str
    mark: str
    image: str
    outlines: str = ""
    under: str = ""
    light: bool = False


@dataclass(frozen=True)
class Shown:
    """A window with its pictures."""

    name: str
    range: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Key:
    """A colour of the legend, and what it stands for."""

    colour: str
    name: str


@dataclass(frozen=True)
class View:
    """A plane as the page shows it.

    Attributes:
        title: what it is.
        width, height: in mm or pixels, as all lengths here.
        text: height of letters.
        letters: at the left, right, top and bottom.
        bar, bar_text: the scale.
        coarse: whether its pixels are to be seen.
        smaller: a sentence if it is shown at a smaller size; "" if not.
        images: addresses by id.
        outlines: what is drawn over them, by id.
        main: the window in which it is shown large.
        others: all windows, if there is more than one.
        legend: the colours of its structures.
        noise_ends: texts at the ends of the noise's bar of colours.
    """

    title: str
    width: float
    height: float
    text: float
    letters: tuple[str, ...]
    bar: float
    bar_text: str
    coarse: bool
    smaller: str
    images: dict[str, str]
    outlines: dict[str, Group]
    main: Shown
    others: tuple[Shown, ...]
    legend: tuple[Key, ...]
    noise_ends: tuple[str, str]
    all: tuple[Shown, ...] = field(default=())


def view_of(example: Example, plane: Plane, windows: tuple[Window, ...], key: str) -> View:
    """Draw a plane in every window.

    Args:
        example: the run.
        plane: what to show.
        windows: the first is shown large.
        key: begins all ids of this plane.
    """
    predictions = {
        "target": example.target,
        "before": example.prediction_clean,
        "after": example.prediction_adversarial,
    }
    groups = {
        f"{key}-{name}": Group(outlines(plane, one), boxes(plane, one))
        for name, one in predictions.items()
    }
    address, most = noise(plane, example)
    images = {f"{key}-noise": address}
    for number, window in enumerate(windows):
        for name, scan in (("c", example.clean), ("a", example.adversarial)):
            array = scan.singles[window.channel].array
            images[f"{key}-{number}{name}"] = brightness(plane, array, window.shown)
    captions = {
        name: "" if one is None else example.task.caption(one) for name, one in predictions.items()
    }
    main = _shown(windows[0], _large(key, captions, example.target is not None))
    rows = tuple(
        _shown(window, _small(key, number, captions)) for number, window in enumerate(windows)
    )
    height, width = plane.size
    bar, text = plane.bar
    return View(
        title=_title(example, plane),
        width=round(width, 2),
        height=round(height, 2),
        text=round(TEXT * min(width, height), 3),
        letters=plane.letters,
        bar=round(bar, 2),
        bar_text=text,
        coarse=max(plane.shape) < FEW,
        smaller=_smaller(plane),
        images=images,
        outlines=groups,
        main=main,
        others=rows if len(rows) > 1 else (),
        legend=_legend(groups, predictions),
        noise_ends=ends(most, example.clean.units),
        all=(main, *(rows if len(rows) > 1 else ())),
    )


def _title(example: Example, plane: Plane) -> str:
    if plane.number is None:
        return "The image before and after"
    last = example.clean.grid.shape[0] - 1
    return f"Slice {plane.number} (of 0 to {last}), {plane.why}"


def _smaller(plane: Plane) -> str:
    if plane.factor == 1:
        return ""
    n = plane.factor
    return (
        f"Shown at 1/{n} of its size: each pixel is the mean of {n} x {n}; of the noise, the "
        "strongest of them."
    )


def _shown(window: Window, pictures: tuple[Picture, ...]) -> Shown:
    return Shown(window.name, window.range, pictures)


def _large(key: str, captions: dict[str, str], targeted: bool) -> tuple[Picture, ...]:
    """Return the pictures of the first window, in two rows: images, then predictions."""
    clean, adversarial = f"{key}-0c", f"{key}-0a"
    asked = "target: what the model should predict" if targeted else "untargeted: nothing was asked"
    return (
        Picture(f"{key}-m1", "clean image", "clean", clean),
        Picture(f"{key}-m2", "adversarial image", "adversarial", adversarial, under=clean),
        Picture(f"{key}-m3", "noise: adversarial less clean", "", f"{key}-noise", light=True),
        Picture(
            f"{key}-m4",
            _with("prediction before, on the clean image", captions["before"]),
            "clean",
            clean,
            f"{key}-before",
        ),
        Picture(f"{key}-m5", _with(asked, captions["target"]), "target", clean, f"{key}-target"),
        Picture(
            f"{key}-m6",
            _with("prediction after, on the adversarial image", captions["after"]),
            "adversarial",
            adversarial,
            f"{key}-after",
        ),
    )


def _small(key: str, number: int, captions: dict[str, str]) -> tuple[Picture, ...]:
    """Return the pictures of a window in a row."""
    clean, adversarial, name = f"{key}-{number}c", f"{key}-{number}a", f"{key}-w{number}"
    return (
        Picture(f"{name}1", "clean", "clean", clean),
        Picture(f"{name}2", "adversarial", "adversarial", adversarial, under=clean),
        Picture(f"{name}3", "noise", "", f"{key}-noise", light=True),
        Picture(
            f"{name}4", _with("prediction before", captions["before"]), "clean", clean,
            f"{key}-before",
        ),
        Picture(
            f"{name}5", _with("prediction after", captions["after"]), "adversarial", adversarial,
            f"{key}-after",
        ),
    )  # fmt: skip


def _with(title: str, caption: str) -> str:
    return f"{title}: {caption}" if caption else title


def _legend(groups: dict[str, Group], predictions: dict[str, Any]) -> tuple[Key, ...]:
    """Return the colours of all structures and boxes on a plane."""
    found: dict[str, str] = {}
    for group in groups.values():
        found |= {one.colour: one.name for one in group.structures}
    for one in predictions.values():
        if isinstance(one, Boxes):
            found |= {shade(int(n)): one.class_name(int(n)) for n in one.labels}
    order = {
        shade(n): n
        for one in predictions.values()
        if isinstance(one, (Mask, Boxes))
        for n in range(1, len(one.classes))
    }
    listed = sorted(found.items(), key=lambda pair: order.get(pair[0], len(order) + 1))
    return tuple(Key(*pair) for pair in listed)
