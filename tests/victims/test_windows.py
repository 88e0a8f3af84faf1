"""The sliding window equals MONAI's; its two-pass gradient equals that of the full graph."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import small_unet
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet

from napari_segadv.errors import Cancelled
from napari_segadv.victims.windows import Passes, SlidingWindows, slices, sliding

# Padding along the first axis, overlap along the others.
SHAPE, ROI = (2, 1, 12, 40, 28), (16, 16, 16)


@pytest.fixture(scope="module")
def network():
    return small_unet()


@pytest.fixture
def volume():
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


def spec(mode="gaussian", batch=2, **more):
    return SlidingWindows(ROI, batch, (0.25,), mode, **more)


@pytest.mark.parametrize("mode", ["gaussian", "constant"])
@pytest.mark.parametrize("batch", [1, 3])
def test_forward_equals_monai(network, volume, mode, batch):
    ours = sliding(volume, network, spec(mode, batch, cval=-0.5), Passes())
    theirs = sliding_window_inference(volume, ROI, batch, network, 0.25, mode, cval=-0.5)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["gaussian", "constant"])
def test_two_pass_gradient_equals_the_full_graph(network, volume, mode):
    labels = torch.randint(0, 3, (2, *SHAPE[2:]), generator=torch.Generator().manual_seed(2))

    def gradient(run):
        x = volume.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(run(x), labels)
        return torch.autograd.grad(loss, x)[0]

    passes = Passes()
    ours = gradient(lambda x: sliding(x, network, spec(mode), passes))
    theirs = gradient(lambda x: sliding_window_inference(x, ROI, 2, network, 0.25, mode))
    assert (ours - theirs).norm() / theirs.norm() < 1e-5
    assert passes.forward == pytest.approx(2)
    assert passes.backward == pytest.approx(1)


@pytest.mark.parametrize(
    "ending", [torch.nn.Softmax(1), torch.nn.Sigmoid(), torch.nn.ReLU(), torch.nn.Identity()]
)
def test_endings_that_break_monais_gradient(network, volume, ending):
    """MONAI's inferer multiplies outputs in place; an identity even overwrites the image."""
    net = (
        torch.nn.Sequential(network, ending)
        if not isinstance(ending, torch.nn.Identity)
        else ending
    )
    x = volume.clone().requires_grad_()
    y = sliding(x, net, spec(), Passes())
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    assert gradient.isfinite().all()
    assert torch.equal(x.detach(), volume)


def test_padding_by_reflection(network, volume):
    ours = sliding(volume, network, spec(padding_mode="reflect"), Passes())
    padded = torch.nn.functional.pad(volume, (0, 0, 0, 0, 2, 2), mode="reflect")
    theirs = sliding(padded, network, spec(), Passes())[:, :, 2:-2]
    torch.testing.assert_close(ours, theirs)


def test_windows_that_do_not_matter_are_skipped(network, volume):
    x = volume.clone().requires_grad_()
    passes = Passes()
    y = sliding(x, network, spec(batch=1), passes)
    before = passes.forward
    (local,) = torch.autograd.grad(y[0, :, :, :6, :6].sum(), x)
    assert 0 < passes.backward < 0.3
    assert passes.forward - before == pytest.approx(passes.backward)
    assert local[0].abs().sum() > 0
    assert (local[1] == 0).all()


def test_a_window_as_large_as_the_image_is_one_pass(network):
    x = torch.randn(1, 1, 16, 16, 16, requires_grad=True)
    passes = Passes()
    y = sliding(x, network, spec(), passes)
    torch.autograd.grad(y.sum(), x)
    assert (passes.forward, passes.backward) == (1, 1)


def test_a_run_can_be_stopped_between_windows(network, volume):
    calls = []

    def poll():
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        sliding(volume, network, spec(batch=1), Passes(on_piece=poll))
    assert len(calls) == 3
    passes = Passes()
    x = volume.clone().requires_grad_()
    y = sliding(x, network, spec(batch=1), passes)
    calls.clear()
    passes.on_piece = poll
    with pytest.raises(Cancelled):
        torch.autograd.grad(y.sum(), x)
    assert len(calls) == 3


def test_slices_in_batches_equal_one_batch():
    torch.manual_seed(0)
    net = UNet(2, 1, 3, (4, 8), (2,)).eval()
    x = torch.randn(7, 1, 16, 16)
    leaf, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    passes = Passes()
    y = slices(leaf, net, 3, passes)
    torch.testing.assert_close(y, net(other))
    weight = torch.randn_like(y)
    (ours,) = torch.autograd.grad((y * weight).sum(), leaf)
    (theirs,) = torch.autograd.grad((net(other) * weight).sum(), other)
    torch.testing.assert_close(ours, theirs)
    assert passes.forward == pytest.approx(2)


@pytest.mark.timeout(1500)
def test_memory_stays_that_of_one_window():
    """The benchmark runs each part in its own process; its figures are checked here."""
    script = Path(__file__).parents[2] / "benchmarks" / "two_pass.py"
    command = [sys.executable, str(script), "--size", "64", "96", "96", "--json"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures = json.loads(out.splitlines()[-1])
    assert figures["peak_mib"] <= figures["allowed_mib"]
    assert figures["relative_difference"] < 1e-5
