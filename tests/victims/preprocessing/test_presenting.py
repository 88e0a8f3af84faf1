"""Images of other ranges than a victim expects: presented, refused, or left as they are."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import band_victim_of, disc_image, disc_labels

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.presentation import Presentation, lut_points
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.victims.preprocessing.presenting import Presented

CLASSES = ("background", "dim", "bright")


@pytest.fixture
def victim():
    return band_victim_of(CLASSES)


def scaled(low, high):
    """The transform of a victim with a window."""
    return Transform(
        "ScaleIntensityRange",
        {"a_min": low, "a_max": high, "b_min": 0.0, "b_max": 1.0, "clip": True},
    )


def film(bits=12, inverted=False, signed=False, header=True):
    """The discs as a film of more bits, and how its header says that it is shown."""
    low, high = 500.0, 500.0 + 0.6 * 2**bits
    stored = np.rint(low + disc_image().astype(np.float64) / 255 * (high - low))
    shown = Presentation.between(low, high, "window of the header")
    if inverted:
        stored, shown = low + high - stored, shown.inverted
    dtype = "int16" if signed else "uint16"
    scan = Scan.from_array(stored.astype(dtype))
    return replace(scan, presentation=shown if header else None)


@pytest.mark.parametrize("bits", [10, 12, 14, 15])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_a_film_is_seen_as_its_bytes_are(victim, bits, inverted, signed):
    wanted = victim.predict(Scan.from_array(disc_image())).array
    scan = film(bits, inverted, signed and bits < 15)
    agree = (victim.predict(scan).array == wanted).mean()
    assert agree > 0.995
    # As it is, the victim sees nothing of it.
    assert (victim.predict(scan, present="none").array == wanted).mean() < 0.6


def test_percentiles_where_the_header_says_nothing(victim):
    scan = film(header=False)
    bound = victim.on(scan)
    assert bound.presented.presentation == Presentation.percentiles(scan.array)
    assert bound.window == bound.presented.presentation.limits
    low, high = np.percentile(scan.array, (0.5, 99.5))
    assert bound.window == (low, high)
    with pytest.raises(SegadvError, match="header does not say how it is shown"):
        victim.on(scan, present="header")


def test_what_fits_goes_in_as_it_is(victim):
    scan = Scan.from_array(disc_image())
    assert victim.on(scan).presented is None
    narrow = replace(scan, presentation=Presentation.between(50, 200, "window of the header"))
    assert victim.on(narrow).presented is None
    assert victim.on(narrow, present="header").window == (50.0, 200.0)
    in_16_bits = Scan.from_array(disc_image().astype(np.uint16))
    assert victim.on(in_16_bits).presented is None
    dark = Scan.from_array((disc_image() // 60).astype(np.uint8))
    assert victim.on(dark).presented is None


def test_bytes_fit_a_window_that_cuts_off_black():
    """A fundus lies in black, which its network ignores."""
    victim = band_victim_of(CLASSES, steps=(scaled(20.0, 255.0),))
    dark = disc_image().copy()
    dark[:20] = 0
    assert victim.on(Scan.from_array(dark)).presented is None
    assert victim.on(film()).presented is not None


@pytest.mark.parametrize("window", [(-100.0, 240.0), (0.0, 80.0), (0.0, 1000.0)])
def test_only_what_a_screen_shows_is_presented(window):
    """A CT that starts above -150 is not told from grey levels: it keeps its numbers."""
    victim = band_victim_of(CLASSES, steps=(scaled(*window),))
    array = (disc_image() // 4).astype(np.int16)
    # A bright border beyond every window.
    array[:4] = 1500
    assert victim.on(Scan.from_array(array, (1.0, 1.0))).presented is None


def test_shares_are_no_bytes(victim):
    scan = Scan.from_array((disc_image() / 255).astype(np.float32))
    wanted = victim.predict(Scan.from_array(disc_image())).array
    assert (victim.predict(scan, present="0:1").array == wanted).mean() > 0.999
    assert victim.on(scan).presented is not None


def test_colours_of_16_bits_keep_their_ratio():
    from helpers import BYTES, bands

    from napari_segadv.victims.victim import Victim

    array = np.stack([disc_image(seed=n) for n in range(3)], -1)
    victim = Victim(bands(channels=3), "rgb", 2, channels=3, classes=CLASSES, steps=(BYTES,))
    deep = Scan.from_array(array.astype(np.uint16) * 257, colour=True)
    bound = victim.on(deep)
    assert bound.window == (0.0, 65535.0)
    wanted = victim.predict(Scan.from_array(array, colour=True)).array
    np.testing.assert_array_equal(victim.predict(deep).array, wanted)


def test_a_ct_is_no_film(victim):
    air = np.where(disc_labels() > 0, 40, -1000).astype(np.int16)
    scan = Scan.from_array(air, spacing=(1.0, 1.0), units="HU")
    with pytest.raises(SegadvError, match="is in HU, but bands expects grey levels from 0 to 255"):
        victim.predict(scan)
    # After an explicit yes.
    for choice in ("none", "percentiles", "-200:300"):
        assert victim.predict(scan, present=choice).array.shape == air.shape


def test_an_image_of_which_nothing_is_seen_is_refused():
    from helpers import volume_victim

    bones = np.full((3, 20, 20), 2000, np.int16)
    bones[:, :2, :2] = 0
    scan = Scan.from_array(bones, (1.0, 1.0, 1.0), units="HU")
    with pytest.raises(SegadvError, match="99 % of its pixels lie outside the window of bands 2-D"):
        volume_victim(2).predict(scan)
    assert volume_victim(2).predict(scan, present="none").array.shape == bones.shape


@pytest.mark.parametrize("choice", ["window", "5", "9:3", "nan:1", "1:inf", "a:b"])
def test_other_choices_are_refused(victim, choice):
    with pytest.raises(SegadvError, match=f"present {choice}: use auto, header, percentiles"):
        victim.predict(film(), present=choice)


def lut(entries, first=100.0):
    return Presentation(*lut_points(first, entries), "VOI LUT of the header")


@pytest.mark.parametrize(
    "shown",
    [
        Presentation.between(100, 900, "window"),
        Presentation.between(100, 900, "window").inverted,
        lut([0, 1, 4, 9, 16, 25, 36, 36, 36, 40]),
        lut(np.linspace(1, 0, 50) ** 2),
    ],
)
def test_the_tensor_is_what_the_map_says_with_its_gradient(shown):
    step = Presented(shown, -3.0, 7.0)
    rng = np.random.default_rng(0)
    values = rng.uniform(-50, 1200, 400)
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    out = step(x.view(1, 1, 20, 20))
    np.testing.assert_allclose(out.detach().ravel(), -3 + 10 * shown(values), atol=1e-9)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    h = 1e-6
    slope = 10 * (shown(values + h) - shown(values - h)) / (2 * h)
    smooth = np.abs(values[:, None] - np.array(shown.intensities)).min(1) > 1e-3
    np.testing.assert_allclose(gradient.numpy()[smooth], slope[smooth], atol=1e-5)


def test_a_lookup_table_keeps_only_its_bends():
    intensities, brightness = lut_points(10, [0, 10, 20, 30, 30, 30, 60], step=2.0)
    assert intensities == (10.0, 16.0, 20.0, 22.0)
    np.testing.assert_allclose(brightness, [0, 0.5, 0.5, 1.0])


@pytest.mark.parametrize("inverted", [False, True])
def test_an_attack_on_a_film_lives_in_its_own_values(victim, tmp_path, inverted):
    scan = film(inverted=inverted)
    target = victim.predict(scan)
    target = target.with_array(np.where(np.arange(64) < 20, 1, target.array).astype(np.uint8))
    width = scan.presentation.limits[1] - scan.presentation.limits[0]
    # By default 2 % of the window that the victim sees, in the file's own steps.
    small = sa.craft(scan, victim, sa.attacks.PGD(steps=1), target=target)
    assert small.record["budget"]["epsilon"] == pytest.approx(0.02 * width)
    assert 10 < small.measures["linf"] <= 0.02 * width
    attack = sa.attacks.PGD(epsilon=0.4 * width, steps=30)
    example = sa.craft(scan, victim, attack, target=target)
    assert example.measures["moved"] > 0.9
    assert example.measures["linf"] <= 0.4 * width
    assert example.adversarial.array.dtype == np.uint16
    assert any("through the window of the header" in note for note in example.notes)
    assert example.record["presentation"]["inverted"] is inverted
    back = sa.read(example.save(tmp_path / "out") / "adversarial.png")
    again = victim.predict(replace(back, presentation=scan.presentation))
    np.testing.assert_array_equal(again.array, example.prediction_adversarial.array)


def test_the_command_line_says_and_takes_it(run, tmp_path, weights_file):
    io.save(film(header=False), tmp_path / "film.png")
    status, out, err = run("predict", "film.png", "--victim", weights_file, "--out", "p.png")
    assert status == 0
    assert "note: the model sees the image through the 0.5th to 99.5th percentile (" in err
    status, _, err = run(
        *("predict", "film.png", "--victim", weights_file, "--out", "q.png"),
        *("--present", "none"),
    )
    assert (status, err) == (0, "")


def test_a_volume_by_slices_is_presented_too(victim):
    array = np.stack([disc_image(seed=n) for n in range(3)]).astype(np.uint16) * 16
    volume = Scan(array, Grid.pixels(array.shape), "grey level", Storage("uint16"))
    flat = [victim.predict(Scan.from_array(one), present="0:4080").array for one in array]
    found = victim.predict(volume, present="0:4080").array
    np.testing.assert_array_equal(found, np.stack(flat))
    assert json.dumps(victim.on(volume).presented.data)
