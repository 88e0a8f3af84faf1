"""Polishing: a run goes to its goal, then makes the change less visible without losing it."""

from dataclasses import replace

import pytest
import torch
from helpers import bands, disc_image
from problems import Rough, finish

from napari_segadv import attacks
from napari_segadv.attacks.loop import exact_from
from napari_segadv.attacks.losses import Outputs, balanced_margin, margin
from napari_segadv.attacks.problem import Problem

GOAL = 0.95


def problem_of(n=1):
    """Images with discs, of which the dim one is to be erased."""
    network = bands().requires_grad_(False)
    images = [torch.from_numpy(disc_image(seed=seed)).float()[None] for seed in range(n)]
    clean = torch.stack(images)
    reference = network(clean / 255).argmax(1)
    labels = reference.clone()
    dim = labels[:, :, :38]
    dim[dim == 1] = 0
    return Problem(lambda x: network(x / 255), clean, labels, reference)


def success(problem, images):
    return torch.minimum(*Outputs(problem.model(images), problem).shares())


def visible(problem, outcome):
    return ((outcome.adversarial - problem.clean) * problem.visible).flatten(1).norm(dim=1)


@pytest.mark.parametrize("norm", ["linf", "l2", "visible"])
@pytest.mark.parametrize("loss", ["margin", "cross-entropy"])
@pytest.mark.parametrize("step", ["adam", "apgd", "sign"])
def test_the_change_becomes_less_visible_and_the_goal_stays(norm, loss, step):
    problem = problem_of(n=2)
    epsilon = 60.0 if norm == "linf" else 2500.0
    attack = attacks.PGD(norm=norm, loss=loss, step=step, epsilon=epsilon, steps=80, goal=GOAL)
    first, _ = finish(attack, problem)
    assert (success(problem, first.adversarial) >= GOAL).all()
    polished, states = finish(replace(attack, polish=True), problem)
    assert len(states) == 80
    assert (success(problem, polished.adversarial) >= GOAL).all()
    assert (visible(problem, polished) < 0.9 * visible(problem, first)).all()


def test_without_a_goal_there_is_nothing_beyond_it():
    attack = attacks.PGD(epsilon=20.0, steps=10, goal=None)
    problem = problem_of()
    plain, _ = finish(attack, problem)
    polished, _ = finish(replace(attack, polish=True), problem)
    assert torch.equal(plain.adversarial, polished.adversarial)


def test_a_goal_out_of_reach_gives_the_nearest():
    problem = problem_of()
    attack = attacks.PGD(norm="l2", epsilon=400.0, steps=20, polish=True)
    outcome, _ = finish(attack, problem)
    assert 0 < float(success(problem, outcome.adversarial)) < 0.99
    assert float((outcome.adversarial - problem.clean).norm()) <= 400.0 * (1 + 1e-5)


def test_an_image_at_the_goal_stays_as_it_is():
    problem = problem_of()
    done = replace(problem, labels=problem.reference)
    outcome, _ = finish(attacks.PGD(steps=10, epsilon=20.0, polish=True), done)
    assert torch.equal(outcome.adversarial, done.clean)


def test_later_starts_are_for_items_that_missed():
    attack = attacks.PGD(epsilon=60.0, steps=10, restarts=3, goal=GOAL, polish=True)
    outcome, states = finish(replace(attack, steps=40), problem_of())
    assert len(states) == 40
    assert min(outcome.moved, outcome.kept) >= GOAL


class Wavering:
    """A model that finds each image nearer to a target than it is, while it is quick."""

    def __init__(self, model, labels, by):
        self.model, self.labels, self.by, self.quick = model, labels, by, Rough()

    def __call__(self, images):
        logits = self.model(images)
        if not self.quick.on:
            return logits
        return logits + self.by * torch.nn.functional.one_hot(self.labels, 3).movedim(-1, 1)


@pytest.mark.parametrize("by", [0.0, 0.5, 3.0])
def test_what_bfloat16_only_thinks_is_at_the_goal_does_not_lose_it(by):
    """The smallest change of the quick passes misses; the surest is judged again, and holds."""
    problem = problem_of()
    model = Wavering(problem.model, problem.labels, by)
    problem = replace(problem, model=model, quick=model.quick)
    attack = attacks.PGD(norm="visible", epsilon=2500.0, steps=60, goal=GOAL, polish=True)
    outcome, states = finish(attack, problem)
    assert len(states) == 60
    assert exact_from(60) == 54
    assert float(success(problem, outcome.adversarial)) >= GOAL
    assert min(outcome.moved, outcome.kept) >= GOAL


def test_pixels_that_have_to_change_weigh_more():
    problem = problem_of()
    logits = problem.model(problem.clean).detach().requires_grad_()
    outputs = Outputs(logits, problem)
    ratio = (problem.structures / problem.movers).clamp_min(1).sqrt()
    assert float(ratio) > 1
    (plain,) = torch.autograd.grad(margin(outputs).sum(), logits, retain_graph=True)
    (balanced,) = torch.autograd.grad(balanced_margin(outputs).sum(), logits)
    on = problem.moving.unsqueeze(1).expand_as(plain)
    torch.testing.assert_close(balanced[on], plain[on] * ratio)
    torch.testing.assert_close(balanced[~on], plain[~on])
