"""One connected part of a structure: which it is, what shapes do with it, and how it is noted."""

import inspect
import json

import numpy as np
import pytest
from helpers import disc_image

import napari_segadv as sa
from napari_segadv import io, targets
from napari_segadv.common.parameters import parameters
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.provenance import hash_of
from napari_segadv.targets.components import component_of, describe, part_at

LEFT, RIGHT, SPECK = (20, 15), (20, 45), (38, 58)


def kidneys():
    """Two parts of class 1 with class 2 between them, and a speck of class 1."""
    labels = np.zeros((40, 60), np.uint8)
    labels[14:28, 10:22] = 1
    labels[14:26, 40:50] = 1
    labels[30:34, 25:35] = 2
    labels[38, 58] = 1
    return labels


def mask(labels=None, grid=None):
    labels = kidneys() if labels is None else labels
    return Mask(labels, grid or Grid.pixels(labels.shape), ("background", "kidney", "spleen"))


def half(left):
    """The pixels of one half of the image."""
    across = np.arange(60) < 32
    return np.broadcast_to(across if left else ~across, (40, 60))


@pytest.mark.parametrize("shape", sorted(set(targets.available()) - {"fill"}))
@pytest.mark.parametrize("left", [True, False])
def test_every_shape_changes_the_part_alone(shape, left):
    settings = {"swap": {"to": 2}, "shift": {"shift": (3, 2)}, "grow": {"mm": 2.0}}
    settings |= {"shrink": {"mm": 2.0}, "resize": {"size": 0.5}}
    point = LEFT if left else RIGHT
    made = targets.get(shape)(mask(), label=1, component=point, **settings.get(shape, {}))
    assert (made.array != kidneys()).any()
    kept = half(not left)
    if shape == "swap":
        # Where the other class was, this part's class is now; the other part is as it was.
        kept = kidneys() == 1
        kept &= half(not left)
        assert (made.array[kidneys() == 2] == 1).all()
        assert (made.array[(kidneys() == 1) & half(left) & ~(kidneys() == 2)] == 2).sum() > 100
    np.testing.assert_array_equal(made.array[kept], kidneys()[kept])
    assert made.array.dtype == np.uint8


def test_a_part_is_changed_as_if_it_were_alone():
    alone = kidneys()
    alone[(alone == 1) & ~half(True)] = 0
    for shape, settings in (
        ("heart", {"size": 0.8}),
        ("ellipse", {}),
        ("resize", {"size": 1.3}),
        ("erase", {"to": None}),
        ("shrink", {"mm": 3.0, "to": 2}),
    ):
        made = targets.get(shape)(mask(), 1, component=LEFT, **settings).array
        expected = targets.get(shape)(mask(alone), 1, **settings).array
        np.testing.assert_array_equal(made[half(True)], expected[half(True)])


def test_a_part_does_not_grow_over_the_others_nor_lose_their_number():
    labels = kidneys()
    labels[14:26, 23:30] = 1
    made = targets.grow(mask(labels), 1, mm=4.0, component=LEFT).array
    np.testing.assert_array_equal(made == 1, made != np.where(made == 2, 2, 0))
    assert set(np.unique(made)) == {0, 1, 2}
    # To what surrounds it, which is never the other part's class by mistake.
    erased = targets.erase(mask(labels), 1, to=None, component=LEFT).array
    assert not erased[14:28, 10:22].any()


def test_parts_are_named_by_a_pixel_or_by_their_size():
    for rank, point in enumerate((LEFT, RIGHT, SPECK), start=1):
        by_point = component_of(mask(), 1, point)
        for given in (rank, (rank,), (float(rank),), np.int64(rank)):
            np.testing.assert_array_equal(component_of(mask(), 1, given), by_point)
    assert component_of(mask(), 1, SPECK).sum() == 1
    assert component_of(mask(), 1, [20, 15]).sum() == 14 * 12


def test_pixels_that_touch_at_a_corner_are_one_part():
    labels = np.zeros((8, 8), np.uint8)
    labels[2, 2] = labels[3, 3] = 1
    assert component_of(mask(labels), 1, 1).sum() == 2


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (4, "component 4: class 1 has 3 parts; give a rank from 1 to 3"),
        (0, "component 0: class 1 has 3 parts; give a rank from 1 to 3"),
        ((1, 2, 3), r"component 1,2,3: give 2 whole numbers \(row, column\), or one: the rank by"),
        ((1.5, 2), r"component 1.5,2: give 2 whole numbers \(row, column\)"),
        ((0, 0), "component 0,0: the pixel is background; give one of kidney"),
        ((31, 30), "component 31,30: the pixel is spleen; give one of kidney"),
        ((99, 3), "component 99,3: lies outside the image; give a pixel of class 1"),
        ((-1, 3), "component -1,3: lies outside the image"),
    ],
)
def test_parts_that_are_not_there(component, message):
    with pytest.raises(SegadvError, match=message):
        targets.erase(mask(), 1, component=component)


def test_the_number_that_others_get_meanwhile_is_free():
    labels = kidneys().astype(np.uint16)
    labels[0, 0] = 65535
    made = targets.erase(mask(labels), 1, to=3, component=LEFT).array
    assert (made[14:28, 10:22] == 3).all()
    assert made[0, 0] == 65535
    assert (made[14:26, 40:50] == 1).all()
    full = np.arange(256, dtype=np.uint8).reshape(16, 16)
    full[0, 0] = 1
    changed = targets.erase(mask(full), 1, component=(0, 0)).array
    # Its two pixels of class 1 touch, so nothing is put aside, and the type stays.
    assert changed.dtype == np.uint8
    assert not changed[0, :2].any()


def test_where_a_part_lies_in_words():
    found = part_at(kidneys(), Grid.pixels((40, 60)), LEFT)
    assert (found.label, found.rank, found.count, found.main, found.pixels) == (1, 1, 3, 2, 168)
    text = describe(found, "kidney", "168 pixels")
    assert text == "kidney, the one on the left of the image (168 pixels)"
    other = part_at(kidneys(), Grid.pixels((40, 60)), RIGHT)
    assert "on the right of the image" in describe(other, "kidney", "")
    speck = part_at(kidneys(), Grid.pixels((40, 60)), SPECK)
    assert describe(speck, "kidney", "1 pixel").startswith("kidney, a small part, on the right")
    whole = part_at(kidneys(), Grid.pixels((40, 60)), (31, 30))
    assert describe(whole, "spleen", "40 pixels") == "spleen, in one piece (40 pixels)"
    assert part_at(kidneys(), Grid.pixels((40, 60)), (0, 0)) is None
    alone = kidneys()
    alone[:, 32:57] = 0
    main = part_at(alone, Grid.pixels((40, 60)), LEFT)
    assert describe(main, "kidney", "168 pixels") == "kidney, the main part (168 pixels)"


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_left_and_right_are_the_patients(flip, turned):
    """Along the world's axes, whichever way the array runs; turned: stored in sagittal slices."""
    labels = np.zeros((6, 8, 20), np.uint8)
    labels[1:5, 2:6, 2:6] = 1
    labels[1:4, 2:6, 14:18] = 1
    direction = np.diag([1.0, 1.0, flip])
    low = (2, 3, 3)
    if turned:
        # The first axis goes across the patient, the others as they did.
        labels = np.ascontiguousarray(np.moveaxis(labels, 2, 0))
        direction, low = direction[:, [2, 0, 1]], (3, 2, 3)
    grid = Grid(labels.shape, (1.0,) * 3, (0.0,) * 3, direction)
    side = part_at(labels, grid, low).side
    assert side == ("on the patient's right" if flip > 0 else "on the patient's left")


@pytest.mark.parametrize(
    ("axis", "words"),
    [(0, ("nearer to the feet", "nearer to the head")), (1, ("in front", "at the back"))],
)
def test_up_and_down_and_front_and_back(axis, words):
    labels = np.zeros((20, 20, 20), np.uint8)
    for start in (2, 14):
        box = [slice(5, 8)] * 3
        box[axis] = slice(start, start + 4)
        labels[tuple(box)] = 1
    grid = Grid(labels.shape, (1.0,) * 3, (0.0,) * 3, np.eye(3))
    for start, word in zip((2, 14), words, strict=True):
        point = [6, 6, 6]
        point[axis] = start + 1
        assert part_at(labels, grid, tuple(point)).side == word


def test_every_shape_declares_it_for_forms_and_the_command_line():
    for shape in targets.available().values():
        (declared,) = [p for p in parameters(shape) if p.name == "component"]
        assert declared.optional
        assert declared.parse("12,40,200") == (12.0, 40.0, 200.0)
        assert shape.__doc__
    assert "component" in inspect.signature(targets.heart).parameters


def test_a_mask_says_how_it_was_made():
    made = targets.erase(mask(), label=np.int64(1), component=(np.int64(20), 15))
    (step,) = made.made
    assert step.pop("of") == hash_of(kidneys())
    assert step == {"shape": "erase", "label": 1, "to": 0, "component": [20, 15]}
    again = targets.shift(made, 1, (2, 0), None)
    assert again.made[1] == {"shape": "shift", "label": 1, "shift": [2, 0], "to": None}
    assert json.loads(json.dumps(again.made)) == list(again.made)
    repeated = mask()
    for step in again.made:
        settings = {name: value for name, value in step.items() if name != "shape"}
        repeated = targets.get(step["shape"])(repeated, **settings)
    np.testing.assert_array_equal(repeated.array, again.array)
    # Painted on, it was not made like that.
    assert again.with_array(np.zeros((40, 60), np.uint8)).made == ()


def test_a_result_records_how_its_target_was_made(band_victim):
    scan = Scan.from_array(disc_image())
    clean = band_victim.predict(scan)
    target = targets.erase(clean, label=2, component=1)
    example = sa.craft(scan, band_victim, sa.attacks.PGD(epsilon=12.0, steps=1), target=target)
    (step,) = example.record["inputs"]["target"]["made"]
    assert step.pop("of") == hash_of(clean.array)
    assert step == {"shape": "erase", "label": 2, "to": 0, "component": 1}


@pytest.mark.parametrize("given", ["2", "20,45"])
def test_the_command_line(run, tmp_path, given):
    io.save_mask(mask(), tmp_path / "mask.png")
    arguments = ("target", "erase", "mask.png", "--label", "1", "--component", given)
    status, _, err = run(*arguments, "--out", "out.png")
    assert (status, err) == (0, "")
    expected = np.where(
        (kidneys() == 1) & (np.arange(60) > 32) & (np.arange(60) < 55), 0, kidneys()
    )
    np.testing.assert_array_equal(io.read_mask(tmp_path / "out.png").array, expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("9", "component 9: class 1 has 3 parts; give a rank from 1 to 3"),
        ("left", "component=left: must be comma-separated numbers of 0 or more, or none"),
        ("1,2,3", "component 1,2,3: give 2 whole numbers (row, column), or one: the rank by size"),
    ],
)
def test_what_the_command_line_refuses(run, tmp_path, given, message):
    io.save_mask(mask(), tmp_path / "mask.png")
    arguments = ("target", "erase", "mask.png", "--label", "1", "--component", given)
    status, _, err = run(*arguments, "--out", "out.png")
    assert status == 2
    assert message in err
    assert not (tmp_path / "out.png").exists()
