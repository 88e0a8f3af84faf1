"""Gradients that lie are told, and the caller's network stays as it is."""

import numpy as np
import pytest
import torch
from helpers import bands
from torch import nn

import napari_segadv as sa
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.victims import Victim

PGD = sa.attacks.PGD(epsilon=30.0, steps=4)


def film():
    array = np.random.default_rng(0).integers(100, 115, (32, 32)).astype(np.uint8)
    array[8:16, 8:16] += 40
    array[:2] = 0
    return Scan.from_array(array)


def victim_of(network, classes=("background", "bright")):
    return Victim(network, "mine", dims=2, classes=classes, array_order=True)


def target_of(victim):
    target = victim.predict(film()).array.copy()
    target[22:28, 22:28] = 1
    return target


class Root(nn.Module):
    """Its gradient is infinite where the image is black."""

    def forward(self, x):
        y = ((x / 255).sqrt() - 0.7) * 10
        return torch.cat([-y, y], 1)


class Steps(nn.Module):
    """Looks at whole shades of ten alone: its gradient is 0 nearly everywhere."""

    def forward(self, x):
        y = x / 10
        y = y + (y.round() - y).detach() - y + y.detach() - 12
        return torch.cat([-y, y], 1)


def test_a_gradient_that_is_not_finite_is_told_and_does_not_spoil_the_rest():
    victim = victim_of(Root().eval())
    example = sa.craft(film(), victim, PGD, target=target_of(victim))
    assert np.isfinite(example.record["curve"][-1]["loss"])
    assert example.measures["moved"] > 0
    (note,) = [note for note in example.notes if "gradient" in note]
    assert note == (
        "the gradient of mine was NaN or infinite at up to 6.25 % of the pixels, where it was "
        "taken for 0"
    )


def test_a_gradient_that_is_zero_everywhere_is_told():
    victim = victim_of(Steps().eval())
    example = sa.craft(film(), victim, PGD, target=target_of(victim))
    assert not example.succeeded
    assert any("was 0 everywhere at the first step" in note for note in example.notes)


def test_an_output_that_becomes_nan_is_refused():
    class Log(nn.Module):
        def forward(self, x):
            y = (x - 100 + (x == 0) * 200).log() - 3
            return torch.cat([-y, y], 1)

    victim, image = victim_of(Log().eval()), film()
    target = np.zeros(image.array.shape, np.uint8)
    with pytest.raises(SegadvError, match="mine: predicts NaN or infinity"):
        sa.craft(image, victim, PGD, target=target)


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), nn.BatchNorm2d(1)], ids=["dropout", "norm"])
def test_a_network_in_training_mode_is_refused_and_stays_as_it_is(layer):
    network = nn.Sequential(layer, nn.Conv2d(1, 2, 3, padding=1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(SegadvError, match=r"training mode \(\w+ 0\); call network.eval\(\) first"):
        victim_of(network).predict(film())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert victim_of(network.eval()).predict(film()).array.shape == (32, 32)


def test_a_network_that_answers_differently_is_refused():
    class Random(nn.Module):
        def forward(self, x):
            return torch.cat([x, torch.rand_like(x) * 255], 1)

    with pytest.raises(SegadvError, match="answers differently when it sees the same image twice"):
        victim_of(Random().eval()).predict(film())


def test_the_callers_network_keeps_its_weights_as_they_are():
    network = bands()
    for weight in network.parameters():
        weight.requires_grad_(True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    victim = victim_of(network, classes=())
    scan = film()
    wanted = victim.predict(scan).array.copy()
    wanted[:8] = (wanted[:8] + 1) % 3
    sa.craft(scan, victim, PGD, target=wanted)
    for name, weight in network.named_parameters():
        assert weight.requires_grad, name
        assert weight.grad is None, name
        assert torch.equal(weight, before[name]), name


def test_its_weights_take_no_part_in_the_gradient():
    """With or without gradients of the weights, the image's is the same; none is kept for them."""
    network, scan = bands(), film()
    images = torch.from_numpy(scan.array.astype(np.float32))[None, None].requires_grad_()
    found = []
    for wanted in (True, False):
        for weight in network.parameters():
            weight.requires_grad_(wanted)
        logits = victim_of(network, classes=()).on(scan)(images)
        found.append(torch.autograd.grad(logits[:, 1].sum(), images)[0])
    assert torch.equal(*found)


@pytest.mark.parametrize("kind", ["function", "method", "module"])
def test_a_network_is_asked_twice_once_in_its_life(kind):
    calls = []

    class Bright(nn.Module):
        def forward(self, x):
            calls.append(len(x))
            return torch.cat([125 - x, x - 125], 1)

    bright = Bright().eval()
    network = {"function": lambda x: bright(x), "method": bright.forward, "module": bright}[kind]
    victim = victim_of(network)
    victim.predict(film())
    assert len(calls) == 2
    victim.predict(film())
    assert len(calls) == 3


def test_a_network_that_can_not_be_remembered_is_asked_twice_on_each_scan():
    class Odd:
        __slots__ = ()
        __hash__ = None

        def __call__(self, x):
            return torch.cat([125 - x, x - 125], 1)

    assert victim_of(Odd()).predict(film()).array.any()


def test_a_network_that_returns_no_tensor_is_named():
    with pytest.raises(SegadvError, match="the network returns a str; it must return a tensor"):
        victim_of(lambda x: "nothing").predict(film())
