"""DeepFool against algorithm 2 and equation 11 of Moosavi-Dezfooli 2016, written out in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import OneCell, finish, path_of, problem_of

from napari_segadv import attacks

WIDE = {"low": -1e6, "high": 1e6}


def deepfool(**more):
    return attacks.get("deepfool")(**more)


def boundaries(problem, x, y):
    """f_k - f_y and its gradient for each other class k; for a target the strongest alone."""
    x = x.clone().requires_grad_()
    f = problem.model(x)[0, :, 0]
    w = [torch.autograd.grad(value, x, retain_graph=True)[0] for value in f]
    others = [c for c in range(len(f)) if c != y]
    if problem.targeted:
        others = [max(others, key=f.__getitem__)]
    return f.argmax().item(), [(abs(f[k] - f[y]).item(), w[k] - w[y]) for k in others]


def published(problem, norm, steps, overshoot):
    """x_{i+1} = x_0 + (1 + eta) (r_0 + ... + r_i), until the class is another one."""
    q, y = 2 if norm == "l2" else 1, problem.labels.item()
    path, total = [problem.clean], torch.zeros_like(problem.clean)
    for _ in range(steps):
        now, choices = boundaries(problem, path[-1], y)
        if (now == y) == problem.targeted:
            break
        gap, size, w = min(
            (gap / size, size, (-w if problem.targeted else w))
            for gap, w in choices
            for size in [(w.abs() ** q).sum().item() ** (1 / q)]
        )
        total = total + (gap / size * w if norm == "l2" else gap * w.sign())
        path.append(problem.clean + (1 + overshoot) * total)
    return path


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("classes", [2, 5])
def test_against_the_published_update(norm, targeted, dims, classes):
    problem = problem_of(
        task="classification",
        classes=classes,
        targeted=targeted,
        dims=dims,
        dtype=torch.float64,
        **WIDE,
    )
    # A small overshoot, so that more than one step may be needed.
    ours = path_of(deepfool(norm=norm, steps=6, overshoot=1e-3), problem)
    expected = published(problem, norm, 6, 1e-3)
    assert len(ours) == len(expected) > 1
    for image, theirs in zip(ours, expected, strict=True):
        torch.testing.assert_close(image, theirs, rtol=0, atol=1e-7)


class Linear:
    """Logits W x + b of images (N, 1, 3, 4), whose nearest boundary is known."""

    def __init__(self, classes=4):
        generator = torch.Generator().manual_seed(1)
        self.w = torch.randn(classes, 12, generator=generator, dtype=torch.float64)
        self.b = torch.randn(classes, generator=generator, dtype=torch.float64)

    def __call__(self, images):
        return (images.flatten(1) @ self.w.T + self.b).unsqueeze(-1)


@pytest.fixture
def linear():
    generator = torch.Generator().manual_seed(2)
    clean = torch.randn(5, 1, 3, 4, generator=generator, dtype=torch.float64)
    model = Linear()
    reference = model(clean).max(1).indices
    return OneCell(model, clean, reference, reference, targeted=False, **WIDE)


@pytest.mark.parametrize(("norm", "q"), [("l2", 2), ("linf", 1)])
def test_a_linear_victim_takes_one_step_of_known_length(linear, norm, q):
    outcome, states = finish(deepfool(norm=norm, overshoot=0.02), linear)
    assert len(states) == 1
    assert (outcome.moved == 1).all()
    d = (outcome.adversarial - linear.clean).flatten(1)
    for item, y in enumerate(linear.labels[:, 0].tolist()):
        f = linear.model(linear.clean)[item, :, 0]
        w = linear.model.w - linear.model.w[y]
        lengths = [
            abs(f[k] - f[y]).item() / torch.linalg.vector_norm(w[k], ord=q).item()
            for k in range(4)
            if k != y
        ]
        order = 2 if norm == "l2" else float("inf")
        size = torch.linalg.vector_norm(d[item], ord=order).item()
        assert size == pytest.approx(1.02 * min(lengths))


def test_a_lead_is_reached(linear):
    curved = problem_of(task="classification", n=3, targeted=False)
    for problem, lead in ((linear, 0.7), (curved, 0.2)):
        outcome, _ = finish(deepfool(lead=lead), problem)
        z, y = problem.model(outcome.adversarial)[..., 0], problem.labels
        led = z.scatter(1, y, -torch.inf).amax(1) - z.gather(1, y)[:, 0]
        assert (led >= lead).all()
        assert (led <= 1.5 * lead).all()


def test_inside_a_region_the_step_is_the_least_there(linear):
    region = torch.zeros(5, 1, 3, 4, dtype=torch.bool)
    region[:, :, :2] = True
    outcome, states = finish(deepfool(), replace(linear, region=region))
    d = outcome.adversarial - linear.clean
    assert len(states) == 1
    assert (outcome.moved == 1).all()
    assert (d[~region] == 0).all()
    f, y = linear.model(linear.clean)[0, :, 0], linear.labels[0, 0].item()
    w = (linear.model.w - linear.model.w[y])[:, :8]
    least = min(abs(f[k] - f[y]).item() / w[k].norm().item() for k in range(4) if k != y)
    assert d[0].norm().item() == pytest.approx(1.02 * least)


@pytest.mark.parametrize(("candidates", "looked_at"), [(1, 1), (2, 2), (10, 4)])
def test_passes_are_those_of_the_classes_looked_at(candidates, looked_at):
    problem = problem_of(task="classification", classes=5, targeted=False)
    model = problem.model
    outcome, states = finish(deepfool(candidates=candidates, overshoot=1e-4), problem)
    assert outcome.moved.item() == 1
    assert model.forwards == len(states) + 1 == len(outcome.curve)
    assert model.backwards == looked_at * len(states)


def test_items_of_different_difficulty_stop_each_for_itself():
    problem = problem_of(task="classification", n=3, targeted=False)
    outcome, states = finish(deepfool(overshoot=1e-4), problem)
    sizes = (outcome.adversarial - problem.clean).flatten(1).norm(dim=1)
    assert (outcome.moved == 1).all()
    assert len({round(size, 3) for size in sizes.tolist()}) == 3
    # Just beyond the boundary: a hundredth less and none has crossed it.
    closer = problem.clean + 0.99 * (outcome.adversarial - problem.clean)
    assert (problem.model(closer).max(1).indices == problem.labels).all()


def test_a_budget_that_is_given_is_kept():
    problem = problem_of(task="classification", targeted=True)
    free, _ = finish(deepfool(), problem)
    size = (free.adversarial - problem.clean).norm().item()
    assert free.moved.item() == 1
    held, states = finish(deepfool(epsilon=size / 2, steps=5), problem)
    assert held.moved.item() == 0
    assert len(states) == 5
    assert (held.adversarial - problem.clean).norm().item() <= size / 2 * (1 + 1e-5)
    # The best of those that failed: nearer to the target than the clean image.
    losses = [loss for loss, _ in held.curve]
    assert min(losses) < losses[0]
    gap = lambda x: problem.model(x)[0, :, 0].max() - problem.model(x)[0, problem.labels[0, 0], 0]
    assert gap(held.adversarial).item() == pytest.approx(min(losses), abs=1e-4)


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e15])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_size_of_the_gradient_does_not_matter(linear, scale, norm):
    model = linear.model
    problem = replace(
        linear,
        clean=linear.clean.float(),
        model=lambda x: (scale * model(x.double())).float(),
    )
    outcome, _ = finish(deepfool(norm=norm), problem)
    expected, _ = finish(deepfool(norm=norm), linear)
    torch.testing.assert_close(
        outcome.adversarial.double(), expected.adversarial, rtol=1e-3, atol=1e-4
    )


def test_a_victim_without_a_gradient_leaves_the_image_alone(linear):
    problem = replace(linear, model=lambda x: linear.model(linear.clean) + 0 * x.sum())
    outcome, states = finish(deepfool(steps=3), problem)
    assert torch.equal(outcome.adversarial, linear.clean)
    assert len(states) == 3
    assert np.isfinite(outcome.curve).all()
