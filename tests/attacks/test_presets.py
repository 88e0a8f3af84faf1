"""Presets: where an attack starts from if its user says nothing."""

import pytest

from napari_segadv import attacks
from napari_segadv.attacks.base import GradientAttack
from napari_segadv.attacks.presets import first_preset, presets_of

KINDS = attacks.available().values()
GRADIENT = [kind for kind in KINDS if issubclass(kind, GradientAttack)]


def test_gradient_attacks_are_hard_to_see_unless_told_otherwise():
    assert {"pgd", "segpgd", "cospgd"} == {kind.name for kind in GRADIENT}
    for kind in GRADIENT:
        for told in ((), ("steps",)):
            attack = kind(**first_preset(kind, told).parameters)
            assert (attack.norm, attack.polish, attack.steps) == ("visible", True, 60)


@pytest.mark.parametrize("told", [("epsilon",), ("norm", "steps"), ("goal",), ("step",)])
def test_what_is_told_is_meant_with_the_defaults(told):
    for kind in GRADIENT:
        assert kind(**first_preset(kind, told).parameters) == kind()


def test_other_attacks_start_from_their_defaults():
    for kind in KINDS:
        if kind not in GRADIENT:
            assert first_preset(kind) == presets_of(kind)[0]
