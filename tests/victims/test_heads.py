"""Whatever a network returns becomes logits of at least two classes."""

import pytest
import torch

from napari_segadv.errors import SegadvError
from napari_segadv.victims.heads import Head, detect, tensor_of


@pytest.fixture
def z():
    return torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0)) * 3


def test_raw_logits_stay(z):
    assert Head().logits(z) is z


def test_softmax_is_undone_up_to_a_constant(z):
    logits = Head().logits(z.softmax(1))
    torch.testing.assert_close(logits.softmax(1), z.softmax(1))
    assert (logits.argmax(1) == z.argmax(1)).all()


@pytest.mark.parametrize("ending", ["none", "sigmoid"])
def test_one_channel_is_two_classes(z, ending):
    one = z[:, :1]
    logits = Head().logits(one if ending == "none" else one.sigmoid())
    assert logits.shape[1] == 2
    torch.testing.assert_close(logits.softmax(1)[:, 1:], one.sigmoid(), rtol=1e-4, atol=1e-6)


def test_certain_probabilities_have_a_finite_gradient():
    p = torch.tensor([0.0, 1.0, 0.5]).view(1, 1, 3, 1).requires_grad_()
    logits = Head("sigmoid").logits(p)
    (gradient,) = torch.autograd.grad(logits.sum(), p)
    assert logits.isfinite().all()
    assert gradient.isfinite().all()


def test_detection(z):
    assert detect(z) == "none"
    assert detect(z.softmax(1)) == "softmax"
    assert detect(z[:, :1].sigmoid()) == "sigmoid"
    # Three independent sigmoids are no softmax.
    assert detect(z.sigmoid()) == "none"


def test_structures(z):
    assert tensor_of(z) is z
    assert tensor_of({"aux": z + 1, "out": z}) is z
    assert tensor_of({"segmentation": z}) is z
    assert tensor_of([z, z + 1]) is z
    assert tensor_of({"out": (z,)}) is z
    with pytest.raises(SegadvError, match="must return a tensor"):
        tensor_of(None)
