"""VAFA: block frequencies, rounded by a table that the attack makes."""

from dataclasses import replace

import pytest
import scipy.fft
import torch
from helpers import finish as finished
from problems import finish, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.methods.vafa import Frequencies, dct_matrix, rounded, turned
from napari_segadv.attacks.visible import ssim
from napari_segadv.common.parameters import values
from napari_segadv.measures.similarity import ssim as reference


def tables_of(attack, problem):
    """Run an attack; return the tables that its rule returned, in order."""
    found = []

    class Kept(attacks.VAFA):
        def _step(self, table, gradient, seen):
            found.append(super()._step(table, gradient, seen))
            return found[-1]

    finished(Kept(**values(attack)).run(problem))
    return found


@pytest.mark.parametrize("side", [2, 5, 8, 32])
def test_the_frequencies_are_those_of_an_orthonormal_dct(side):
    expected = scipy.fft.dct(torch.eye(side).double().numpy(), axis=0, norm="ortho")
    torch.testing.assert_close(dct_matrix(side), torch.from_numpy(expected))


@pytest.mark.parametrize("dims", [2, 3])
def test_every_frequency_of_the_result_is_a_multiple_of_its_entry(dims):
    """Sides that are no multiples of a block's, too: the rest of a block is cut off."""
    problem = problem_of(dims=dims, channels=2, n=2, low=-1e4, high=1e4, window=100.0, black=20.0)
    sides = [4] * dims
    frequencies = Frequencies(problem, sides)
    generator = torch.Generator().manual_seed(0)
    table = 1 + 30 * torch.rand(2, 2, *sides, generator=generator)
    image = problem.clean + frequencies.lost(table)
    assert image.shape == problem.clean.shape
    # Whole blocks alone: of the others, a part is outside the image.
    whole = tuple(slice(length - length % 4) for length in problem.clean.shape[2:])
    inside = replace(problem, clean=image[(..., *whole)])
    c = Frequencies(inside, sides).clean / table.unsqueeze(2)
    torch.testing.assert_close(c, c.round(), atol=1e-3, rtol=0)


def test_what_is_lost_grows_in_proportion_to_the_table():
    c = torch.linspace(-30, 30, 41, dtype=torch.float64)
    q = torch.full_like(c, 7.0).requires_grad_()
    lost = q * rounded(c / q) - c
    (given,) = torch.autograd.grad(lost.sum(), q)
    torch.testing.assert_close(given, lost.detach() / 7.0)
    torch.testing.assert_close(rounded(c), c.round())


def test_back_and_forth_is_the_same():
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randn(1, 2, 3, 4, 5, generator=generator, dtype=torch.float64)
    matrices = [dct_matrix(4), dct_matrix(5)]
    there = turned(blocks, matrices)
    torch.testing.assert_close(turned(there, [m.T for m in matrices]), blocks)


def test_the_table_stays_between_1_and_its_largest_entry():
    attack = attacks.VAFA(steps=12, q_max=6.0, similarity=0.0, goal=None)
    tables = tables_of(attack, problem_of())
    assert len(tables) == 12
    assert all(1 <= float(t.min()) <= float(t.max()) <= 6 for t in tables)
    assert float(tables[-1].max()) == 6


@pytest.mark.parametrize("dims", [2, 3])
def test_its_loss_falls(dims):
    """Away from the truth, as in the paper."""
    problem = problem_of(dims=dims, targeted=False)
    attack = attacks.VAFA(q_max=200.0, step_size=8.0, steps=30, similarity=0.0, goal=None)
    outcome, _ = finish(attack, problem)
    losses = [loss for loss, _ in outcome.curve]
    assert min(losses) < losses[0]
    assert float(outcome.moved) > 0


def test_ssim_is_the_one_that_is_reported():
    """That of the measures leaves out a border, and looks past it by reflection."""
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(1, 1, 200, 200, generator=generator) * 255
    b = a + 20 * torch.randn(a.shape, generator=generator)
    expected = reference(a[0, 0].numpy(), b[0, 0].numpy(), 255.0)
    assert float(ssim(a, b, 255.0)) == pytest.approx(expected, abs=2e-3)
    torch.testing.assert_close(ssim(a, a, 255.0), torch.ones(1))


def test_similarity_makes_the_change_smaller():
    problem = problem_of()
    attack = attacks.VAFA(q_max=60.0, step_size=4.0, steps=15, goal=None)
    sizes = []
    for weight in (0.0, 100.0):
        outcome, _ = finish(replace(attack, similarity=weight), problem)
        sizes.append(float((outcome.adversarial - problem.clean).norm()))
    assert sizes[1] < sizes[0]
