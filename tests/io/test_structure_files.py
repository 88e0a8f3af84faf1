"""Overlapping structures in files: all in one, one each, in segmentations, and label maps."""

import re

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_segadv import io
from napari_segadv.cli import app
from napari_segadv.data.overlapping import (
    Overlapping,
    combinations,
    from_labels,
    read_regions,
    to_labels,
)
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.errors import SegadvError
from napari_segadv.io.masks import save_mask
from napari_segadv.io.structures import maps_in, read_structures, save_any, save_structures

NAMES = ("core", "whole tumour", "enhancing")
TEXT = "core=1+4,whole tumour=1+2+4,enhancing=4"
BRATS = read_regions(TEXT)
OBLIQUE = np.array([[1.0, 0.0, 0.0], [0.0, 0.8, -0.6], [0.0, 0.6, 0.8]])
GRID = Grid((6, 9, 8), (3.0, 0.8, 0.7), (-10.0, 20.0, 5.0), OBLIQUE)


def structures(grid=GRID, seed=0):
    numbers = np.random.default_rng(seed).integers(0, 8, grid.shape, dtype=np.uint8)
    return Overlapping(numbers, grid, combinations(NAMES))


@pytest.mark.parametrize("name", ["all.nii.gz", "all.nii", "seen_{structure}.nii.gz"])
def test_structures_are_read_as_they_were_written(name, tmp_path):
    mask = structures()
    save_structures(mask, tmp_path / name)
    found = read_structures(tmp_path / name, NAMES, GRID)
    assert isinstance(found, Overlapping)
    assert found.structures == NAMES
    assert found.grid is GRID
    np.testing.assert_array_equal(found.array, mask.array)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_one_file_each_is_named_after_its_structure(tmp_path):
    mask = structures()
    save_structures(mask, tmp_path / "seen_{structure}.nii.gz")
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["seen_core.nii.gz", "seen_enhancing.nii.gz", "seen_whole_tumour.nii.gz"]
    whole = io.read_mask(tmp_path / "seen_whole_tumour.nii.gz")
    np.testing.assert_array_equal(whole.array, mask.maps[1])


def test_a_set_of_files_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """The disk is full at the second file: the first is not left, nor an earlier one replaced."""
    earlier = tmp_path / "seen_core.nii.gz"
    earlier.write_bytes(b"mine")
    written = []

    def save(mask, path):
        written.append(path)
        if len(written) == 2:
            raise SegadvError(f"{path}: can't be written (disk full); name another file")
        save_mask(mask, path)

    monkeypatch.setattr("napari_segadv.io.structures.save_mask", save)
    place = tmp_path / "seen_whole_tumour.nii.gz"
    with pytest.raises(SegadvError, match=f"^{re.escape(str(place))}: can't be written"):
        save_structures(structures(), tmp_path / "seen_{structure}.nii.gz")
    assert list(tmp_path.iterdir()) == [earlier]
    assert earlier.read_bytes() == b"mine"


def test_one_file_is_what_monai_writes_and_reads(tmp_path):
    from monai.transforms import LoadImage

    mask = structures()
    save_structures(mask, tmp_path / "all.nii.gz")
    image = nibabel.load(tmp_path / "all.nii.gz")
    assert image.shape == (8, 9, 6, 3)
    assert image.get_data_dtype() == np.uint8
    theirs = np.asarray(LoadImage(image_only=True, ensure_channel_first=True)(image.get_filename()))
    np.testing.assert_array_equal(theirs.transpose(0, 3, 2, 1), mask.maps)


def test_a_file_of_another_resolution_is_put_onto_the_image(tmp_path):
    coarse = Grid((6, 9, 8), (3.0, 2.0, 2.0), (0.0, 0.0, 0.0), np.eye(3))
    fine = Grid((6, 18, 16), (3.0, 1.0, 1.0), (0.0, -0.5, -0.5), np.eye(3))
    mask = structures(coarse)
    save_structures(mask, tmp_path / "all.nii.gz")
    found = read_structures(tmp_path / "all.nii.gz", NAMES, fine)
    np.testing.assert_array_equal(found.array, mask.array.repeat(2, 1).repeat(2, 2))


def test_without_names_they_are_numbered(tmp_path):
    save_structures(structures(), tmp_path / "all.nii.gz")
    found = read_structures(tmp_path / "all.nii.gz")
    assert found.structures == ("structure 1", "structure 2", "structure 3")
    shown = maps_in(tmp_path / "all.nii.gz")
    np.testing.assert_array_equal(shown.array, found.array)


def test_one_label_map_stays_one(tmp_path):
    labels = Mask(np.random.default_rng(0).integers(0, 4, GRID.shape, dtype=np.uint8), GRID)
    save_any(labels, tmp_path / "labels.nii.gz")
    found = read_structures(tmp_path / "labels.nii.gz", NAMES)
    assert not isinstance(found, Overlapping)
    np.testing.assert_array_equal(found.array, labels.array)
    assert maps_in(tmp_path / "labels.nii.gz") is None


def wrong_count(folder):
    save_structures(structures(), folder / "x.nii.gz")
    return folder / "x.nii.gz", ("a", "b"), "holds 3 maps, but there are 2 structures"


def not_binary(folder):
    data = np.zeros((8, 9, 6, 3), np.uint8)
    data[0, 0, 0] = 4
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), folder / "x.nii.gz")
    return folder / "x.nii.gz", NAMES, "core: holds 4, but the map of one structure is 0 or 1"


def too_many(folder):
    data = np.zeros((8, 9, 6, 7), np.uint8)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), folder / "x.nii.gz")
    return folder / "x.nii.gz", NAMES, "holds 7 volumes; up to 6"


def one_missing(folder):
    save_structures(structures(), folder / "x_{structure}.nii.gz")
    (folder / "x_core.nii.gz").unlink()
    return folder / "x_{structure}.nii.gz", NAMES, "x_core.nii.gz: no such file"


def names_alike(folder):
    return folder / "x_{structure}.nii.gz", ("a b", "a/b"), "can't tell files apart"


@pytest.mark.parametrize("kind", [wrong_count, not_binary, too_many, one_missing, names_alike])
def test_what_is_wrong_is_said_in_one_line(kind, tmp_path):
    path, names, words = kind(tmp_path)
    with pytest.raises(SegadvError, match=words) as error:
        read_structures(path, names)
    assert "\n" not in str(error.value)


def test_a_png_holds_no_structures(tmp_path):
    with pytest.raises(SegadvError, match=r"use \.nii\.gz for all"):
        save_structures(structures(), tmp_path / "x.png")


def test_nested_labels_go_there_and_back():
    labels = np.random.default_rng(0).choice([0, 1, 2, 4], GRID.shape).astype(np.uint8)
    found = from_labels(Mask(labels, GRID), BRATS)
    np.testing.assert_array_equal(found.maps[0], np.isin(labels, (1, 4)))
    np.testing.assert_array_equal(found.maps[1], labels > 0)
    np.testing.assert_array_equal(found.maps[2], labels == 4)
    back = to_labels(found, BRATS)
    np.testing.assert_array_equal(back.array, labels)
    assert back.notes == ()


def test_structures_that_are_not_nested_are_painted_as_the_published_bundle_does():
    mask = structures()
    core, whole, enhancing = mask.maps
    expected = np.where(enhancing, 4, np.where(core, 1, np.where(whole, 2, 0)))
    found = to_labels(mask, BRATS)
    np.testing.assert_array_equal(found.array, expected)
    odd = (enhancing & ~(core & whole)) | (core & ~whole)
    assert f"in {odd.sum()} of its pixels" in found.notes[0]


def test_labels_that_no_structure_has():
    with pytest.raises(SegadvError, match="holds label 3, which no structure has"):
        from_labels(Mask(np.full(GRID.shape, 3, np.uint8), GRID), BRATS)
    for text in ("core", "core=", "core=a", "=1", "core=1+"):
        with pytest.raises(SegadvError, match="give each structure with its labels"):
            read_regions(text)
    with pytest.raises(SegadvError, match="name the same ones in the same order"):
        to_labels(structures(), read_regions("a=1,b=2"))


def test_the_command_converts_both_ways(tmp_path):
    labels = np.random.default_rng(0).choice([0, 1, 2, 4], GRID.shape).astype(np.uint8)
    io.save_mask(Mask(labels, GRID), tmp_path / "seg.nii.gz")
    for source, out in (("seg", "structures"), ("structures", "again")):
        given = ["regions", f"{tmp_path / source}.nii.gz", "--regions", TEXT]
        result = CliRunner().invoke(app, [*given, "--out", f"{tmp_path / out}.nii.gz"])
        assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(io.read_mask(tmp_path / "again.nii.gz").array, labels)
    assert read_structures(tmp_path / "structures.nii.gz", NAMES).structures == NAMES
