"""ASMA: the published update, and steps in units of the gradient."""

from dataclasses import replace

import pytest
import torch
from problems import finish, problem_of

from napari_segadv import attacks
from napari_segadv.errors import SegadvError


def published(problem, steps, multiplier):
    """Algorithm 1 for one image in [0, 1], written from the paper, in float64."""
    x0 = problem.clean / 255
    x, iou = x0.clone(), 0.0
    target = problem.labels[0]
    structures = [c for c in target.unique().tolist() if c != 0]
    for _ in range(steps):
        leaf = x.clone().requires_grad_()
        z = problem.model(leaf * 255)[0]
        off = (z.argmax(0) != target).to(z)
        s = sum((z[c] * (target == c) * off).sum() for c in range(len(z)))
        objective = s - ((leaf - x0) ** 2).sum()
        (gradient,) = torch.autograd.grad(objective, leaf)
        a = multiplier * (1e-6 * iou + 1e-7)
        x = (x + a * gradient).clamp(0, 1)
        predicted = problem.model(x * 255)[0].argmax(0)
        ious = []
        for c in structures:
            both = int(((predicted == c) & (target == c)).sum())
            ious.append(both / int(((predicted == c) | (target == c)).sum()))
        iou = sum(ious) / len(ious)
    return (x - x0) * 255


@pytest.mark.parametrize("multiplier", [1.0, 300.0, 20_000.0])
def test_the_paper_preset_is_the_published_update(multiplier):
    problem = problem_of(dtype=torch.float64)
    attack = attacks.get("asma")(preset="paper", steps=60, multiplier=multiplier)
    ours = finish(attack, problem)[0].adversarial - problem.clean
    theirs = published(problem, 60, multiplier)
    assert theirs.abs().max() > 0
    torch.testing.assert_close(ours / 255, theirs / 255, atol=1e-6, rtol=1e-6)


def test_the_paper_preset_runs_all_its_steps_and_hands_back_the_last():
    problem = problem_of()
    attack = attacks.get("asma")(preset="paper", steps=25, multiplier=1e6)
    assert finish(attack, problem)[0].steps == 25
    shorter = attacks.get("asma")(preset="paper", steps=24, multiplier=1e6)
    one, other = (finish(a, problem)[0].adversarial for a in (attack, shorter))
    assert not torch.equal(one, other)


def test_the_scaled_preset_stops_at_the_goal_and_keeps_the_best():
    problem = problem_of()
    # A target that can be reached: the victim's prediction for an image nearby.
    ramp = torch.linspace(-25, 25, problem.clean[0].numel()).view_as(problem.clean)
    near = problem.model(problem.clean + ramp).argmax(1)
    problem = replace(problem, labels=near)
    outcome, _ = finish(attacks.get("asma")(multiplier=5.0, goal=0.9), problem)
    assert min(outcome.moved, outcome.kept) >= 0.9
    assert 0 < outcome.steps < 250
    successes = [success for _, success in outcome.curve]
    assert successes == sorted(successes)


def test_scaled_steps_do_not_depend_on_the_size_of_the_gradient():
    problem = problem_of(dtype=torch.float64)
    attack = attacks.get("asma")(steps=5, goal=None)
    plain = finish(attack, problem)[0].adversarial
    model = problem.model
    louder, _ = finish(attack, replace(problem, model=lambda images: 7 * model(images)))
    # Only the distance to the clean image is not multiplied.
    torch.testing.assert_close(louder.adversarial, plain, atol=1e-3, rtol=0)


def test_without_a_target_it_says_so():
    problem = problem_of(targeted=False)
    with pytest.raises(SegadvError, match="method asma: needs a target"):
        finish(attacks.get("asma")(), problem)
