"""An image of whole numbers as the real numbers that the papers compute with."""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np

from ..data.presentation import Presentation
from ..data.scan import Array, Scan, Storage
from ..io.quantise import quantise


@dataclass(frozen=True, eq=False)
class RealScan(Scan):
    """An image of whole numbers as the real numbers that the papers compute with.

    It keeps the bounds of its source, and is shown to a victim as that is.

    Attributes:
        source: the image as its file holds it.
    """

    source: Scan = field(kw_only=True)

    @classmethod
    def of(cls, scan: Scan) -> "RealScan":
        """Return an image, which may hold real numbers already, as float32."""
        told = {one.name: getattr(scan, one.name) for one in fields(Scan)}
        meta = {k: v for k, v in scan.meta.items() if k not in ("files", "place")}
        told |= {
            "array": scan.array.astype(np.float32),
            "storage": Storage("float32"),
            "path": None,
            "meta": {**meta, "title": scan.name},
        }
        return cls(**told, source=scan)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        return self.source.bounds

    @cached_property
    def shown(self) -> Presentation:
        return self.source.shown


def source_of(scan: Scan) -> Scan:
    """Return an image as its file holds it, also of its real numbers."""
    return scan.source if isinstance(scan, RealScan) else scan


def as_file(source: Scan, array: Array) -> Scan:
    """Return a changed image of real numbers as the source's file would hold it.

    No pixel is changed by more than the largest change of the image.
    """
    most = float(np.abs(array - source.array.astype(np.float64)).max())
    return replace(source, array=quantise(source, array, "linf", most))
