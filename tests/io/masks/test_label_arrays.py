"""Class numbers of arrays and files: whole numbers from 0 to 65535, nothing wrapped or rounded."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from helpers import write_series

from napari_segadv import io
from napari_segadv.data.labels import label_array
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.io.structures import read_structures
from napari_segadv.results.provenance import describe_given
from napari_segadv.victims.tasks.segmentation import Segmentation

SCAN = Scan.from_array(np.arange(64, dtype=np.uint8).reshape(8, 8))
KINDS = [
    *("?", "u1", "i1", "<u2", ">u2", "<i2", ">i2", "<i4", ">i4", "<u4", ">u8", "<i8", ">i8"),
    *("<f4", ">f4", ">f8", "<f2"),
]


def numbers(kind, value=1):
    array = np.zeros((8, 8), kind)
    array[2:4, 3:5] = value
    return array


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_type_that_holds_whole_numbers_is_welcome(kind, order):
    mask = io.mask_for(np.array(numbers(kind), order=order), SCAN, "target")
    assert mask.array.dtype in (np.uint8, np.uint16)
    np.testing.assert_array_equal(mask.array, numbers("u1"))


@pytest.mark.parametrize("kind", ["<u2", ">u2", ">i4", ">f8", ">u8"])
def test_large_numbers_survive_every_byte_order(kind):
    found = label_array(numbers(kind, 40_000), "target")
    assert found.dtype == np.uint16
    assert found.dtype.isnative
    assert np.unique(found).tolist() == [0, 40_000]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (numbers("i1", -1), "target: holds -1, but class numbers go from 0 to 65535"),
        (numbers(">i8", -255), "holds -255"),
        (numbers("<f4", -2), "holds -2"),
        (numbers("i4", 65536), "holds 65536.*renumber"),
        (numbers("u8", 2**63 + 1), "holds 9223372036854775809"),
        (numbers("f8", 1e300), "renumber its classes"),
        (numbers("f4", 0.5), "fractions, such as 0.5"),
        (numbers("f8", 1e-9), "fractions, such as 1e-09"),
        (numbers("f4", np.nan), "NaN or infinity"),
        (numbers("f4", np.inf), "NaN or infinity"),
        (numbers("c8", 1), "values of the type complex64"),
        (np.full((8, 8), "1"), "values of the type <U1"),
        (np.full((8, 8), None), "values of the type object"),
        ([[0, 1], [2]], "can't be made an array"),
        (np.ma.masked_equal(numbers("u1"), 1), "has masked pixels"),
        (np.zeros((8, 9), np.uint8), r"shape \(8, 9\) can't be a mask of image"),
        (np.uint8(1), r"shape \(1,\)"),
    ],
)
def test_everything_else_is_refused(array, message):
    with pytest.raises(SegadvError, match=message) as caught:
        io.mask_for(array, SCAN, "target")
    assert "\n" not in str(caught.value)


def test_a_mask_takes_no_other_numbers_either():
    with pytest.raises(SegadvError, match="the mask: holds -1"):
        Mask(numbers("i4", -1), SCAN.grid)
    with pytest.raises(SegadvError, match="holds 65536"):
        Mask(numbers("u1"), SCAN.grid).with_array(numbers("i4", 65536))


@pytest.mark.parametrize(
    ("kind", "value"), [("i2", -1), ("i4", -(2**31)), ("i4", 65536), ("f4", 0.5), ("f8", 2**40)]
)
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_files_with_such_numbers_are_refused(tmp_path, kind, value, ending):
    image = sitk.GetImageFromArray(np.stack([numbers(kind, value)] * 3))
    sitk.WriteImage(image, str(tmp_path / f"m{ending}"))
    with pytest.raises(SegadvError, match=r"holds (-|\d|fractions)"):
        io.read_mask(tmp_path / f"m{ending}")


@pytest.mark.parametrize("where", ["beside", "far", "behind"])
@pytest.mark.parametrize("filled", [False, True])
def test_a_mask_of_another_place_is_refused_even_if_it_is_empty(tmp_path, where, filled):
    origin = {"beside": (0.0, 0.0, 8.0), "far": (0.0, 999.0, 0.0), "behind": (-9.0, 0.0, 0.0)}
    grid = Grid((3, 8, 8), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    other = Grid((3, 8, 8), (3.0, 1.0, 1.0), origin[where], np.eye(3))
    io.save_mask(Mask(np.full((3, 8, 8), int(filled), np.uint8), other), tmp_path / "m.nii.gz")
    with pytest.raises(SegadvError, match="belongs to another image"):
        io.read_mask(tmp_path / "m.nii.gz", grid)


def test_an_empty_mask_on_a_part_of_the_image_is_fine(tmp_path):
    grid = Grid((6, 16, 16), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    part = Grid((2, 8, 8), (3.0, 1.0, 1.0), (3.0, 4.0, 4.0), np.eye(3))
    finer = Grid((12, 32, 32), (1.5, 0.5, 0.5), (0.0, 0.0, 0.0), np.eye(3))
    for own in (part, finer):
        io.save_mask(Mask(np.zeros(own.shape, np.uint8), own), tmp_path / "m.nii.gz")
        mask = io.read_mask(tmp_path / "m.nii.gz", grid)
        assert mask.array.shape == grid.shape
        assert not mask.array.any()


def test_a_structure_that_falls_between_the_pixels_is_told():
    grid = Grid((4, 8, 8), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    fine = Grid((12, 8, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    array = np.zeros(fine.shape, np.uint8)
    array[4, 3, 3] = 2
    with pytest.raises(SegadvError, match="no pixel of the image has its centre in the structures"):
        io.to_grid(Mask(array, fine), grid)
    array[6, 2:6, 2:6] = 1
    mask = io.to_grid(Mask(array, fine, ("background", "liver", "nodule")), grid)
    assert np.unique(mask.array).tolist() == [0, 1]
    assert "nodule, so it is left out" in mask.notes[0]


def test_classes_get_the_victims_numbers_by_their_names():
    mask = Mask(numbers("u1", 2), SCAN.grid, ("background", "Spleen", "Liver"))
    known = ("background", "liver", "spleen", "kidney")
    found = io.renumbered(mask, known)
    np.testing.assert_array_equal(found.array, numbers("u1", 1))
    assert found.classes == known
    other = io.renumbered(mask, ("background", "lung"))
    np.testing.assert_array_equal(other.array, mask.array)
    assert "Liver is no class of the model" in other.notes[0]
    assert io.renumbered(Mask(numbers("u1"), SCAN.grid), known).notes == ()


def test_a_target_for_a_victim_gets_its_numbers(tmp_path):
    grid = Grid((3, 8, 8), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    scan = Scan(np.arange(192.0).reshape(3, 8, 8), grid, "grey level", Storage("float64"))
    mask = Mask(np.stack([numbers("u1", 2)] * 3), grid, ("background", "Spleen", "Liver"))
    io.save_mask(mask, tmp_path / "organs.seg.nrrd")
    victim = SimpleNamespace(classes=("background", "liver", "spleen"))
    target = Segmentation().wanted(f"{tmp_path / 'organs.seg.nrrd'}::Liver", "target", scan, victim)
    np.testing.assert_array_equal(target.array, np.stack([numbers("u1", 1)] * 3))
    found = describe_given(target)
    assert found["segments"] == "Liver"
    assert found["path"] == str(tmp_path / "organs.seg.nrrd")


STORED = ["u1", "i1", "u2", "i2", "u4", "i4"]


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("given", ["f4", "f8", "i8"])
@pytest.mark.parametrize("most", [1, 3, 5, 15, 17])
def test_labels_that_nibabel_scales_stay_whole(tmp_path, stored, given, most):
    """It spreads floats over the type: the slope is a float32, so the classes get fractions."""
    labels = np.random.default_rng(most).integers(0, most + 1, (7, 8, 6)).astype(given)
    labels.flat[:2] = 0, most
    image = nib.Nifti1Image(labels, np.eye(4), dtype=np.dtype(given))
    image.set_data_dtype(stored)
    nib.save(image, tmp_path / "m.nii.gz")
    mask = io.read_mask(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(mask.array, labels.T)
    assert mask.notes == ()


@pytest.mark.parametrize("most", [2, 4, 7, 104])
@pytest.mark.parametrize("stored", STORED)
def test_labels_between_the_steps_of_a_scaled_file_are_rounded_and_told(tmp_path, stored, most):
    """255 is no multiple of 2: as bytes, nibabel's 1 of 0 to 2 is 1.0039."""
    labels = np.random.default_rng(most).integers(0, most + 1, (7, 8, 6)).astype(np.float64)
    labels.flat[:2] = 0, most
    image = nib.Nifti1Image(labels, np.eye(4))
    image.set_data_dtype(stored)
    nib.save(image, tmp_path / "m.nii.gz")
    off = np.abs(nib.load(tmp_path / "m.nii.gz").get_fdata() - labels).max()
    if most == 104 and "1" in stored:
        with pytest.raises(SegadvError, match=r"fractions, such as \d+\.\d*[1-9]"):
            io.read_mask(tmp_path / "m.nii.gz")
        return
    mask = io.read_mask(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(mask.array, labels.T)
    assert ["are rounded" in note for note in mask.notes] == ([True] if off > 1e-4 else [])


@pytest.mark.parametrize(
    ("slope", "stored", "shown"),
    [(0.25, 1, "0.25"), (1.0004, 1, "1.0004"), (0.0004, 2501, "1.0004"), (0.5, 3, "1.5")],
)
@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_fractions_of_a_scaled_file_are_refused_and_shown(tmp_path, slope, stored, shown, ending):
    image = nib.Nifti1Image(np.full((7, 8, 6), stored, np.int16), np.eye(4))
    image.header.set_slope_inter(slope, 0)
    nib.save(image, tmp_path / f"m{ending}")
    with pytest.raises(SegadvError, match=f"holds fractions, such as {shown}"):
        io.read_mask(tmp_path / f"m{ending}")


@pytest.mark.parametrize("value", [0.25, 1.0004, 1.0000001, 2.9999998, 1 + 1e-9])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_fractions_without_a_slope_are_refused_and_seen(tmp_path, value, kind):
    if np.array(value, kind) == np.rint(value):
        return
    nib.save(nib.Nifti1Image(np.full((7, 8, 6), value, kind), np.eye(4)), tmp_path / "m.nii")
    with pytest.raises(SegadvError, match="holds fractions, such as ") as caught:
        io.read_mask(tmp_path / "m.nii")
    shown = str(caught.value).partition("such as ")[2].partition(";")[0]
    assert float(shown) != round(float(shown))


def test_maps_of_structures_that_nibabel_scales(tmp_path):
    maps = np.random.default_rng(0).integers(0, 2, (7, 8, 6, 2)).astype(np.float64)
    image = nib.Nifti1Image(maps, np.eye(4))
    image.set_data_dtype(np.uint8)
    nib.save(image, tmp_path / "m.nii.gz")
    mask = read_structures(tmp_path / "m.nii.gz", ["core", "whole"])
    np.testing.assert_array_equal(mask.array, maps[..., 0].T + 2 * maps[..., 1].T)


@pytest.mark.parametrize("slope", ["0.003921568859", "0.003922", "0.0039"])
def test_a_scaled_dicom_mask(tmp_path, slope):
    labels = np.zeros((1, 8, 8), np.uint16)
    labels[:, 2:4, 3:5] = round(1 / float(slope))
    write_series(tmp_path, labels)
    (path,) = tmp_path.iterdir()
    ds = pydicom.dcmread(path)
    ds.RescaleSlope, ds.RescaleIntercept = slope, "0"
    ds.save_as(path)
    np.testing.assert_array_equal(io.read_mask(path).array, labels[0] > 0)
