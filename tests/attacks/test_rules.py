"""Step rules against plain versions of their published updates in float64."""

import math

import numpy as np
import pytest
import torch

from napari_segadv.attacks.balls import Ball
from napari_segadv.attacks.problem import Problem
from napari_segadv.attacks.rules import RULES, Seen, checkpoints

STEPS, EPSILON = 30, 0.5


def problem(n=2):
    clean = torch.zeros(n, 1, 4, 5, dtype=torch.float64)
    labels = torch.zeros(n, 4, 5, dtype=torch.int64)
    return Problem(lambda x: x, clean, labels, labels, low=-10.0, high=10.0)


def quadratic(d):
    """A bowl whose bottom lies partly outside the ball; loss (N,) and gradient."""
    centre = torch.linspace(-1, 1, d[0].numel(), dtype=torch.float64).view(d[0].shape)
    slopes = torch.linspace(0.1, 3, d[0].numel(), dtype=torch.float64).view(d[0].shape)
    return (slopes * (d - centre) ** 2).flatten(1).sum(1), 2 * slopes * (d - centre)


def seen(losses, step):
    return Seen(step, losses, torch.zeros_like(losses))


def run(name, norm="linf"):
    ball = Ball(problem(), norm, torch.full((2,), EPSILON, dtype=torch.float64))
    rule = RULES[name](ball, STEPS, None)
    d = torch.zeros(2, 1, 4, 5, dtype=torch.float64)
    path = [d]
    for step in range(STEPS):
        losses, gradient = quadratic(d)
        d = rule(d, gradient, seen(losses, step))
        path.append(d)
    return path


def clip(d):
    return d.clip(-EPSILON, EPSILON)


def published_sign(d, g, i, state):
    return clip(d - EPSILON / 20 * np.sign(g))


def published_momentum(d, g, i, state):
    state["m"] = state.get("m", 0) + g / np.abs(g).mean()
    return clip(d - EPSILON / 20 * np.sign(state["m"]))


def documented_adam(d, g, i, state):
    """Adam with damping, the gradients in units of the first one's size."""
    unit = state.setdefault("unit", (g**2).sum() / np.abs(g).sum())
    g = g / unit
    state["m"] = 0.6 * state.get("m", 0) + 0.4 * g
    state["v"] = 0.9 * state.get("v", 0) + 0.1 * g**2
    m, v = state["m"] / (1 - 0.6 ** (i + 1)), state["v"] / (1 - 0.9 ** (i + 1))
    size = EPSILON * (1 + math.cos(math.pi * i / STEPS)) / 2
    return clip(d - size * m / (np.sqrt(v) + 0.2))


def documented_adam_l2(d, g, i, state):
    """In an L2 ball: the average gradient, half the radius long, shrinking along a cosine."""
    g = g / state.setdefault("unit", (g**2).sum() / np.abs(g).sum())
    state["m"] = 0.6 * state.get("m", 0) + 0.4 * g
    size = EPSILON / 2 * (1 + math.cos(math.pi * i / STEPS)) / 2
    d = d - size * state["m"] / np.linalg.norm(state["m"])
    return d * min(1.0, EPSILON / np.linalg.norm(d))


UPDATES = {"sign": published_sign, "momentum": published_momentum, "adam": documented_adam}


@pytest.mark.parametrize("name", UPDATES)
def test_against_the_update_in_plain_float64(name):
    update, state = UPDATES[name], {}
    d = np.zeros((1, 1, 4, 5))
    for step, ours in enumerate(run(name)):
        np.testing.assert_allclose(ours[:1].numpy(), d, atol=1e-9)
        _, gradient = quadratic(torch.from_numpy(d))
        d = update(d, gradient.numpy(), step, state)


def test_adam_in_an_l2_ball_against_the_update_in_plain_float64():
    state, d = {}, np.zeros((1, 1, 4, 5))
    for step, ours in enumerate(run("adam", "l2")):
        np.testing.assert_allclose(ours[:1].numpy(), d, atol=1e-9)
        _, gradient = quadratic(torch.from_numpy(d))
        d = documented_adam_l2(d, gradient.numpy(), step, state)


def test_apgd_against_the_published_algorithm():
    """Croce & Hein 2020, algorithm 1, for minimising."""
    ours = run("apgd")
    f = lambda d: quadratic(torch.from_numpy(d))[0].item()
    grad = lambda d: quadratic(torch.from_numpy(d))[1].numpy()
    x0 = np.zeros((1, 1, 4, 5))
    eta, x = 2 * EPSILON, clip(x0 - 2 * EPSILON * np.sign(grad(x0)))
    best, best_loss = (x, f(x)) if f(x) < f(x0) else (x0, f(x0))
    before, improved = x0, int(f(x) < f(x0))
    last, halved_last, loss_last = 0, True, f(x0)
    np.testing.assert_allclose(ours[1][:1].numpy(), x)
    for k in range(1, STEPS):
        if k in checkpoints(STEPS):
            few = improved < 0.75 * (k - last)
            stuck = not halved_last and best_loss >= loss_last
            if few or stuck:
                eta, x, before = eta / 2, best, best
            halved_last, loss_last, last, improved = few or stuck, best_loss, k, 0
        z = clip(x - eta * np.sign(grad(x)))
        new = clip(x + 0.75 * (z - x) + 0.25 * (x - before))
        improved += f(new) < f(x)
        before, x = x, new
        if f(x) < best_loss:
            best, best_loss = x, f(x)
        np.testing.assert_allclose(ours[k + 1][:1].numpy(), x, atol=1e-12)


def test_apgd_checkpoints_are_the_papers():
    # p = 0, .22, .41, .57, .70, .80, .87, .93, .99 for T = 100
    assert sorted(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_rule_stays_inside_and_descends(name, norm):
    path = run(name, norm)
    for d in path:
        size = d.abs().flatten(1).amax(1) if norm == "linf" else d.flatten(1).norm(dim=1)
        assert (size <= EPSILON * (1 + 1e-6)).all()
    assert quadratic(path[-1])[0][0] < quadratic(path[0])[0][0]


@pytest.mark.parametrize("scale", [1e-20, 1e-12, 1e6])
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_size_of_the_gradient_does_not_matter(name, norm, scale):
    """A loss that is a mean over millions of voxels in HU has gradients near 1e-13."""
    results = []
    for factor in (1.0, scale):
        ball = Ball(problem(1), norm, torch.full((1,), EPSILON))
        rule = RULES[name](ball, STEPS, None)
        d = torch.zeros(1, 1, 4, 5)
        for step in range(8):
            losses, gradient = quadratic(d.double())
            d = rule(d, (factor * gradient).float(), seen(losses.float(), step))
        results.append(d)
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-4)


def test_where_the_gradient_is_zero_nothing_moves():
    for name in RULES:
        for norm in ("linf", "l2"):
            ball = Ball(problem(1), norm, torch.ones(1, dtype=torch.float64))
            zero = torch.zeros(1, 1, 4, 5, dtype=torch.float64)
            d = RULES[name](ball, 10, None)(zero, zero, seen(zero.flatten(1).sum(1), 0))
            assert (d == 0).all()
            assert d.isfinite().all()
