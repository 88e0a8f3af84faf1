"""A description as a form has it: a text for each key, and the JSON that they make."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import SegadvError
from ..tasks import DEFAULT, tasks
from ..windows import MODES

# How many names a refused value is shown with at most.
LONGEST = 80


@dataclass(frozen=True)
class Field:
    """One key of a description.

    Attributes:
        key: in the JSON.
        title: what a form calls it.
        read: turns a text into the value; raises ValueError with what is expected.
        doc: what it means, in a sentence or two.
        example: a text as it may be.
        choices: texts to choose from, each with what a list says; empty for free text.
        units: whether it is in the image's units.
        lines: of text that are seen at once.
    """

    key: str
    title: str
    read: Callable[[str], Any]
    doc: str
    example: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    units: bool = False
    lines: int = 1


@dataclass(frozen=True)
class Section:
    """Fields that belong together, under a title."""

    title: str
    fields: tuple[Field, ...]


def _numbers(text: str) -> list[float]:
    try:
        found = [float(part) for part in re.split(r"[\s,;]+", text.strip(" []()"))]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise ValueError("needs numbers, such as 1.5, 1.5, 3")
    return [int(number) if number.is_integer() else number for number in found]


def _pair(text: str) -> list[float]:
    found = _numbers(text)
    if len(found) != 2 or not found[0] < found[1]:
        raise ValueError("needs two numbers, the smaller one first")
    return found


def _sizes(text: str) -> list[int]:
    found = _numbers(text)
    if not all(isinstance(number, int) for number in found):
        raise ValueError("needs whole numbers, such as 96, 96, 96")
    return [int(number) for number in found]


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text):
        raise ValueError("needs a whole number")
    return int(text)


def _share(text: str) -> float:
    found = _numbers(text)
    if len(found) != 1:
        raise ValueError("needs one number")
    return found[0]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError("needs a name between two commas")
    return names


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise ValueError('needs names with values, such as {"spatial_dims": 3}')
    return found


def _place(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\d{1,4}", text) else text


def _tasks() -> list[str]:
    return sorted(tasks(), key=lambda name: name != DEFAULT)


NETWORK = Section(
    "Network",
    (
        Field(
            "network",
            "class",
            str,
            "Class of MONAI's networks, or the full path of another one, which is asked "
            "about before it runs. Filled in if the weights fit one",
            "UNet",
        ),
        Field(
            "arguments",
            "arguments",
            _object,
            "What the class was called with, as JSON. Strides and activations leave no "
            "trace in the weights: compare them with those of the training",
            '{"spatial_dims": 3, "in_channels": 1, ...}',
            lines=3,
        ),
    ),
)
SEES = Section(
    "What it sees",
    (
        Field(
            "dims",
            "dimensions",
            int,
            "2 for single images and slices, 3 for volumes",
            choices={"2": "2 (images, or slices of a volume)", "3": "3 (volumes)"},
        ),
        Field("channels", "channels", _whole, "Of the image: 1 grey, 3 colour", "1"),
        Field(
            "window",
            "window",
            _pair,
            "Lowest and highest intensity that the network sees; what lies beyond is cut "
            "off. Empty: the image's numbers as stored",
            "-160, 240",
            units=True,
        ),
        Field(
            "scale",
            "becomes",
            _pair,
            "What the two ends of the window become for the network",
            "0, 1",
        ),
        Field(
            "spacing",
            "spacing (mm)",
            _numbers,
            "Size of a pixel that the image is resampled to, along each axis in the "
            "order of the axes below. Empty: as stored",
            "3, 1.5, 1.5",
        ),
        Field(
            "orientation",
            "orientation",
            str,
            "Where the network's axes lead: to the patient's Left or Right, Anterior or "
            "Posterior, Superior or Inferior. Empty: as stored",
            "SPL",
        ),
        Field(
            "axes",
            "axes",
            str,
            "The order of the network's axes",
            choices={
                "": "z, y, x (the array's order)",
                "xyz": "x, y, z (MONAI's and nibabel's order)",
            },
        ),
    ),
)
SLIDES = Section(
    "Sliding window",
    (
        Field(
            "roi_size",
            "size (pixels)",
            _sizes,
            "Size of the part that the network sees at a time, in the order of the axes. "
            "Empty: the whole image at once",
            "96, 96, 96",
        ),
        Field("overlap", "overlap", _share, "Share of it that the next one covers", "0.25"),
        Field(
            "mode",
            "blended by",
            str,
            "How the parts are blended where they overlap",
            choices={"": "gaussian", **{n: n for n in MODES if n == "constant"}},
        ),
    ),
)


def _predicts() -> Section:
    return Section(
        "What it predicts",
        (
            Field("task", "task", str, "What it predicts", choices={n: n for n in _tasks()}),
            Field(
                "classes",
                "classes",
                _names,
                "Names with commas between them, in the network's order; for a segmentation "
                "the background first",
                "background, liver, spleen",
            ),
            Field(
                "activation",
                "last layer",
                str,
                "Whether the network ends in a softmax or a sigmoid",
                choices={
                    "": "found out from its output",
                    "none": "neither",
                    "softmax": "softmax",
                    "sigmoid": "sigmoid",
                },
            ),
            Field(
                "output",
                "output",
                _place,
                "Which of several outputs is the prediction: its place, from 0, or its name",
                "the only one",
            ),
        ),
    )


def sections() -> tuple[Section, ...]:
    """Return all fields in the order of a form."""
    return NETWORK, _predicts(), SEES, SLIDES


def fields() -> dict[str, Field]:
    """Return all fields by key."""
    return {field.key: field for section in sections() for field in section.fields}


def as_texts(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a form for the keys of a description."""
    found = {}
    for key, value in description.items():
        if isinstance(value, Mapping):
            found[key] = json.dumps(value) if value else ""
        elif isinstance(value, (list, tuple)):
            found[key] = ", ".join(str(one) for one in value)
        else:
            found[key] = str(value)
    return found


def described(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the description that the texts of a form make; empty ones are left out.

    Args:
        texts: by key.

    Raises:
        SegadvError: if a text is not what its field expects.
    """
    known, found = fields(), {}
    for key, text in texts.items():
        if not text.strip():
            continue
        try:
            found[key] = known[key].read(text.strip())
        except ValueError as error:
            raise SegadvError(f"{known[key].title} {text[:LONGEST]!r}: {error}") from None
    return found


def as_json(description: Mapping[str, Any]) -> str:
    """Return a description as the text of its file, a line for each key."""
    lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in description.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"
