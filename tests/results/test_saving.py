"""Results on disk: replaced whole or not at all, and never along with foreign files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import volume_victim

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.common import atomic_files
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.io.output import output_for, read_back


@pytest.fixture
def example(scan2d, band_victim):
    attack = sa.attacks.PGD(epsilon=8, steps=1)
    return sa.craft(scan2d, band_victim, attack)


def test_overwriting_replaces_the_earlier_result(tmp_path, example):
    example.save(tmp_path / "out")
    later = replace(example, notes=("later",))
    with pytest.raises(SegadvError, match="exists already"):
        later.save(tmp_path / "out")
    later.save(tmp_path / "out", overwrite=True)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["notes"] == ["later"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_overwriting_that_fails_leaves_the_earlier_result(tmp_path, example, monkeypatch):
    folder = example.save(tmp_path / "out")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    rename = Path.rename

    def full(self, target):
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    monkeypatch.setattr(atomic_files, "_exchange", lambda one, other: False)
    with pytest.raises(SegadvError, match="No space left"):
        example.save(folder, overwrite=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


FOREIGN = ["thesis.docx", "data", "adversarial.pptx", "adversarial.png.bak", "prediction_clean.png"]


@pytest.mark.parametrize("listed", [True, False], ids=["as it lists them", "as earlier versions"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_is_not_a_result_is_never_replaced(tmp_path, example, foreign, listed):
    folder = example.save(tmp_path / "out")
    if not listed:
        unlisted(folder)
    example.save(folder, overwrite=True)
    if not listed:
        unlisted(folder)
    if foreign == "data":
        (folder / foreign).mkdir()
    else:
        (folder / foreign).write_text("years of work")
    with pytest.raises(SegadvError, match="not overwritten"):
        example.save(folder, overwrite=True)
    assert (folder / foreign).exists()


def unlisted(folder):
    """Make a result one of an earlier version, which did not list its files."""
    path = folder / "result.json"
    result = json.loads(path.read_text())
    del result["files"]
    path.write_text(json.dumps(result))


@pytest.mark.parametrize("content", [None, "{}", "[]", "not JSON", '{"method": "pgd"}'])
def test_a_folder_is_a_result_by_its_result_json(tmp_path, example, content):
    folder = example.save(tmp_path / "out")
    (folder / "result.json").unlink()
    if content is not None:
        (folder / "result.json").write_text(content)
    with pytest.raises(SegadvError, match="not a segadv result"):
        example.save(folder, overwrite=True)


def test_an_empty_folder_may_be_used(tmp_path, example):
    (tmp_path / "out").mkdir()
    example.save(tmp_path / "out", overwrite=True)


def test_a_link_is_not_replaced(tmp_path, example):
    example.save(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(SegadvError, match="not a segadv result"):
        example.save(tmp_path / "link", overwrite=True)


KINDS = ["uint8", "int8", "int16", "uint16", "int32", "float16", "float32", "float64"]


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_type_are_saved_and_read_back(tmp_path, band_victim, kind):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 120, (24, 32)).astype(kind)
    scan = Scan.from_array(array)
    target = np.ones(array.shape, np.uint8)
    example = sa.craft(scan, band_victim, sa.attacks.PGD(epsilon=6, steps=2), target=target)
    example.save(tmp_path / "out")
    assert example.measures["linf"] <= 6
    assert example.adversarial.array.dtype == scan.array.dtype


def test_unsigned_ct_stays_in_the_budget(tmp_path, band_victim):
    array = np.random.default_rng(0).integers(0, 255, (24, 32)).astype(np.uint16)
    array[:4] = 0
    scan = Scan(array, Grid.pixels((24, 32)), "HU", Storage("uint16"))
    attack = sa.attacks.PGD(epsilon=20, steps=3)
    example = sa.craft(scan, band_victim, attack, present="none")
    assert example.measures["linf"] <= 20


def test_float64_keeps_what_lies_outside_the_region(band_victim):
    array = np.random.default_rng(0).random((24, 32)) * 200 + 1e-9
    scan = Scan.from_array(array)
    region = np.zeros((24, 32), np.uint8)
    region[:, :16] = 1
    attack = sa.attacks.PGD(epsilon=9.0, steps=3)
    example = sa.craft(scan, band_victim, attack, region=region)
    np.testing.assert_array_equal(example.adversarial.array[:, 16:], array[:, 16:])
    assert example.measures["linf"] > 0


def test_nothing_to_get_away_from(band_victim):
    dark = np.random.default_rng(0).integers(0, 40, (24, 32)).astype(np.uint8)
    with pytest.raises(SegadvError, match="finds no structure"):
        sa.craft(Scan.from_array(dark), band_victim, sa.attacks.PGD(steps=2))


def test_an_image_that_became_flat_is_named(scan2d):
    flat = replace(scan2d, array=np.full_like(scan2d.array, 255))
    with pytest.raises(SegadvError, match=f"^{scan2d.name}: .*is 255; attack it with a smaller"):
        read_back(flat, flat, output_for(flat))


def test_a_surrogate_does_not_change_the_budget(scan2d, band_victim):
    narrow = replace(band_victim, steps=())
    attack = sa.attacks.PGD(steps=2)
    alone = sa.craft(scan2d, band_victim, attack)
    helped = sa.craft(scan2d, band_victim, attack, surrogate=narrow)
    assert helped.record["budget"] == alone.record["budget"]


def test_a_file_that_is_gone_is_named(tmp_path, scan2d, band_victim):
    from napari_segadv import io

    io.save(scan2d, tmp_path / "x.png")
    scan = sa.read(tmp_path / "x.png")
    (tmp_path / "x.png").unlink()
    with pytest.raises(SegadvError, match=r"x\.png: is gone"):
        sa.craft(scan, band_victim, sa.attacks.PGD(steps=1))


@pytest.mark.parametrize("dims", [2, 3])
def test_fields_are_saved_with_the_images_geometry(tmp_path, scan2d, band_victim, ct, dims):
    import nibabel

    scan, victim = scan2d, band_victim
    if dims == 3:
        scan, victim = ct, volume_victim(3)
    example = sa.craft(scan, victim, sa.attacks.Deform(steps=2))
    assert example.fields["displacement"].shape == (*scan.grid.shape, dims)
    assert example.fields["intensity"].shape == scan.grid.shape
    folder = example.save(tmp_path / "out")
    # NIfTI holds (x, y, z, 1, component): the array's axes in reverse order, its components not.
    held = nibabel.load(folder / "displacement.nii.gz").get_fdata(dtype=np.float32)
    held = held.reshape(*reversed(scan.grid.shape), dims)
    turned = held.transpose(*reversed(range(dims)), dims)
    assert np.array_equal(turned, example.fields["displacement"])
    shading = io.read(folder / "intensity.nii.gz")
    assert np.array_equal(shading.array, example.fields["intensity"])
    assert shading.grid.same_as(scan.grid)
    example.save(folder, overwrite=True)
    plain = sa.craft(scan, victim, sa.attacks.FGSM())
    plain.save(folder, overwrite=True)
    assert not (folder / "displacement.nii.gz").exists()
