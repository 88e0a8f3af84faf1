"""Displacement and intensity fields: smooth, within their limits, and the images they make."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from problems import finish, images_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.balls import Ball
from napari_segadv.attacks.fields.fields import Lattice, Synthesis
from napari_segadv.attacks.fields.losses import away_by, structures_cross_entropy
from napari_segadv.attacks.losses import Outputs

SETTINGS = {"spacing": 3.0, "displacement": 1.0, "intensity": 20.0, "steps": 12}


@pytest.mark.parametrize("dims", [2, 3])
def test_a_field_stays_within_its_controls_and_keeps_a_constant(dims):
    like = images_of(2, dims)
    lattice = Lattice.over(like, 3.0)
    assert lattice.size == tuple(max(-(-(n - 1) // 3), 1) + 3 for n in like.shape[2:])
    controls = torch.randn(2, dims, *lattice.size, generator=torch.Generator().manual_seed(0))
    field = lattice.expand(controls)
    assert field.shape == (2, dims, *like.shape[2:])
    assert field.abs().max() < controls.abs().max()
    ones = lattice.expand(torch.ones(1, 1, *lattice.size))
    torch.testing.assert_close(ones, torch.ones_like(ones))


def test_a_field_follows_its_own_axis():
    lattice = Lattice.over(torch.zeros(1, 1, 20, 30), 5.0)
    controls = torch.arange(lattice.size[0], dtype=torch.float32).reshape(1, 1, -1, 1)
    field = lattice.expand(controls.expand(1, 1, *lattice.size))[0, 0]
    # A straight line stays one: a fifth of a control's step at each pixel.
    torch.testing.assert_close(field, (1 + torch.arange(20.0) / 5)[:, None].expand(20, 30))


def test_a_lattice_of_a_given_size():
    lattice = Lattice.of_size(torch.zeros(1, 1, 17, 1, 64), (5, 4, 9))
    assert lattice.size == (5, 4, 9)
    assert lattice.expand(torch.zeros(1, 2, 5, 4, 9)).shape == (1, 2, 17, 1, 64)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_default_displacement_never_folds(dims):
    like = torch.zeros(1, 1, *[33] * dims)
    lattice, rng = Lattice.over(like, 4.0), torch.Generator().manual_seed(0)
    smallest = []
    for _ in range(20):
        signs = torch.randint(0, 2, (1, dims, *lattice.size), generator=rng) * 2.0 - 1
        field = lattice.expand(0.4 * 4.0 * signs)[0].double().numpy()
        jacobian = np.stack([np.stack(np.gradient(part, axis=range(dims))) for part in field])
        whole = np.moveaxis(jacobian, (0, 1), (-2, -1)) + np.eye(dims)
        smallest.append(np.linalg.det(whole).min())
    assert min(smallest) > 0


def whole_ball(problem):
    return Ball(problem, "linf", torch.full((len(problem),), 255.0))


@pytest.mark.parametrize("dims", [2, 3])
def test_an_image_takes_its_intensities_from_where_the_field_points(dims):
    problem = problem_of(n=2, dims=dims)
    synthesis, clean = Synthesis(whole_ball(problem)), problem.clean
    still = clean.new_zeros(2, dims, *clean.shape[2:])
    assert torch.equal(synthesis(still, torch.zeros_like(clean)), clean)
    assert torch.equal(synthesis(None, None), clean)
    for axis in range(dims):
        moved = still.clone()
        moved[:, axis] = 2.0
        place = torch.arange(clean.shape[2 + axis]).add(2).clamp_max(clean.shape[2 + axis] - 1)
        expected = clean.index_select(2 + axis, place)
        torch.testing.assert_close(synthesis(moved, None), expected, rtol=0, atol=1e-3)
    brighter = synthesis(None, torch.full_like(clean, 300.0))
    assert torch.equal(brighter, torch.full_like(clean, 255.0))


@pytest.mark.parametrize("parts", ["both", "displacement", "intensity"])
@pytest.mark.parametrize("targeted", [False, True])
def test_fields_come_back_and_make_the_image(parts, targeted):
    problem = problem_of(n=2, targeted=targeted)
    outcome, _ = finish(attacks.Deform(parts=parts, **SETTINGS), problem)
    expected = {"displacement", "intensity"} if parts == "both" else {parts}
    assert set(outcome.fields) == expected
    d, v = (outcome.fields.get(name) for name in ("displacement", "intensity"))
    if d is not None:
        assert d.shape == (2, 2, 12, 14)
        assert 0.1 < d.abs().max() <= 1 + 1e-5
    if v is not None:
        assert v.shape == problem.clean.shape
        assert 1 < v.abs().max() <= 20 * (1 + 1e-5)
    again = Synthesis(whole_ball(problem))(d, v)
    assert torch.equal(outcome.adversarial, again)


def test_the_budget_holds_for_both_fields_together():
    problem = problem_of(targeted=False)
    free, _ = finish(attacks.Deform(**SETTINGS), problem)
    assert (free.adversarial - problem.clean).abs().max() > 25
    bound, _ = finish(attacks.Deform(**SETTINGS, epsilon=10.0), problem)
    assert (bound.adversarial - problem.clean).abs().max() <= 10 * (1 + 1e-5)


def test_the_cross_entropy_is_that_of_the_structures():
    problem = problem_of(targeted=False)
    outputs = Outputs(problem.model(problem.clean), problem)
    inside = problem.labels[0] > 0
    chosen = outputs.logits[0, :, inside].T
    expected = F.cross_entropy(chosen, problem.labels[0][inside])
    torch.testing.assert_close(structures_cross_entropy(outputs)[0], expected)
    torch.testing.assert_close(away_by(3.0)(outputs)[0], (3.0 - expected) ** 2)


@pytest.mark.parametrize("xi", [1.0, 2.0])
def test_xi_is_what_the_cross_entropy_comes_to(xi):
    problem = problem_of(targeted=False)
    settings = SETTINGS | {"steps": 60, "intensity": 80.0}
    attack = attacks.Deform(**settings, xi=xi, displacement_penalty=0.0)
    outcome, _ = finish(attack, problem)
    logits = problem.model(outcome.adversarial)
    assert structures_cross_entropy(Outputs(logits, problem)).item() == pytest.approx(xi, abs=0.05)


def test_a_penalty_makes_its_field_smaller():
    problem = problem_of(targeted=False)

    def size(name, **penalties):
        outcome, _ = finish(attacks.Deform(**SETTINGS, **penalties), problem)
        return outcome.fields[name].square().mean()

    assert size("displacement", displacement_penalty=10.0) < 0.5 * size("displacement")
    assert size("intensity", intensity_penalty=10.0) < 0.5 * size("intensity")


def test_seeds_choose_the_random_start():
    attack = attacks.Deform(**SETTINGS, random_start=True)
    problem = problem_of(targeted=False)
    first, again, other = (finish(attack, problem, seed)[0].adversarial for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
