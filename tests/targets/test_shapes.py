"""Target shapes: where they lie, how large they are, and what they leave alone."""

import numpy as np
import pytest
from scipy import ndimage

from napari_segadv import targets
from napari_segadv.errors import SegadvError
from napari_segadv.scan import Grid, Mask


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
    for name in ("heart", "resize", "erase"):
        targets.get(name)(mask, label=1)
    targets.swap(mask, 1, 2)
    np.testing.assert_array_equal(mask.array, before)


def test_a_label_that_is_not_there_is_named():
    with pytest.raises(SegadvError, match=r"no pixel of class 7; it holds 0 \(none\), 1 \(box\)"):
        targets.heart(plane(), 7)
    with pytest.raises(SegadvError, match="target star: unknown"):
        targets.get("star")
