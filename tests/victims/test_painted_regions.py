"""Regions that are painted over one another, as logits of the painted map's classes."""

import numpy as np
import pytest
import torch

from napari_segadv.victims.regions import painted


def by_hand(z: np.ndarray, order) -> np.ndarray:
    """Paint region after region, as nnU-Net does: where its sigmoid is above a half."""
    labels = np.zeros(z.shape[1:], int)
    for region, label in zip(z, order, strict=True):
        labels[1 / (1 + np.exp(-region)) > 0.5] = label
    return labels


@pytest.mark.parametrize("order", [(1,), (1, 2, 3), (3, 1, 2), (2, 2, 1), (4, 1, 4), (1, 0, 2)])
def test_the_likeliest_class_is_the_painted_label(order):
    generator = torch.Generator().manual_seed(len(order))
    z = torch.randn(2, len(order), 30, 40, generator=generator)
    logits = painted(z, order)
    assert logits.shape == (2, max(order) + 1, 30, 40)
    for item in range(2):
        assert (logits[item].argmax(0).numpy() == by_hand(z[item].numpy(), order)).all()


def test_its_margin_is_that_of_the_region_that_decides():
    """The logit of the label above the others is how far the weakest region may fall."""
    z = torch.tensor([[[2.0]], [[-0.5]]])[None, :, :, 0]
    background, whole, core = painted(z, (1, 2))[0, :, 0].tolist()
    assert (background, whole, core) == (-2.0, 0.5, -0.5)


def test_the_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(1, 3, 5, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: painted(x, (2, 1, 3)), (z,))
