"""One perturbation for many images."""

import pytest
import torch
from problems import finish, item_of, problem_of

from napari_segadv.attacks.universal import Universal, perturbed
from napari_segadv.errors import SegadvError


@pytest.fixture
def images():
    whole = problem_of(n=4, targeted=False)
    return [item_of(whole, n) for n in range(4)]


def moved(problem, noise):
    predicted = problem.model(perturbed(problem, noise)).argmax(1)
    away = (predicted != problem.labels) & (problem.labels != 0)
    return (away.sum() / (problem.labels != 0).sum()).item()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_perturbation_serves_all(images, norm):
    epsilon = 15.0 if norm == "linf" else 150.0
    noise, states = finish(Universal(epsilon=epsilon, norm=norm, epochs=15), images)
    assert noise.shape == images[0].clean.shape
    size = noise.abs().max() if norm == "linf" else noise.norm()
    assert size <= epsilon * (1 + 1e-5)
    assert len(states) == 15 * 4
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(noise.shape, generator=generator)
    draw = epsilon * (draw.sign() if norm == "linf" else draw / draw.norm())
    for problem in images:
        assert moved(problem, noise) > 1.5 * moved(problem, draw)
        assert 0 <= perturbed(problem, noise).min() <= perturbed(problem, noise).max() <= 255


def test_the_seed_is_of_the_order(images):
    attack = Universal(epsilon=20.0, epochs=2)
    first, again, other = (finish(attack, images, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_region_is_kept(images):
    region = torch.zeros(1, 1, 12, 14, dtype=torch.bool)
    region[..., :5] = True
    first = images[0]
    settings = {name: getattr(first, name) for name in first.__dataclass_fields__}
    inside = type(first)(**{**settings, "region": region})
    noise, _ = finish(Universal(epsilon=20.0, epochs=2), [inside, *images[1:]])
    assert noise[..., :5].any()
    assert not noise[..., 5:].any()


def test_images_of_several_sizes_are_refused(images):
    with pytest.raises(SegadvError, match="images of one size"):
        Universal().run([images[0], problem_of(dims=3)])
    with pytest.raises(SegadvError, match="images of one size"):
        Universal().run([])
