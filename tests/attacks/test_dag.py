"""DAG against algorithm 1 of Xie 2017, written out in float64."""

import numpy as np
import pytest
import torch
from problems import finish, path_of, problem_of

from napari_segadv import attacks

STEPS = 5


def published(problem, gamma, normalise):
    """r <- r + gamma / |g| g, g the gradient of the sum of f_adv - f_clean over active pixels."""
    x = problem.clean.clone()
    z = problem.model(x).detach()
    original = z.argmax(1)
    if problem.targeted:
        adversarial = problem.labels
    else:
        adversarial = torch.zeros_like(original)
        for at in np.ndindex(original.shape):
            order = z[(at[0], slice(None), *at[1:])].argsort(descending=True)
            adversarial[at] = next(c for c in order if c != original[at])
    path = [x]
    for _ in range(STEPS):
        x = x.clone().requires_grad_()
        z, total = problem.model(x), 0.0
        now = z.argmax(1)
        for at in np.ndindex(original.shape):
            if problem.targeted:
                active = adversarial[at] != original[at] and now[at] != adversarial[at]
            else:
                active = original[at] != 0 and now[at] == original[at]
            if active:
                pixel = z[(at[0], slice(None), *at[1:])]
                total = total + pixel[adversarial[at]] - pixel[original[at]]
        (g,) = torch.autograd.grad(total, x)
        size = g.abs().max() if normalise == "max" else (g**2).sum().sqrt()
        x = (x + gamma * g / size).detach().clamp(0, 255)
        path.append(x)
    return path


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("normalise", ["max", "l2"])
@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_against_the_published_update(targeted, normalise, task):
    problem = problem_of(targeted=targeted, task=task, dtype=torch.float64)
    gamma = 3.0 if normalise == "max" else 20.0
    attack = attacks.get("dag")(steps=STEPS, gamma=gamma, normalise=normalise, goal=None)
    ours = path_of(attack, problem)
    expected = published(problem, gamma, normalise)
    assert len(ours) == STEPS + 1
    for image, theirs in zip(ours, expected, strict=True):
        torch.testing.assert_close(image, theirs, rtol=0, atol=1e-9)
    assert (ours[-1] - ours[0]).abs().max() > 1


def test_two_classes_have_one_other():
    problem = problem_of(classes=2, targeted=False, dtype=torch.float64)
    outcome, _ = finish(attacks.get("dag")(gamma=2.0), problem)
    assert outcome.moved.item() >= 0.99


def test_the_default_step_is_a_share_of_the_window():
    for window, step in ((255.0, 0.5), (510.0, 1.0)):
        first, second = path_of(attacks.get("dag")(steps=1), problem_of(window=window))
        assert (second - first).abs().max().item() == pytest.approx(step, rel=1e-4)


def test_it_stops_when_a_hundredth_of_the_object_is_left():
    outcome, states = finish(attacks.get("dag")(gamma=2.0), problem_of(targeted=False))
    assert outcome.moved.item() >= 0.99
    assert len(states) < 200


def test_without_a_budget_and_with_one():
    problem = problem_of(targeted=False)
    free, _ = finish(attacks.get("dag")(gamma=5.0), problem)
    kept, _ = finish(attacks.get("dag")(gamma=5.0, epsilon=2.0), problem)
    assert (free.adversarial - problem.clean).abs().max() > 5
    assert (kept.adversarial - problem.clean).abs().max() <= 2.0001


def test_where_nothing_is_active_nothing_moves():
    problem = problem_of()
    same = type(problem)(problem.model, problem.clean, problem.reference, problem.reference)
    outcome, _ = finish(attacks.get("dag")(goal=None, steps=3), same)
    assert torch.equal(outcome.adversarial, problem.clean)
