"""The libraries whose files are opened as victims; tests skip without them (`make adapters`)."""

import importlib
import importlib.util
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(os.environ.get("SEGADV_ADAPTERS", Path(__file__).parents[1] / ".adapters"))
# Operators that importing torchvision asks for, none of which these tests call: its compiled part
# is of another build of torch than the tests'.
UNUSED = ("nms", "qnms")
_kept: list[torch.library.Library] = []


def library(name: str) -> ModuleType:
    """Import a library from here or from FOLDER; skip if it is in neither."""
    # Behind everything else, so that torch stays the one that the tests run with.
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if importlib.util.find_spec("torchvision") is not None:
                _import_torchvision()
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name} is not here ({error}); run: make adapters")


def _import_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        declared = torch.library.Library("torchvision", "DEF")
        for operator in UNUSED:
            declared.define(f"{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor")
        _kept.append(declared)
        importlib.import_module("torchvision")
