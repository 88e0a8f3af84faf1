"""Losses against their formulas, written out the long way."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_segadv.attacks.losses import LOSSES, Outputs
from napari_segadv.attacks.problem import Problem


def problem_of(labels, classes=4, care=None, targeted=True, reference=None):
    n = len(labels)
    return Problem(
        lambda x: x,
        torch.zeros(n, 1, *labels.shape[1:]),
        labels,
        torch.ones_like(labels) if reference is None else reference,
        targeted=targeted,
        care=care,
    )


@pytest.fixture
def case():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 6, 5, generator=generator, dtype=torch.float64) * 2
    labels = torch.randint(0, 4, (3, 6, 5), generator=generator)
    care = torch.rand(3, 6, 5, generator=generator).round().double()
    return logits.requires_grad_(), labels, care


def long_way(name, z, t, w):
    """One value for one item, pixel by pixel; the weights w sum to 1."""
    total = 0.0
    p = np.exp(z - z.max(0)) / np.exp(z - z.max(0)).sum(0)
    for index in np.ndindex(t.shape):
        label = t[index]
        others = [z[(c, *index)] for c in range(len(z)) if c != label]
        q = p[(label, *index)]
        if name == "margin":
            value = max(0.0, max(others) - z[(label, *index)] + 1.0)
        elif name == "cross-entropy":
            value = -np.log(q)
        else:
            pixel, onehot = p[(slice(None), *index)], np.eye(len(z))[label]
            middle = (pixel + onehot) / 2
            kl = lambda a, b: sum(x * np.log(x / y) for x, y in zip(a, b, strict=True) if x > 0)
            value = (kl(pixel, middle) + kl(onehot, middle)) / 2
        total += w[index] * value
    return total


@pytest.mark.parametrize("name", ["margin", "cross-entropy", "js"])
@pytest.mark.parametrize("masked", [False, True])
def test_pixel_losses(case, name, masked):
    logits, labels, care = case
    outputs = Outputs(logits, problem_of(labels, care=care if masked else None))
    values = LOSSES[name](outputs)
    for item in range(3):
        w = care[item].numpy() if masked else np.ones((6, 5))
        expected = long_way(name, logits[item].detach().numpy(), labels[item].numpy(), w / w.sum())
        assert values[item].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_soft_iou(case, masked):
    logits, labels, care = case
    problem = problem_of(labels, care=care if masked else None, reference=labels)
    values = LOSSES["soft-iou"](Outputs(logits, problem))
    p = logits.softmax(1)
    t = F.one_hot(labels, 4).movedim(-1, 1).double()
    m = (care if masked else torch.ones_like(care)).unsqueeze(1)
    p, t = p * m, t * m
    inter, total = (p * t).sum((2, 3)), (p + t).sum((2, 3))
    iou = inter / (total - inter)
    torch.testing.assert_close(values, 1 - iou[:, 1:].mean(1), rtol=1e-4, atol=1e-4)


def test_soft_iou_counts_the_background_where_a_target_erases(case):
    logits, labels, _ = case
    erased = torch.zeros_like(labels)
    outputs = Outputs(logits, problem_of(erased, reference=labels))
    (gradient,) = torch.autograd.grad(LOSSES["soft-iou"](outputs).sum(), logits)
    # Raising the background's logit must help where a structure is to vanish.
    assert (gradient[:, 0] < 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_an_item_s_loss_is_the_same_whoever_else_is_in_the_batch(case, name):
    """The target of the first item erases a structure, that of the others does not."""
    logits, labels, _ = case
    reference = labels.clone()
    labels = labels.clone()
    labels[0] = 0
    together = LOSSES[name](Outputs(logits, problem_of(labels, reference=reference)))
    for n in range(3):
        one = problem_of(labels[n : n + 1], reference=reference[n : n + 1])
        alone = LOSSES[name](Outputs(logits[n : n + 1], one))
        torch.testing.assert_close(together[n], alone[0])


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_against_finite_differences(case, name):
    logits, labels, care = case
    problem = problem_of(labels, care=care)
    torch.autograd.gradcheck(lambda z: LOSSES[name](Outputs(z, problem)), (logits,), atol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_items_do_not_mix_and_untargeted_turns_round(case, name):
    logits, labels, _ = case
    (gradient,) = torch.autograd.grad(LOSSES[name](Outputs(logits, problem_of(labels)))[0], logits)
    assert (gradient[1:] == 0).all()
    away = LOSSES[name](Outputs(logits, problem_of(labels, targeted=False)))
    (other,) = torch.autograd.grad(away[0], logits)
    assert (gradient * other).sum() < 0


def test_moved_and_kept():
    reference = torch.tensor([[[0, 1, 1, 2, 2, 2]]])
    target = torch.tensor([[[0, 1, 0, 2, 2, 1]]])
    predicted = torch.tensor([[[2, 1, 0, 2, 0, 2]]])
    logits = F.one_hot(predicted, 3).movedim(-1, 1).float()
    outputs = Outputs(logits, problem_of(target, 3, reference=reference))
    moved, kept = outputs.shares()
    assert (moved.item(), kept.item()) == (0.5, pytest.approx(1 - 2 / 5))
    care = torch.tensor([[[1.0, 1, 1, 1, 0, 0]]])
    moved, kept = Outputs(logits, problem_of(target, 3, care, reference=reference)).shares()
    assert (moved.item(), kept.item()) == (1.0, pytest.approx(1 - 1 / 3))
