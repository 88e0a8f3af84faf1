"""Whatever a network returns becomes logits of at least two classes."""

import pytest
import torch

from napari_segadv.errors import SegadvError
from napari_segadv.victims.heads import Head, detect


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
    assert detect(torch.zeros(1, 3, 2, 2)) == "none"
    assert detect(torch.full((1, 3, 2, 2), torch.nan)) == "none"


def test_structures_that_overlap_are_no_softmax(z):
    """Three independent sigmoids."""
    with pytest.raises(SegadvError, match="does not sum to 1"):
        detect(z.sigmoid())
    assert Head("none").logits(z.sigmoid()).shape == z.shape


def test_the_only_output_counts(z):
    small = z[..., :2]
    for output in (
        z,
        {"aux": z + 1, "out": z},
        {"segmentation": z},
        [z],
        (z, small),
        {"out": (z,)},
    ):
        assert Head().chosen(output) is z
    with pytest.raises(SegadvError, match="must return a tensor"):
        Head().chosen(None)


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_of_several_outputs_one_is_named(z, kind):
    """A network with an auxiliary output first, as W-Nets have it, is not read at that."""
    output = [z + 1, z] if kind == "list" else {"first": z + 1, "second": z}
    names = "0, 1" if kind == "list" else '"first", "second"'
    with pytest.raises(SegadvError, match=f"several outputs of .*: {names}; say which"):
        Head().chosen(output)
    assert Head(output=1 if kind == "list" else "second").chosen(output) is z
    with pytest.raises(SegadvError, match=f"no output 7; set .* one of: {names}"):
        Head(output=7).chosen(output)


def test_a_gradient_reaches_what_is_nearly_certain():
    """float32 holds a share of 1e-26; it must not be cut off long before."""
    z = torch.tensor([60.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
    logits = Head("softmax").logits(z.softmax(1))
    (gradient,) = torch.autograd.grad(logits[0, 1].sum() - logits[0, 0].sum(), z)
    torch.testing.assert_close(gradient.flatten(), torch.tensor([-1.0, 1.0]))
