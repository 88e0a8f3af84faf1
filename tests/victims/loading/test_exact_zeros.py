"""Noise in air that is 0: the same voxels are zero as in MONAI's pipeline, on every image."""

import numpy as np
import pytest
import torch
from test_bundle_channels import SEQUENCES, save_sequences
from zoo import FIRST, LOAD, NAMES, TYPED, composed, metadata
from zoo_itself import parser_of, save_zoo, theirs

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.victims import load_victim
from napari_segadv.victims.preprocessing.chain import Space, Transform, bind

KEYS = {"keys": "@image_key"}
RAS = {"_target_": "Orientationd", **KEYS, "axcodes": "RAS"}
SPACING = {"_target_": "Spacingd", **KEYS, "pixdim": [1.5, 1.5, 2.0], "mode": "bilinear"}
FINER = {**SPACING, "pixdim": [1.0, 1.0, 1.0]}
RESIZE = {"_target_": "Resized", **KEYS, "spatial_size": [48, 48, 16], "mode": "trilinear"}
AREA = {"_target_": "Resized", **KEYS, "spatial_size": [24, 24, 16], "mode": "area"}
SHARES = {"_target_": "ScaleIntensityRangePercentilesd", **KEYS, "lower": 1, "upper": 99}
SHARES |= {"b_min": 0.0, "b_max": 1.0, "clip": True}
WHOLE = {"_target_": "NormalizeIntensityd", **KEYS, "nonzero": True}
EACH = {**WHOLE, "channel_wise": True}
TURNED = {"_target_": "Flipd", **KEYS, "spatial_axis": 0}
CHAINS = {
    "spacing": [SPACING, EACH],
    "finer": [FINER, WHOLE],
    "resized": [RESIZE, EACH],
    "resized by area": [AREA, WHOLE],
    "shares first": [SHARES, SPACING, WHOLE],
    "shares last": [SPACING, SHARES, WHOLE],
    "twice": [EACH, SPACING, TURNED, WHOLE],
}


def turned(first: float, second: float) -> np.ndarray:
    """Axes that are oblique to the patient's, by two angles in degrees."""
    a, b = np.radians([first, second])
    one = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    other = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    return np.array(one) @ np.array(other)


def save_turned(folder, direction, spacing) -> list:
    """The sequences of `save_sequences` on another grid."""
    paths = save_sequences(folder)
    for path in paths:
        array = sa.read(path).array
        grid = Grid(array.shape, spacing, (-20.3, 30.1, 10.7), direction)
        io.save(Scan(array, grid, "grey level", Storage("int16")), path)
    return paths


def attacked(folder, steps, paths):
    """Attack a bundle with such steps in air too; return folder, victim, example and its files."""
    config = {**SEQUENCES, "preprocessing": composed(LOAD, FIRST, RAS, *steps, TYPED)}
    root = save_zoo(folder, config, metadata(3, 4, NAMES))
    scan, victim = sa.read(paths), load_victim(root)
    target = victim.predict(scan).array.copy()
    target[:, :17] = 0
    example = sa.craft(scan, victim, sa.attacks.PGD(epsilon=8.0, steps=2), target=target)
    assert (example.noise[scan.array == 0] != 0).mean() > 0.2
    saved = example.save(folder / "out")
    return root, victim, example, [saved / f"adversarial_{n:04d}.nii.gz" for n in range(4)]


def check(folder, steps, paths) -> None:
    root, victim, example, files = attacked(folder, steps, paths)
    wanted = parser_of(root).get_parsed_content("preprocessing")({"image": list(map(str, files))})
    logits, mask = theirs(root, files)
    bound = victim.on(sa.read(files))
    with torch.no_grad():
        seen = bound.prepared(bound.image)
        ours = bound._slid(None)(seen)[0]
    zero = wanted["image"].as_tensor() == 0
    assert zero.any()
    assert torch.equal(seen[0] == 0, zero)
    assert float((ours - logits).abs().max()) <= 1e-4 * float(logits.max() - logits.min())
    expected, found = mask[0].numpy().T, example.prediction_adversarial.array
    structure = (expected > 0) | (found > 0)
    assert len(np.unique(expected)) > 1
    assert (found == expected)[structure].mean() >= 0.999
    assert not [note for note in example.notes if note.startswith("on the adversarial image")]
    # An attack sees the zeros of each image, though it is bound to the clean one.
    attacking = victim.on(example.clean)
    with torch.no_grad():
        assert torch.equal(attacking.prepared(bound.image)[0] == 0, zero)


@pytest.mark.parametrize("name", CHAINS)
def test_noise_in_air_is_normalised_as_monai_does(name, tmp_path):
    check(tmp_path, CHAINS[name], save_sequences(tmp_path))


@pytest.mark.parametrize(
    ("direction", "spacing"),
    [(turned(13, 7) @ np.diag([1.0, -1, 1]), (2.5, 1.2, 1.4)), (turned(20, -9), (2.0, 1.0, 0.5))],
)
def test_on_an_oblique_grid_too(direction, spacing, tmp_path):
    """There the last digits of the file's own affine decide."""
    check(tmp_path, CHAINS["spacing"], save_turned(tmp_path, direction, spacing))


def test_a_crop_to_what_is_not_zero_comes_back_as_with_monai(tmp_path):
    crop = {"_target_": "CropForegroundd", **KEYS, "source_key": "@image_key"}
    paths = save_sequences(tmp_path)
    root, _, example, files = attacked(tmp_path, [SPACING, crop, EACH], paths)
    for prediction, images in (
        (example.prediction_clean, paths),
        (example.prediction_adversarial, files),
    ):
        expected = theirs(root, images)[1][0].numpy().T
        assert len(np.unique(expected)) > 1
        np.testing.assert_array_equal(prediction.array, expected)
    assert not [note for note in example.notes if "only" in note]


def test_the_gradient_is_that_of_the_step_without_rounding():
    torch.manual_seed(0)
    image = (torch.randn(1, 9, 8, 7) * 8).round()
    space = Space((9, 8, 7), np.diag([-3.0, 2.0, -2.5, 1.0]))
    spacing = Transform("Spacing", {"pixdim": [2.0, 2.5, 4.0], "mode": "bilinear"})
    counted = Transform("NormalizeIntensity", {"nonzero": True})
    exact, plain = bind([spacing, counted], image, space), bind([spacing], image, space)
    weights = torch.randn(exact.space.shape)
    found = []
    for forward in (exact.steps[0].forward, plain.forward):
        x = image[None].clone().requires_grad_()
        (gradient,) = torch.autograd.grad((forward(x) * weights).sum(), x)
        assert gradient.any()
        found.append(gradient)
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


def test_steps_are_monais_own_only_where_that_matters():
    image, space = torch.randn(1, 9, 8, 7), Space((9, 8, 7), np.diag([3.0, 2.0, 2.5, 1.0]))
    spacing = Transform("Spacing", {"pixdim": [2.0, 2.5, 4.0], "mode": "bilinear"})
    whole = Transform("Spacing", {"pixdim": [3.0, 2.0, 2.5], "mode": "bilinear"})
    counts, all_of_it = ({"nonzero": True}, {})
    for step, arguments, expected in [
        (spacing, counts, True),
        (spacing, all_of_it, False),
        (whole, counts, False),
    ]:
        chain = bind([step, Transform("NormalizeIntensity", arguments)], image, space)
        assert ("exactly" in chain.steps[0].forward.__qualname__) == expected
