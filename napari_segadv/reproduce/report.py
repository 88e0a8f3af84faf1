"""What a reproduction reports: progress, its table, and curves and panels of its figure."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.scan import Array


@dataclass(frozen=True)
class Done:
    """How far a reproduction has got."""

    step: int
    steps: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Curve:
    """A curve of the figure; dashed if `published`."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    published: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture: an image, or noise in colours from blue to red, with outlines of labels.

    Attributes:
        title: above it.
        image: (y, x) or (y, x, 3).
        span: intensities that are black and white, or blue and red.
        labels: classes (y, x), drawn as outlines; None: none.
        signed: whether it is noise.
    """

    title: str
    image: Array
    span: tuple[float, float]
    labels: Array | None = None
    signed: bool = False


@dataclass(frozen=True)
class Report:
    """A table in the paper's form.

    Attributes:
        columns: headings.
        rows: texts and numbers, one for each column.
        curves: curves of the figure.
        axes: labels of the figure's x and y axes.
        findings: sentences that say which trends agree with the paper and which do not.
        panels: pictures of a figure of the paper, row by row.
        notes: what the user has to know of how it was made, which is no part of it.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    curves: list[Curve]
    axes: tuple[str, str]
    findings: list[str]
    panels: Sequence[Sequence[Panel]] = ()
    notes: Sequence[str] = ()


Running = Generator[Done, None, Report]
