"""SMIA: the paper's update written out, its kernel, and what its parameters mean."""

import pytest
import torch
import torch.nn.functional as F
from problems import finish, path_of, problem_of
from scipy import ndimage

from napari_segadv import attacks
from napari_segadv.attacks.gaussian import blurred
from napari_segadv.errors import SegadvError

STEPS, EPSILON = 5, 20.0


def gaussian(kernel, sigma):
    """The normalised kernel along one axis."""
    offsets = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    return (weights / weights.sum()).numpy()


def convolved(noise, kernel, sigma):
    out = noise.numpy()
    for axis in range(2, out.ndim):
        out = ndimage.convolve1d(out, gaussian(kernel, sigma), axis=axis, mode="constant")
    return torch.from_numpy(out)


def published(problem, alpha, soft, kernel, sigma):
    """Equations 3 to 5, item by item in float64, with steps of epsilon / T inside the ball."""
    path = [problem.clean]
    x = problem.clean
    sign = -1.0 if problem.targeted else 1.0
    for step in range(STEPS):
        leaf = x.clone().requires_grad_()
        z = problem.model(leaf)
        loss = sign * F.cross_entropy(z, problem.labels)
        if step:
            # The kernel is linear, so its part of the gradient is that of a fixed matrix.
            eta = leaf - problem.clean
            smooth = eta + (convolved(eta.detach(), kernel, sigma) - eta.detach())
            if soft:
                smooth = Convolved.apply(eta, kernel, sigma)
            p = problem.model(problem.clean + smooth).softmax(1)
            if not soft:
                p = F.one_hot(p.argmax(1), p.shape[1]).movedim(-1, 1).to(z)
            loss = loss - alpha * -(p * z.log_softmax(1)).sum(1).mean()
        (g,) = torch.autograd.grad(loss, leaf)
        x = x + EPSILON / STEPS * g.sign()
        x = torch.minimum(torch.maximum(x, problem.clean - EPSILON), problem.clean + EPSILON)
        x = x.clamp(0, 255)
        path.append(x)
    return path


class Convolved(torch.autograd.Function):
    """W * eta by scipy; W is symmetric, so its transpose is itself."""

    @staticmethod
    def forward(ctx, eta, kernel, sigma):
        ctx.kernel = kernel, sigma
        return convolved(eta.detach(), kernel, sigma)

    @staticmethod
    def backward(ctx, grad):
        return convolved(grad, *ctx.kernel), None, None


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("second", ["soft", "hard"])
def test_it_is_the_published_update(targeted, second):
    problem = problem_of(targeted=targeted, dtype=torch.float64)
    attack = attacks.get("smia")(
        epsilon=EPSILON, steps=STEPS, second=second, kernel=5, sigma=1.3, alpha=0.7
    )
    # Each pass of the attack but the first shows the image and then its smoothed noise.
    shown = path_of(attack, problem)
    images = [shown[0], *shown[1::2]]
    for ours, theirs in zip(images, published(problem, 0.7, second == "soft", 5, 1.3), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_kernel_is_a_depthwise_gaussian(dims):
    noise = problem_of(dims=dims, channels=2, n=2, dtype=torch.float64).clean
    torch.testing.assert_close(blurred(noise, 3, 0.8), convolved(noise, 3, 0.8))
    torch.testing.assert_close(blurred(noise, 1, 1.0), noise)


def test_without_alpha_it_is_a_sign_attack_of_half_the_passes():
    problem = problem_of(targeted=False)
    plain = attacks.get("smia")(epsilon=EPSILON, steps=STEPS, alpha=0.0)
    outcome, _ = finish(plain, problem)
    assert problem.model.forwards == STEPS + 1
    settings = {"loss": "cross-entropy", "step": "sign", "step_size": EPSILON / STEPS}
    signs, _ = finish(attacks.PGD(epsilon=EPSILON, steps=STEPS, goal=None, **settings), problem)
    assert torch.equal(outcome.adversarial, signs.adversarial)
    problem.model.forwards = 0
    finish(attacks.get("smia")(epsilon=EPSILON, steps=STEPS), problem)
    assert problem.model.forwards == 2 * STEPS + 1


def test_an_even_kernel_is_refused():
    with pytest.raises(SegadvError, match="kernel=4: must be odd"):
        attacks.get("smia")(kernel=4)
