"""Modules that have moved are found under their earlier names too."""

import importlib
import subprocess
import sys

import pytest
from helpers import PATIENCE

from napari_segadv.common.moved import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_earlier_name_is_the_same_module(old):
    new = importlib.import_module(f"napari_segadv.{MOVED[old]}")
    spec = new.__spec__
    assert importlib.import_module(f"napari_segadv.{old}") is new
    assert new.__spec__ is spec


@pytest.mark.parametrize(
    "line",
    [
        "from napari_segadv.scan import Scan",
        "from napari_segadv.victims import Model, Victim, load_victim",
        "from napari_segadv.victims.chain import Step",
        "from napari_segadv.victims.windows import WindowSpec",
        "from napari_segadv.victims.registry import VictimFormat",
        "from napari_segadv.crafting import craft, craft_steps",
        "from napari_segadv.measures import Overlap, overlaps, distances",
        "from napari_segadv.session import Session, open_session, save_session",
        "from napari_segadv.synthesis import Recipe, samples, table, train",
        "from napari_segadv.viewer.layers import image_tuple, mask_of, scan_of",
        "from napari_segadv.viewer.controller import Controller",
        "from napari_segadv.viewer.attack_panel import AttackPanel",
        "from napari_segadv.attacks import Run",
    ],
)
def test_scripts_go_on_working(line):
    subprocess.run([sys.executable, "-c", line], check=True, timeout=PATIENCE)


def test_other_names_are_still_missing():
    with pytest.raises(ModuleNotFoundError, match="napari_segadv.nonsense"):
        importlib.import_module("napari_segadv.nonsense")
