"""Freed memory is kept while an attack runs, and given back after it, however it ends."""

import pytest
from helpers import disc_image
from napari.components import ViewerModel
from now import NowRunner, controlled

from napari_segadv.common import memory
from napari_segadv.errors import SegadvError


@pytest.fixture
def told(monkeypatch):
    """What the C library is told, in order."""
    calls = []
    monkeypatch.setattr(memory, "keep_freed", lambda: calls.append("keep"))
    monkeypatch.setattr(memory, "give_back", lambda: calls.append("give back"))
    return calls


@pytest.fixture
def controller(band_victim):
    viewer = ViewerModel()
    viewer.add_image(disc_image(), name="xray")
    controller = controlled(viewer, NowRunner())
    controller.victims.victim = band_victim
    yield controller
    del viewer


def test_memory_is_kept_once_torch_is_loaded(controller, told):
    controller.victims.prepare()
    assert told == ["keep"]


@pytest.mark.parametrize("fails", [False, True])
def test_memory_is_given_back_after_an_attack(controller, told, monkeypatch, fails):
    def failing(*args, **kwargs):
        yield from ()
        raise SegadvError("no such thing")

    errors = []
    controller.jobs.failed.connect(errors.append)
    if fails:
        monkeypatch.setattr("napari_segadv.crafting.craft_steps", failing)
    settings = {"steps": 2, "goal": None}
    controller.attack(controller.layers["xray"], "pgd", settings, None, "cpu")
    assert told == ["give back"]
    assert errors == (["no such thing"] if fails else [])
