"""The norm "visible": its weights by another library, what they mean, and its ball."""

import numpy as np
import pytest
import torch
from problems import images_of, problem_of
from scipy.ndimage import gaussian_filter

from napari_segadv.attacks.balls import Ball
from napari_segadv.attacks.visible import visible_weights


def expected(image, window):
    """The formula in SciPy, for one slice."""
    blur = lambda x: gaussian_filter(x, 1.5, mode="nearest", radius=5)
    variance = blur(image**2) - blur(image) ** 2
    return blur((1 + variance / ((0.03 * window) ** 2 / 2)) ** -0.35)


def textured(shape=(40, 50), seed=0):
    """Flat ground on the left, noise on the right, with a step of brightness between them."""
    image = np.full(shape, 20.0)
    image[:, shape[1] // 2 :] = 150 + 30 * np.random.default_rng(seed).standard_normal(
        (shape[0], shape[1] - shape[1] // 2)
    )
    return image


def weights_of(image, window=255.0):
    return visible_weights(torch.from_numpy(image)[None, None].float(), window)[0, 0].numpy()


def test_the_weights_are_those_of_the_formula():
    image = textured()
    np.testing.assert_allclose(weights_of(image), expected(image, 255.0), rtol=1e-4)


@pytest.mark.parametrize("offset", [0.0, -3000.0, 40000.0])
def test_only_contrast_in_the_window_counts(offset):
    """Hounsfield units, which lie elsewhere and are read in another window, weigh the same."""
    image = textured()
    there = weights_of(4 * image + offset, window=4 * 255.0)
    np.testing.assert_allclose(there, weights_of(image), rtol=2e-3)


def test_flat_ground_counts_most_also_beside_an_edge():
    weights = weights_of(textured())
    np.testing.assert_allclose(weights[:, :15], 1.0, rtol=1e-4)
    assert weights[:, 30:].max() < 0.6
    # Five pixels from an edge of 130 grey levels.
    assert weights[:, 20].min() > 1.3 * weights[:, 30:].max()
    # A narrower window shows the same noise in stronger contrast.
    assert (weights_of(textured(), 80.0)[:, 30:] < weights[:, 30:]).all()


def test_slices_channels_and_items_weigh_as_each_does_alone():
    images = np.stack([textured(seed=n) for n in range(12)]).reshape(2, 2, 3, 40, 50)
    found = visible_weights(torch.from_numpy(images).float(), 255.0)
    assert found.shape == images.shape
    for place in np.ndindex(2, 2, 3):
        np.testing.assert_allclose(found[place], expected(images[place], 255.0), rtol=1e-4)


def test_a_strong_texture_still_counts():
    image = 1e4 * np.random.default_rng(0).standard_normal((20, 20))
    assert weights_of(image, window=1.0).min() == pytest.approx(1e-3)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_step_of_length_one_is_steepest(dims):
    problem = problem_of(dims=dims, n=2)
    ball = Ball(problem, "visible", problem.clean.new_full((2,), 7.0))
    gradient = images_of(2, dims=dims) - 128
    step = ball.steepest(gradient)
    torch.testing.assert_close(ball.size(step), torch.ones(2))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        other = torch.randn(gradient.shape, generator=generator)
        other = other / ball.size(other).view(-1, *(1,) * (other.ndim - 1))
        assert ((gradient * (step - other)).flatten(1).sum(1) > 0).all()
