"""docs/adding-an-attack.md: its example is an attack that runs."""

import re
import sys
from pathlib import Path

import pytest
import torch
from problems import finish, problem_of

from napari_segadv import attacks
from napari_segadv.attacks import methods
from napari_segadv.common.parameters import parameters

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-attack.md"


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """The example as a file among the methods, as the page says."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (tmp_path / "fading.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    attacks.METHODS.forget()
    yield attacks.available()
    attacks.METHODS.forget()
    sys.modules.pop("napari_segadv.attacks.methods.fading", None)


def test_the_example_is_listed_with_its_parameters(listed):
    assert listed["fading"].title == "Fading signs"
    fade = next(p for p in parameters(listed["fading"]) if p.name == "fade")
    assert (fade.default, fade.param.low, fade.param.high) == (0.9, 0.01, 1.0)


def test_the_example_attacks(listed):
    problem = problem_of(targeted=False)
    attack = listed["fading"](epsilon=20.0, steps=8, goal=None)
    outcome, states = finish(attack, problem)
    assert len(states) == 8
    assert outcome.curve[-1][1] > outcome.curve[0][1]
    assert (outcome.adversarial - problem.clean).abs().max() <= 20.0 + 1e-4
    again, _ = finish(attack, problem)
    assert torch.equal(outcome.adversarial, again.adversarial)


def test_the_page_names_files_that_exist():
    for name in re.findall(r"`((?:attacks|methods|tests)/[\w/]+\.py)`", PAGE.read_text()):
        places = (PAGE.parents[1], PAGE.parents[1] / "napari_segadv", Path(attacks.__file__).parent)
        assert name == "methods/fading.py" or any((place / name).is_file() for place in places)
