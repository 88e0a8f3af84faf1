"""Graphs that are kept save passes, change nothing, and stay within their memory."""

import gc
import math

import pytest
import torch
from helpers import small_unet

from napari_segadv.errors import SegadvError
from napari_segadv.victims.graphs import GIB, Graphs, budget
from napari_segadv.victims.windows import Passes, SlidingWindows, slices, sliding

SHAPE, WINDOWS = (1, 1, 16, 40, 28), SlidingWindows((16, 16, 16), 1, (0.25,))
PLENTY = GIB


@pytest.fixture(scope="module")
def small_network():
    return small_unet()


@pytest.fixture
def volume():
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


def gradient(volume, network, graphs, weights=None):
    """The gradient of a sum of logits, and the passes that it took."""
    passes, x = Passes(), volume.clone().requires_grad_()
    y = sliding(x, network, WINDOWS, passes, None, graphs)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(2))
    (found,) = torch.autograd.grad(y, x, weights)
    return found, passes


def need(volume, network):
    """The bytes of one window's graph."""
    graphs = Graphs(PLENTY)
    gradient(volume, network, graphs)
    count = 3 * 2
    assert graphs.most % count == 0
    return graphs.most // count


def test_kept_graphs_save_the_second_pass_and_change_no_bit(volume, small_network):
    expected, twice = gradient(volume, small_network, None)
    found, once = gradient(volume, small_network, Graphs(PLENTY))
    assert torch.equal(found, expected)
    assert (twice.forward, once.forward) == (pytest.approx(2), pytest.approx(1))
    assert twice.backward == once.backward == pytest.approx(1)


@pytest.mark.parametrize("windows", [0, 1, 2, 4])
def test_memory_for_some_windows_keeps_one_less(volume, small_network, windows):
    """One more has to fit, for a window that runs a second time."""
    one = need(volume, small_network)
    expected, _ = gradient(volume, small_network, None)
    graphs = Graphs(windows * one)
    found, passes = gradient(volume, small_network, graphs)
    assert torch.equal(found, expected)
    assert graphs.most + (one if windows else 0) <= graphs.budget
    kept = max(windows - 1, 0)
    assert graphs.most == kept * one
    assert passes.forward == pytest.approx(2 - kept / 6)
    assert graphs.used == 0


def test_the_need_is_what_autograd_saves(volume, small_network):
    part = volume[..., :16, :16].clone().requires_grad_()
    saved = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        y = small_network(part)
    assert y.requires_grad
    assert need(volume, small_network) == sum(saved.values())


def test_windows_that_mattered_come_first(volume, small_network):
    one = need(volume, small_network)
    graphs = Graphs(2 * one)
    last = torch.zeros(1, 3, *SHAPE[2:])
    # Only the last window reaches this corner.
    last[..., -2:, -2:] = 1.0

    def passes():
        counted, x = Passes(), volume.clone().requires_grad_()
        torch.autograd.grad(sliding(x, small_network, WINDOWS, counted, None, graphs), x, last)
        return counted.forward

    # At first nothing is known, and the room goes to the first window.
    assert passes() == pytest.approx(1 + 1 / 6)
    assert passes() == pytest.approx(1)


def test_a_graph_that_is_dropped_gives_its_memory_back(volume, small_network):
    graphs = Graphs(PLENTY)
    x = volume.clone().requires_grad_()
    y = sliding(x, small_network, WINDOWS, Passes(), None, graphs)
    assert graphs.used > 0
    del y
    gc.collect()
    assert graphs.used == 0


def test_two_views_share_one_budget(volume, small_network):
    graphs = Graphs(4 * need(volume, small_network))
    x = volume.clone().requires_grad_()
    views = [sliding(x * s, small_network, WINDOWS, Passes(), None, graphs) for s in (1.0, 0.5)]
    (found,) = torch.autograd.grad(sum(v.sum() for v in views), x)
    assert graphs.most <= graphs.budget
    alone = volume.clone().requires_grad_()
    plain = [sliding(alone * s, small_network, WINDOWS, Passes()) for s in (1.0, 0.5)]
    (expected,) = torch.autograd.grad(sum(v.sum() for v in plain), alone)
    assert torch.equal(found, expected)


def test_slices_keep_theirs(volume):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU())
    images = volume[0].transpose(0, 1)

    def found(graphs):
        passes, x = Passes(), images.clone().requires_grad_()
        (back,) = torch.autograd.grad(slices(x, network, 4, passes, None, graphs).sum(), x)
        return back, passes.forward

    (expected, twice), (kept, once) = found(None), found(Graphs(PLENTY))
    assert torch.equal(kept, expected)
    assert (twice, once) == (pytest.approx(2), pytest.approx(1))


def test_a_network_without_a_gradient_says_so(volume):
    with pytest.raises(SegadvError, match="no gradient"):
        gradient(volume, lambda x: (x > 0).float().repeat(1, 3, 1, 1, 1), Graphs(PLENTY))


def test_what_memory_is_meant(monkeypatch):
    cpu = torch.device("cpu")
    assert budget(1.5, cpu) == 3 * GIB // 2
    monkeypatch.setattr("napari_segadv.victims.graphs.available", lambda: 8 * GIB)
    assert budget(None, cpu) == 4 * GIB
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(SegadvError, match="memory"):
            budget(wrong, cpu)
