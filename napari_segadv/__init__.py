"""Adversarial examples for medical image segmentation.

Names are looked up when they are first used, so that importing the package (which napari does
to find the plugin) imports neither torch nor napari.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .common import moved

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import attacks, measures, targets
    from .crafting.craft import craft, craft_steps
    from .crafting.repeat import repeat
    from .data.grade import Grade
    from .data.scan import Mask, Scan
    from .errors import NeedsTrust, SegadvError
    from .io import read, read_mask
    from .reproduce import synthesis
    from .results.example import Example
    from .results.loading import load_example
    from .results.report import report
    from .victims import load_victim

_HOMES = {
    "craft": "crafting",
    "craft_steps": "crafting",
    "repeat": "crafting.repeat",
    "report": "results.report",
    "Example": "results.example",
    "Grade": "data.grade",
    "SegadvError": "errors",
    "NeedsTrust": "errors",
    "load_example": "results.loading",
    "read": "io",
    "read_mask": "io",
    "Mask": "data.scan",
    "Scan": "data.scan",
    "load_victim": "victims",
}
_MODULES = {
    "attacks": "attacks",
    "measures": "measures",
    "synthesis": "reproduce.synthesis",
    "targets": "targets",
}

__all__ = [
    "Example",
    "Grade",
    "Mask",
    "NeedsTrust",
    "Scan",
    "SegadvError",
    "attacks",
    "craft",
    "craft_steps",
    "load_example",
    "load_victim",
    "measures",
    "read",
    "read_mask",
    "repeat",
    "report",
    "synthesis",
    "targets",
]


moved.install()


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
