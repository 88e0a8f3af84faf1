"""Named regions: the box around the change, and what the change depends on."""

import pytest
import torch

from napari_segadv.attacks.problem import Problem
from napari_segadv.attacks.regions import bounding_box, named_region, receptive_field
from napari_segadv.errors import SegadvError


def problem_of(network, dims=2, places=((4, 5),)):
    shape = (11, 13) if dims == 2 else (7, 8, 9)
    labels = torch.zeros(2, *shape, dtype=torch.int64)
    for item in range(2):
        for place in places:
            index = (*(3,) * (dims - 2), *place)
            labels[(item, *(i + item for i in index))] = 1
    return Problem(network, torch.rand(2, 1, *shape) * 255, labels, torch.zeros_like(labels))


def convolution(dims, width):
    torch.manual_seed(0)
    kind = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[dims]
    return kind(1, 3, width, padding=width // 2).requires_grad_(False)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("width", [1, 3, 5])
def test_the_receptive_field_of_one_pixel_is_the_kernel(dims, width):
    field = receptive_field(problem_of(convolution(dims, width), dims))
    for item in range(2):
        places = field[item, 0].nonzero()
        middle = torch.tensor([3] * (dims - 2) + [4, 5]) + item
        assert len(places) == width**dims
        assert (places - middle).abs().max() == width // 2


def test_a_share_is_the_fewest_pixels_that_hold_it():
    problem = problem_of(convolution(2, 5))
    sizes = [int(receptive_field(problem, share)[0].sum()) for share in (0.3, 0.9, 0.999, 1.0)]
    assert sizes == sorted(sizes)
    assert 1 <= sizes[0] < sizes[1] < sizes[3] == 25


def test_the_box_is_tight():
    problem = problem_of(convolution(2, 1), places=((2, 9), (6, 3)))
    box = bounding_box(problem)
    assert box[0, 0].nonzero().amin(0).tolist() == [2, 3]
    assert box[0, 0].nonzero().amax(0).tolist() == [6, 9]
    assert int(box[0].sum()) == 5 * 7
    volume = bounding_box(problem_of(convolution(3, 1), 3, ((1, 2), (4, 5))))
    assert int(volume[0].sum()) == 1 * 4 * 4


@pytest.mark.parametrize("name", ["nonsense", "bounding-box:0.5", "receptive-field:2"])
def test_what_makes_no_region_is_refused(name):
    with pytest.raises(SegadvError, match=f"region {name}: "):
        named_region(name, problem_of(convolution(2, 3)))
    still = problem_of(convolution(2, 3), places=())
    with pytest.raises(SegadvError, match="is empty, since no pixel has to change"):
        named_region("bounding-box", still)


def test_names_and_shares_are_understood():
    problem = problem_of(convolution(2, 3))
    assert torch.equal(named_region("receptive-field", problem), receptive_field(problem))
    less = named_region("receptive-field:0.5", problem)
    assert torch.equal(less, receptive_field(problem, 0.5))
