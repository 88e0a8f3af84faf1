"""nnU-Net's resampling: matrices equal the functions that they are read off."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates
from skimage.transform import resize

from napari_segadv.errors import SegadvError
from napari_segadv.victims.preprocessing.resampling import SPLINE, TORCH, Resampler

PLAN = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
EVEN, SLABS = (2.0, 1.5, 1.5), (8.0, 1.5, 1.5)


def volume(size=(9, 14, 11), channels=2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, channels, *size, generator=generator, dtype=torch.float64)


def through(stages, x):
    for stage in stages:
        x = stage(x)
    return x


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("new", [(12, 10, 11), (9, 14, 17), (5, 7, 30), (9, 14, 11)])
def test_the_spline_is_scikit_images(order, new):
    x = volume()
    stages = Resampler(order=order).stages(x.shape[2:], new, EVEN, EVEN)
    expected = [resize(c.numpy(), new, order, mode="edge", anti_aliasing=False) for c in x[0]]
    assert np.abs(through(stages, x)[0].numpy() - np.stack(expected)).max() < 1e-12


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("depth", [6, 9, 20])
@pytest.mark.parametrize("order", [0, 1])
def test_a_coarse_axis_goes_on_its_own(axis, depth, order):
    x = volume(channels=1)
    spacing = tuple(np.roll(SLABS, axis))
    new = [12, 12, 12]
    new[axis] = depth
    resampler = Resampler.planned(SPLINE, {**PLAN, "order_z": order})
    assert resampler.alone(spacing, EVEN) == axis
    flat = np.moveaxis(x[0, 0].numpy(), axis, 0)
    plane = np.stack([resize(s, (12, 12), 3, mode="edge", anti_aliasing=False) for s in flat])
    at = np.mgrid[:depth, :12, :12].astype(float)
    at[0] = len(plane) / depth * (at[0] + 0.5) - 0.5
    expected = np.moveaxis(map_coordinates(plane, at, order=order, mode="nearest"), 0, axis)
    for ours in (
        through(resampler.stages(x.shape[2:], new, spacing, EVEN), x),
        resampler.itself(x, new, spacing, EVEN),
    ):
        assert np.abs(ours[0, 0].numpy() - expected).max() < 1e-12


@pytest.mark.parametrize("new", [(12, 10, 11), (5, 7, 30)])
def test_torchs_is_torchs(new):
    x = volume().float()
    resampler = Resampler.planned(TORCH, {"is_seg": False, "num_threads": 4})
    ours = through(resampler.stages(x.shape[2:], new, EVEN, EVEN), x)
    torch.testing.assert_close(ours, F.interpolate(x, new, mode="trilinear"))
    ours = through(resampler.stages(x.shape[2:], new, SLABS, SLABS), x)
    assert ours.shape[2:] == new
    torch.testing.assert_close(ours, resampler.itself(x, new, SLABS, SLABS))


@pytest.mark.parametrize(
    ("spacing", "new", "expected"),
    [
        (EVEN, EVEN, None),
        (SLABS, EVEN, 0),
        (EVEN, SLABS, 0),
        ((1.0, 1.0, 3.0), EVEN, None),  # three times as coarse is not enough
        ((8.0, 8.0, 1.0), EVEN, None),  # two coarse axes stay together
    ],
)
def test_which_axis_is_coarse(spacing, new, expected):
    assert Resampler.planned(SPLINE, PLAN).alone(spacing, new) == expected
    assert Resampler.planned(SPLINE, {}).alone(spacing, new) is None
    forced = Resampler.planned(SPLINE, {**PLAN, "force_separate_z": True})
    assert forced.alone((2.0, 1.0, 1.0), new) == 0


def test_a_spline_does_not_leave_the_range_of_its_image():
    x = torch.zeros(1, 1, 4, 4, 16, dtype=torch.float64)
    x[..., 8:] = 100.0
    ours = through(Resampler().stages((4, 4, 16), (4, 4, 40), EVEN, EVEN), x)
    assert (float(ours.min()), float(ours.max())) == (0.0, 100.0)


@pytest.mark.parametrize("spacing", [EVEN, SLABS])
def test_the_gradient_is_that_of_finite_differences(spacing):
    x = volume((3, 5, 4), 1).requires_grad_()
    stages = Resampler.planned(SPLINE, PLAN).stages((3, 5, 4), (4, 7, 5), spacing, spacing)
    assert torch.autograd.gradcheck(lambda v: through(stages, v), (x,))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("my_resampling", {}, "my_resampling is not one of nnU-Net's own"),
        (SPLINE, {"is_seg": True}, "given an image as a label map"),
        (SPLINE, {"speed": 1}, "has no argument speed"),
        (TORCH, {"mode": "bicubic"}, "mode bicubic is not known"),
    ],
)
def test_what_can_not_be_reproduced(name, arguments, message):
    with pytest.raises(SegadvError, match=message):
        Resampler.planned(name, arguments)
