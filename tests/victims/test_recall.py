"""Pieces that have not changed are skipped; the result is that of a whole pass, bit for bit."""

import pytest
import torch
from torch import nn

from napari_segadv.victims.recall import Recall
from napari_segadv.victims.windows import Passes, SlidingWindows, slices, sliding


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 3, padding=1))


@pytest.mark.parametrize("mode", ["gaussian", "constant"])
@pytest.mark.parametrize("batch", [1, 3])
def test_windows_around_a_change_alone(network, mode, batch):
    spec = SlidingWindows((8, 8, 8), batch, (0.25,), mode)
    clean = torch.rand(1, 1, 40, 16, 16)
    other = clean.clone()
    other[:, :, 20:22] += 0.1
    recall, passes, whole = Recall(), Passes(), Passes()
    for image in (clean, other, clean):
        expected = sliding(image, network, spec, whole)
        torch.testing.assert_close(
            sliding(image, network, spec, passes, recall), expected, rtol=0, atol=0
        )
    assert whole.forward == pytest.approx(3)
    assert 1 < passes.forward < 2


def test_the_gradient_is_the_same(network):
    spec = SlidingWindows((8, 8, 8))
    clean = torch.rand(1, 1, 24, 8, 8)
    other = clean.clone()
    other[:, :, 12] += 0.1
    weights = torch.rand(1, 3, 24, 8, 8)
    weights[:, :, :8] = 0
    recall = Recall()
    sliding(clean, network, spec, Passes(), recall)
    found = []
    for memory in (None, recall):
        leaf = other.clone().requires_grad_()
        (weights * sliding(leaf, network, spec, Passes(), memory)).sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_one_slice_of_many():
    torch.manual_seed(0)
    flat = nn.Conv2d(1, 2, 3, padding=1)
    clean = torch.rand(10, 1, 8, 8)
    other = clean.clone()
    other[4] += 1
    recall, passes = Recall(), Passes()
    first = slices(clean, flat, 4, passes, recall)
    assert passes.forward == pytest.approx(1)
    found = slices(other, flat, 4, passes, recall)
    assert passes.forward == pytest.approx(1.1)
    torch.testing.assert_close(found[4:5], flat(other[4:5]), rtol=0, atol=0)
    torch.testing.assert_close(found[:4], first[:4], rtol=0, atol=0)
    # Changing what was returned does no harm.
    found.zero_()
    torch.testing.assert_close(slices(clean, flat, 4, passes, recall), first, rtol=0, atol=0)
    assert passes.forward == pytest.approx(1.1)


def test_another_size_is_run_whole():
    flat = nn.Conv2d(1, 2, 3, padding=1)
    recall, passes = Recall(), Passes()
    slices(torch.rand(5, 1, 8, 8), flat, 4, passes, recall)
    image = torch.rand(6, 1, 8, 8)
    torch.testing.assert_close(slices(image, flat, 4, passes, recall), flat(image))
    assert passes.forward == pytest.approx(2)
