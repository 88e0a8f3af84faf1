"""Target shapes: where they lie, how large they are, and what they leave alone."""

import numpy as np
import pytest
from scipy import ndimage

from napari_segadv import targets
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.errors import SegadvError


def plane(spacing=(1.0, 1.0)) -> Mask:
    array = np.zeros((120, 150), np.uint8)
    array[40:80, 50:90] = 1
    array[10:20, 120:140] = 2
    return Mask(array, Grid(array.shape, spacing, (0.0, 0.0), np.eye(2)), ("none", "box", "other"))


def solid(spacing=(1.0, 1.0, 1.0)) -> Mask:
    shape = tuple(round(60 / s) for s in spacing)
    array = np.zeros(shape, np.uint8)
    inside = tuple(slice(round(20 / s), round(40 / s)) for s in spacing)
    array[inside] = 1
    array[:2, :2, :2] = 2
    return Mask(array, Grid(shape, spacing, (0.0,) * 3, np.eye(3)))


def centre(pixels):
    return np.array(ndimage.center_of_mass(pixels))


@pytest.mark.parametrize("size", [0.5, 1.0, 1.3])
@pytest.mark.parametrize("make", [plane, solid])
def test_a_hearts_size_and_place(make, size):
    mask = make()
    old, new = mask.array == 1, targets.heart(mask, 1, size).array == 1
    power = mask.grid.ndim
    assert new.sum() == pytest.approx(old.sum() * size**power, rel=0.03)
    np.testing.assert_allclose(centre(new), centre(old), atol=0.6)


def test_a_heart_looks_like_one():
    """Two lobes above, a notch between them, a point below."""
    heart = targets.heart(plane(), 1).array == 1
    rows = np.flatnonzero(heart.any(axis=1))
    across = np.flatnonzero(heart.any(axis=0))
    middle = (across[0] + across[-1]) // 2
    top = np.flatnonzero(heart[:, middle])[0]
    assert top > rows[0] + 3
    lobes, count = ndimage.label(heart[rows[0] + 1])
    assert count == 2
    assert heart[rows[-1]].sum() <= 3
    assert abs(np.flatnonzero(heart[rows[-1]]).mean() - middle) <= 1


def test_a_heart_in_a_volume_is_a_heart_on_its_slices_and_isotropic_in_mm():
    mask = solid((4.0, 1.0, 1.0))
    heart = targets.heart(mask, 1, 1.2).array == 1
    z = round(centre(heart)[0])
    assert heart[z].sum() > heart[z + 2].sum() > 0
    lobes, count = ndimage.label(heart[z][np.flatnonzero(heart[z].any(axis=1))[0] + 1])
    assert count == 2
    assert heart.sum() * 4 == pytest.approx((mask.array == 1).sum() * 4 * 1.2**3, rel=0.05)


def test_a_heart_leaves_other_structures_alone():
    small = targets.heart(plane(), 1, 0.5)
    assert ((small.array == 2) == (plane().array == 2)).all()
    assert set(np.unique(small.array)) == {0, 1, 2}


@pytest.mark.parametrize("factor", [0.4, 0.8, 1.2, 1.8])
@pytest.mark.parametrize("make", [plane, solid])
def test_resize(make, factor):
    mask = make()
    old, new = mask.array == 1, targets.resize(mask, 1, factor).array == 1
    assert new.sum() == pytest.approx(old.sum() * factor**mask.grid.ndim, rel=0.12)
    np.testing.assert_allclose(centre(new), centre(old), atol=0.6)


def test_resize_by_one_changes_nothing():
    assert (targets.resize(plane(), 1, 1.0).array == plane().array).all()


def test_shift():
    mask = plane()
    moved = targets.shift(mask, 1, (5, -7)).array
    np.testing.assert_array_equal(moved == 1, np.roll(mask.array == 1, (5, -7), (0, 1)))
    assert ((moved == 2) == (mask.array == 2)).all()
    np.testing.assert_array_equal(targets.shift(mask, 1, (0, 5, -7)).array, moved)
    partly = targets.shift(mask, 1, (70, 0)).array == 1
    assert 0 < partly.sum() < (mask.array == 1).sum()
    volume = targets.shift(solid(), 1, (3, 0, -4)).array == 1
    np.testing.assert_allclose(centre(volume) - centre(solid().array == 1), (3, 0, -4))
    with pytest.raises(SegadvError, match="out of the image"):
        targets.shift(mask, 1, (500, 0))
    with pytest.raises(SegadvError, match="give 2 numbers"):
        targets.shift(mask, 1, (1, 2, 3))


def test_erase_and_swap():
    mask = plane()
    assert not (targets.erase(mask, 1).array == 1).any()
    assert ((targets.erase(mask, 1, 2).array == 2) == (mask.array > 0)).all()
    swapped = targets.swap(mask, 1, 2).array
    np.testing.assert_array_equal(swapped == 1, mask.array == 2)
    np.testing.assert_array_equal(swapped == 2, mask.array == 1)
    assert targets.erase(mask, 1, 300).array.max() == 300
    with pytest.raises(SegadvError, match="two different classes"):
        targets.swap(mask, 1, 1)


@pytest.mark.parametrize("size", [0.6, 1.0, 1.3])
@pytest.mark.parametrize("make", [plane, solid])
def test_an_ellipse_of_the_structures_own_moments(make, size):
    mask = make()
    old, new = mask.array == 1, targets.ellipse(mask, 1, size).array == 1
    np.testing.assert_allclose(centre(new), centre(old), atol=0.6)
    spread = [np.array(np.nonzero(pixels)).std(axis=1) for pixels in (old, new)]
    np.testing.assert_allclose(spread[1], size * spread[0], rtol=0.04)


def test_an_ellipse_tilts_as_the_structure_does():
    y, x = np.mgrid[:90, :90]
    bar = (np.abs(x - y) < 8) & (np.abs(x + y - 90) < 50)
    mask = Mask(bar.astype(np.uint8), Grid(bar.shape, (1.0, 1.0), (0.0, 0.0), np.eye(2)))
    new = targets.ellipse(mask, 1).array == 1
    assert (new & bar).sum() > 0.85 * bar.sum()
    assert new.sum() < 1.15 * bar.sum()


def test_an_ellipse_of_given_half_axes_in_mm():
    mask = solid((4.0, 1.0, 1.0))
    new = targets.ellipse(mask, 1, axes=(12.0, 9.0, 6.0), to=None).array == 1
    assert new.sum() * 4 == pytest.approx(4 / 3 * np.pi * 12 * 9 * 6, rel=0.05)
    assert [int(np.ptp(axis)) + 1 for axis in np.nonzero(new)] == [5, 18, 12]
    flat = Grid((20, 20), (1.0, 1.0), (0.0, 0.0), np.eye(2))
    dot = Mask(np.eye(20, dtype=np.uint8) * 0, flat)
    dot.array[0, 5] = 1
    assert (targets.ellipse(dot, 1).array == dot.array).all()
    at_the_edge = targets.ellipse(dot, 1, axes=(3.0, 3.0)).array
    assert at_the_edge[3, 5] == at_the_edge[0, 2] == 1
    with pytest.raises(SegadvError, match=r"give 3 numbers \(slices, rows, columns\)"):
        targets.ellipse(mask, 1, axes=(1.0, 2.0))


def test_grow_and_shrink_are_in_mm_and_undo_each_other():
    mask = plane((2.0, 0.7))
    grown = targets.grow(mask, 1, 2.1).array == 1
    assert grown[40:80, 47:93].all()
    assert grown[39, 50:90].all()
    assert not grown[:39].any()
    assert not grown[:, :47].any()
    back = targets.shrink(mask.with_array(grown.astype(np.uint8)), 1, 2.1).array
    np.testing.assert_array_equal(back == 1, mask.array == 1)
    volume = targets.shrink(solid((4.0, 1.0, 1.0)), 1, 4.0).array == 1
    assert volume.sum() == (5 - 2) * (20 - 8) ** 2


def test_growing_leaves_others_alone_unless_told():
    mask = plane()
    mask.array[40:80, 90:100] = 2
    gentle, all_over = (targets.grow(mask, 1, 5, cover=c).array for c in (False, True))
    np.testing.assert_array_equal(gentle == 2, mask.array == 2)
    assert (all_over[45:75, 90:95] == 1).all()
    assert (gentle[40:80, 45:50] == 1).all()


def test_where_the_image_ends_nothing_shrinks():
    array = np.zeros((30, 30), np.uint8)
    array[:10] = 1
    mask = Mask(array, Grid.pixels(array.shape))
    np.testing.assert_array_equal(np.flatnonzero(targets.shrink(mask, 1, 3).array[:, 0]), range(7))
    with pytest.raises(SegadvError, match="no outline"):
        targets.shrink(mask.with_array(np.ones_like(array)), 1, 1)


def test_growing_and_shrinking_that_do_nothing_say_so():
    mask = plane((2.0, 0.7))
    for name in ("grow", "shrink"):
        with pytest.raises(SegadvError, match=r"by 0\.5 mm: a pixel is 0\.7 mm"):
            targets.get(name)(mask, 1, 0.5)
    with pytest.raises(SegadvError, match="nothing of class 1 is left"):
        targets.shrink(mask, 1, 50)
    full = mask.with_array(np.where(mask.array == 1, 1, 2).astype(np.uint8))
    with pytest.raises(SegadvError, match="no background next to it"):
        targets.grow(full, 1, 2)


def cup_in_disc() -> Mask:
    """A cup (2) inside a disc (1)."""
    array = np.zeros((60, 60), np.uint8)
    array[10:50, 10:50] = 1
    array[20:40, 20:40] = 2
    return Mask(array, Grid.pixels(array.shape))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resize", {"size": 0.5}),
        ("heart", {"size": 0.6}),
        ("ellipse", {"size": 0.6}),
        ("shrink", {"mm": 3.0}),
        ("shift", {"shift": (3, 3)}),
        ("erase", {}),
    ],
)
def test_what_a_cup_gives_up_can_become_its_disc(name, settings):
    mask, shape = cup_in_disc(), targets.get(name)
    assert (shape(mask, 2, **settings).array[20:40, 20:40] == 0).any()
    surrounded = shape(mask, 2, to=None, **settings).array
    assert (surrounded[20:40, 20:40] != 0).all()
    given_up = (mask.array == 2) & (surrounded != 2)
    assert given_up.any()
    assert (surrounded[given_up] == 1).all()
    assert (shape(mask, 2, to=3, **settings).array[given_up] == 3).all()
    with pytest.raises(SegadvError, match="name another class"):
        shape(mask, 2, to=2, **settings)


def test_what_surrounds_a_structure_closes_in_from_every_side():
    array = np.zeros((40, 40), np.uint8)
    array[:, :20] = 3
    array[10:30, 10:30] = 1
    mask = Mask(array, Grid.pixels(array.shape))
    erased = targets.erase(mask, 1, to=None).array
    assert set(np.unique(erased)) == {0, 3}
    assert (erased[20, :18] == 3).all()
    assert (erased[20, 22:] == 0).all()
    assert not targets.erase(mask.with_array(np.ones_like(array)), 1, to=None).array.any()


def test_fill_interpolates_and_erases_nothing():
    array = np.zeros((9, 40, 40), np.uint8)
    array[1, 10:30, 10:30] = 1
    array[7, 16:24, 16:24] = 1
    array[4, :, 20:] = 2
    mask = Mask(array, Grid(array.shape, (5.0, 1.0, 1.0), (0.0,) * 3, np.eye(3)))
    filled = targets.fill(mask, 1).array
    assert ((filled == 2) == (array == 2)).all()
    for z in (1, 7):
        np.testing.assert_array_equal(filled[z], array[z])
    areas = [(filled[z] == 1).sum() for z in (1, 2, 3, 5, 6, 7)]
    assert areas == sorted(areas, reverse=True)
    # A square of 16 with its corners rounded off.
    assert 0.85 * 16**2 < (filled[3] == 1).sum() < 16**2
    assert (filled[[0, 8]] == 0).all()
    array[7] = array[1]
    array[4] = 0
    same = targets.fill(mask.with_array(array), 1).array
    for z in range(1, 8):
        np.testing.assert_array_equal(same[z], array[1])
    with pytest.raises(SegadvError, match="no gap"):
        targets.fill(solid(), 1)
    with pytest.raises(SegadvError, match="this mask is 2-D"):
        targets.fill(plane(), 1)


def test_the_mask_that_was_given_does_not_change():
    mask = plane()
    before = mask.array.copy()
    for name in ("heart", "ellipse", "resize", "grow", "shrink", "erase"):
        targets.get(name)(mask, label=1)
    targets.swap(mask, 1, 2)
    np.testing.assert_array_equal(mask.array, before)


def test_a_label_that_is_not_there_is_named():
    with pytest.raises(SegadvError, match=r"no pixels of class 7; choose from 0 \(none\), 1"):
        targets.heart(plane(), 7)
    with pytest.raises(SegadvError, match="target star: unknown"):
        targets.get("star")
