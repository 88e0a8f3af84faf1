"""The differentiable preprocessing equals MONAI's own on real tissue; its gradient is exact."""

import monai.transforms as mt
import numpy as np
import pytest
import torch
from helpers import SHARED
from monai.data import MetaTensor

from napari_segadv import io
from napari_segadv.data.scan import Grid, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.victims.preprocessing.axes import CERTAIN
from napari_segadv.victims.preprocessing.chain import Space, Transform, bind
from napari_segadv.victims.preprocessing.reading import from_monai
from napari_segadv.victims.scan_tensors import ras_affine
from napari_segadv.victims.victim import Victim

CHAINS = {
    "window": [
        ("ScaleIntensityRange", {"a_min": -160, "a_max": 240, "b_min": 0, "b_max": 1, "clip": True})
    ],
    "own range": [("ScaleIntensity", {"minv": -1.0, "maxv": 1.0})],
    "factor": [("ScaleIntensity", {"minv": None, "maxv": None, "factor": 0.2})],
    "percentiles": [
        (
            "ScaleIntensityRangePercentiles",
            {"lower": 1, "upper": 99, "b_min": -1, "b_max": 1, "clip": True},
        )
    ],
    "relative percentiles": [
        (
            "ScaleIntensityRangePercentiles",
            {
                "lower": 5,
                "upper": 95,
                "b_min": 0,
                "b_max": 1,
                "relative": True,
                "channel_wise": True,
            },
        )
    ],
    "z-score": [("NormalizeIntensity", {})],
    "z-score of what is not zero": [
        ("NormalizeIntensity", {"nonzero": True, "channel_wise": True})
    ],
    "given mean and deviation": [("NormalizeIntensity", {"subtrahend": 100.0, "divisor": 50.0})],
    "threshold": [("ThresholdIntensity", {"threshold": -100.0, "above": True, "cval": -100.0})],
    "three channels": [("RepeatChannel", {"repeats": 3})],
    "orientation": [("Orientation", {"axcodes": "RAS"})],
    "another orientation": [("Orientation", {"axcodes": "PLI"})],
    "spacing": [("Spacing", {"pixdim": [2.0, 2.5, 4.0], "mode": "bilinear"})],
    "finer spacing": [("Spacing", {"pixdim": [2.1, 2.1, 1.7], "align_corners": True})],
    "resize": [("Resize", {"spatial_size": [64, 48, 96], "mode": "trilinear"})],
    "resize, antialiased": [
        ("Resize", {"spatial_size": [50, 40, 60], "mode": "trilinear", "anti_aliasing": True})
    ],
    "resize by area": [("Resize", {"spatial_size": [61, 40, 56]})],
    "pad": [("SpatialPad", {"spatial_size": [140, 120, 120]})],
    "pad with a value": [("SpatialPad", {"spatial_size": [130, 110, 120], "value": -1024})],
    "pad by reflection": [("BorderPad", {"spatial_border": [3, 4, 5], "mode": "reflect"})],
    "divisible": [("DivisiblePad", {"k": 32})],
    "crop": [("CenterSpatialCrop", {"roi_size": [80, 90, 70]})],
    "crop or pad": [("ResizeWithPadOrCrop", {"spatial_size": [128, 96, 100]})],
    "to the foreground": [
        ("ThresholdIntensity", {"threshold": -300.0, "above": True, "cval": 0.0}),
        ("CropForeground", {"margin": 2}),
    ],
    "flip and turn": [
        ("Flip", {"spatial_axis": 0}),
        ("Rotate90", {"k": 1, "spatial_axes": (0, 2)}),
    ],
    "as bundles have it": [
        ("Orientation", {"axcodes": "RAS"}),
        ("Spacing", {"pixdim": [1.5, 1.5, 2.0], "mode": "bilinear"}),
        ("ScaleIntensityRange", {"a_min": -57, "a_max": 164, "b_min": 0, "b_max": 1, "clip": True}),
        ("SpatialPad", {"spatial_size": [96, 96, 96]}),
    ],
}


@pytest.fixture(scope="module")
def sample(request):
    path = SHARED / "ct" / "thorax_abdomen_ct.nii.gz"
    if not path.exists():
        pytest.skip(f"the sample CT is not here ({path})")
    return path, io.read(path)


def tensor_and_space(scan):
    """The scan in MONAI's axis order."""
    image = torch.from_numpy(np.array(scan.array, np.float32)).permute(2, 1, 0)[None]
    affine = ras_affine(scan)[:, [2, 1, 0, 3]]
    return image, Space(tuple(image.shape[1:]), affine)


@pytest.mark.parametrize("name", CHAINS)
def test_equal_to_monai_on_the_sample_ct(sample, name):
    path, scan = sample
    theirs = mt.Compose(
        [mt.LoadImage(), mt.EnsureChannelFirst()] + [getattr(mt, n)(**a) for n, a in CHAINS[name]]
    )(str(path))
    image, space = tensor_and_space(scan)
    chain = bind([Transform(n, a) for n, a in CHAINS[name]], image, space)
    ours = chain.forward(image[None])[0]
    assert ours.shape == theirs.shape
    span = float(theirs.max() - theirs.min())
    assert float((ours - theirs.as_tensor()).abs().max()) <= 1e-5 * span
    np.testing.assert_allclose(chain.space.affine, np.asarray(theirs.affine), atol=1e-6)


@pytest.mark.parametrize("name", CHAINS)
def test_the_gradient_is_exact(name):
    """Against finite differences, on a small flipped volume."""
    torch.manual_seed(1)
    image = torch.randn(1, 9, 8, 7, dtype=torch.float64) * 300
    affine = np.diag([-3.0, 2.0, -2.5, 1.0])
    small = {"spatial_size": [6, 7, 8], "roi_size": [5, 6, 4], "pixdim": [2.0, 2.5, 4.0], "k": 4}
    small["spatial_border"] = [1, 2, 1]
    steps = [
        Transform(
            n, {k: small.get(k, v) if k in small and n != "Rotate90" else v for k, v in a.items()}
        )
        for n, a in CHAINS[name]
    ]
    chain = bind(steps, image.float(), Space((9, 8, 7), affine))
    x = image[None].requires_grad_()
    (gradient,) = torch.autograd.grad((chain.forward(x) ** 2).sum(), x)
    direction = torch.randn_like(x)
    step = 1e-6
    ahead, behind = ((chain.forward(x.detach() + s * step * direction) ** 2).sum() for s in (1, -1))
    numeric = ((ahead - behind) / (2 * step)).item()
    exact = float((gradient * direction).sum())
    assert exact == pytest.approx(numeric, rel=1e-4, abs=1e-4)


def test_logits_come_back_to_the_image():
    """A blob drawn on the network's grid is found where it belongs on the image's grid."""
    affine = np.diag([-3.0, 2.0, -2.5, 1.0])
    steps = [Transform(n, a) for n, a in CHAINS["as bundles have it"]]
    image = torch.zeros(1, 30, 40, 50)
    image[0, 10:20, 15:30, 20:35] = 100
    chain = bind(steps, image, Space((30, 40, 50), affine))
    seen = chain.forward(image[None])
    logits = torch.cat([0.5 - seen, seen - 0.5], dim=1)
    back = chain.backward(logits)
    assert back.shape == (1, 2, 30, 40, 50)
    found = back.max(1).indices[0] == 1
    expected = image[0] > 50
    assert (found & expected).sum() / (found | expected).sum() > 0.9


def test_what_a_crop_cuts_off_is_background():
    image = torch.zeros(1, 12, 12)
    image[0, 4:8, 3:9] = 5
    chain = bind([Transform("CropForeground", {})], image, Space((12, 12), np.eye(3)))
    back = chain.backward(torch.stack([torch.zeros(4, 6), torch.ones(4, 6)])[None])
    labels = back.max(1).indices[0]
    assert (labels == (image[0] > 0)).all()
    # Certain background: no margin loss ever pulls at it.
    assert (back[0, 0] - back[0, 1])[image[0] == 0].min() > 5


@pytest.mark.parametrize("spacing", [1.5, 0.8, 2.0])
def test_a_crop_after_a_resampling_comes_back_as_with_monai(spacing):
    """Around the crop, values are interpolated with the 0 of what was cut off."""
    rng = np.random.default_rng(0)
    image = torch.zeros(1, 14, 12, 10)
    image[0, 4:10, 3:9, 2:7] = torch.from_numpy(rng.uniform(1, 9, (6, 6, 5)).astype(np.float32))
    space = Space((14, 12, 10), np.diag([1.0, -1.0, 1.2, 1.0]))
    listed = [("Spacing", {"pixdim": [spacing] * 3, "mode": "bilinear"}), ("CropForeground", {})]
    chain = bind([Transform(n, a) for n, a in listed], image, space)
    theirs = mt.Compose([getattr(mt, n)(**a) for n, a in listed])
    seen = theirs(MetaTensor(image.clone(), affine=torch.from_numpy(space.affine)))
    z = torch.from_numpy(rng.normal(size=(3, *seen.shape[1:])).astype(np.float32))
    back = MetaTensor(z.clone(), affine=seen.affine)
    back.applied_operations = list(seen.applied_operations)
    expected = theirs.inverse(back).as_tensor()
    found = chain.backward(z[None])[0]
    cut = (expected == 0).all(0)
    assert cut.any()
    assert (found[0][cut] == CERTAIN).all()
    np.testing.assert_array_equal(found.argmax(0), expected.argmax(0))
    np.testing.assert_allclose(found[:, ~cut], expected[:, ~cut], atol=1e-6)
    # The gradient is that of the same values.
    weights = torch.from_numpy(rng.normal(size=expected.shape).astype(np.float32))
    x = z[None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad((chain.backward(x)[0] * weights).sum(), x)
    direction = torch.from_numpy(rng.normal(size=z.shape).astype(np.float32))
    ahead = chain.backward((z + direction)[None])[0] - found
    slope = float((ahead * weights).sum())
    assert float((gradient[0] * direction).sum()) == pytest.approx(slope, rel=1e-4)


def test_constant_slices_and_a_repeated_channel():
    x = torch.full((2, 1, 5, 5), 7.0, requires_grad=True)
    chain = bind(
        [Transform("NormalizeIntensity"), Transform("RepeatChannel", {"repeats": 3})],
        x[0],
        Space((5, 5), np.eye(3)),
    )
    y = chain.forward(x)
    assert y.shape == (2, 3, 5, 5)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert gradient.isfinite().all()


def test_from_a_bundles_list():
    listed = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": ["image", "label"]},
        {
            "_target_": "monai.transforms.Spacingd",
            "keys": ["label", "image"],
            "pixdim": [1, 1, 1],
            "mode": ["nearest", "bilinear"],
        },
        {"_target_": "CropForegroundd", "keys": "image", "source_key": "image"},
        {"_target_": "NormalizeIntensityd", "keys": "label"},
        {
            "_target_": "ScaleIntensityRangeD",
            "keys": "image",
            "a_min": 0,
            "a_max": 1,
            "_disabled_": True,
        },
        {"_target_": "EnsureTyped", "keys": "image", "device": "cpu"},
    ]
    steps = from_monai(listed)
    assert [s.name for s in steps] == ["Spacing", "CropForeground"]
    assert steps[0].arguments == {"pixdim": [1, 1, 1], "mode": "bilinear"}


def test_unknown_steps_are_named():
    with pytest.raises(SegadvError, match="HistogramNormalized is not known"):
        from_monai([{"_target_": "HistogramNormalized", "keys": "image"}])


def test_a_step_that_would_differ_from_monais_is_refused():
    image = torch.rand(1, 16, 16, 16)
    step = Transform("Spacing", {"pixdim": [1.5, 1.5, 1.5], "mode": "nearest"})
    with pytest.raises(SegadvError, match="can't be reproduced"):
        bind([step], image, Space((16, 16, 16), np.eye(4)))


def test_a_victim_sees_a_flipped_scan_the_right_way_round(ct):
    """The same patient stored with other flips gives the same network input."""
    seen = []
    step = Transform("Orientation", {"axcodes": "RAS"})

    def network(x):
        seen.append(x.detach().clone())
        return torch.cat([x, -x], 1)

    victim = Victim(network, name="eye", dims=3, steps=(step,))
    n = ct.grid.shape
    affine = ct.grid.affine
    corner = affine @ [0, n[1] - 1, n[2] - 1, 1]
    grid = Grid(n, ct.grid.spacing, tuple(corner[:3]), ct.grid.direction @ np.diag([1.0, -1, -1]))
    other = Scan(np.ascontiguousarray(ct.array[:, ::-1, ::-1]), grid, "HU", ct.storage)
    for scan in (ct, other):
        model = victim.on(scan)
        model(model.image)
    torch.testing.assert_close(seen[0], seen[1])
