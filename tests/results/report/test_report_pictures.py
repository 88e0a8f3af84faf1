"""The pictures of a report: the pixels of the image in its windows, the right way round."""

import dicom_sources as made
import numpy as np
import pytest
from helpers import BYTES, band_victim_of, bands, disc_image, mask_on, volume_victim
from pages import Page

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.measures.by_window import seen_in_windows
from napari_segadv.results.report.pictures import outlines
from napari_segadv.results.report.views import LARGEST, Plane, planes_of, windows_of
from napari_segadv.victims.victim import Victim

PGD = sa.attacks.PGD(epsilon=12.0, steps=2)


def page_of(example, folder):
    return Page(sa.report(example, folder / "report.html"))


def bytes_in(window, array):
    return np.rint(255 * window.shown(array)).astype(np.uint8)


def test_clean_and_adversarial_pixel_for_pixel(tmp_path, scan2d, band_victim):
    example = sa.craft(scan2d, band_victim, PGD)
    page = page_of(example, tmp_path)
    np.testing.assert_array_equal(page.picture("p0-0c"), example.clean.array)
    np.testing.assert_array_equal(page.picture("p0-0a"), example.adversarial.array)


def test_noise_is_blue_below_zero_red_above_and_white_where_nothing_changed(tmp_path, scan2d):
    example = sa.craft(
        scan2d, band_victim_of(("bg", "dim", "bright")), PGD, region=np.eye(48, 64) > 0
    )
    rgb, noise = page_of(example, tmp_path).picture("p0-noise").astype(int), example.noise
    red, blue = rgb[..., 0], rgb[..., 2]
    assert (noise > 0).any()
    assert (noise < 0).any()
    assert (red > blue)[noise > 0].all()
    assert (red < blue)[noise < 0].all()
    assert (rgb[noise == 0] > 240).all()


def test_a_ct_in_every_window_with_the_patient_upright(tmp_path, ct):
    # The rows of this CT run to the front, its columns to the right.
    example = sa.craft(ct, volume_victim(2), sa.attacks.PGD(epsilon=20.0, steps=2))
    page = page_of(example, tmp_path)
    windows = windows_of(ct, example.window)
    assert [one.name for one in windows] == [
        "mediastinum", "lung", "bone", "brain", "liver", "soft tissue", "full range",
        "what the model sees",
    ]  # fmt: skip
    shown = next(n for n in range(20) if f"Slice {n} (of 0 to 19)" in page.text)
    for number, window in enumerate(windows):
        turned = bytes_in(window, ct.array[shown].astype(float))[::-1, ::-1]
        np.testing.assert_array_equal(page.picture(f"p0-{number}c"), turned)
    for letter in "RLAP":
        assert f">{letter}</text>" in page.source


def test_an_x_ray_in_the_window_of_its_header_and_inverted_as_it_says(tmp_path):
    rng = np.random.default_rng(0)
    stored = (disc_image().astype(np.uint16) * 16 + rng.integers(0, 9, (48, 64))).astype(np.uint16)
    more = {"WindowCenter": 2000, "WindowWidth": 3000}
    made.xray(tmp_path / "x.dcm", stored, photometric="MONOCHROME1", **more)
    scan = io.read(tmp_path / "x.dcm")
    assert scan.presentation.falls
    windows = windows_of(scan, (0.0, 4095.0))
    assert windows[0].shown == scan.presentation
    assert all(one.shown.falls for one in windows)
    example = sa.craft(scan, band_victim_of(("bg", "dim", "bright")), sa.attacks.FGSM(epsilon=90.0))
    page = page_of(example, tmp_path)
    np.testing.assert_array_equal(page.picture("p0-0c"), bytes_in(windows[0], scan.array))
    # Dark where the stored number is high.
    assert page.picture("p0-0c")[stored.argmax() // 64, stored.argmax() % 64] < 60


@pytest.mark.parametrize(
    ("direction", "letters", "turn"),
    [
        (np.eye(3), "RLAP", (1, 1)),
        (np.diag([1.0, -1.0, -1.0]), "RLAP", (-1, -1)),
        # Coronal slices, foot first: rows run to the head and are turned.
        (np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]]), "RLHF", (-1, 1)),
        # Sagittal slices, head first: columns run to the back.
        (np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0.0]]), "APHF", (1, 1)),
    ],
)
def test_which_way_up(direction, letters, turn):
    grid = Grid((4, 5, 6), (3.0, 2.0, 1.0), (0.0, 0.0, 0.0), direction)
    plane = Plane.of(grid, 2)
    assert "".join(plane.letters) == letters
    array = np.arange(120).reshape(4, 5, 6)
    np.testing.assert_array_equal(plane.cut(array), array[2][:: turn[0], :: turn[1]])
    assert plane.size == (10.0, 6.0)


def test_an_image_without_geometry_has_no_letters():
    assert Plane.of(Grid.pixels((4, 5, 6)), 1).letters == ()
    assert Plane.of(Grid.pixels((5, 6))).bar == (1.0, "1 pixels")


@pytest.mark.parametrize(
    ("width", "text"), [(512 * 0.7, "5 cm"), (60 * 0.7, "1 cm"), (20 * 0.7, "2 mm")]
)
def test_the_scale_is_a_round_length_of_about_a_quarter(width, text):
    grid = Grid((10, 10), (1.0, width / 10), (0.0, 0.0), np.eye(2))
    length, words = Plane.of(grid).bar
    assert words == text
    assert 0.1 * width <= length <= 0.25 * width


def test_outlines_go_around_the_pixels():
    labels = np.zeros((6, 8), np.uint8)
    labels[2:4, 3:6] = 2
    grid = Grid((6, 8), (2.0, 0.5), (0.0, 0.0), np.eye(2))
    (found,) = outlines(Plane.of(grid), Mask(labels, grid, ("bg", "a", "b")))
    assert found.name == "b"
    points = np.array(
        [[float(n) for n in pair.split(",")] for pair in found.path.strip("MZ").split()]
    )
    # From the first to the last row of its pixels, in mm from the upper left corner.
    assert points[:, 1].min() == pytest.approx(4.0, abs=1.0)
    assert points[:, 1].max() == pytest.approx(8.0, abs=1.0)
    assert points[:, 0].min() == pytest.approx(1.5, abs=0.25)
    assert points[:, 0].max() == pytest.approx(3.0, abs=0.25)


def test_a_large_image_is_shown_smaller_and_its_noise_is_not_averaged_away(tmp_path, band_victim):
    side = LARGEST + 100
    rng = np.random.default_rng(0)
    scan = Scan.from_array(rng.integers(0, 255, (side, 40), dtype=np.uint8))
    example = sa.craft(scan, band_victim, sa.attacks.FGSM(epsilon=9.0))
    page = page_of(example, tmp_path)
    assert page.picture("p0-0c").shape == (side // 2, 20)
    assert "Shown at 1/2 of its size" in page.text
    mean = example.clean.array[: side // 2 * 2].reshape(-1, 2, 20, 2).mean((1, 3))
    np.testing.assert_allclose(page.picture("p0-0c"), mean, atol=0.51)
    strong = np.abs(page.picture("p0-noise").astype(int)[..., 0] - page.picture("p0-noise")[..., 2])
    assert (strong > 60).mean() > 0.9


def test_the_slices_are_those_of_the_change_and_of_the_structure():
    rng = np.random.default_rng(0)
    array = rng.normal(0, 10, (8, 32, 32)).astype(np.int16)
    for number, half in ((2, 4), (5, 10), (6, 6)):
        array[number, 16 - half : 16 + half, 16 - half : 16 + half] += 150
    grid = Grid(array.shape, (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    scan, victim = Scan(array, grid, "HU", Storage("int16")), volume_victim(2)
    clean = victim.predict(scan).array
    target = clean.copy()
    target[2][target[2] == 2] = 0
    example = sa.craft(
        scan, victim, sa.attacks.PGD(epsilon=60.0, steps=3), target=target, slices=(2, 2)
    )
    table = seen_in_windows(scan, example.adversarial)
    planes = planes_of(example, table)
    assert planes[0].number == 2
    assert "most visible" in planes[0].why
    assert planes[1].number == 5
    assert "is largest" in planes[1].why


def test_a_colour_image_is_shown_in_its_colours(tmp_path):
    rng = np.random.default_rng(0)
    scan = Scan.from_array(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8), colour=True)
    victim = Victim(
        bands(channels=3), name="bands", dims=2, channels=3, classes=("bg", "dim", "bright"),
        steps=(BYTES,),
    )  # fmt: skip
    example = sa.craft(scan, victim, PGD)
    page = page_of(example, tmp_path)
    np.testing.assert_array_equal(page.picture("p0-0c"), scan.array)
    assert [one.name for one in windows_of(scan, example.window)] == ["full range of 8 bits"]


def test_windows_that_show_the_same_are_shown_once(scan2d):
    assert len(windows_of(scan2d, (0.0, 255.0))) == 1
    names = [one.name for one in windows_of(scan2d, (20.0, 200.0))]
    assert names == ["full range of 8 bits", "what the model sees"]


def test_outlines_of_another_orientation_follow_the_image(tmp_path, ct):
    labels = np.zeros(ct.grid.shape, np.uint8)
    labels[8, 2:5, 3:9] = 1
    mask = mask_on(ct, labels)
    plane = Plane.of(ct.grid, 8)
    (found,) = outlines(plane, mask)
    points = np.array(
        [[float(n) for n in pair.split(",")] for pair in found.path.strip("MZ").split()]
    )
    rows, columns = np.nonzero(plane.cut(labels))
    assert points[:, 1].mean() == pytest.approx((rows.mean() + 0.5) * 1.5, abs=0.8)
    assert points[:, 0].mean() == pytest.approx((columns.mean() + 0.5) * 1.25, abs=0.8)
