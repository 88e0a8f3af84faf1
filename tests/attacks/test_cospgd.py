"""CosPGD against algorithm 1 of Agnihotri 2024, written out in float64."""

import pytest
import torch
import torch.nn.functional as F
from problems import path_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.losses import Outputs
from napari_segadv.attacks.methods.cospgd import cospgd

STEPS, EPSILON, ALPHA = 6, 12.0, 3.0


def published(problem):
    """x <- clip(x +- alpha sign grad (cos * CE)), the cosine held fixed."""
    x0, path, y = problem.clean, [problem.clean], problem.labels
    for _ in range(STEPS):
        x = path[-1].clone().requires_grad_()
        z = problem.model(x)
        onehot = torch.zeros_like(z).scatter(1, y[:, None], 1.0)
        nll = -(onehot * z.log_softmax(1)).sum(1)
        weight = F.cosine_similarity(z.softmax(1), onehot, dim=1).detach()
        if problem.targeted:
            weight = 1 - weight
        (g,) = torch.autograd.grad((weight * nll).mean(), x)
        way = -1 if problem.targeted else 1
        x = (x + way * ALPHA * g.sign()).detach()
        path.append((x0 + (x - x0).clamp(-EPSILON, EPSILON)).clamp(0, 255))
    return path


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("task", ["segmentation", "detection"])
@pytest.mark.parametrize("dims", [2, 3])
def test_against_the_published_update(targeted, task, dims):
    problem = problem_of(targeted=targeted, task=task, dims=dims, dtype=torch.float64)
    attack = attacks.get("cospgd")(epsilon=EPSILON, step_size=ALPHA, steps=STEPS, goal=None)
    expected = published(problem)
    for image, theirs in zip(path_of(attack, problem), expected, strict=True):
        torch.testing.assert_close(image, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("targeted", [True, False])
def test_the_cosine_is_a_weight_without_a_gradient(targeted):
    problem = problem_of(targeted=targeted, dtype=torch.float64)
    z = problem.model(problem.clean).requires_grad_()
    (g,) = torch.autograd.grad(cospgd(Outputs(z, problem)).sum(), z)
    p = z.softmax(1)
    onehot = torch.zeros_like(z).scatter(1, problem.labels[:, None], 1.0)
    cosine = F.cosine_similarity(p, onehot, dim=1)
    weight = (1 - cosine if targeted else -cosine)[:, None] / problem.labels[0].numel()
    torch.testing.assert_close(g, (weight * (p - onehot)).detach())


def test_every_targeted_step_goes_down():
    """The published code climbs at every second targeted iteration."""
    problem = problem_of(dtype=torch.float64)
    attack = attacks.get("cospgd")(epsilon=EPSILON, step_size=0.01, steps=STEPS, goal=None)
    losses = [
        cospgd(Outputs(problem.model(image), problem)).item() for image in path_of(attack, problem)
    ]
    assert losses == sorted(losses, reverse=True)


def test_saturated_logits_keep_the_loss_finite():
    problem = problem_of()
    z = (1e4 * problem.model(problem.clean)).requires_grad_()
    loss = cospgd(Outputs(z, problem))
    (g,) = torch.autograd.grad(loss.sum(), z)
    assert loss.isfinite().all()
    assert g.isfinite().all()
