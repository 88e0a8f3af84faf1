"""Models that can be quick: what they answer then guides steps, and decides nothing."""

from dataclasses import replace

import pytest
import torch
from problems import Model, Rough, finish, images_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.loop import exact_from
from napari_segadv.attacks.losses import Outputs
from napari_segadv.attacks.problem import Problem


class Flattering:
    """A model that, while it is quick, finds each image a step nearer to a target than it is."""

    def __init__(self, model, labels, by):
        self.model, self.labels, self.by = model, labels, by
        self.quick, self.was_on = Rough(), []

    def __call__(self, images):
        self.was_on.append(self.quick.on)
        logits = self.model(images)
        if not self.quick.on:
            return logits
        return logits + self.by * torch.nn.functional.one_hot(self.labels, 3).movedim(-1, 1)


def flattered(by, **more):
    problem = problem_of(**more)
    model = Flattering(problem.model, problem.labels, by)
    return replace(problem, model=model, quick=model.quick)


def success(problem, images):
    return torch.minimum(*Outputs(problem.model(images), problem).shares())


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 40, 250])
def test_the_last_steps_are_at_their_best(steps):
    last = exact_from(steps)
    assert steps - last >= 2
    assert last <= 0.9 * steps
    problem = flattered(0.0)
    finish(attacks.PGD(steps=steps, epsilon=4.0, goal=None), problem)
    # One pass more, which judges the best of the quick ones.
    quick = max(last, 0)
    assert problem.model.was_on == [True] * quick + [False] * (steps - quick + 1 + (quick > 0))


def test_a_goal_that_only_seemed_to_be_reached_does_not_end_the_run():
    problem = flattered(100.0)
    outcome, _ = finish(attacks.PGD(steps=40, epsilon=60.0, goal=0.6), problem)
    was_on = problem.model.was_on
    # At once all pixels seem to be at the target; judged again, none is.
    assert was_on[:2] == [True, False]
    assert not any(was_on[1:])
    ((rough, exact),) = problem.quick.compared
    assert float(rough) == 1.0
    assert float(exact) < 0.6
    assert outcome.steps > 1
    assert float(success(problem, outcome.adversarial)) >= 0.6


def test_a_goal_that_is_reached_indeed_ends_it_after_one_more_pass():
    problem = flattered(0.0)
    outcome, _ = finish(attacks.PGD(steps=40, epsilon=60.0, goal=0.6), problem)
    was_on = problem.model.was_on
    assert was_on == [True] * (outcome.steps + 1) + [False]
    assert outcome.steps < exact_from(40)
    assert float(success(problem, outcome.adversarial)) >= 0.6


@pytest.mark.parametrize("name", ["pgd", "asma", "least", "smia", "segpgd", "deform", "square"])
def test_what_is_returned_is_judged_by_the_model_at_its_best(name):
    for targeted in (True, False):
        if attacks.get(name).targeted_only and not targeted:
            continue
        problem = flattered(0.7, n=2, targeted=targeted)
        outcome, _ = finish(attacks.get(name)(steps=20, epsilon=12.0), problem)
        assert any(problem.model.was_on)
        assert not problem.quick.on
        shares = Outputs(problem.model(outcome.adversarial), problem).shares()
        for told, found in zip((outcome.moved, outcome.kept), shares, strict=True):
            torch.testing.assert_close(told, found)


def test_each_start_is_quick_and_only_true_successes_are_kept():
    problem = flattered(3.0)
    attack = attacks.PGD(steps=10, epsilon=1.0, restarts=3, goal=0.99)
    outcome, _ = finish(attack, problem)
    assert len(problem.quick.compared) == 3
    assert torch.minimum(outcome.moved, outcome.kept).item() == pytest.approx(
        success(problem, outcome.adversarial).item()
    )


def test_closing_turns_it_off():
    problem = flattered(0.0)
    run = attacks.PGD(steps=40, goal=None).run(problem)
    next(run)
    assert problem.quick.on
    run.close()
    assert not problem.quick.on


def test_a_model_that_fails_leaves_it_off():
    images = images_of()
    model = Model(images)
    quick = Rough()

    def failing(x):
        if quick.on and x.ne(images).any():
            raise RuntimeError("out of order")
        return model(x)

    labels = model(images).argmax(1)
    problem = Problem(failing, images, (labels + 1) % 3, labels, quick=quick)
    with pytest.raises(RuntimeError):
        finish(attacks.PGD(steps=10), problem)
    assert not quick.on
