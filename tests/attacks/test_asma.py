"""ASMA: the published update, and steps in units of the gradient."""

import itertools
from dataclasses import replace

import pytest
import torch
from problems import finish, path_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.problem import Problem
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


def followed(problem, steps, total):
    """The preset "scaled" for one image, written from its description, in float64."""
    x, label = problem.clean.clone(), problem.labels[0]
    mean, usual = torch.zeros_like(x), None
    for k in range(steps):
        leaf = x.clone().requires_grad_()
        z = problem.model(leaf)[0]
        own = z.gather(0, label[None])[0]
        best = z.scatter(0, label[None], -torch.inf).amax(0)
        missing = (best - own).clamp_min(0).sum()
        (gradient,) = torch.autograd.grad(missing, leaf)
        unit = gradient / gradient.norm()
        mean = unit if k == 0 else 0.75 * mean + 0.25 * unit
        way = float(missing.detach() / gradient.norm())
        way = way if usual is None else min(way, 3 * usual)
        usual = way if usual is None else 0.9 * usual + 0.1 * way
        noise = x - problem.clean
        pull = 0.2 * (1 - k / total) * noise / noise.norm().clamp_min(1e-12)
        x = (x - min(0.5, 25 / (total - k)) * way * (mean + pull)).clamp(0, 255)
    return x


@pytest.mark.parametrize("steps", [1, 30, 58])
def test_the_scaled_preset_is_what_it_says(steps):
    problem = problem_of(dtype=torch.float64)
    shown = path_of(attacks.get("asma")(steps=60, goal=None), problem)
    torch.testing.assert_close(shown[steps], followed(problem, steps, 60), atol=1e-9, rtol=0)


# Logits that do not depend on the image: not at the target.
LOW = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)


def line(slope, dtype=torch.float64):
    """A victim of two classes and one pixel, linear: at the target from an intensity of 150 on."""

    def model(images):
        z = slope * (images - 150)
        return torch.cat([torch.zeros_like(z), z], 1)

    clean = torch.full((1, 1, 1, 1), 50.0, dtype=dtype)
    target = torch.ones(1, 1, 1, dtype=torch.long)
    return Problem(model, clean, target, torch.zeros_like(target))


@pytest.mark.parametrize("slope", [1e-6, 0.01, 1e4])
def test_of_a_linear_victim_a_step_leaves_the_share_that_is_told(slope):
    shown = path_of(attacks.get("asma")(steps=250), line(slope))
    missing = [150 - float(image) for image in shown]
    for k in range(100):
        # The gradient and the pull have one direction here, against each other from step 1 on.
        along = 1 - 0.2 * (1 - k / 250) * (k > 0)
        assert missing[k + 1] == pytest.approx(missing[k] * (1 - 25 / (250 - k) * along))


def test_a_slope_whose_square_is_no_float_is_a_slope():
    outcome, _ = finish(attacks.get("asma")(), line(1e-30, torch.float32))
    assert outcome.adversarial > 149


def test_scaled_steps_do_not_depend_on_the_size_of_the_gradient():
    problem = problem_of(dtype=torch.float64)
    attack = attacks.get("asma")(steps=5, goal=None)
    plain = finish(attack, problem)[0].adversarial
    model = problem.model
    louder, _ = finish(attack, replace(problem, model=lambda images: 7 * model(images)))
    torch.testing.assert_close(louder.adversarial, plain)


def test_without_a_gradient_nothing_moves():
    flat = replace(line(1.0), model=lambda images: 0 * images.repeat(1, 2, 1, 1) - LOW)
    outcome, _ = finish(attacks.get("asma")(steps=4), flat)
    assert torch.equal(outcome.adversarial, flat.clean)


def test_after_flat_ground_a_step_is_no_leap():
    """Where the slope is almost 0, the way to the target seems almost endless."""

    def model(images):
        z = torch.where(images < 60, 0.01 * (images - 150), 1e-9 * (images - 60) - 0.9)
        return torch.cat([torch.zeros_like(z), z], 1)

    shown = path_of(attacks.get("asma")(steps=50, goal=None), replace(line(1.0), model=model))
    steps = [float(b - a) for a, b in itertools.pairwise(shown)]
    ways = [step / min(0.5, 25 / (50 - k)) for k, step in enumerate(steps)]
    assert shown[-1] > 60
    for before, after in itertools.pairwise(ways[:-1]):
        assert after <= 3 * max(before, *ways[:1])


def test_without_a_target_it_says_so():
    problem = problem_of(targeted=False)
    with pytest.raises(SegadvError, match="method asma: needs a target"):
        finish(attacks.get("asma")(), problem)
