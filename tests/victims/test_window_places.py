"""Windows as nnU-Net places and weighs them, and its sums in half precision."""

import numpy as np
import pytest
import torch
from monai.data.utils import dense_patch_slices

from napari_segadv.errors import SegadvError
from napari_segadv.victims.window_places import importance, regular, spread
from napari_segadv.victims.windows import NnunetWindows, Passes, SlidingWindows, sliding


@pytest.mark.parametrize(
    ("size", "roi", "starts"),
    [
        # nnU-Net's own example: an image of 110, a patch of 64 and a step of a half.
        (110, 64, [0, 23, 46]),
        (64, 64, [0]),
        (65, 64, [0, 1]),
        (20, 8, [0, 4, 8, 12]),
        (21, 8, [0, 3, 6, 10, 13]),
    ],
)
def test_windows_are_spread_from_border_to_border(size, roi, starts):
    places = spread((size,), (roi,), (0.5,))
    assert [place[0].start for place in places] == starts
    assert places[-1][0].stop == size


def test_their_order_is_nnunets():
    places = spread((6, 4), (4, 4), (0.5, 0.5))
    assert places == [(slice(0, 4), slice(0, 4)), (slice(2, 6), slice(0, 4))]


def test_regular_ones_are_monais():
    assert regular((20, 9), (8, 9), (0.25, 0.25)) == dense_patch_slices((20, 9), (8, 9), (6, 9))


def test_no_weight_is_zero():
    """In half precision the corners of a cube underflow; nnU-Net lifts them to the least."""
    weights = importance("nnunet", (16, 16, 16), 0.125, torch.zeros(1))
    assert weights.dtype == torch.half
    assert weights[0, 0, 8, 8, 8] == 10
    assert weights.min() > 0
    assert (weights == weights.min()).sum() > 8
    flat = importance("nnunet", (1, 16, 16), 0.125, torch.zeros(1))
    assert torch.equal(flat[0, 0, 0], importance("nnunet", (16, 16), 0.125, torch.zeros(1))[0, 0])


def by_hand(image: np.ndarray, members: int) -> np.ndarray:
    """The blend of an identity, summed in float16 step by step; each member adds its number."""
    weights = importance("nnunet", (8, 8), 0.125, torch.zeros(1))[0, 0].numpy()
    mean = np.zeros(image.shape, np.float16)
    for member in range(members):
        total, sums = np.zeros(image.shape, np.float16), np.zeros(image.shape, np.float16)
        for place in spread(image.shape, (8, 8), (0.5, 0.5)):
            sums[place] += (image[place] + np.float32(member)) * weights.astype(np.float32)
            total[place] += weights
        mean += sums / total
    return mean / np.float16(members)


@pytest.mark.parametrize("members", [1, 2])
def test_sums_are_rounded_to_half_after_each_window(members):
    image = np.random.default_rng(0).normal(0, 20, (20, 13)).astype(np.float32)
    passes = Passes()

    def network(x):
        return torch.cat([x + member for member in range(members)], dim=1)

    spec = NnunetWindows((8, 8), overlap=(0.5,), half=True, members=members)
    x = torch.from_numpy(image)[None, None]
    ours = sliding(x, network, spec, passes)
    assert (ours[0, 0].numpy() == by_hand(image, members)).all()
    assert passes.forward == pytest.approx(1)
    assert (ours - x - (members - 1) / 2).abs().max() < 0.1


def test_a_mode_that_is_not_known():
    with pytest.raises(SegadvError, match="use gaussian, constant, nnunet"):
        SlidingWindows((8, 8), mode="triangle")
