"""The least perturbation: near the known least one, and never beyond its limits."""

from dataclasses import replace

import pytest
import torch
from helpers import bands
from problems import finish

from napari_segadv import attacks
from napari_segadv.attacks.problem import Problem


def flat(value=100.0, target=0, change=slice(None)):
    """A flat image, whose classes change where its intensity crosses a known threshold."""
    image = torch.full((1, 1, 16, 16), value)
    network = bands().requires_grad_(False)
    clean = network(image / 255).argmax(1)
    labels = clean.clone()
    labels[:, change] = target
    return Problem(lambda x: network(x / 255), image, labels, clean)


def test_linf_of_a_threshold_that_is_known():
    """The bands of 60 and 130 meet at 95, so a flat image of 100 has to fall by 5."""
    outcome, _ = finish(attacks.get("least")(steps=120), flat())
    size = (outcome.adversarial - 100).abs().max().item()
    assert min(outcome.moved, outcome.kept) >= 0.99
    assert 5.0 <= size <= 5.3


def test_l2_of_a_threshold_that_is_known():
    outcome, _ = finish(attacks.get("least")(steps=120, norm="l2"), flat())
    size = (outcome.adversarial - 100).norm().item()
    assert min(outcome.moved, outcome.kept) >= 0.99
    # All 256 pixels by 5 is 80; 99 % of them a little less.
    assert 75.0 <= size <= 86.0


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_runs_all_steps_and_the_last_best_is_the_least(norm):
    attack = attacks.get("least")(steps=40, norm=norm)
    outcome, states = finish(attack, flat())
    assert len(states) == 40
    longer, _ = finish(attacks.get("least")(steps=160, norm=norm), flat())
    size = lambda o: (o.adversarial - 100).norm(float("inf") if norm == "linf" else 2)
    assert size(longer) <= size(outcome)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_limit_is_kept_where_the_goal_is_out_of_reach(norm):
    attack = attacks.get("least")(steps=20, norm=norm, epsilon=3.0)
    outcome, _ = finish(attack, flat())
    noise = outcome.adversarial - 100
    assert outcome.moved < 0.99
    assert (noise.abs().max() if norm == "linf" else noise.norm()) <= 3.0 + 1e-4


def test_items_have_budgets_of_their_own():
    near, far = flat(97.0), flat(110.0)
    both = Problem(
        near.model,
        torch.cat([near.clean, far.clean]),
        torch.cat([near.labels, far.labels]),
        torch.cat([near.reference, far.reference]),
    )
    outcome, _ = finish(attacks.get("least")(steps=150), both)
    sizes = (outcome.adversarial - both.clean).abs().flatten(1).amax(1)
    assert (outcome.moved >= 0.99).all()
    assert 2.0 <= sizes[0] <= 2.3
    assert 15.0 <= sizes[1] <= 16.5


def test_untargeted():
    problem = replace(flat(), targeted=False, labels=flat().reference)
    outcome, _ = finish(attacks.get("least")(steps=120), problem)
    assert outcome.moved >= 0.99
    assert 5.0 <= (outcome.adversarial - 100).abs().max() <= 5.3


def test_a_target_that_is_far_is_reached_too():
    """From 180 down to below 95, seventeen times the budget that it starts with."""
    outcome, _ = finish(attacks.get("least")(steps=120), flat(180.0))
    assert outcome.moved >= 0.99
