"""Random perturbations: uniform in a box, and without a preferred direction in a ball."""

import pytest
import torch

from napari_segadv.attacks.balls import Ball, l2_norm
from napari_segadv.attacks.problem import Problem

ITEMS, PIXELS = 20_000, 4
RADIUS = 3.0


def drawn(norm, seed=0, items=ITEMS, **more):
    """Draw perturbations (N, pixels) of items whose bounds are far away."""
    clean = torch.zeros(items, 1, 1, PIXELS)
    labels = torch.zeros(items, 1, PIXELS, dtype=torch.int64)
    problem = Problem(lambda x: x, clean, labels, labels, low=-100.0, high=100.0, **more)
    ball = Ball(problem, norm, torch.full((items,), RADIUS))
    return ball.random(torch.Generator().manual_seed(seed)).flatten(1).double()


def directions(d):
    return d / d.norm(dim=1, keepdim=True)


def test_the_directions_of_l2_are_those_of_a_sphere():
    """For a coordinate on a sphere in n dimensions: E u^2 = 1/n, E u^4 = 3 / (n (n + 2))."""
    u = directions(drawn("l2"))
    n = PIXELS
    assert u.mean(0).abs().max() < 0.02
    torch.testing.assert_close(u.T @ u / ITEMS, torch.eye(n).double() / n, atol=0.005, rtol=0)
    # 0.125; for the directions of a cube's points it is 0.110.
    fourth = u.pow(4).mean(0)
    torch.testing.assert_close(
        fourth, torch.full_like(fourth, 3 / (n * (n + 2))), atol=0.004, rtol=0
    )


def test_no_direction_of_l2_is_likelier_than_another():
    """As many directions lie along a cube's diagonals as along its axes."""
    u = directions(drawn("l2", seed=1))
    diagonal = torch.full((PIXELS,), PIXELS**-0.5, dtype=torch.float64)
    axis = torch.eye(PIXELS, dtype=torch.float64)[0]
    near = [(u @ way > 0.8).double().mean() for way in (diagonal, axis)]
    # 5 percent of the sphere lie within 37 degrees of each; three deviations of 0.0016.
    assert near[0] == pytest.approx(float(near[1]), abs=0.006)


def test_the_lengths_of_l2_are_uniform_up_to_the_radius():
    length = drawn("l2").norm(dim=1) / RADIUS
    assert float(length.max()) <= 1 + 1e-6
    for share in (0.25, 0.5, 0.75):
        assert float((length < share).double().mean()) == pytest.approx(share, abs=0.015)


def test_linf_is_uniform_in_its_box():
    d = drawn("linf") / RADIUS
    assert float(d.abs().max()) <= 1
    assert d.mean(0).abs().max() < 0.02
    # E x^2 = 1/3 and E x^4 = 1/5 for a uniform number from -1 to 1.
    assert float(d.pow(2).mean()) == pytest.approx(1 / 3, abs=0.005)
    assert float(d.pow(4).mean()) == pytest.approx(1 / 5, abs=0.005)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_same_seed_gives_the_same_and_another_another(norm):
    first, again, other = (drawn(norm, seed, items=5) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_random_perturbation_keeps_to_region_and_radius(norm):
    region = torch.zeros(50, 1, 1, PIXELS, dtype=torch.bool)
    region[..., 1:3] = True
    d = drawn(norm, items=50, region=region)
    assert not d[:, [0, 3]].any()
    assert d[:, 1:3].all()
    assert float(l2_norm(d).max()) <= RADIUS * (1 + 1e-6) * (1 if norm == "l2" else 2**0.5)
