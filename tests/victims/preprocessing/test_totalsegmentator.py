"""TotalSegmentator's outer resampling equals SciPy's zoom, there and back."""

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from napari_segadv.victims.preprocessing.chain import Space, bind
from napari_segadv.victims.preprocessing.totalsegmentator import Zoom

SPACING = (2.5, 0.8, 0.75)


def bound(spacing, seed=0):
    image = np.random.default_rng(seed).normal(0, 200, (10, 30, 26)).round()
    space = Space(image.shape, np.diag([*SPACING, 1.0]))
    return image, bind([Zoom(spacing)], torch.from_numpy(image).float()[None], space)


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 1.5), (3.0, 3.0, 3.0), SPACING])
def test_the_image(spacing):
    image, chain = bound(spacing)
    factors = np.array(SPACING) / spacing
    expected = zoom(image, factors, order=3).astype(np.int32)
    ours = chain.forward(torch.from_numpy(image).float()[None, None])[0, 0].numpy()
    assert ours.shape == expected.shape == chain.space.shape
    # A value that is whole but for the last bit is cut to either of two numbers, here and there.
    assert (ours == expected).mean() > 0.99
    assert np.abs(ours - expected).max() <= 1


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 1.5), (3.0, 3.0, 3.0)])
def test_the_label_map(spacing):
    image, chain = bound(spacing)
    logits = torch.randn(1, 4, *chain.space.shape, generator=torch.Generator().manual_seed(1))
    labels = logits[0].argmax(0).numpy()
    factors = np.array(image.shape) / labels.shape
    expected = zoom(labels, factors, order=0)
    assert (chain.backward(logits)[0].argmax(0).numpy() == expected).all()


def test_the_gradient_passes_the_rounding():
    image, chain = bound((3.0, 3.0, 3.0))
    x = torch.from_numpy(image)[None, None].requires_grad_()
    weights = torch.randn(1, 1, *chain.space.shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((chain.forward(x) * weights).sum(), x)
    way = torch.randn(x.shape, dtype=torch.float64)
    factors = np.array(SPACING) / 3.0
    change = (zoom(way[0, 0].numpy(), factors, order=3) * weights[0, 0].numpy()).sum()
    assert float((gradient * way).sum()) == pytest.approx(float(change))
