"""SegPGD against algorithm 1 of Gu 2022, written out in float64."""

import pytest
import torch
from problems import path_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.losses import Outputs
from napari_segadv.attacks.methods.segpgd import segpgd

STEPS, EPSILON, ALPHA = 6, 12.0, 3.0


def published(problem, care=None):
    """x <- clip(x +- alpha sign grad L(t)), L the mean of weighted cross-entropies."""
    x0, path, y = problem.clean, [problem.clean], problem.labels
    weight = torch.ones_like(y, dtype=torch.float64) if care is None else care
    for t in range(STEPS):
        x = path[-1].clone().requires_grad_()
        z = problem.model(x)
        nll = z.exp().sum(1).log() - z.gather(1, y[:, None])[:, 0]
        lam = t / (2 * STEPS)
        correct = (z.argmax(1) == y).double()
        if problem.targeted:
            pixels = (1 - lam) * (1 - correct) * nll + lam * correct * nll
        else:
            pixels = (1 - lam) * correct * nll + lam * (1 - correct) * nll
        (g,) = torch.autograd.grad((weight * pixels).sum() / weight.sum(), x)
        way = -1 if problem.targeted else 1
        x = (x + way * ALPHA * g.sign()).detach()
        path.append((x0 + (x - x0).clamp(-EPSILON, EPSILON)).clamp(0, 255))
    return path


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("task", ["segmentation", "detection"])
@pytest.mark.parametrize("dims", [2, 3])
def test_against_the_published_update(targeted, task, dims):
    problem = problem_of(targeted=targeted, task=task, dims=dims, dtype=torch.float64)
    attack = attacks.get("segpgd")(epsilon=EPSILON, step_size=ALPHA, steps=STEPS, goal=None)
    expected = published(problem)
    for image, theirs in zip(path_of(attack, problem), expected, strict=True):
        torch.testing.assert_close(image, theirs, rtol=0, atol=1e-9)


def test_a_care_mask_weights_the_pixels():
    care = torch.rand(1, 12, 14, generator=torch.Generator().manual_seed(0)).double()
    problem = problem_of(dtype=torch.float64, care=care)
    attack = attacks.get("segpgd")(epsilon=EPSILON, step_size=ALPHA, steps=STEPS, goal=None)
    for image, theirs in zip(path_of(attack, problem), published(problem, care), strict=True):
        torch.testing.assert_close(image, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("targeted", [True, False])
def test_what_is_won_counts_nothing_at_first_and_as_much_at_the_end(targeted):
    problem = problem_of(targeted=targeted)
    z = problem.model(problem.clean).requires_grad_()
    won = (z.argmax(1) == problem.labels) == targeted
    if not targeted:
        # On the clean image, all pixels are at the truth: change it for some.
        problem.labels[:, :4] = (problem.labels[:, :4] + 1) % 3
        won = z.argmax(1) != problem.labels
    assert won.any()
    assert not won.all()
    gradients = []
    for share in (0.0, 1.0):
        (g,) = torch.autograd.grad(segpgd(Outputs(z, problem, share)).sum(), z)
        gradients.append(g.abs().sum(1))
    assert (gradients[0][won] == 0).all()
    assert (gradients[1][won] > 0).all()
    # The pixels that resist count half as much at the end as at first.
    torch.testing.assert_close(gradients[0][~won], 2 * gradients[1][~won])


def test_the_step_rule_can_be_chosen():
    assert attacks.get("segpgd")().step == "sign"
    sign, adam = (
        path_of(attacks.get("segpgd")(step=step, steps=3, goal=None), problem_of())[-1]
        for step in ("sign", "adam")
    )
    assert not torch.equal(sign, adam)
