"""Guidance: where clicks lie, and how patches around them come together."""

import numpy as np
import pytest
import torch

from napari_segadv.errors import SegadvError
from napari_segadv.victims.preprocessing.axes import Back
from napari_segadv.victims.preprocessing.chain import Space
from napari_segadv.victims.preprocessing.guidance import Guidance, LabelChannel, Patches, _together

FIRST = Space((6, 5, 4), np.diag([-2.0, 1.5, 3.0, 1.0]))
# The first axis turned, the second one cut.
HERE = Space((6, 3, 4), np.array([[2.0, 0, 0, -10], [0, 1.5, 0, 1.5], [0, 0, 3, 0], [0, 0, 0, 1]]))


@pytest.mark.parametrize(
    ("coordinates", "point"),
    [("array", [3, 2, 1]), ("ras", [-2.0, 3.0, 9.0]), ("lps", [2.0, -3.0, 9.0])],
)
def test_a_click_lies_where_it_was_made(coordinates, point):
    guidance = Guidance(coordinates=coordinates)
    assert guidance.placed([point], FIRST, FIRST) == [[1, 2, 3]]
    assert guidance.placed([point], FIRST, HERE) == [[4, 1, 3]]


def test_a_network_in_the_arrays_order_gets_clicks_in_it():
    assert Guidance(reversed=False).placed([[1, 2, 3]], FIRST, FIRST) == [[1, 2, 3]]


def test_a_click_that_a_crop_has_removed_is_refused():
    with pytest.raises(SegadvError, match="outside"):
        Guidance().placed([[3, 0, 1]], FIRST, HERE)


PLACES = [(slice(0, 3), slice(0, 3)), (slice(1, 4), slice(1, 4))]


def test_the_clearest_patch_counts():
    z = torch.zeros(1, 2, 2, 3, 3)
    z[0, 0, 1], z[0, 1, 1] = 2.0, -1.0
    z[0, 1, 1, 0, 0] = 5.0
    z.requires_grad_()
    found = _together(z, PLACES, (4, 5), Back(certain=20.0))
    assert found[0, 1, 1, 1] == 5
    assert (found[0, 1, :3, :3].sum() - 5).item() == 8 * 2
    assert found[0, 1, 3, 3] == -1
    assert (found[0, :, :, 4] == torch.tensor([[20.0], [0.0]])).all()
    (gradient,) = torch.autograd.grad(found[:, 1].sum(), z)
    assert gradient[0, 0, 1].sum() == 8
    assert gradient[0, 1, 1].sum() == 6


def test_label_maps_are_joined():
    labels = torch.zeros(1, 2, 1, 3, 3)
    labels[0, 0, 0, 2, 2] = labels[0, 1, 0, 2, 2] = 1
    found = _together(labels, PLACES, (4, 5), Back(nearest=True, certain=0.0))[0, 0]
    assert found.nonzero().tolist() == [[2, 2], [3, 3]]


def test_guidance_of_another_kind_is_refused():
    with pytest.raises(SegadvError, match="mask of an object"):
        LabelChannel().shown(Guidance(points={"": [[1, 2]]}))
    with pytest.raises(SegadvError, match="clicks, at least one"):
        Patches().shown(Guidance())
