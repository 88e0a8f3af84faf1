"""Networks made faster for passes that never learn."""

import torch
from torch import nn

from napari_segadv.victims.loading.network import frozen


def pass_through(network, image):
    leaf = image.clone().requires_grad_()
    logits = network(leaf)
    (gradient,) = torch.autograd.grad(logits.square().sum(), leaf)
    return logits.detach(), gradient


def test_a_frozen_network_gives_the_same_bits():
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(1, 4, 3),
        nn.PReLU(init=0.37),
        nn.Sequential(nn.Conv2d(4, 2, 3), nn.PReLU(2)),
    ]
    network = nn.Sequential(*layers).eval().requires_grad_(False)
    image = torch.randn(2, 1, 16, 16)
    before = pass_through(network, image)
    after = pass_through(frozen(network), image)
    assert all(torch.equal(b, a) for b, a in zip(before, after, strict=True))
    assert isinstance(network[1], nn.LeakyReLU)
    assert isinstance(network[2][1], nn.PReLU), "a slope for each channel has to stay"
